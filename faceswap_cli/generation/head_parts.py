"""Parts of a head in the mean shape, and a head put together from those of several people.

Where a part ends it goes over softly, and its skin takes on the tone of what it lies in; each part's own
points say how the shape goes on there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.faces.landmarks.dense import GROUPS

MOST_TONE, TONE_REACH = 2.5, 0.25
"""Times by which a part's skin is made lighter or darker at most; face units over which skin is asked."""

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class AlignedHead:
    """A head in the mean shape.

    Attributes:
        texture: (4, S, S) colours times the share of a person, and this, in [0, 1].
        points: (P, 2) where its dense points are, in the square -1..1.
        outlined: (2, S, S) in [0, 1] where there is what a mean shape says nothing of, see `OUTLINED`.
    """

    texture: Tensor
    points: Tensor
    outlined: Tensor


@dataclass(frozen=True)
class _Area:
    """Where a part is, in face units (the distance between the outer eye corners).

    Attributes:
        hulls: points between each of which it lies, of the 68 of iBUG.
        margin: by which it is wider than these.
        feather: over which it ends.
    """

    hulls: tuple[tuple[int, ...], ...]
    margin: float
    feather: float


_AREAS = {
    "nose": _Area((tuple(range(27, 36)),), 0.09, 0.05),
    "mouth": _Area((tuple(range(48, 60)),), 0.11, 0.05),
    "brows": _Area((tuple(range(17, 22)), tuple(range(22, 27))), 0.14, 0.05),
    "eyes": _Area((tuple(range(36, 42)), tuple(range(42, 48))), 0.12, 0.05),
}

PARTS = ("hair", "jaw", *_AREAS)
"""In the order in which they are laid on."""

OUTLINED = ("hair", "brows")
"""Parts of which none of the rest's is left and none cut off: fringes and brows end anywhere."""

_SEEN, _WIDER = 0.25, 0.05
"""Share of a pixel from which it counts as theirs, and face units by which they are wider than seen."""

_JAW, _NOSTRILS, _HAIR_LINE = tuple(range(2, 15)), (31, 33, 35), 0.28
_HEAD_FEATHER = 0.1


def find_parts(points: NDArray[np.float64], side: int) -> dict[str, FloatArray]:
    """How much of each pixel of the mean shape belongs to each part.

    Args:
        points: (P, 2) the mean's dense points, in the square -1..1.
        side: of the result in pixels.

    Returns:
        (side, side) in [0, 1] for each of `PARTS`, for "face", all that is between hair line and chin, and
        for "inner", of that what no hair or collar of another head may cover.
    """
    at = (points + 1) * (side / 2) - 0.5
    unit = float(np.linalg.norm(at[36] - at[45]))
    found = {name: _soft(_hulls(at, area.hulls, side), area, unit) for name, area in _AREAS.items()}
    found["face"] = _soft(_hulls(at, ((*range(17), *GROUPS["outline"]),), side), _Area((), 0.0, 0.04), unit)
    y = np.arange(side, dtype=np.float32)[:, None]
    below = _step((y - at[list(_NOSTRILS), 1].mean()) / unit - 0.05, 0.08)
    jaw = _soft(_hulls(at, (_JAW,), side), _Area((), 0.1, 0.06), unit)
    found["jaw"] = np.asarray(jaw * below * (1 - found["mouth"] * (1 - below)), np.float32)
    # The hair line differs between people: the forehead goes with the hair.
    brows = at[17:27] - [0, _HAIR_LINE * unit]
    inner = _soft(_filled(np.concatenate([at[:17], brows]), side), _Area((), -0.03, _HEAD_FEATHER), unit)
    above = 1 - _step((y - at[8, 1]) / unit + 0.1, 0.15)
    found["inner"] = inner
    found["hair"] = np.asarray((1 - inner) * above, np.float32)
    return found


def join_parts(base: AlignedHead, parts: Mapping[str, AlignedHead], mean: Tensor) -> AlignedHead:
    """A head with some parts of others.

    Args:
        base: of whom the rest is.
        parts: by name, see `PARTS`.
        mean: (P, 2) points of the mean shape, in the square -1..1.
    """
    side = base.texture.shape[-1]
    at = (mean.cpu().numpy().astype(np.float64) + 1) * (side / 2) - 0.5
    unit = float(np.linalg.norm(at[36] - at[45]))
    shares = find_parts(mean.cpu().numpy().astype(np.float64), side)
    x, y = at.round().astype(int).clip(0, side - 1).T
    for name in PARTS:
        if name in parts:
            part, share = parts[name], torch.from_numpy(shares[name])
            if name in OUTLINED:
                seen = torch.maximum(base.outlined, part.outlined)[OUTLINED.index(name)]
                share = torch.maximum(share, _wider(seen, unit))
            if name != "hair":  # a fringe is no part of brows
                share = share * (1 - _wider(part.outlined[0], unit))
            skin = shares["face"] * (
                1 - np.maximum.reduce([shares[one] for one in ("eyes", "brows", "mouth")])
            )
            bare = torch.from_numpy(skin)
            for one in (*base.outlined, *part.outlined):
                bare = bare * (1 - one)
            toned = _in_tone(part.texture, base.texture, bare * (1 - share), unit)
            skin_of_part = 1 - part.outlined[0]  # hair keeps its colour
            base = AlignedHead(
                torch.lerp(base.texture, torch.lerp(part.texture, toned, skin_of_part), share),
                torch.lerp(base.points, part.points, share[y, x][:, None]),
                torch.lerp(base.outlined, part.outlined, share),
            )
    return base


def _in_tone(texture: Tensor, like: Tensor, around: Tensor, unit: float) -> Tensor:
    """A texture in the tone of another, by what both have around, which reaches into the part."""

    def spread(one: Tensor) -> Tensor:
        weighed = np.ascontiguousarray((one * around).permute(1, 2, 0).numpy())
        return torch.from_numpy(cv2.GaussianBlur(weighed, (0, 0), TONE_REACH * unit)).permute(2, 0, 1)

    everywhere = [(one[:3] * around).sum((1, 2)) / around.sum() for one in (texture, like)]
    own, other = (
        spread(one[:3]) + 1e-3 * mean[:, None, None]
        for one, mean in zip((texture, like), everywhere, strict=True)
    )
    gain = (other / own.clamp(min=1e-6)).clamp(1 / MOST_TONE, MOST_TONE)
    return torch.cat([torch.minimum(texture[:3] * gain, texture[3:]), texture[3:]])


def _wider(seen: Tensor, unit: float) -> Tensor:
    """(S, S) in [0, 1]: what was seen, wider and softly ended."""
    return torch.from_numpy(_soft((seen.numpy() > _SEEN).astype(np.float32), _Area((), _WIDER, 0.05), unit))


def _hulls(at: NDArray[np.float64], hulls: tuple[tuple[int, ...], ...], side: int) -> FloatArray:
    return np.asarray(sum(_filled(at[list(hull)], side) for hull in hulls), np.float32)


def _filled(points: NDArray[np.float64], side: int) -> FloatArray:
    """(side, side): 1 between points, 0 elsewhere."""
    mask = np.zeros((side, side), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(points).astype(np.int32)), 1)
    return mask.astype(np.float32)


def _soft(mask: FloatArray, area: _Area, unit: float) -> FloatArray:
    """A mask that is wider by a margin and ends softly."""
    away = cv2.distanceTransform((mask < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    within = cv2.distanceTransform((mask >= 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    return 1 - _step(np.asarray((away - within) / unit - area.margin, np.float32), area.feather)


def _step(values: NDArray[np.floating], width: float) -> FloatArray:
    """0 below -width, 1 above width, smooth between."""
    t = np.clip(values / (2 * width) + 0.5, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
