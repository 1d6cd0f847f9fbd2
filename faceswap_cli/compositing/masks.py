"""Where a drawn face is to be seen: soft masks in the pixels of its own aligned crop.

All lengths are fractions of the face's width, so that a mask has the same shape whatever the size of the
face in the frame and of the crop. Every mask is 0 on the crop's border: no square can ever show.

Masks are named in one word, "hull+model+occlusion", and the least of them counts. `occlusion`, what stands
before the face, is not made here but when a frame is blended: it is steadied over time first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.faces.geometry import FACE_SIDE, MEAN_FACE
from faceswap_cli.faces.landmarks.hull import raised_hull

FloatMask = NDArray[np.float32]

FACE_WIDTH = float(MEAN_FACE[16, 0] - MEAN_FACE[0, 0])
"""Ear to ear, in face units."""

BORDER = 0.02
"""Share of the crop's side along each edge where every mask is 0."""


OCCLUSION = "occlusion"
"""The mask of what stands before a face."""

ALIASES = {"both": "hull+model"}
"""Older names."""


@dataclass(frozen=True)
class MaskSources:
    """What masks are made from, all in the pixels of the drawn crop.

    Attributes:
        landmarks: (68, 2).
        drawn: (S, S) in [0, 1], the renderer's own mask.
        parsed: (S, S) in [0, 1], the face parser's region; None if it was not asked.
    """

    landmarks: ArrayLike
    drawn: FloatMask
    parsed: FloatMask | None = None


@dataclass(frozen=True)
class MaskRequest:
    """A `--mask` value, read.

    Attributes:
        shapes: names in MASKS.
        occlusion: whether what stands before the face is left alone.
    """

    shapes: tuple[str, ...]
    occlusion: bool

    @property
    def parser(self) -> bool:
        """Whether the face parser is needed."""
        return self.occlusion or "parsed" in self.shapes


def parse_mask(text: str) -> MaskRequest:
    """Read a `--mask` value: names joined by "+".

    Raises:
        UserError: a name is unknown or stands there twice, or occlusion stands alone.
    """
    names = ALIASES.get(text, text).split("+")
    known = [*MASKS, OCCLUSION]
    for name in names:
        if name not in known:
            raise UserError(
                f"--mask {text}: {name or 'nothing'} is none of {', '.join(known)}",
                "Join several with +, like hull+model+occlusion",
            )
    if len(set(names)) < len(names):
        raise UserError(f"--mask {text} names a mask twice", "Give each once, like hull+model+occlusion")
    shapes = tuple(name for name in names if name != OCCLUSION)
    if not shapes:
        raise UserError(
            f"--mask {text} says what is before the face, not where the face is", "Use hull+occlusion"
        )
    return MaskRequest(shapes, OCCLUSION in names)


def face_mask(
    shapes: tuple[str, ...],
    seen: MaskSources,
    erode: float = 0.0,
    feather: float = 0.1,
    side: float = FACE_SIDE,
) -> FloatMask:
    """Where all of some masks are: the least of them, because a product would soften a shared edge twice.

    Args:
        shapes: names in MASKS.
        seen: what they are made from.
        erode: how far the edge is moved inwards, in face widths; below 0 outwards.
        feather: width of the soft edge in face widths, half of it inside the edge and half outside: a soft
            edge that lies inside leaves a rim of the covered face to be seen, with its jaw and its beard.
        side: the crop's side in face units.

    Returns:
        (S, S) float32 in [0, 1].
    """
    size = seen.drawn.shape[0]
    width = face_width(size, side)
    shaped = [MASKS[shape](seen, erode * width, feather * width) for shape in shapes]
    return np.asarray(np.minimum.reduce(shaped) * border_ramp(size, feather * width), np.float32)


def face_width(size: int, side: float = FACE_SIDE) -> float:
    """The mean face's width in the pixels of a crop of `size` pixels and `side` face units."""
    return FACE_WIDTH * size / side


def hull_depth(landmarks: ArrayLike, size: int) -> FloatMask:
    """How deep each pixel of a (size, size) crop lies inside the raised hull, in pixels; outside below 0.

    The hull is convex, so its depth is the least of the distances to its edges' lines. Being computed and
    not drawn, it moves smoothly with the landmarks, which a rasterised hull does not.
    """
    corners = raised_hull(landmarks)
    ends = np.roll(corners, -1, axis=0)
    along = ends - corners
    length = np.hypot(along[:, 0], along[:, 1])
    keep = length > 1e-6
    if keep.sum() < 3:
        return np.full((size, size), -1, np.float32)
    corners, along = corners[keep], along[keep] / length[keep, None]
    normals = np.stack([-along[:, 1], along[:, 0]], axis=1)
    if np.mean(((corners.mean(0) - corners) * normals).sum(1)) < 0:
        normals = -normals
    axis = np.arange(size, dtype=np.float32)
    shift = -(normals * corners).sum(1)
    depth = np.full((size, size), np.inf, np.float32)
    for (nx, ny), constant in zip(normals.astype(np.float32), shift.astype(np.float32), strict=True):
        np.minimum(depth, (axis * nx)[None, :] + (axis * ny + constant)[:, None], out=depth)
    return depth


def skin(landmarks: ArrayLike, size: int) -> FloatMask:
    """(size, size) 1, but 0 on eyes and mouth: what opens and closes must not count as a change of light."""
    mask = np.ones((size, size), np.float32)
    points = np.asarray(landmarks, np.float64)
    for part in (slice(36, 42), slice(42, 48), slice(48, 60)):
        hull = cv2.convexHull(np.rint(points[part]).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 0.0)
    return mask


def border_ramp(size: int, feather: float) -> FloatMask:
    """1 in the middle of a crop, 0 along its border, with a soft edge of at most `feather` pixels."""
    margin = max(1.0, BORDER * size)
    axis = np.arange(size, dtype=np.float32)
    soft = min(max(feather, 1.0), 0.08 * size)
    # Half the soft edge further in: it must end before the border.
    depth = np.minimum(axis, size - 1 - axis) - np.float32(margin + soft / 2)
    line = soft_edge(depth, soft)
    return np.minimum(line[:, None], line[None, :])


def soft_edge(depth: FloatMask, feather: float) -> FloatMask:
    """Depth inside an edge (pixels) to alpha: half at the edge, 1 from half of `feather` pixels on inside."""
    t = np.clip(depth / max(feather, 1.0) + 0.5, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _hull(seen: MaskSources, erode: float, feather: float) -> FloatMask:
    """The landmarks' hull with raised brows."""
    return soft_edge(hull_depth(seen.landmarks, seen.drawn.shape[0]) - erode, feather)


def _model(seen: MaskSources, erode: float, feather: float) -> FloatMask:
    """The renderer's own mask."""
    return _softened(seen.drawn, erode, feather)


def _parsed(seen: MaskSources, erode: float, feather: float) -> FloatMask:
    """The face parser's region: to the hair above, to the ears and the jaw as they are seen."""
    assert seen.parsed is not None, "the face parser was not asked"
    return _softened(seen.parsed, erode, feather)


def _softened(mask: FloatMask, erode: float, feather: float) -> FloatMask:
    """A mask with its edge moved inwards by `erode` and `feather` wide, both in pixels."""
    mask = _moved(np.ascontiguousarray(mask, np.float32), erode)
    if feather >= 1:
        mask = cv2.GaussianBlur(mask, (0, 0), feather / 4)  # type: ignore[assignment]
    return np.clip(mask, 0, 1)


def _moved(mask: FloatMask, inwards: float) -> FloatMask:
    """A mask eroded, or below 0 dilated, by parts of a pixel: mixed from the whole pixels below and above."""
    whole, part = divmod(abs(inwards), 1.0)
    less = _morphed(mask, int(whole), inwards > 0)
    if part == 0:
        return less
    return np.asarray((1 - part) * less + part * _morphed(mask, int(whole) + 1, inwards > 0), np.float32)


def _morphed(mask: FloatMask, radius: int, inwards: bool) -> FloatMask:
    if not radius:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    return (cv2.erode if inwards else cv2.dilate)(mask, kernel)  # type: ignore[return-value]


MASKS: dict[str, Callable[[MaskSources, float, float], FloatMask]] = {
    "hull": _hull,
    "model": _model,
    "parsed": _parsed,
}
"""Masks by name: (evidence, erode in pixels, feather in pixels) -> mask."""
