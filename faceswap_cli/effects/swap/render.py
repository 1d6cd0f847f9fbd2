"""Frames in, frames and their drawn faces out: crops through the renderer, and what is measured on them.

What comes out for a frame in the end (see `composite`) depends on the frames around it, see `frame_window`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap_cli.compositing import blend, blur_matching, colour, grain, masks, temporal_masks
from faceswap_cli.compositing.colour import ColourStats
from faceswap_cli.compositing.keep_parts import kept_share
from faceswap_cli.compositing.match_texture import TextureMeasure
from faceswap_cli.compositing.quick_arrays import to_half
from faceswap_cli.device import halved_when_full
from faceswap_cli.effects.frame_window import drop_image, read_blocks
from faceswap_cli.effects.planned_faces import FacePlan, PlannedFace
from faceswap_cli.effects.swap.detail.loan import NO_LOAN, DetailLoan
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.effects.swap.steer import steer_faces
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, transform, warp
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.networks.swap.renderer import Renderer


@dataclass(frozen=True)
class RenderedFace:
    """A drawn face that waits to be blended.

    Attributes:
        face: what the plan says of it.
        matrix: (2, 3) similarity from frame to crop pixels.
        side: the crop's side in face units.
        image: (S, S, 3) float16 RGB in [0, 1]: half the memory, still four times finer than 8 bits.
        mask: (S, S) float16 in [0, 1]: where it is to be seen, but for what stands before it.
        free: (P, P) float16 in [0, 1] parser pixels, 0 where something stands before it; None if the
            parser was not asked.
        new: colours of the drawn face's skin under the mask.
        old: colours of the covered face's skin under the mask.
        traits: how soft both faces are and how grainy the frame is.
    """

    face: PlannedFace
    matrix: FloatArray
    side: float
    image: NDArray[np.float16]
    mask: temporal_masks.HalfMask
    free: temporal_masks.HalfMask | None
    new: ColourStats
    old: ColourStats
    traits: TextureMeasure


@dataclass(frozen=True)
class RenderedFrame:
    """A frame and its drawn faces, not yet blended: a `frame_window.DrawnFrame`."""

    frame: Frame
    faces: Sequence[RenderedFace]

    def without_images(self) -> RenderedFrame:
        """Its faces' colours and masks."""
        return RenderedFrame(drop_image(self.frame), [replace(face, image=_NO_CROP) for face in self.faces])


_NO_CROP = np.zeros((0, 0, 3), np.float16)


def render_frames(
    frames: Iterable[Frame],
    plan: FacePlan,
    renderers: Sequence[Renderer],
    options: SwapOptions,
    parser: FaceParser | None = None,
    loan: DetailLoan = NO_LOAN,
) -> Iterator[RenderedFrame]:
    """Draw the faces of frames that come in order.

    Args:
        frames: the first is a block's first.
        plan: the faces.
        renderers: who draws, by the plan's targets.
        options: how.
        parser: needed for masks that want it.
        loan: detail of real pictures.
    """
    for block in read_blocks(frames, plan):
        drawn: dict[tuple[int, int], RenderedFace] = {}
        for batch in block.batches(options.batch):
            numbers = [block.frames[place].index for place, _ in batch.places]
            done = render_faces(batch.faces, renderers[batch.target], options, parser, (loan, numbers))
            drawn.update(zip(batch.places, done, strict=True))
        for frame, faces in block.by_frame(drawn):
            yield RenderedFrame(frame, faces)


def render_faces(
    faces: Sequence[tuple[Image, PlannedFace]],
    renderer: Renderer,
    options: SwapOptions,
    parser: FaceParser | None = None,
    lent: tuple[DetailLoan, Sequence[int]] = (NO_LOAN, ()),
) -> list[RenderedFace]:
    """Draw one batch.

    Args:
        faces: each a frame's image and a face in it.
        renderer: who draws.
        options: how.
        parser: needed for masks that want it.
        lent: detail of real pictures, and the frame's number of each face.
    """
    if not faces:
        return []
    faces, views = steer_faces(faces, renderer, options)
    matrices = [crop_matrix(face.landmarks, renderer.size, renderer.side) for _, face in faces]
    crops = [warp(image, m, renderer.size) for (image, _), m in zip(faces, matrices, strict=True)]
    batch = torch.from_numpy(np.stack(views or crops)).permute(0, 3, 1, 2).float().div(255).contiguous()
    parts = halved_when_full(lambda first, beyond: renderer(batch[first:beyond]), len(batch))
    new = np.clip(torch.cat([part.image for part in parts]).permute(0, 2, 3, 1).float().numpy(), 0, 1)
    shown = torch.cat([part.mask for part in parts])[:, 0].float().numpy()
    parsed, free = _parse(faces, options, parser)
    done: list[RenderedFace] = []
    before: dict[int, FloatArray] = {}  # by track, what its last face in this batch covers
    for i, (frame, face) in enumerate(faces):
        crop = _Crop(matrices[i], blend.sharpen(new[i], options.sharpen), shown[i], crops[i])
        if lent[0].of_face(face) is not None:
            crop = _with_detail(crop, (frame, face), renderer, options, (lent[0], lent[1][i]))
        old = crop.covered.astype(np.float32) / np.float32(255)
        mask, seen_skin = _masks(face, crop.matrix, crop.shown, parsed[i], free[i], renderer.side, options)
        colours = [colour.measure(options.colour, image, seen_skin) for image in (crop.drawn, old)]
        traits = _traits(frame, face, crop.matrix, (crop.drawn, old), (mask, seen_skin), options)
        if options.grain and face.track in before:
            fresh = grain.fresh_share(before[face.track], old, seen_skin)
            traits = replace(traits, grain=replace(traits.grain, fresh=fresh))
        before[face.track] = old
        image, alpha = to_half(crop.drawn), to_half(mask)
        done.append(
            RenderedFace(
                face, crop.matrix, renderer.side, image, alpha, free[i], colours[0], colours[1], traits
            )
        )
    return done


@dataclass(frozen=True)
class _Crop:
    """A drawn face as it leaves the network.

    Attributes:
        matrix: (2, 3) from frame to crop pixels.
        drawn: (S, S, 3) in [0, 1].
        shown: (S, S) in [0, 1], the renderer's own mask.
        covered: (S, S, 3) uint8, what is drawn over.
    """

    matrix: FloatArray
    drawn: FloatArray
    shown: FloatArray
    covered: Image


def _with_detail(
    crop: _Crop,
    seen: tuple[Image, PlannedFace],
    renderer: Renderer,
    options: SwapOptions,
    lent: tuple[DetailLoan, int],
) -> _Crop:
    """A drawn face with the detail that is lent to it, in a crop that is as fine as that."""
    (image, face), (loan, number) = seen, lent
    size = loan.tracks[face.track].size
    if size != renderer.size:
        matrix = crop_matrix(face.landmarks, size, renderer.side)
        wide = blend.enlarge_crop(crop.drawn, size)
        shown = temporal_masks.rescale_mask(crop.shown, renderer.side, size, renderer.side)
        crop = _Crop(matrix, wide, shown, warp(image, matrix, size))
    return replace(crop, drawn=loan.lend(crop.drawn, face, number, crop.matrix, options.detail))


def _traits(
    frame: Image,
    face: PlannedFace,
    matrix: FloatArray,
    crops: tuple[FloatArray, FloatArray],
    where: tuple[FloatArray, FloatArray],
    options: SwapOptions,
) -> TextureMeasure:
    """Softness of the drawn and the covered face (`crops`) in the mask, and the frame's grain on the skin."""
    mask, skin = where
    edges = [blur_matching.NO_EDGES, blur_matching.NO_EDGES]
    if options.defocus or options.motion_blur:
        edges = [blur_matching.measure_edges(crop, mask) for crop in crops]
    own = grain.NO_GRAIN
    box = blend.touched_box(skin, matrix, frame.shape[:2])
    if options.grain and box is not None:
        x0, y0, x1, y1 = box
        own = grain.measure_grain(frame[y0:y1, x0:x1], blend.alpha_in(skin, matrix, box))
    return TextureMeasure(edges[0], edges[1], own, face.landmarks.mean(0, dtype=np.float64))


def _parse(
    faces: Sequence[tuple[Image, PlannedFace]], options: SwapOptions, parser: FaceParser | None
) -> tuple[list[FloatArray | None], list[temporal_masks.HalfMask | None]]:
    """The parser's face region, and what of it is free, for each face; None where it isn't wanted."""
    wanted = masks.parse_mask(options.mask)
    regions: list[FloatArray | None] = [None] * len(faces)
    free: list[temporal_masks.HalfMask | None] = [None] * len(faces)
    if wanted.parser:
        assert parser is not None, "these masks need the face parser"
        found = parser.probabilities([parser.crop(image, face.landmarks) for image, face in faces])
        if "parsed" in wanted.shapes:
            regions = list(face_parser.swap_region(found))
        if wanted.occlusion:
            free = list(to_half(face_parser.occlusion(found)))
    return regions, free


def _masks(
    face: PlannedFace,
    matrix: FloatArray,
    shown: FloatArray,
    parsed: FloatArray | None,
    free: temporal_masks.HalfMask | None,
    side: float,
    options: SwapOptions,
) -> tuple[FloatArray, FloatArray]:
    """Where a face is to be seen, and where its colours are measured: on skin that nothing covers."""
    size = shown.shape[0]
    landmarks = transform(face.landmarks, matrix)
    region = None if parsed is None else temporal_masks.rescale_mask(parsed, face_parser.SIDE, size, side)
    mask = masks.face_mask(
        masks.parse_mask(options.mask).shapes,
        masks.MaskSources(landmarks, shown, region),
        options.erode,
        options.feather,
        side,
    )
    if options.keep:
        mask = mask * (1 - kept_share(landmarks, options.keep, size))
    seen_skin = mask * masks.skin(landmarks, size)
    if free is not None:
        seen_skin = np.minimum(seen_skin, temporal_masks.rescale_mask(free, face_parser.SIDE, size, side))
    return mask, seen_skin
