"""Drawn faces into their frames: colours matched, masks steadied, as blurred and grained as the frame.

A frame comes out when the COLOUR_REACH frames after it are drawn: what is done to a face is decided from the
faces of its track around it, and from nothing else, so that it does not matter where a run began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing import blend, blur_matching, colour, masks, match_texture, temporal_masks
from faceswap_cli.compositing.colour import ColourTransform
from faceswap_cli.compositing.match_texture import TextureMatch, TextureSample
from faceswap_cli.compositing.quick_arrays import to_float, to_half
from faceswap_cli.effects.frame_window import COLOUR_REACH, with_neighbours
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.effects.swap.render import RenderedFace, RenderedFrame
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.faces.tracking import smoothing
from faceswap_cli.media.frame import FineImage, Frame, Image


def composite_frames(drawn: Iterable[RenderedFrame], options: SwapOptions) -> Iterator[Frame]:
    """Blend drawn faces into their frames, each with the colours of the frames around it.

    Lags COLOUR_REACH frames behind its input.
    """
    for item, near in with_neighbours(drawn):
        yield composite_frame(item, near, options)


def composite_frame(item: RenderedFrame, near: Sequence[RenderedFrame], options: SwapOptions) -> Frame:
    """Blend one frame's drawn faces into it, by what was drawn in the frames `near` it, itself among them."""
    if not item.faces:
        return item.frame
    canvas = item.frame.canvas()
    settings = [steady_blending(face, item.frame, near, options) for face in item.faces]
    for face, how in zip(item.faces, settings, strict=True):
        paste_face(canvas, face, how, options)
    return item.frame.drawn(canvas)


def draw_masks(drawn: Iterable[RenderedFrame], options: SwapOptions) -> Iterator[Image]:
    """Where each frame shows its drawn faces, as grey levels (H, W, 3)."""
    for item, near in with_neighbours(drawn):
        mask = np.zeros_like(item.frame.image)
        for face in item.faces:
            alpha = steady_alpha(face, item.frame, near, options)
            blend.paste(mask, np.ones((*alpha.shape, 3), np.float32), alpha, face.matrix)
        yield mask


@dataclass(frozen=True)
class BlendSettings:
    """What is done to a drawn face when it is blended, decided from the frames around it.

    Attributes:
        mask: (S, S) where it shows, but for what stands before it.
        transfer: of its colours.
        free: what of it nothing stands before, in parser pixels; None: all of it.
        finish: blur and grain.
    """

    mask: temporal_masks.HalfMask
    transfer: ColourTransform
    free: FloatArray | None
    finish: TextureMatch


def steady_blending(
    face: RenderedFace, frame: Frame, around: Sequence[RenderedFrame], options: SwapOptions
) -> BlendSettings:
    """How a face is blended, by itself and its track's faces in the frames around."""
    return BlendSettings(
        _steady_mask(face, frame, around, options),
        steady_colour(face, frame, around, options),
        _steady_free(face, frame, around, options),
        _steady_finish(face, frame, around, options),
    )


def _steady_finish(
    face: RenderedFace, frame: Frame, around: Sequence[RenderedFrame], options: SwapOptions
) -> TextureMatch:
    """How a face is blurred and grained; see `match_texture.match_over_time`."""
    same = [
        (item.frame, other) for item in around for other in item.faces if other.face.track == face.face.track
    ]
    weights = smoothing.time_weights([near.time for near, _ in same], frame.time, options.smoothing)
    places = {near.index: other.traits.place for near, other in same}
    samples = {
        near.index: _sample(other, near.index, places, float(weight))
        for (near, other), weight in zip(same, weights, strict=True)
    }
    own, seed = samples[frame.index], (frame.index, face.face.track)
    return match_texture.match_over_time(
        own,
        list(samples.values()),
        face.mask.shape[0],
        seed,
        options.defocus,
        options.motion_blur,
        options.grain,
    )


def _sample(
    face: RenderedFace, index: int, places: Mapping[int, NDArray[np.float64]], weight: float
) -> TextureSample:
    """A face for steadying, with its motion by where its track is one frame before and after."""
    before, after = (index + step if index + step in places else index for step in (-1, 1))
    motion = (places[after] - places[before]) / max(after - before, 1)
    fast = float(np.hypot(*motion)) > blur_matching.LEAST_MOTION
    return TextureSample(weight, face.traits, face.matrix[:, :2].astype(np.float64) @ motion, fast)


def steady_alpha(
    face: RenderedFace, frame: Frame, around: Sequence[RenderedFrame], options: SwapOptions
) -> FloatArray:
    """(S, S) in [0, 1]: where a face shows in the end, in the pixels of its crop."""
    mask = to_float(_steady_mask(face, frame, around, options))
    free = _steady_free(face, frame, around, options)
    return mask if free is None else np.minimum(mask, _in_crop(free, face))


def _in_crop(free: FloatArray, face: RenderedFace) -> FloatArray:
    """What is free, (S, S) in the pixels of a face's crop, as it is blended."""
    return temporal_masks.sharpen_occlusion(
        temporal_masks.rescale_mask(free, face_parser.SIDE, face.mask.shape[0], face.side)
    )


def _steady_mask(
    face: RenderedFace, frame: Frame, around: Sequence[RenderedFrame], options: SwapOptions
) -> temporal_masks.HalfMask:
    """A face's shape mask, averaged with its track's frames around this one."""
    same = [(delay, other.mask) for delay, other in _same_track(face, frame, around, temporal_masks.REACH)]
    way = (
        temporal_masks.steady_mask
        if "parsed" in masks.parse_mask(options.mask).shapes
        else temporal_masks.average_masks
    )
    return to_half(way(face.mask, same, options.smoothing))


def _steady_free(
    face: RenderedFace, frame: Frame, around: Sequence[RenderedFrame], options: SwapOptions
) -> FloatArray | None:
    """What of a face is free, averaged with its track's frames around this one."""
    if face.free is None:
        return None
    near = _same_track(face, frame, around, temporal_masks.REACH)
    same = [(delay, other.free) for delay, other in near if other.free is not None]
    return temporal_masks.steady_mask(face.free, same, options.smoothing)


def _same_track(
    face: RenderedFace, frame: Frame, around: Sequence[RenderedFrame], reach: int
) -> list[tuple[float, RenderedFace]]:
    """A track's faces up to `reach` frames away, this one among them, each with its delay in seconds."""
    return [
        (near.frame.time - frame.time, other)
        for near in around
        if abs(near.frame.index - frame.index) <= reach
        for other in near.faces
        if other.face.track == face.face.track
    ]


def steady_colour(
    face: RenderedFace, frame: Frame, around: Sequence[RenderedFrame], options: SwapOptions
) -> ColourTransform:
    """The colour transform of a face: its own mean colours, and its track's contrast around this frame.

    The mean is put right in every frame for itself: a mean over the frames around would let the flicker of
    the renderer through, while the covered skin's own mean is steady. Contrast measures noisily and changes
    slowly, and is averaged.
    """
    same = _same_track(face, frame, around, COLOUR_REACH)
    weights = [float(w) for w in smoothing.time_weights([t for t, _ in same], 0.0, options.smoothing)]
    new = colour.average([other.new for _, other in same], weights)
    old = colour.average([other.old for _, other in same], weights)
    if min(face.new.weight, face.old.weight) >= colour.LEAST_PIXELS:
        new, old = replace(new, mean=face.new.mean), replace(old, mean=face.old.mean)
    return colour.fit(options.colour, new, old)


def paste_face(
    image: Image | FineImage, face: RenderedFace, how: BlendSettings, options: SwapOptions
) -> None:
    """Colour one drawn face, finish it and blend it into its frame's image, in place.

    Args:
        image: (H, W, 3) uint8, or float32 in 0..255.
        face: what is drawn.
        how: it is blended.
        options: how all faces are.
    """
    crop = how.transfer(to_float(face.image))
    mask = shape = to_float(how.mask)
    if how.free is not None:
        mask = np.minimum(shape, _in_crop(how.free, face))
    if options.seamless:
        crop = crop + blend.lead_in_colours(image, crop, shape, mask, face.matrix)
    blend.paste(image, how.finish.blurred(crop), mask, face.matrix, options.blend, how.finish.grained)
