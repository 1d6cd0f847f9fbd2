"""Frames in blocks, and each with those around it: how an effect sees a video.

What comes out for a frame depends on the frames around it (COLOUR_REACH on either side) and on nothing else:
crops go through networks in blocks that begin at multiples of BLOCK, so that a run which starts at any frame,
given the `lead_in` before it, draws that frame exactly as a run from the beginning.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from faceswap_cli.effects.planned_faces import FacePlan, PlannedFace
from faceswap_cli.media.frame import Frame, Image

D = TypeVar("D")
T = TypeVar("T")
R = TypeVar("R")

BLOCK = 8
"""Frames whose faces are drawn together."""

COLOUR_REACH = 6
"""Frames on either side over which contrast is averaged, at most: so many frames wait in memory."""

_NO_IMAGE = np.zeros((0, 0, 3), np.uint8)


def lead_in(frame: int) -> int:
    """The first frame that must be drawn for `frame` to come out as in a run from the beginning."""
    return max(0, frame - COLOUR_REACH) // BLOCK * BLOCK


def lead_out(frame: int) -> int:
    """The last frame that must be drawn for `frame` to come out as in a run to the end."""
    return (frame + COLOUR_REACH) // BLOCK * BLOCK + BLOCK - 1


def map_in_blocks(
    frames: Iterable[Frame],
    plan: FacePlan,
    most: int,
    draw_some: Callable[[Sequence[tuple[Image, PlannedFace]]], Sequence[D]],
) -> Iterator[tuple[Frame, list[D]]]:
    """Frames that come in order, each with what `draw_some` makes of its planned faces, in the plan's order.

    Args:
        frames: in order, of which the first is a block's first.
        plan: the faces.
        most: faces that are given to `draw_some` at once; all have the same `drawn_by`.
        draw_some: gets each face with the image of its frame.
    """
    block: list[Frame] = []
    for frame in frames:
        if block and frame.index // BLOCK != block[0].index // BLOCK:
            yield from _draw_block(block, plan, most, draw_some)
            block = []
        block.append(frame)
    yield from _draw_block(block, plan, most, draw_some)


def _draw_block(
    block: Sequence[Frame],
    plan: FacePlan,
    most: int,
    draw_some: Callable[[Sequence[tuple[Image, PlannedFace]]], Sequence[D]],
) -> Iterator[tuple[Frame, list[D]]]:
    planned = [plan.faces(frame.index) for frame in block]
    drawn: list[dict[int, D]] = [{} for _ in block]
    for number in sorted({face.drawn_by for faces in planned for face in faces}):
        wanted = [
            (place, order, face)
            for place, faces in enumerate(planned)
            for order, face in enumerate(faces)
            if face.drawn_by == number
        ]
        for start in range(0, len(wanted), most):
            batch = wanted[start : start + most]
            done = draw_some([(block[place].image, face) for place, _, face in batch])
            for (place, order, _), face in zip(batch, done, strict=True):
                drawn[place][order] = face
    for frame, faces in zip(block, drawn, strict=True):
        yield frame, [faces[order] for order in sorted(faces)]


def map_with_neighbours(
    items: Iterable[T], done: Callable[[T, Sequence[T]], R], spent: Callable[[T], T]
) -> Iterator[R]:
    """What `done` makes of each item, by itself and the COLOUR_REACH items before and after it.

    Args:
        items: one a frame, in order.
        done: gets an item and those around it, itself among them.
        spent: leaves of an item that is done what later ones still need.
    """
    window: deque[T] = deque()
    ready = 0  # how many of the window's items are done already
    for item in items:
        window.append(item)
        if len(window) - ready > COLOUR_REACH:
            yield done(window[ready], window)
            window[ready] = spent(window[ready])
            ready += 1
        if ready > COLOUR_REACH:
            window.popleft()
            ready -= 1
    for place in range(ready, len(window)):
        yield done(window[place], window)


_NO_IMAGE = np.zeros((0, 0, 3), np.uint8)
_NO_CROP = np.zeros((0, 0, 3), np.float16)


def drop_image(frame: Frame) -> Frame:
    """A frame of which only its place and time are left."""
    return replace(frame, image=_NO_IMAGE, picture=None)
