"""Drawn faces into their frames: lit as the scene, masks steadied, as soft and grained as the frame.

Light is averaged over the frames around, masks where they agree (`temporal_masks`); the rest is each frame's
own. Near the edge of the face what is left of the difference in light is taken away too: no seam shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing import blur_matching, match_texture, temporal_masks
from faceswap_cli.compositing.match_texture import TextureSample
from faceswap_cli.compositing.quick_arrays import to_float
from faceswap_cli.effects.reenact import light
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.light import Shading
from faceswap_cli.effects.reenact.options import ReenactOptions
from faceswap_cli.effects.reenact.own_parts import lay_lids
from faceswap_cli.effects.reenact.refine import (
    FaceChange,
    Refiner,
    RefinerView,
    average_light,
    carry,
    show_face,
)
from faceswap_cli.effects.reenact.render import RenderedFace, crop_alpha, fine_deviation, texture_size
from faceswap_cli.effects.reenact.warp import FloatArray, enlarge
from faceswap_cli.faces.geometry import crop_matrix
from faceswap_cli.faces.tracking import smoothing
from faceswap_cli.media.frame import FineImage, Image
from faceswap_cli.networks.reenact.refiner import RefinerConfig

RING = 0.15
"""Face units from the mask's edge inwards over which colours are led into the frame's."""

RING_LIMIT = 0.3
"""Of the logarithm of what is led in: a beard's edge is no light."""

MORE_DETAIL, LEAST_DETAIL = 1.3, 0.3
"""How much more fine detail than the covered face a drawn one may have, and the least share of its own."""

BROW_SPREAD = 0.07
"""Face units over which skin beside a brow is averaged to stand in its place."""

_RING_SPREAD = 0.06
"""Face units over which the difference is averaged."""


@dataclass(frozen=True)
class Neighbour:
    """A face of the same track in a frame around.

    Attributes:
        delay: seconds from the frame that is finished.
        step: frames from it.
        faces: drawn, from one photo or from several.
    """

    delay: float
    step: int
    faces: Sequence[RenderedFace]

    @property
    def face(self) -> RenderedFace:
        """That of the photo which is seen most."""
        return self.faces[0]


def paste_face(
    image: Image | FineImage,
    faces: Sequence[RenderedFace],
    around: Sequence[Neighbour],
    options: ReenactOptions,
    seed: tuple[int, int],
) -> None:
    """Light one drawn face and blend it into its frame's image, in place.

    Args:
        image: (H, W, 3) uint8, or float32 in 0..255.
        faces: what is drawn of it, from one photo or from several; the one seen most comes first.
        around: the same track's faces in the frames around, this one among them.
        options: how all faces are.
        seed: of the grain: the frame's and the track's number.
    """
    region, frame = _frame_patch(image, faces[0])
    drawn, alpha = _draw_together(frame, faces, around, options)
    finish = _finish(faces[0], around, _time_weights(around, options), options, seed)
    drawn = finish.grained(finish.blurred(drawn), alpha)
    mixed = frame + alpha[..., None] * (np.clip(drawn, 0, 1) - frame)
    mixed *= np.float32(255)
    region[:] = cv2.convertScaleAbs(mixed) if image.dtype == np.uint8 else mixed


def paste_mask(
    mask: Image,
    image: Image,
    faces: Sequence[RenderedFace],
    around: Sequence[Neighbour],
    options: ReenactOptions,
) -> None:
    """Write where a drawn face shows into its frame's mask (H, W, 3), in place; see `paste_face`."""
    shown, _ = _frame_patch(mask, faces[0])
    _, alpha = _draw_together(_frame_patch(image, faces[0])[1], faces, around, options)
    levels = cv2.convertScaleAbs(alpha, alpha=255)
    shown[:] = np.maximum(shown, levels[..., None])


def _draw_together(
    frame: FloatArray,
    faces: Sequence[RenderedFace],
    around: Sequence[Neighbour],
    options: ReenactOptions,
) -> tuple[FloatArray, FloatArray]:
    """A drawn face's patch (H, W, 3), lit and refined, and where it shows (H, W): all photos' together."""
    weights = _time_weights(around, options)
    total, shown = np.zeros_like(frame), np.zeros(frame.shape[:2], np.float32)
    for face in faces:
        drawn, alpha = _refine(*_draw_lit(frame, face, around, options), face, around, weights)
        if len(faces) == 1:
            return drawn, alpha
        part = np.float32(face.weight) * alpha
        total += part[..., None] * drawn
        shown += part
    mean = total / np.maximum(shown, np.float32(1e-4))[..., None]
    return np.asarray(mean, np.float32), np.asarray(shown, np.float32)


def refine_face(image: Image, face: RenderedFace, options: ReenactOptions, refiner: Refiner) -> RenderedFace:
    """A drawn face with what the refiner says of it, as far as its frame alone tells.

    Args:
        image: (H, W, 3) uint8, its frame.
        face: what is drawn.
        options: how all faces are.
        refiner: is asked.
    """
    matrix, view = view_face(image, face, options, refiner.config)
    return replace(face, refined=FaceChange(refiner(view), view.paintable, matrix))


def view_face(
    image: Image, face: RenderedFace, options: ReenactOptions, config: RefinerConfig
) -> tuple[NDArray[np.float64], RefinerView]:
    """What the refiner is shown of a drawn face, and the matrix (2, 3) from its frame's pixels there."""
    _, frame = _frame_patch(image, face)
    drawn, _ = _draw_lit(frame, face, [Neighbour(0.0, 0, [face])], options)
    shows = np.minimum(*(crop_alpha(mask, face.matrix, face.box) for mask in (face.hull, face.free)))
    normals = enlarge(face.normals[..., :2], face.box, cubic=False)
    flat = np.zeros_like(shows)
    folds, known = (flat, flat) if face.folds is None else (enlarge(face.folds, face.box), flat + 1)
    matrix = np.asarray(crop_matrix(face.landmarks, config.size, config.side), np.float64)
    cover, hole = to_float(face.cover), to_float(face.inside[..., 3])
    patches = np.dstack([drawn, frame, cover, shows, hole, normals, folds, known])
    view = show_face(patches, face.points, face.expressions, matrix, face.box, face_layout(), config)
    return matrix, view


def _refine(
    drawn: FloatArray,
    alpha: FloatArray,
    face: RenderedFace,
    around: Sequence[Neighbour],
    weights: Sequence[float],
) -> tuple[FloatArray, FloatArray]:
    """A lit patch and where it shows, as the refiner would have them."""
    if face.refined is None:
        return drawn, alpha
    known = [(n.face.refined, w) for n, w in zip(around, weights, strict=True) if n.face.refined is not None]
    change = average_light([one for one, _ in known], [w for _, w in known], face.refined)
    drawn, painted = carry(change, drawn, face.box)
    return drawn, np.maximum(alpha, painted)


def _draw_lit(
    frame: FloatArray,
    face: RenderedFace,
    around: Sequence[Neighbour],
    options: ReenactOptions,
) -> tuple[FloatArray, FloatArray]:
    """A drawn face's patch with the inside of its mouth and its lids, and where it shows."""
    drawn, alpha = _light_face(frame, face, around, options)
    inside = to_float(face.inside)
    drawn = drawn + inside[..., 3:] * (inside[..., :3] - drawn)
    if face.lids is not None:
        brows = crop_alpha(face.brows, face.matrix, face.box)
        drawn = lay_lids(drawn, to_float(face.lids), alpha * (1 - brows), face.unit)
    return drawn, alpha


def _frame_patch(image: Image | FineImage, face: RenderedFace) -> tuple[Image | FineImage, FloatArray]:
    """The part of a frame's image that a face covers: a view, and a copy in [0, 1]."""
    x0, y0, x1, y1 = face.box
    region = image[y0:y1, x0:x1]
    return region, region.astype(np.float32) / np.float32(255)


def _time_weights(around: Sequence[Neighbour], options: ReenactOptions) -> list[float]:
    """How much each face around counts."""
    return [float(w) for w in smoothing.time_weights([n.delay for n in around], 0.0, options.smoothing)]


def _light_face(
    frame: FloatArray,
    face: RenderedFace,
    around: Sequence[Neighbour],
    options: ReenactOptions,
) -> tuple[FloatArray, FloatArray]:
    """A drawn face's patch (H, W, 3) in the scene's light, and where it shows (H, W), both in [0, 1]."""
    weights = _time_weights(around, options)
    free = temporal_masks.sharpen_occlusion(
        temporal_masks.steady_mask(face.free, [(n.delay, n.face.free) for n in around], options.smoothing)
    )
    shading = light.average_shading([n.face.shading for n in around], weights)
    drawn = to_float(face.image)
    drawn = _in_scene_light(drawn, face, shading, face.own, options.light)
    if face.folds is not None:
        drawn = light.relight(drawn, enlarge(face.folds, face.box)[..., None] * np.float32(options.folds))
    hull = crop_alpha(face.hull, face.matrix, face.box)
    open_skin = crop_alpha(free, face.matrix, face.box)
    cover = to_float(face.cover)
    drawn = _as_fine(drawn, face, around, weights, options.defocus)
    if options.light:
        brows = crop_alpha(face.brows, face.matrix, face.box)
        skin = np.minimum(open_skin, cover)
        drawn = lead_in_light(frame, drawn, np.minimum(hull, skin), skin * (1 - brows), face.unit)
    drawn, cover = _without_brows(frame, drawn, cover, face)
    return drawn, np.minimum(hull, open_skin) * cover


def _in_scene_light(
    drawn: FloatArray, face: RenderedFace, scene: Shading, own: Shading, amount: float
) -> FloatArray:
    """A drawn patch in the scene's light, as far as `amount` says."""
    if not amount or not scene.weight or not own.weight:
        return drawn
    there = scene.at(light.rotate_normals(face.normals, face.rotation))
    here = own.at(face.source_normals)
    both = np.dstack([here, light.scene_gain(there, here)])
    wide = enlarge(both, face.box, cubic=False)
    lit = light.scene_light(drawn, wide[..., :3], wide[..., 3:], own, scene)
    return drawn + np.float32(amount) * (lit - drawn)


def _as_fine(
    drawn: FloatArray,
    face: RenderedFace,
    around: Sequence[Neighbour],
    weights: Sequence[float],
    amount: float,
) -> FloatArray:
    """A drawn patch with little more fine detail than the covered face has: an old film shows no pores."""
    own, covered = np.average([n.face.detail for n in around], axis=0, weights=weights)
    keep = 1 + amount * (float(np.clip(MORE_DETAIL * covered / max(own, 1e-6), LEAST_DETAIL, 1)) - 1)
    if keep > 0.98:
        return drawn
    soft = cv2.GaussianBlur(drawn, (0, 0), fine_deviation(face.unit))
    return np.asarray(soft + np.float32(keep) * (drawn - soft), np.float32)


def _without_brows(
    frame: FloatArray, drawn: FloatArray, cover: FloatArray, face: RenderedFace
) -> tuple[FloatArray, FloatArray]:
    """A drawn patch and its cover, with plain skin where else the target's brows would be seen.

    That skin is the target's own beside the brows, blurred.
    """
    own = crop_alpha(face.brows, face.matrix, face.box)
    brows = own * (1 - cover)
    if not (brows > 0.02).any():
        return drawn, cover
    hull, free = (crop_alpha(mask, face.matrix, face.box) for mask in (face.hull, face.free))
    # Forehead only: lids below a brow are darker.
    weight = ((np.minimum(hull, free) > 0.8) * np.square(1 - own) * (1 - cover)).astype(np.float32)
    spread = max(BROW_SPREAD * face.unit, 1.0)
    nearby = cv2.GaussianBlur(weight, (0, 0), spread)
    summed = cv2.GaussianBlur(frame * weight[..., None], (0, 0), spread)
    plain = summed / np.maximum(nearby, np.float32(1e-3))[..., None]
    both = cover + brows * np.clip(nearby / 0.05, 0, 1)
    share = np.clip(1 - cover / np.maximum(both, np.float32(1e-3)), 0, 1)[..., None]
    return np.asarray(drawn + share * (plain - drawn), np.float32), np.asarray(
        np.minimum(both, 1), np.float32
    )


def lead_in_light(
    frame: FloatArray, drawn: FloatArray, inside: FloatArray, skin: FloatArray, unit: float
) -> FloatArray:
    """A drawn patch whose light meets the frame's at the edge of the face.

    Args:
        frame: (H, W, 3) in [0, 1].
        drawn: likewise.
        inside: (H, W) in [0, 1], 0.5 at the drawn face's edge.
        skin: (H, W) where both pictures show bare skin.
        unit: pixels for a face unit.
    """
    height, width = inside.shape
    small = (min(width, 64), min(height, 64))
    sizes = np.array([small[0] / width, small[1] / height]) * unit

    def shrunk(picture: NDArray[np.float32]) -> FloatArray:
        return np.asarray(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), np.float32)

    weight = shrunk(skin * (inside > 0.02))
    there = light.log_light(shrunk(frame)) - light.log_light(shrunk(drawn))
    there = np.clip(there, -RING_LIMIT, RING_LIMIT) * weight[..., None]
    spread = {"sigmaX": max(_RING_SPREAD * sizes[0], 0.5), "sigmaY": max(_RING_SPREAD * sizes[1], 0.5)}
    total = cv2.GaussianBlur(there, (0, 0), **spread)
    nearby = cv2.GaussianBlur(weight, (0, 0), **spread)
    depth = cv2.distanceTransform((shrunk(inside) > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    t = np.clip(depth / (RING * float(sizes.mean())), 0, 1)
    ring = (1 - t * t * (3 - 2 * t)) * np.clip(nearby / 0.2, 0, 1) / np.maximum(nearby, 1e-3)
    found = cv2.resize(
        np.asarray(total * ring[..., None], np.float32), (width, height), interpolation=cv2.INTER_LINEAR
    )
    return light.relight(drawn, np.asarray(found, np.float32))


def _finish(
    face: RenderedFace,
    around: Sequence[Neighbour],
    weights: Sequence[float],
    options: ReenactOptions,
    seed: tuple[int, int],
) -> match_texture.TextureMatch:
    """How a face is blurred and grained; see `match_texture.match_over_time`."""
    places = {n.step: n.face.texture.place for n in around}
    samples = {}
    for near, weight in zip(around, weights, strict=True):
        before, after = (near.step + one if near.step + one in places else near.step for one in (-1, 1))
        motion = (places[after] - places[before]) / max(after - before, 1)
        fast = float(np.hypot(*motion)) > blur_matching.LEAST_MOTION
        samples[near.step] = TextureSample(weight, near.face.texture, motion, fast)
    return match_texture.match_over_time(
        samples[0],
        list(samples.values()),
        texture_size(face.unit),
        seed,
        options.defocus,
        options.motion_blur,
        options.grain,
    )
