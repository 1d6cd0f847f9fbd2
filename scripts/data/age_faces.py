"""The aligned faces that `scripts/data/age_data.py` wrote: who is who, which are kept from training, how
often each is drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import cv2
import numpy as np

Array = np.ndarray

SAME = 0.36
"""Identity distance below which two faces of the same sex are kept on one side of the split. Pairs that near
are one person's but for some whom the descriptor tells apart badly: those hang together in chains, of a
hundred faces at most, which does no harm here. At 0.5, which elsewhere tells people apart, half a set is one
chain."""

KEPT, CALIBRATION = 10, 6
"""Percent of the people kept from training altogether, and percent by which ages are put right."""

FEW, KEPT_OF_FEW = "children", 40
"""Of sets named so, which are small, more are kept: four faces would say nothing."""

OFTENER = 4
"""Such faces are two of a batch of 32 by that."""

YEARS = 5
"""Width of the age groups that sampling balances."""

EXACT, APPROXIMATE = 2.0, 4.0
"""Standard deviation in years of the distribution that stands for a label."""


@dataclass(frozen=True)
class Faces:
    """N faces, in the order of their sets, parts and pictures.

    Attributes:
        parts: memory-mapped crops (n, SIZE, SIZE, 3) uint8 RGB.
        facts: what is known of each, see age_data.facts_of; and `set`.
        identity: (N, 128) descriptors.
        age: (N,) years; not a number where that is unknown.
        female: (N,) 1, 0; not a number where that is unknown.
        spread: (N,) standard deviation of the age.
        between: (N, 2) least and most years of faces of which a range is known; else not numbers.
        fold: (N,) "train", "calibration" or "kept".
        person: (N,) number of the person, as far as descriptors tell.
    """

    parts: list[Array]
    facts: list[dict[str, Any]]
    identity: Array
    age: Array
    female: Array
    spread: Array
    between: Array
    fold: Array
    person: Array

    def __len__(self) -> int:
        return len(self.facts)

    def crop(self, index: int) -> Array:
        """(SIZE, SIZE, 3) uint8 RGB."""
        for part in self.parts:
            if index < len(part):
                return np.asarray(part[index])
            index -= len(part)
        raise IndexError(index)

    def corners(self, index: int) -> Array:
        """(4, 2) corners of the picture that a crop was cut from, in the crop's pixels."""
        return np.array(self.facts[index]["corners"], np.float32)

    def where(self, fold: str) -> Array:
        """Numbers of a fold's faces of known age."""
        return np.flatnonzero((self.fold == fold) & ~np.isnan(self.age))

    def ranged(self, fold: str) -> Array:
        """Numbers of a fold's faces of which a range of years is known and no age."""
        return np.flatnonzero((self.fold == fold) & np.isnan(self.age) & ~np.isnan(self.between[:, 0]))


def read_faces(folder: Path, sets: Sequence[str] = ()) -> Faces:
    """All faces under `folder`, or those of some sets.

    Args:
        folder: what scripts/data/age_data.py wrote.
        sets: names of its folders; empty: all of them.
    """
    parts, facts, identity = [], [], []
    for path in sorted(folder.glob("*/*.json")):
        if sets and path.parent.name not in sets:
            continue
        parts.append(np.load(path.with_suffix(".crops.npy"), mmap_mode="r"))
        identity.append(np.load(path.with_suffix(".identity.npy")))
        facts += [fact | {"set": path.parent.name} for fact in json.loads(path.read_text(encoding="utf-8"))]
    everybody = np.concatenate(identity)
    female = np.array([np.nan if f["female"] is None else float(f["female"]) for f in facts])
    person = people(everybody, female, [f["person"] and f"{f['set']} {f['person']}" for f in facts])
    return Faces(
        parts,
        facts,
        everybody,
        np.array([np.nan if f["age"] is None else f["age"] for f in facts]),
        female,
        np.array([EXACT if f["exact"] else APPROXIMATE for f in facts]),
        np.array([[float(f["row"].get(end) or "nan") for end in ("least", "most")] for f in facts]),
        folds(person, facts),
        person,
    )


def people(identity: Array, female: Array, known: Sequence[str | None]) -> Array:
    """(N,) the number of the group that each face belongs to: linked by a descriptor or by a known name."""
    group = np.arange(len(identity))

    def root(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = group[i]
        return int(i)

    names: dict[str, int] = {}
    links = [(names.setdefault(name, i), i) for i, name in enumerate(known) if name]
    for one, other in [*links, *near(identity, female)]:
        first, second = sorted((root(one), root(other)))
        group[second] = first
    return np.array([root(i) for i in range(len(group))])


def near(identity: Array, female: Array, most: float = SAME) -> list[tuple[int, int]]:
    """Pairs of faces of the same sex, or both of unknown sex, that are less than `most` apart."""
    sexes = np.nan_to_num(female, nan=-1.0)
    squares = (identity**2).sum(1)
    found = []
    for start in range(0, len(identity), 512):
        block = identity[start : start + 512]
        apart = squares[start : start + 512, None] + squares - 2 * block @ identity.T
        for a, b in np.argwhere(apart < most**2):
            if start + a < b and sexes[start + a] == sexes[b]:
                found.append((int(start + a), int(b)))
    return found


def folds(person: Array, facts: Sequence[dict[str, Any]]) -> Array:
    """(N,) the fold of each face: by its person, and by the name of that person's first picture."""

    def fold(first: dict[str, Any]) -> str:
        kept = KEPT_OF_FEW if FEW in first["set"] else KEPT
        place = crc32(f"{first['set']}/{first['name']}".encode()) % 100
        return "kept" if place < kept else "calibration" if place < kept + CALIBRATION else "train"

    return np.array([fold(facts[i]) for i in person])


def balance(faces: Faces, own: Array) -> Array:
    """Probability of drawing each of the faces `own`.

    Inversely to the root of how many there are of its age (in groups of YEARS) and sex: rare ones come up
    more often, and not so often that a few faces stand for a whole age. Sets of FEW come up OFTENER times as
    often as that: what sets them apart from other pictures of their kind must not be drowned by these.
    """
    cells = (faces.age[own] // YEARS).astype(int) * 2 + (faces.female[own] > 0)
    share = 1 / np.sqrt(np.bincount(cells)[cells])
    share *= np.where([FEW in faces.facts[i]["set"] for i in own], OFTENER, 1)
    return share / share.sum()


def alike(faces: Faces, most: int = 6) -> int:
    """How many kept faces look like a face of the other folds: difference hashes at most so many bits apart.

    The hash is of 12 x 12 brightness steps of the crop's middle (N. Krawetz's dHash), 144 bits: pictures of
    one event differ in a third of them, the same picture in another size or compression in few.
    """
    bits = np.stack([hashed(faces.crop(i)) for i in range(len(faces))]).astype(np.float32)
    kept, rest = np.flatnonzero(faces.fold == "kept"), np.flatnonzero(faces.fold != "kept")
    count = 0
    for start in range(0, len(kept), 256):
        mine = bits[kept[start : start + 256]]
        apart = mine.sum(1)[:, None] + bits[rest].sum(1) - 2 * mine @ bits[rest].T
        count += int((apart.min(1) <= most).sum())
    return count


def hashed(crop: Array) -> Array:
    """(144,) booleans: whether it grows brighter from left to right."""
    edge = crop.shape[0] // 6
    grey = cv2.cvtColor(np.ascontiguousarray(crop[edge:-edge, edge:-edge]), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (13, 12), interpolation=cv2.INTER_AREA).astype(np.int16)
    return (np.diff(small, axis=1) > 0).ravel()
