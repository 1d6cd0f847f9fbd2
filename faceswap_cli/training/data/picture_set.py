"""Any folder of pictures, as a generator learns from: square, of one side, with or without transparency."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.errors import UserError
from faceswap_cli.media.inputs import find_photos
from faceswap_cli.media.photo import Photo, read_photo

FEW = 100
"""With fewer pictures a generator learns them by heart."""

LEAST = 8

MOST_NAMED = 5
"""Files that are named in a message."""


@dataclass(frozen=True)
class PictureSet:
    """Pictures to learn from.

    Attributes:
        pictures: (N, S, S, 3) uint8 RGB, or 4 with transparency: then colours are multiplied by it.
        paths: of the files.
        notes: what the user should know.
    """

    pictures: NDArray[np.uint8]
    paths: tuple[Path, ...]
    notes: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """3, or 4 with transparency."""
        return int(self.pictures.shape[-1])


def find_pictures(folder: Path) -> list[Path]:
    """The pictures of a folder; of a face set, its crops."""
    crops = folder / "crops"
    return find_photos([crops if (folder / "faces.jsonl").is_file() and crops.is_dir() else folder])


def has_transparency(paths: list[Path]) -> bool:
    """Whether most of some of the pictures are partly transparent."""
    some = paths[:: max(1, len(paths) // 16)][:16]
    found = []
    for path in some:
        try:
            alpha = read_photo(path).alpha
        except UserError:
            continue
        found.append(alpha is not None and bool((alpha < 255).any()))
    return sum(found) * 2 > len(found)


def read_picture_set(paths: list[Path], size: int, transparent: bool) -> PictureSet:
    """Read pictures: the middle square of each, brought to one side.

    Args:
        paths: of the files.
        size: side in pixels.
        transparent: whether their transparency is kept; else they are put on white.

    Raises:
        UserError: hardly any can be read.
    """
    pictures, read, broken, sides = [], [], [], []
    cropped = 0
    for path in paths:
        try:
            photo = read_photo(path)
        except UserError:
            broken.append(path.name)
            continue
        height, width = photo.image.shape[:2]
        cropped += abs(height - width) > 0.02 * max(height, width)
        sides.append(min(height, width))
        pictures.append(_squared(photo, size, transparent))
        read.append(path)
    if len(pictures) < LEAST:
        raise UserError(f"{len(pictures)} pictures can be read, and a generator needs at least {LEAST}",
                        "Give a folder with more")  # fmt: skip
    notes = _describe(broken, cropped, sides, size)
    return PictureSet(np.stack(pictures), tuple(read), tuple(notes))


def _describe(broken: list[str], cropped: int, sides: list[int], size: int) -> list[str]:
    """What the user should know of a set."""
    notes = []
    if broken:
        more = ", ..." if len(broken) > MOST_NAMED else ""
        notes.append(
            f"{len(broken)} pictures can't be read and are left out: {', '.join(broken[:MOST_NAMED])}{more}"
        )
    if cropped:
        notes.append(f"of {cropped} pictures that are not square the middle is taken")
    if len(sides) < FEW:
        notes.append(f"{len(sides)} pictures are few: below {FEW} a generator learns them by heart")
    common, count = Counter(sides).most_common(1)[0]
    middle = int(np.median(sides))
    if middle * 2 <= size:
        notes.append(
            f"most pictures are {middle} pixels wide and are enlarged: --resolution {max(32, middle)} learns "
            "the same in less time"
        )
    elif count < len(sides):
        notes.append(
            f"pictures of {len(set(sides))} sizes (most often {common} pixels) are brought to {size}"
        )
    return notes


def _squared(photo: Photo, size: int, transparent: bool) -> NDArray[np.uint8]:
    """(size, size, 3 or 4) the middle square."""
    height, width = photo.image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    part = np.s_[top : top + side, left : left + side]
    image = photo.image[part].astype(np.float32)
    alpha = np.full((side, side, 1), 255, np.float32)
    if photo.alpha is not None:
        alpha = photo.alpha[part].astype(np.float32)[..., None]
    ground = 0.0 if transparent else 255.0
    image = np.asarray(image * (alpha / 255) + ground * (1 - alpha / 255), np.float32)
    whole = np.dstack([image, alpha]) if transparent else image
    way = cv2.INTER_AREA if side >= size else cv2.INTER_CUBIC
    scaled = cv2.resize(whole, (size, size), interpolation=way)
    found: NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return found


def to_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """(N, S, S, C) uint8 to (N, C, S, S) in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pictures(values: Tensor) -> NDArray[np.uint8]:
    """The inverse of `to_tensor`; colours are divided by their transparency again, where there is one."""
    found = (values.clamp(-1, 1) + 1).mul(127.5).permute(0, 2, 3, 1).float().cpu().numpy()
    if found.shape[-1] == 4:
        found[..., :3] = np.minimum(found[..., :3] / np.maximum(found[..., 3:] / 255, 1 / 255), 255)
    rounded: NDArray[np.uint8] = np.rint(found).astype(np.uint8)
    return rounded
