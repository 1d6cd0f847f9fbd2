"""A photo of the person to be drawn, made ready once: its points, its head, and its face laid bare.

What stands before the photo's face must not be carried along: the rims of glasses are painted over from
beside them, and skin under a fringe or a hand is taken from the face's other side, in this side's light. What
is covered on both sides stays unknown, and the target's own skin is seen there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.compositing import masks, temporal_masks
from faceswap_cli.effects.reenact.calm import find_calm_gain
from faceswap_cli.effects.reenact.folds import smile_of
from faceswap_cli.effects.reenact.gaps import gaps
from faceswap_cli.effects.reenact.head import HeadPose, fit_head
from faceswap_cli.effects.reenact.layout import PointLayout, Points
from faceswap_cli.effects.reenact.light import LUMA, Shading, camera_normals, fit_shading, log_light, relight
from faceswap_cli.effects.reenact.warp import FloatArray, enlarge, fit_spline
from faceswap_cli.faces.geometry import crop_matrix, transform
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Image

AROUND = 1.6
"""Face units that are kept of the photo on each side of the face's middle."""

FINEST = 720.0
"""Pixels for a face unit that are kept, at most."""

OPEN_EYE = 0.07
"""Face units by which an eye is open; a photo whose eyes are shut counts as turned away by a radian."""

HAIR_EDGE = (0.035, 0.13)
"""Face units from hair or a hand within which the photo's skin is not believed, and beyond which it is."""

STRAND_COLOUR, STRAND_DARK = 0.25, 0.4
"""How far the logarithm of a strand is from the skin's, in colour or in lightness."""

HAIR_AT_BROW = (0.03, 0.075)
"""The same near a brow, where hair ends beside it."""

BROW_EDGE = (0.03, 0.1)
"""Face units from a brow within which skin is believed all the same: the target's own brow lies there."""

_BLEND_SPREAD = 0.12
"""Face units over which the light of the mirrored side is matched."""


@dataclass(frozen=True)
class SourcePhoto:
    """A photo that is ready.

    Attributes:
        levels: pictures (H, W, 4) float32, RGB in [0, 1] and how surely the person's bare face is seen; each
            is half as large as the one before.
        points: (N, 3) pixels of the first level.
        pose: of the head in it.
        head: (N, 3) head coordinates.
        expression: (E,) coefficients by the linear head.
        shading: of its skin, see `light`.
        calm: (h, w, 3) what takes its smile's folds away, see `calm`; None if it does not smile.
        hidden: the share of its face that is not to be seen: behind a hand, or beyond the border.
    """

    levels: tuple[FloatArray, ...]
    points: Points
    pose: HeadPose
    head: Points
    expression: NDArray[np.float64]
    shading: Shading
    calm: FloatArray | None = None
    hidden: float = 0.0

    def sample(self, where: FloatArray, shrink: float) -> FloatArray:
        """What is seen at pixels of the first level.

        Args:
            where: (H, W, 2) pixels.
            shrink: how many of them lie between two neighbours; finer detail is taken away first.

        Returns:
            (H, W, 4) RGB and coverage.
        """
        return sample_levels(self.levels, where, shrink)

    def calmed(self, seen: FloatArray, where: FloatArray, share: float) -> FloatArray:
        """What was sampled, (H, W, 4), with so much of its smile's folds taken away, 0..1."""
        if self.calm is None or share <= 0:
            return seen
        scale = self.calm.shape[1] / self.levels[0].shape[1]
        at = ((where + 0.5) * scale - 0.5).astype(np.float32)
        gain = cv2.remap(self.calm, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return np.dstack([relight(seen[..., :3], np.float32(share) * gain), seen[..., 3]])


@dataclass(frozen=True)
class FacePoints:
    """A face's points in a picture, in its pixels.

    Attributes:
        landmarks: (68, 2), by which crops and masks lie.
        points: (N, 3) in the layout.
    """

    landmarks: Points
    points: Points


def transform_points(points: Points, matrix: ArrayLike) -> Points:
    """Points (N, 3) through a similarity (2, 3) of the picture; depths are scaled with it."""
    m = np.asarray(matrix, np.float64)
    scale = float(np.sqrt(abs(np.linalg.det(m[:, :2]))))
    return np.column_stack([transform(points[:, :2], m), points[:, 2] * scale])


def halve_levels(picture: FloatArray) -> tuple[FloatArray, ...]:
    """A picture (H, W, C) and smaller copies, each half as large as the one before."""
    levels = [picture]
    while min(levels[-1].shape[:2]) > 64:
        half = cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(half, np.float32))
    return tuple(levels)


def sample_levels(levels: Sequence[FloatArray], where: FloatArray, shrink: float) -> FloatArray:
    """What a picture shows at some of its pixels.

    Args:
        levels: the picture in [0, 1] and its smaller copies, see `halve_levels`.
        where: (H, W, 2) pixels of the first level.
        shrink: how many of them lie between two neighbours; finer detail is taken away first.

    Returns:
        (H, W, C).
    """
    level = int(np.clip(np.floor(np.log2(max(shrink, 1.0))), 0, len(levels) - 1))
    factor = 2**level
    rest = max(shrink / factor, 1.0)
    picture = levels[level]
    if rest > 1.05:
        deviation = 0.4 * float(np.sqrt(rest**2 - 1))
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), deviation), np.float32)
    # Pixel centres: x_small = (x + .5) / factor - .5
    at = ((where + 0.5) / factor - 0.5).astype(np.float32)
    found = cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(found, 0, 1), np.float32)


def prepare_source(image: Image, face: FacePoints, layout: PointLayout, parser: FaceParser) -> SourcePhoto:
    """Make a photo ready.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: where the face is, image pixels.
        layout: what its points are.
        parser: of faces.
    """
    image, photographed, matrix = _face_region(image, face.landmarks)
    marks, seen = transform(face.landmarks, matrix), transform_points(face.points, matrix)
    pose = fit_head(seen, layout)
    crop = parser.crop(image, marks)
    found = parser.probabilities([crop])
    into = crop_matrix(marks, face_parser.SIZE, face_parser.SIDE)
    small = log_light(crop.astype(np.float32) / np.float32(255))
    there = transform(seen[:, :2], into)
    shading = fit_shading(small, skin_weight(found[0], transform(marks, into)), there, pose.rotation, layout)
    size = image.shape[1::-1]

    def placed(mask: FloatArray) -> FloatArray:
        return place_mask(mask, into, size)

    glasses = placed(face_parser.class_share(found, ("glasses",))[0])
    box = (0, 0, face_parser.SIZE, face_parser.SIZE)
    shade = enlarge(shading.at(camera_normals(there, pose.rotation, layout, box)), box, cubic=False)
    hair = face_parser.class_share(found, ("hair", "occluder"))[0]
    hair = placed(np.maximum(hair, find_strands(small - shade, found[0], hair)))
    inside = placed(masks.soft_edge(masks.hull_depth(transform(marks, into), face_parser.SIZE) + 4, 4))
    picture = _without_rims(image, glasses * inside, pose.scale)
    colour = picture.astype(np.float32) / np.float32(255)
    before = np.where(photographed, placed(face_parser.class_share(found, ("occluder",))[0]), 1)
    hidden = float((before * inside).sum() / max(inside.sum(), 1.0))
    bare = temporal_masks.sharpen_occlusion(placed(face_parser.occlusion(found)[0]))
    bare = np.maximum(bare, np.where(glasses > 0.3, _surrounded(bare, pose.scale), 0))
    brows = placed(face_parser.class_share(found, ("brows",))[0])
    on_brow = _near(brows > 0.4, pose.scale, BROW_EDGE) * _clear_of(hair, pose.scale, HAIR_AT_BROW)
    clear = np.maximum(_clear_of(hair, pose.scale, HAIR_EDGE), on_brow)
    # What lies beyond the photo's border is taken from the other side, too.
    clear = np.minimum(clear, 1 - _near(photographed == 0, pose.scale, (0.0, 0.06)))
    bare = np.minimum(_clear_of_edge(bare, pose.scale), clear)
    colour, bare = _filled_from_mirror(colour, bare, inside, seen, layout, pose)
    levels = halve_levels(np.asarray(np.dstack([colour, bare]), np.float32))
    head = pose.lift(seen)
    expression = layout.head.fit(head).expression
    calm = find_calm_gain(colour, bare, seen, pose.scale, smile_of(expression), layout)
    return SourcePhoto(levels, seen, pose, head, expression, shading, calm, hidden)


def find_strands(rest: FloatArray, found: FloatArray, hair: FloatArray) -> FloatArray:
    """(S, S) 1 where a parser's crop shows strands, or their shadow, that pass for skin.

    They are near hair, and of another colour than the skin, or much darker.

    Args:
        rest: (S, S, 3) logarithm of the crop, less its shading.
        found: (C, S, S) class probabilities.
        hair: (S, S) where hair and hands are.
    """
    unit = face_parser.SIZE / face_parser.SIDE
    skin = face_parser.class_share(found[None], ("skin",))[0]
    lightness = rest @ LUMA
    colour = np.sqrt(((rest - lightness[..., None]) ** 2).mean(-1))
    features = face_parser.class_share(found[None], ("brows", "eyes"))[0]
    # Lashes and brows are dark, too.
    plain = (skin > 0.5) & (_near(features >= 0.3, unit, (0.06, 0.1)) < 0.5)
    strange = (colour > STRAND_COLOUR) & (_near(hair >= 0.4, unit, (0.2, 0.3)) > 0.5)
    dark = (lightness < -STRAND_DARK) & (_near(hair >= 0.4, unit, (0.08, 0.16)) > 0.5)
    grown = cv2.dilate((plain & (strange | dark)).astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.asarray(grown, np.float32)


def skin_weight(found: FloatArray, points: Points) -> FloatArray:
    """(S, S) where a face's light is measured: skin well inside the face, in a parser's crop.

    Args:
        found: (C, S, S) class probabilities.
        points: (68, 2) crop pixels.
    """
    skin = face_parser.class_share(found[None], ("skin", "nose"))[0]
    depth = masks.hull_depth(points, face_parser.SIZE)
    weight = np.clip(2 * skin - 1, 0, 1) * masks.soft_edge(depth - 3, 4)
    return np.asarray(cv2.erode(weight, np.ones((3, 3), np.uint8)), np.float32)


def nearest_source(
    sources: Sequence[SourcePhoto],
    pose: HeadPose,
    head: Points,
    layout: PointLayout,
    before: int | None,
    stay: float = 0.15,
) -> int:
    """Which of some photos of one person is nearest in pose and expression.

    Args:
        sources: the photos.
        pose: the target's.
        head: (N, 3) the target's points.
        layout: what they are.
        before: which was taken one frame before; it is left only for one that is nearer by `stay`.
        stay: in units of a radian, or of a face unit of mean distance.
    """
    apart = []
    for number, source in enumerate(sources):
        turn = source.pose.rotation.T @ pose.rotation
        angle = float(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))
        shapes = [points - points.mean(0) for points in (source.head, head)]
        expression = float(np.linalg.norm((shapes[0] - shapes[1])[:, :2], axis=1).mean())
        # What a lid covers on the photo can't be drawn: an eye that is further open is the worst difference.
        hidden = max(gaps(head, eye).mean() - gaps(source.head, eye).mean() for eye in layout.eyes)
        lids = max(hidden, 0.0) / OPEN_EYE
        apart.append(angle + expression + lids - (stay if number == before else 0.0))
    return int(np.argmin(apart))


def _face_region(image: Image, landmarks: ArrayLike) -> tuple[Image, NDArray[np.uint8], NDArray[np.float64]]:
    """The part of a photo around a face, at FINEST at most.

    Returns:
        (H, W, 3) the part, its border repeated where it reaches beyond the photo; (H, W) 1 where it does not,
        else 0; the matrix (2, 3) into it.
    """
    marks = np.asarray(landmarks, np.float64)
    unit = max(float(np.linalg.norm(marks[16] - marks[0])) / 1.63, float(np.ptp(marks[:, 1])) / 1.6, 1.0)
    middle = (marks.min(0) + marks.max(0)) / 2
    height, width = image.shape[:2]
    begin, end = np.floor(middle - AROUND * unit).astype(int), np.ceil(middle + AROUND * unit).astype(int)
    x0, y0 = np.clip(begin, 0, [width - 1, height - 1])
    x1, y1 = np.clip(end, [x0 + 1, y0 + 1], [width, height])
    region = image[y0:y1, x0:x1]
    scale = min(1.0, FINEST / unit)
    if scale < 1:
        region = cv2.resize(region, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    factors = np.array([region.shape[1] / (x1 - x0), region.shape[0] / (y1 - y0)])
    before = np.ceil(np.maximum([x0, y0] - begin, 0) * factors).astype(int)
    after = np.ceil(np.maximum(end - [x1, y1], 0) * factors).astype(int)
    sides = (before[1], after[1], before[0], after[0])
    there = cv2.copyMakeBorder(np.ones(region.shape[:2], np.uint8), *sides, cv2.BORDER_CONSTANT, value=0)
    region = cv2.copyMakeBorder(region, *sides, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    shift = (0.5 - np.array([x0, y0])) * factors - 0.5 + before
    matrix = np.hstack([np.diag(factors), shift[:, None]])
    return np.ascontiguousarray(region), np.asarray(there, np.uint8), matrix


def place_mask(mask: FloatArray, into: ArrayLike, size: tuple[int, int]) -> FloatArray:
    """A mask of the parser's crop in the photo's pixels; 0 outside the crop."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    found = cv2.warpAffine(mask.astype(np.float32), np.asarray(into, np.float64), size, flags=flags)
    return np.asarray(np.clip(found, 0, 1), np.float32)


def _without_rims(image: Image, glasses: FloatArray, unit: float) -> Image:
    """A photo with the thin parts of glasses painted over from beside them."""
    rims = (glasses > 0.3).astype(np.uint8)
    if rims.sum() < 8:
        return image
    radius = max(1, round(0.02 * unit))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    return np.asarray(cv2.inpaint(image, cv2.dilate(rims, kernel), radius + 1, cv2.INPAINT_TELEA), np.uint8)


def _surrounded(bare: FloatArray, unit: float) -> FloatArray:
    """1 where bare face lies close around: a rim, and not a dark lens."""
    near = cv2.GaussianBlur(bare, (0, 0), max(0.07 * unit, 1))
    return np.asarray(np.clip((near - 0.45) / 0.2, 0, 1), np.float32)


def _clear_of_edge(bare: FloatArray, unit: float) -> FloatArray:
    """Bare face a little inside its edge: the rim is half of what is behind it."""
    soft = cv2.GaussianBlur(bare.astype(np.float32), (0, 0), max(0.025 * unit, 0.5))
    return _smooth_step((soft - 0.55) / 0.4)


def _clear_of(hair: FloatArray, unit: float, edge: tuple[float, float]) -> FloatArray:
    """1 where no hair and no hand is near: strands and their shadows reach further than a parser says."""
    return np.asarray(1 - _near(hair >= 0.4, unit, edge), np.float32)


def _near(what: NDArray[np.bool_], unit: float, edge: tuple[float, float]) -> FloatArray:
    """1 up to the first of two distances (face units) from something, 0 from the second on."""
    if not what.any():
        return np.zeros(what.shape, np.float32)
    apart = cv2.distanceTransform((~what).astype(np.uint8), cv2.DIST_L2, 5) / unit
    return _smooth_step((edge[1] - apart) / (edge[1] - edge[0]))


def _smooth_step(values: ArrayLike) -> FloatArray:
    t = np.clip(values, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _filled_from_mirror(
    colour: FloatArray,
    bare: FloatArray,
    inside: FloatArray,
    points: Points,
    layout: PointLayout,
    pose: HeadPose,
) -> tuple[FloatArray, FloatArray]:
    """A photo whose covered skin is the other side's, and where its face is bare then."""
    covered = (1 - bare) * inside
    if covered.sum() < 0.005 * pose.scale**2:
        return colour, bare
    box = (0, 0, colour.shape[1], colour.shape[0])
    at = fit_spline(points[layout.skin, :2], points[layout.mirror][layout.skin, :2]).field(box)
    both = np.dstack([colour, bare])
    mirrored = np.asarray(
        cv2.remap(both, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.float32
    )
    seen = np.clip(mirrored[..., 3], 0, 1)
    spread = max(_BLEND_SPREAD * pose.scale, 1)
    light = log_light(colour) - log_light(mirrored[..., :3])
    weight = bare * seen * inside
    total = cv2.GaussianBlur(light * weight[..., None], (0, 0), spread)
    nearby = cv2.GaussianBlur(weight, (0, 0), spread)
    gain = np.exp(np.clip(total / (nearby + 1e-3)[..., None], -0.5, 0.5))
    share = (1 - bare) * seen * inside
    for eye in layout.eyes:  # an eye from the other side would squint
        corners = cv2.convexHull(np.rint(points[list(eye.outline), :2]).astype(np.int32))
        hole = cv2.fillConvexPoly(np.ones(bare.shape, np.float32), corners, 0.0)
        share = share * cv2.GaussianBlur(hole, (0, 0), max(0.02 * pose.scale, 0.5))
    whole = bare + share
    # Where only the other side is seen nothing of what covers this one is mixed in, however faint it is.
    part = (share / np.maximum(whole, np.float32(1e-3)))[..., None]
    mixed = colour + part * (np.clip(mirrored[..., :3] * gain, 0, 1) - colour)
    return np.asarray(mixed, np.float32), np.asarray(np.minimum(whole, 1), np.float32)
