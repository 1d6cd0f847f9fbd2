"""One frame's face, drawn from the photo's pixels: where they go, and what is needed to light and blend them.

Nothing here looks at other frames; see `composite`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing import blur_matching, grain, masks
from faceswap_cli.compositing.keep_parts import kept_share
from faceswap_cli.compositing.match_texture import TextureMeasure
from faceswap_cli.compositing.quick_arrays import to_float, to_half
from faceswap_cli.effects.reenact import folds, light, warp
from faceswap_cli.effects.reenact.calm import calm_share
from faceswap_cli.effects.reenact.folds import SkinLight
from faceswap_cli.effects.reenact.head import HeadPose, fit_head
from faceswap_cli.effects.reenact.layout import PointLayout, Points
from faceswap_cli.effects.reenact.light import Shading
from faceswap_cli.effects.reenact.options import ReenactOptions
from faceswap_cli.effects.reenact.own_parts import mouth_inside, shut_eyes
from faceswap_cli.effects.reenact.refine import FaceChange
from faceswap_cli.effects.reenact.shape import FittedPhoto, draw_shape, open_as_photo, turn_inner
from faceswap_cli.effects.reenact.source import FacePoints, SourcePhoto, skin_weight, transform_points
from faceswap_cli.effects.reenact.warp import Box, FloatArray
from faceswap_cli.faces.geometry import crop_matrix, fit_similarity, transform
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.media.frame import Image

HalfArray = NDArray[np.float16]


BOX_MARGIN = 0.15
"""Face units around all points that are drawn."""


FINE = 0.015
"""Face units: detail that a Gaussian of this deviation takes away is fine."""


@dataclass(frozen=True)
class TargetFace:
    """A face of a frame that is drawn over.

    Attributes:
        at: where it is, frame pixels.
        rest: (N, 3) head coordinates of the same person at rest.
        crop: (S, S, 3) its parser's crop.
        parsed: (C, S, S) class probabilities of that.
        skin: the same person's skin at rest; None if it is not known.
    """

    at: FacePoints
    rest: Points
    crop: Image
    parsed: FloatArray
    skin: SkinLight | None = None


@dataclass(frozen=True)
class WeightedSource:
    """A photo that a face is drawn from.

    Attributes:
        source: the photo.
        photo: its face, placed on the target's at rest.
        weight: how much of it is seen; those of a face add up to 1.
    """

    source: SourcePhoto
    photo: FittedPhoto
    weight: float


@dataclass(frozen=True)
class Placement:
    """Where a drawn face's points are, frame pixels (N, 3).

    Attributes:
        drawn: as they are seen.
        still: with eyes and mouth open as on the photo.
        mouth: the target's own, where the inside of its mouth and its lids are taken from; None where the
            photo's are kept.
    """

    drawn: Points
    still: Points
    mouth: Points | None


@dataclass(frozen=True)
class RenderedFace:
    """A drawn face that waits to be lit and blended.

    Attributes:
        box: of the frame that the pictures below cover, pixel by pixel.
        image: (H, W, 3) in [0, 1], in the photo's own light.
        cover: (H, W) in [0, 1] how surely the photo shows bare face there.
        inside: (H, W, 4) the target's mouth interior and where it goes.
        lids: (H, W, 4) the target's own shut eyes and where they go; None if they are as open as the photo's.
        folds: (G, G) logarithm of the light that the target's expression adds over the box; None likewise.
        normals: (G, G, 3) of the drawn head over the box, head coordinates.
        rotation: (3, 3) of the head.
        source_normals: (G, G, 3) the same as the photo's camera saw them.
        matrix: (2, 3) from frame to parser pixels.
        hull: (S, S) in [0, 1] parser pixels: where the target's face is.
        free: (S, S) in [0, 1] parser pixels: 0 where something stands before it.
        brows: (S, S) in [0, 1] parser pixels: where the target's brows are.
        shading: of the target's skin.
        texture: how soft both faces are and how grainy the frame is.
        detail: how much fine detail the drawn and the covered face have, see `fine_detail`.
        unit: pixels for a face unit.
        landmarks: (68, 2) frame pixels of the target's face.
        points: (N, 2) frame pixels of the drawn one.
        expressions: (2, E) coefficients of the photo's face and of the target's.
        own: shading of the photo.
        weight: how much of it is seen, where a face is drawn from several photos.
        refined: what the refiner changes; None without it.
    """

    box: Box
    image: HalfArray
    cover: HalfArray
    inside: HalfArray
    lids: HalfArray | None
    folds: FloatArray | None
    normals: FloatArray
    rotation: NDArray[np.float64]
    source_normals: FloatArray
    matrix: NDArray[np.float64]
    hull: HalfArray
    free: HalfArray
    brows: HalfArray
    shading: Shading
    texture: TextureMeasure
    detail: tuple[float, float]
    unit: float
    landmarks: Points
    points: Points
    expressions: FloatArray
    own: Shading
    weight: float = 1.0
    refined: FaceChange | None = None


def render_face(
    image: Image,
    face: TargetFace,
    sources: Sequence[WeightedSource],
    person: FittedPhoto,
    layout: PointLayout,
    options: ReenactOptions,
) -> list[RenderedFace]:
    """Draw a face, once from each of some photos of it; nothing if none of it is in the picture.

    Args:
        image: (H, W, 3) uint8, the frame.
        face: the one that is drawn over.
        sources: the photos.
        person: the face that all of them together show, see `shape.mix_photos`.
        layout: what points are.
        options: how.
    """
    pose = fit_head(face.at.points, layout)
    shape = draw_shape(
        pose.lift(face.at.points), face.rest, person, layout, options.shape, options.expression, options.keep
    )
    drawn = pose.project(turn_inner(shape.drawn, options.yaw, layout))
    done = []
    for one in sources:
        still = pose.project(turn_inner(open_as_photo(shape, one.photo, layout), options.yaw, layout))
        placed = Placement(drawn, still, face.at.points)
        found = render_placed(image, face, one.source, layout, options, pose, placed)
        if found is not None:
            done.append(replace(found, weight=one.weight))
    return done


def place_rigidly(face: TargetFace, source: SourcePhoto, layout: PointLayout) -> Placement:
    """The photo's face as it is, moved, turned and scaled onto the target's: no shape is changed.

    What is drawn so is as like the person as this mask, this light and the target's head allow.
    """
    matrix = fit_similarity(source.points[layout.inner, :2], face.at.points[layout.inner, :2])
    points = transform_points(source.points, matrix)
    return Placement(points, points, None)


def render_placed(
    image: Image,
    face: TargetFace,
    source: SourcePhoto,
    layout: PointLayout,
    options: ReenactOptions,
    pose: HeadPose,
    placed: Placement,
) -> RenderedFace | None:
    """Draw a face whose points are known; see `render_face`."""
    around = np.vstack([face.at.points[:, :2], face.at.landmarks, placed.drawn[:, :2]])
    box = _box(around, BOX_MARGIN * pose.scale, image.shape[:2])
    if box is None:
        return None
    where = _where(box, source, layout, pose, placed)
    shrink = source.pose.scale / pose.scale
    seen = warp.soften_tears(source.sample(where, shrink), where, shrink)
    parser_matrix = np.asarray(crop_matrix(face.at.landmarks, face_parser.SIZE, face_parser.SIDE), np.float64)
    marks = transform(face.at.landmarks, parser_matrix)
    shading = light.fit_shading(
        light.log_light(face.crop.astype(np.float32) / np.float32(255)),
        skin_weight(face.parsed, marks),
        transform(face.at.points[:, :2], parser_matrix),
        pose.rotation,
        layout,
    )
    width = masks.face_width(face_parser.SIZE, face_parser.SIDE)
    depth = masks.hull_depth(marks, face_parser.SIZE) - np.float32(options.erode * width)
    hull = masks.soft_edge(depth, options.feather * width)
    hull = hull * (1 - kept_share(marks, options.keep, face_parser.SIZE))
    free = face_parser.occlusion(face.parsed[None])[0]
    region = image[box[1] : box[3], box[0] : box[2]]
    alpha = crop_alpha(np.minimum(hull, free), parser_matrix, box) * seen[..., 3]
    normals = light.head_normals(placed.drawn, layout, box)
    target = layout.head.fit(pose.lift(face.at.points))
    lines = None
    if placed.mouth is not None:
        maps = folds.map_to_flat(placed.drawn[:, :2], layout, box)
        step = _smile_step(face, source, target.expression, layout)
        lines = folds.lay_smile(step, maps)
        seen = source.calmed(seen, where, calm_share(folds.smile_of(source.expression), step))
        if face.skin is not None:
            now = folds.flatten_skin(face.crop, transform(face.at.points[:, :2], parser_matrix), free, layout)
            more = folds.lay_folds(folds.find_folds(now, face.skin), maps)
            lines = more if lines is None else lines + more
    return RenderedFace(
        box,
        to_half(seen[..., :3]),
        to_half(seen[..., 3]),
        *_own_parts(image, box, layout, placed, pose.scale),
        lines,
        normals,
        pose.rotation,
        light.rotate_normals(normals, source.pose.rotation),
        parser_matrix,
        to_half(hull),
        to_half(free),
        _wide(face_parser.class_share(face.parsed[None], ("brows",))[0]),
        shading,
        _texture(region, seen[..., :3], alpha, face.at.points[:, :2], pose.scale, options),
        (
            fine_detail(seen[..., :3], alpha, pose.scale),
            fine_detail(region.astype(np.float32) / np.float32(255), alpha, pose.scale),
        ),
        pose.scale,
        face.at.landmarks,
        placed.drawn[:, :2],
        np.stack([source.expression, target.expression]).astype(np.float32),
        source.shading,
    )


def _smile_step(
    face: TargetFace, source: SourcePhoto, now: NDArray[np.float64], layout: PointLayout
) -> float:
    """By how much a drawn face smiles more than its photo, without what the target's own folds tell."""
    there = layout.head.fit(face.rest).expression if face.skin is not None else now
    return folds.smile_of(there) - folds.smile_of(source.expression)


def _wide(mask: FloatArray) -> HalfArray:
    """A mask in the parser's crop, grown by the breadth of its soft edge."""
    grown = cv2.dilate(np.asarray(mask, np.float32), np.ones((5, 5), np.uint8))
    return to_half(np.clip(2 * cv2.GaussianBlur(grown, (0, 0), 1.2) - 0.2, 0, 1))


def crop_alpha(mask: HalfArray | FloatArray, matrix: NDArray[np.float64], box: Box) -> FloatArray:
    """(H, W) a mask of the parser's crop at the pixels of a box of its frame; 0 beyond the crop."""
    local = warp.crop_to_box(matrix, box)
    size = (box[2] - box[0], box[3] - box[1])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(to_float(mask), local, size, flags=flags), np.float32)


def _box(points: Points, margin: float, shape: tuple[int, ...]) -> Box | None:
    """The whole pixels of a picture around some points; None if there are none."""
    x0, y0 = np.floor(points.min(0) - margin).astype(int).clip(0)
    x1, y1 = np.minimum(np.ceil(points.max(0) + margin).astype(int) + 1, (shape[1], shape[0]))
    return (int(x0), int(y0), int(x1), int(y1)) if x1 - x0 >= 4 and y1 - y0 >= 4 else None


def _where(
    box: Box,
    source: SourcePhoto,
    layout: PointLayout,
    pose: HeadPose,
    placed: Placement,
) -> FloatArray:
    """(H, W, 2) photo pixels that are seen at the pixels of a box."""
    at = warp.box_pixels(box)
    moved = at.copy()
    if placed.mouth is not None:
        for opening in layout.openings:
            moved += warp.opening_shift(at, opening, placed.drawn[:, :2], placed.still[:, :2], pose.scale)
    spline = warp.fit_spline(placed.still[layout.skin, :2], source.points[layout.skin, :2])
    return spline.field(box, moved)


def _own_parts(
    image: Image, box: Box, layout: PointLayout, placed: Placement, unit: float
) -> tuple[HalfArray, HalfArray | None]:
    """`inside` and `lids` of a RenderedFace."""
    if placed.mouth is None:
        return np.zeros((box[3] - box[1], box[2] - box[0], 4), np.float16), None
    drawn, still, own = (points[:, :2] for points in (placed.drawn, placed.still, placed.mouth))
    mouth = mouth_inside(image, box, layout.mouth, own, drawn, still, unit)
    lids = shut_eyes(image, box, layout.eyes, own, drawn, still, unit)
    return to_half(mouth), None if lids is None else to_half(lids)


def _texture(
    region: Image, drawn: FloatArray, alpha: FloatArray, points: Points, unit: float, options: ReenactOptions
) -> TextureMeasure:
    """Softness of the drawn and the covered face, and the frame's grain."""
    edges = [blur_matching.NO_EDGES, blur_matching.NO_EDGES]
    covered = region.astype(np.float32) / np.float32(255)
    if options.defocus or options.motion_blur:
        edges = [measure_edges(one, alpha, unit) for one in (drawn, covered)]
    own = grain.measure_grain(region, alpha) if options.grain else grain.NO_GRAIN
    return TextureMeasure(edges[0], edges[1], own, points.mean(0))


def measure_edges(picture: FloatArray, alpha: FloatArray, unit: float) -> blur_matching.Edges:
    """`blur_matching.measure_edges` of a patch of frame pixels, in which a face unit has `unit`."""
    return blur_matching.measure_edges(picture, alpha, texture_size(unit))


def fine_detail(picture: FloatArray, alpha: FloatArray, unit: float) -> float:
    """How much detail of a patch is finer than FINE, relative to its light; 0 where nothing is seen."""
    grey = light.log_light(np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32))
    fine = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), fine_deviation(unit)))
    inside = alpha > 0.7
    return float(fine[inside].mean()) if inside.any() else 0.0


def fine_deviation(unit: float) -> float:
    """The blur in pixels that takes fine detail away, where a face unit has `unit`."""
    return max(FINE * unit, 0.8)


def texture_size(unit: float) -> int:
    """The side of a crop with so many pixels for a face unit, as `blur_matching` counts."""
    return max(round(2 * unit), 16)
