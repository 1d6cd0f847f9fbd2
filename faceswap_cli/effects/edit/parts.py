"""Which pixels around a face are its hair, skin and brows, in a square that long hair is in, too.

The parser knows its own square best. It is also asked for a wider one, and for three of that size around it:
what it says of hair there counts where it hangs together with the head's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.compositing.colour.spaces import to_space
from faceswap_cli.compositing.hair_extension import edge_fade
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, warp
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Image

SIDE = 5.6
"""Side of the square in face units: hair to the chest is in it."""

SIZE = round(face_parser.SIZE * SIDE / face_parser.SIDE)
"""Its pixels: as fine as the parser's own."""

WIDE = 3.6
"""Side of the wider squares: the parser still knows hair there."""

AROUND = ((0.0, -0.5), (-0.9, 0.95), (0.9, 0.95))
"""Where the middles of the other ones lie, in face units: one for the crown, two for what hangs down."""

PARTS: dict[str, tuple[str, ...]] = {
    "hair": ("hair",),
    "skin": ("skin", "nose", "brows", "mouth"),
    "brows": ("brows",),
}
"""The parser's classes that make a part."""

CROWN, CROWN_FROM = 0.2, -0.85
"""How near to hair a crown is, and how far above the face's middle it begins, in face units."""

CROWN_SURE = -1.05
"""Above this height a narrow gap in hair is none, even if the parser sees skin there."""

HEAD = 1.0
"""How far beside the face's middle a crown reaches in which dents are filled, in face units."""

ENDS = (1.0, 2.6)
"""How far below the face's middle long hair begins to be changed less, and is not changed any more."""

NOTCH = 0.3
"""Gaps in a crown are filled that are narrower than twice this, in face units."""

NECK, NECK_FROM = 0.3, -0.6
"""The same for neck and ears, below it."""

GLANCE = 56
"""Pixels of the square that tell whether anything has changed."""

STRIDE, CHANGED = 4, 20.0
"""Every so many frames are parsed; and the change in a square of three of the pixels above, in levels of 255,
from which on a face looks otherwise."""

LEAST = 0.35
"""Hair that is less sure does not lead to other hair."""

STEP, STEPS = 7, 30
"""Reach of a step in pixels, and how many are gone from the head: more than the square is wide."""


def parse_parts(
    parser: FaceParser, faces: Sequence[tuple[Image, FloatArray]], names: Sequence[str]
) -> list[dict[str, FloatMask]]:
    """How surely each pixel of some faces' squares shows each part.

    Args:
        parser: is asked.
        faces: each with its frame's image (H, W, 3) and its landmarks (68, 2).
        names: of the parts, keys of PARTS.

    Returns:
        of each face, by name, (SIZE, SIZE) in 0..1.
    """
    if not names:
        return [{} for _ in faces]
    views = [(face_parser.SIDE, (0.0, 0.0)), (WIDE, (0.0, 0.0))]
    if "hair" in names:
        views += [(WIDE, middle) for middle in AROUND]
    crops = [_crop(image, points, *view) for image, points in faces for view in views]
    found = parser.probabilities(crops)
    count = len(views)
    done = []
    for k, (image, points) in enumerate(faces):
        own = found[k * count : (k + 1) * count]
        parts = {name: _join(own, views, name) for name in names}
        parts |= _extend(parts, own, views, image, points)
        done.append(parts)
    return done


def parse_track_parts(
    parser: FaceParser, faces: Sequence[tuple[Image, PlannedFace]], names: Sequence[str]
) -> list[dict[str, FloatMask]]:
    """`parse_parts` of the faces of some frames in order: where little changes only some of them are parsed.

    An aligned square goes with its head. Of each track every STRIDE-th face is parsed, and the last one.
    Those between get what lies between two answers, so that nothing jumps; but one that looks otherwise than
    one of these two, in or near the parts, gets the other's answer, or its own if it looks like neither.

    Args:
        parser: is asked.
        faces: each with its frame's image (H, W, 3), those of several tracks in any mixture.
        names: of the parts, keys of PARTS.
    """
    done: list[dict[str, FloatMask]] = [{} for _ in faces]
    for track in dict.fromkeys(face.track for _, face in faces):
        mine = [place for place, (_, face) in enumerate(faces) if face.track == track]
        keys = sorted({*range(0, len(mine), STRIDE), len(mine) - 1})
        squares = [(faces[place][0], faces[place][1].landmarks) for place in mine]
        parsed = [
            _Parsed(_glance(*squares[key]), parts)
            for key, parts in zip(
                keys, parse_parts(parser, [squares[key] for key in keys], names), strict=True
            )
        ]
        for k, place in enumerate(mine):
            after = int(np.searchsorted(keys, k))
            if keys[after] == k:
                done[place] = parsed[after].parts
                continue
            share = (k - keys[after - 1]) / (keys[after] - keys[after - 1])
            found = _between(_glance(*squares[k]), parsed[after - 1], parsed[after], share)
            done[place] = found or parse_parts(parser, [squares[k]], names)[0]
    return done


@dataclass(frozen=True)
class _Parsed:
    """What the parser said of a face.

    Attributes:
        seen: (GLANCE, GLANCE, 3) uint8, its square.
        parts: by name, (SIZE, SIZE) in 0..1.
    """

    seen: Image
    parts: dict[str, FloatMask]

    def fits(self, now: Image) -> bool:
        """Whether the same track's square, in another frame, looks alike in and near the parts."""
        whole = np.max([np.zeros((SIZE, SIZE), np.float32), *self.parts.values()], axis=0)
        small = cv2.resize(whole, (GLANCE, GLANCE), interpolation=cv2.INTER_AREA)
        near = cv2.dilate(small, np.ones((5, 5), np.uint8)) > 0.1
        change = cv2.blur(cv2.absdiff(self.seen, now).max(2).astype(np.float32), (3, 3))
        return not near.any() or float(change[near].max()) <= CHANGED


def _glance(image: Image, landmarks: ArrayLike) -> Image:
    return warp(image, crop_matrix(landmarks, GLANCE, SIDE), GLANCE)


def _between(now: Image, before: _Parsed, after: _Parsed, share: float) -> dict[str, FloatMask] | None:
    """The parts of a face between two that were parsed; None if it looks like neither."""
    fits = before.fits(now), after.fits(now)
    if fits == (False, False):
        return None
    share = share if all(fits) else float(fits[1])
    return {
        name: cv2.addWeighted(part, 1 - share, after.parts[name], share, 0)  # type: ignore[misc]
        for name, part in before.parts.items()
    }


def _extend(
    parts: dict[str, FloatMask],
    found: FloatArray,
    views: Sequence[tuple[float, tuple[float, float]]],
    image: Image,
    landmarks: ArrayLike,
) -> dict[str, FloatMask]:
    """Hair with its crown, skin with its neck."""
    if not parts.keys() & {"hair", "skin"}:
        return {}
    picture = warp(image, crop_matrix(landmarks, SIZE, SIDE), SIZE).astype(np.float32) / np.float32(255)
    height, more = _height(), {}
    if "hair" in parts:
        above = np.asarray(np.clip((CROWN_FROM - height) / 0.15, 0, 1), np.float32)
        bare = _join(found, views, "skin")
        skin = np.asarray(bare * (height > CROWN_SURE), np.float32)
        whole = add_alike(parts["hair"], skin, picture, CROWN, above)
        reach = 2 * round(NOTCH * SIZE / SIDE) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
        closed = np.asarray(cv2.morphologyEx(whole, cv2.MORPH_CLOSE, kernel), np.float32)
        closed = np.maximum(closed, fill_dents(closed, crown_of(height) & (bare < LEAST)))
        whole = np.maximum(whole, closed * above * (1 - skin))
        more["hair"] = np.asarray(whole * fade_ends(height), np.float32)
    if "skin" in parts:
        below = np.asarray(np.clip((height - NECK_FROM) / 0.15, 0, 1), np.float32)
        hair = parts.get("hair", _place(face_parser.class_share(found, ("hair",))[1], *views[1]))
        more["skin"] = add_alike(parts["skin"], hair, picture, NECK, below)
    return more


def crown_of(height: FloatArray) -> NDArray[np.bool_]:
    """(SIZE, SIZE) where the dents of a head's own crown may be filled; `height` (SIZE, 1) in face units.

    Hair beside the head may be somebody else's: a hull around both would cover what is between.
    """
    return np.asarray((height < CROWN_SURE) & (np.abs(height.T) < HEAD))


def fade_ends(height: FloatArray) -> FloatArray:
    """1 down to the shoulders, 0 at the square's end: longer hair is not cut off along a line."""
    share = np.clip((ENDS[1] - height) / (ENDS[1] - ENDS[0]), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def fill_dents(part: FloatMask, where: NDArray[np.bool_]) -> FloatMask:
    """(P, P) the convex hull of a part where it may be filled: a crown has no dents but those of a parser."""
    rows, columns = np.nonzero((part > 0.5) & where)
    found = np.zeros(part.shape, np.float32)
    if len(rows) >= 3:
        hull = cv2.convexHull(np.column_stack([columns, rows]).astype(np.int32))
        cv2.fillConvexPoly(found, hull, 1.0)
    return np.asarray(cv2.GaussianBlur(found, (0, 0), 0.7) * where, np.float32)


def _crop(image: Image, landmarks: ArrayLike, side: float, middle: tuple[float, float]) -> Image:
    matrix = crop_matrix(landmarks, face_parser.SIZE, side).copy()
    matrix[:, 2] -= np.array(middle, np.float32) * (face_parser.SIZE / side)
    return warp(image, matrix, face_parser.SIZE)


def _join(found: FloatArray, views: Sequence[tuple[float, tuple[float, float]]], name: str) -> FloatMask:
    """One part (SIZE, SIZE) from what is said of each view: where two see a place, the finer one counts."""
    shares = face_parser.class_share(found, PARTS[name])
    near = _place(shares[0], *views[0])
    inner = _weight(views[0])
    around = _place(shares[1], *views[1])
    if name != "hair":
        return np.asarray(inner * near + (1 - inner) * around * (name == "skin"), np.float32)
    outer = _weight(views[1])
    beyond = np.zeros_like(near)
    for share, view in zip(shares[2:], views[2:], strict=True):
        beyond = np.maximum(beyond, _weight(view) * _place(share, *view))
    known = outer * around + (1 - outer) * beyond
    # Only the view from above sees all of a crown.
    known = np.maximum(known, _weight(views[2]) * _place(shares[2], *views[2]))
    # Strands that stand out are half background to either view: the surer one counts.
    return _connected(np.maximum(inner * near, known), inner)


def add_alike(
    part: FloatMask, other: FloatMask, picture: FloatArray, reach: float, allowed: FloatArray
) -> FloatMask:
    """A part with what is near it and has its colours: the parser hardly knows crowns, and no necks.

    Colours are told by their histograms in CIELAB, inside and outside (compare Y. Boykov and M.-P. Jolly,
    Interactive graph cuts, ICCV 2001).

    Args:
        part: (SIZE, SIZE) in 0..1.
        other: likewise, what can't be of it.
        picture: (SIZE, SIZE, 3) in 0..1, the square.
        reach: how near, in face units.
        allowed: in 0..1, where (broadcast).
    """
    scale, first = np.array([0.16, 0.12, 0.12], np.float32), np.array([0, 16, 16], np.float32)
    bins = (to_space(picture, "lab") * scale + first).astype(int)
    place = np.ravel_multi_index(tuple(np.moveaxis(bins.clip(0, 31), -1, 0)), (32, 32, 32))
    inside, outside = (_histogram(place[counted]) for counted in (part > 0.8, part < 0.1))
    alike = inside[place] / (inside + outside + 1e-6)[place]
    close = cv2.GaussianBlur((part > 0.6).astype(np.float32), (0, 0), reach * SIZE / SIDE)
    shown = np.clip(4 * close, 0, 1) * allowed * (1 - other)
    alike = cv2.GaussianBlur(np.clip(2 * alike - 0.7, 0, 1).astype(np.float32), (0, 0), 1.5)
    return np.asarray(np.maximum(part, alike * shown), np.float32)


def _histogram(place: NDArray[np.int64]) -> FloatArray:
    """(32^3,) shares of bins, each averaged with those around it."""
    found = np.bincount(place, minlength=32**3).reshape(32, 32, 32).astype(np.float64)
    for axis in range(3):
        found = np.asarray((np.roll(found, 1, axis) + 2 * found + np.roll(found, -1, axis)) / 4)
    return np.asarray(found.ravel() / max(float(found.sum()), 1.0), np.float32)


def _height() -> FloatArray:
    """(SIZE, 1) how far rows lie below the face's middle, in face units."""
    rows = (np.arange(SIZE, dtype=np.float32)[:, None] + 0.5) / SIZE - 0.5
    return np.asarray(rows * np.float32(SIDE), np.float32)


def _connected(hair: FloatMask, inner: FloatMask) -> FloatMask:
    """What of the hair hangs together with the head's: reconstruction by dilation (L. Vincent, 1993)."""
    allowed = (hair > LEAST).astype(np.uint8)
    reached = allowed * (inner > 0.5).astype(np.uint8)
    step = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * STEP + 1, 2 * STEP + 1))
    for _ in range(STEPS):
        grown = np.minimum(cv2.dilate(reached, step), allowed)
        if np.array_equal(grown, reached):
            break
        reached = grown
    near = cv2.GaussianBlur(cv2.dilate(reached, step).astype(np.float32), (0, 0), 2.0)
    return np.asarray(hair * np.maximum(near, inner), np.float32)


def _place(share: FloatArray, side: float, middle: tuple[float, float]) -> FloatMask:
    """What is said of a view (P, P) in the square; 0 beyond it."""
    scale = (SIZE / SIDE) / (share.shape[0] / side)
    shift = (SIZE - 1) / 2 - scale * (share.shape[0] - 1) / 2 + np.array(middle) * (SIZE / SIDE)
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    return np.asarray(cv2.warpAffine(share, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR), np.float32)


def _weight(view: tuple[float, tuple[float, float]]) -> FloatMask:
    """1 in a view's middle, 0 along its border."""
    side, (x0, y0) = view
    axis = ((np.arange(SIZE, dtype=np.float32) + 0.5) / SIZE - 0.5) * np.float32(SIDE)
    half = side / 2
    across, down = np.asarray(axis - x0, np.float32)[None], np.asarray(axis - y0, np.float32)[:, None]
    return edge_fade(across, down, (0.8 * half, 0.96 * half))
