"""Frames in, frames with drawn faces out: crops through the renderer, colours matched, blended.

What comes out for a frame depends on the frames around it (COLOUR_REACH on either side) and on nothing
else: crops go through the renderer in blocks that begin at multiples of BLOCK, so that a run which
starts at any frame, given the `lead_in` before it, draws that frame exactly as a run from the beginning.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap_cli.compositing import blend, colour, masks, smoothing
from faceswap_cli.compositing.colour import ColourStats, ColourTransform
from faceswap_cli.compositing.options import ConvertOptions
from faceswap_cli.compositing.plan import Plan, PlannedFace
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, transform, warp
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.networks.renderer import Renderer

BLOCK = 8
"""Frames whose faces are drawn together."""

COLOUR_REACH = 6
"""Frames on either side over which contrast is averaged, at most: so many frames wait in memory."""


@dataclass(frozen=True)
class Drawn:
    """A drawn face that waits to be blended.

    Attributes:
        face: what the plan says of it.
        matrix: (2, 3) similarity from frame to crop pixels.
        image: (S, S, 3) float16 RGB in [0, 1]: half the memory, still four times finer than 8 bits.
        mask: (S, S) float16 in [0, 1]: where it is to be seen.
        new: colours of the drawn face's skin under the mask.
        old: colours of the covered face's skin under the mask.
    """

    face: PlannedFace
    matrix: FloatArray
    image: NDArray[np.float16]
    mask: NDArray[np.float16]
    new: ColourStats
    old: ColourStats


@dataclass(frozen=True)
class DrawnFrame:
    """A frame and its drawn faces, not yet blended."""

    frame: Frame
    faces: Sequence[Drawn]


def lead_in(frame: int) -> int:
    """The first frame that must be drawn for `frame` to come out as in a run from the beginning."""
    return max(0, frame - COLOUR_REACH) // BLOCK * BLOCK


def draw(
    frames: Iterable[Frame], plan: Plan, renderer: Renderer, options: ConvertOptions
) -> Iterator[DrawnFrame]:
    """Draw the faces of frames that come in order."""
    block: list[Frame] = []
    for frame in frames:
        if block and frame.index // BLOCK != block[0].index // BLOCK:
            yield from _draw_block(block, plan, renderer, options)
            block = []
        block.append(frame)
    yield from _draw_block(block, plan, renderer, options)


def _draw_block(
    block: Sequence[Frame], plan: Plan, renderer: Renderer, options: ConvertOptions
) -> Iterator[DrawnFrame]:
    wanted = [(place, face) for place, frame in enumerate(block) for face in plan.faces(frame.index)]
    drawn: list[list[Drawn]] = [[] for _ in block]
    for start in range(0, len(wanted), options.batch):
        batch = wanted[start : start + options.batch]
        done = draw_faces([(block[place].image, face) for place, face in batch], renderer, options)
        for (place, _), face in zip(batch, done, strict=True):
            drawn[place].append(face)
    for frame, faces in zip(block, drawn, strict=True):
        yield DrawnFrame(frame, faces)


def draw_faces(
    faces: Sequence[tuple[Image, PlannedFace]], renderer: Renderer, options: ConvertOptions
) -> list[Drawn]:
    """Draw one batch: each entry is a frame's image and a face in it."""
    if not faces:
        return []
    matrices = [crop_matrix(face.landmarks, renderer.size, renderer.side) for _, face in faces]
    crops = [warp(image, m, renderer.size) for (image, _), m in zip(faces, matrices, strict=True)]
    old = np.stack(crops).astype(np.float32) / 255
    rendered = renderer(torch.from_numpy(old).permute(0, 3, 1, 2).contiguous())
    new = rendered.image.permute(0, 2, 3, 1).float().numpy()
    seen = rendered.mask[:, 0].float().numpy()
    return [
        _measured(face, matrix, old[i], new[i], seen[i], renderer.side, options)
        for i, ((_, face), matrix) in enumerate(zip(faces, matrices, strict=True))
    ]


def _measured(
    face: PlannedFace,
    matrix: FloatArray,
    old: FloatArray,
    new: FloatArray,
    seen: FloatArray,
    side: float,
    options: ConvertOptions,
) -> Drawn:
    landmarks = transform(face.landmarks, matrix)
    mask = masks.face_mask(options.mask, landmarks, seen, options.erode, options.feather, side)
    new = blend.sharpen(np.clip(new, 0, 1), options.sharpen)
    seen_skin = mask * masks.skin(landmarks, mask.shape[0])
    stats = [colour.measure(options.colour, image, seen_skin) for image in (new, old)]
    return Drawn(face, matrix, new.astype(np.float16), mask.astype(np.float16), stats[0], stats[1])


def composite(drawn: Iterable[DrawnFrame], options: ConvertOptions) -> Iterator[Frame]:
    """Blend drawn faces into their frames, each with the colours of the frames around it.

    Lags COLOUR_REACH frames behind its input.
    """
    window: deque[DrawnFrame] = deque()
    ready = 0  # how many of the window's frames are out already
    for item in drawn:
        window.append(item)
        if len(window) - ready > COLOUR_REACH:
            yield _blended(window[ready], window, options)
            window[ready] = _spent(window[ready])
            ready += 1
        if ready > COLOUR_REACH:
            window.popleft()
            ready -= 1
    for place in range(ready, len(window)):
        yield _blended(window[place], window, options)


_NO_IMAGE = np.zeros((0, 0, 3), np.uint8)
_NO_CROP = np.zeros((0, 0, 3), np.float16)


def _spent(item: DrawnFrame) -> DrawnFrame:
    """What later frames still need of a frame that is out: its colours, not its pictures."""
    faces = [replace(face, image=_NO_CROP, mask=_NO_CROP[..., 0]) for face in item.faces]
    return DrawnFrame(replace(item.frame, image=_NO_IMAGE), faces)


def _blended(item: DrawnFrame, around: Iterable[DrawnFrame], options: ConvertOptions) -> Frame:
    if not item.faces:
        return item.frame
    image = item.frame.image.copy()
    near = list(around)
    transfers = [steady_colour(face, item.frame, near, options) for face in item.faces]
    for face, transfer in zip(item.faces, transfers, strict=True):
        paste_face(image, face, transfer)
    return replace(item.frame, image=image)


def steady_colour(
    face: Drawn, frame: Frame, around: Iterable[DrawnFrame], options: ConvertOptions
) -> ColourTransform:
    """The colour transform of a face: its own mean colours, and its track's contrast around this frame.

    The mean is put right in every frame for itself: a mean over the frames around would let the flicker of
    the renderer through, while the covered skin's own mean is steady. Contrast measures noisily and changes
    slowly, and is averaged.
    """
    same = [
        (near.frame.time, other)
        for near in around
        if abs(near.frame.index - frame.index) <= COLOUR_REACH
        for other in near.faces
        if other.face.track == face.face.track
    ]
    weights = [float(w) for w in smoothing.time_weights([t for t, _ in same], frame.time, options.smoothing)]
    new = colour.average([other.new for _, other in same], weights)
    old = colour.average([other.old for _, other in same], weights)
    if min(face.new.weight, face.old.weight) >= colour.LEAST_PIXELS:
        new, old = replace(new, mean=face.new.mean), replace(old, mean=face.old.mean)
    return colour.fit(options.colour, new, old)


def paste_face(image: Image, face: Drawn, transfer: ColourTransform) -> None:
    """Colour one drawn face and blend it into its frame's image, in place."""
    crop = colour.apply(transfer, face.image.astype(np.float32))
    blend.paste(image, crop, face.mask.astype(np.float32), face.matrix)
