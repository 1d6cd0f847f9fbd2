"""Faces that are never trained on, so that what is measured on them is no learning by heart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.training.data.dataset import LEAST_FACES, PICTURES, Faces

TINY = 20
"""A set with fewer faces is trained whole."""

BLOCK, MOST_BLOCKS = 8, 8
"""Faces of a block at least, where there are enough, and blocks at most. Neighbouring frames are nearly the
same picture: a held-out frame whose neighbours are trained on says little. Blocks have few such frames at
their edges, and several of them meet more than one pose and light."""


def held_out_indices(count: int, share: float) -> NDArray[np.bool_]:
    """Which of `count` faces, in the order of a set's records, are kept back.

    Blocks lie in the middle of equal parts of the set: with two blocks, around the ends of its first and
    of its third quarter.

    Args:
        count: faces in all.
        share: part to keep back, 0..1.

    Returns:
        (count,) true where held out: at least one, and never so many that fewer than LEAST_FACES are left.
        All false where share is 0 or the set is TINY.
    """
    kept = np.zeros(count, np.bool_)
    if share <= 0 or count < TINY:
        return kept
    wanted = min(max(1, round(count * share)), count - LEAST_FACES)
    blocks = min(max(1 + (wanted >= 4), wanted // BLOCK), MOST_BLOCKS)
    for number in range(blocks):
        length = wanted // blocks + (number < wanted % blocks)
        middle = (number + 0.5) * count / blocks
        first = round(middle - length / 2)
        kept[first : first + length] = True
    return kept


@dataclass(frozen=True)
class SplitPart(Faces):
    """Some of a person's samples. Their pictures are read where they lie, of all of them: nothing is copied.

    Attributes:
        rows: (M,) int64, which of the pictures these are; on the CPU, as the draw is.
    """

    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def pick(self, index: Tensor) -> Faces:
        """The samples of an index (M,) into this part: Faces of their own."""
        return self._picked(self.rows[index.cpu()], index)


@dataclass(frozen=True)
class Split:
    """One person's samples, parted.

    Attributes:
        train: what is trained on.
        held: what is measured on.
        references: what the person looks like; none of `held` is among them.
        seen: `held` is trained on all the same: the set is tiny, or nothing is to be held out.
    """

    train: Faces
    held: Faces
    references: Faces
    seen: bool


def train_val_split(faces: Faces, share: float) -> Split:
    """Part a person's samples, see `held_out_indices`."""
    kept = held_out_indices(len(faces), share)
    if kept.any():
        train = _part(faces, ~kept)
        return Split(train, _part(faces, kept), train, seen=False)
    if len(faces) == 1:
        return Split(faces, faces, faces, seen=True)
    odd = np.arange(len(faces)) % 2 == 1
    return Split(faces, _part(faces, odd), _part(faces, ~odd), seen=True)


def describe_split(splits: Mapping[str, Split], share: float) -> str:
    """What was held out, in words."""
    if share <= 0:
        return "nothing is held out: progress is measured on faces that are trained on"
    words = [
        f"{name.upper()} is trained whole, it has fewer than {TINY} faces"
        if one.seen
        else f"{len(one.held)} of {name.upper()}"
        for name, one in splits.items()
    ]
    return f"held out, to measure progress on: {', '.join(words)}"


def _part(faces: Faces, which: NDArray[np.bool_]) -> SplitPart:
    rows = torch.from_numpy(np.flatnonzero(which))
    values = {f.name: getattr(faces, f.name) for f in fields(Faces)}
    return SplitPart(
        **{k: v if k in PICTURES else v[rows.to(v.device)] for k, v in values.items()}, rows=rows
    )
