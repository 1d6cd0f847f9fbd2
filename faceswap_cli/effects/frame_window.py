"""Frames in blocks, and each with those around it: how an effect sees a video.

What comes out for a frame depends on the frames around it (COLOUR_REACH on either side) and on nothing else:
crops go through networks in blocks that begin at multiples of BLOCK, so that a run which starts at any frame,
given the `lead_in` before it, draws that frame exactly as a run from the beginning.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeVar

import numpy as np

from faceswap_cli.effects.planned_faces import FacePlan, PlannedFace
from faceswap_cli.media.frame import Frame, Image

BLOCK = 8
"""Frames whose faces are drawn together."""

COLOUR_REACH = 6
"""Frames on either side over which contrast is averaged, at most: so many frames wait in memory."""

_NO_IMAGE = np.zeros((0, 0, 3), np.uint8)

D = TypeVar("D")


def lead_in(frame: int) -> int:
    """The first frame that must be drawn for `frame` to come out as in a run from the beginning."""
    return max(0, frame - COLOUR_REACH) // BLOCK * BLOCK


def lead_out(frame: int) -> int:
    """The last frame that must be drawn for `frame` to come out as in a run to the end."""
    return (frame + COLOUR_REACH) // BLOCK * BLOCK + BLOCK - 1


@dataclass(frozen=True)
class Block:
    """Frames whose faces are drawn together.

    Attributes:
        frames: in order.
        faces: of each frame, in the plan's order.
    """

    frames: Sequence[Frame]
    faces: Sequence[Sequence[PlannedFace]]

    def batches(self, most: int) -> Iterator[Batch]:
        """The block's faces, at most so many at once, all of a batch of the same target."""
        everyone = [(place, order) for place, faces in enumerate(self.faces) for order in range(len(faces))]
        for target in sorted({face.target for faces in self.faces for face in faces}):
            mine = [(place, order) for place, order in everyone if self.faces[place][order].target == target]
            for start in range(0, len(mine), most):
                chosen = mine[start : start + most]
                faces = [(self.frames[place].image, self.faces[place][order]) for place, order in chosen]
                yield Batch(target, faces, chosen)

    def by_frame(self, drawn: Mapping[tuple[int, int], D]) -> Iterator[tuple[Frame, list[D]]]:
        """Each frame with what was made of its faces, in the plan's order.

        Args:
            drawn: by the places of the batches.
        """
        for place, frame in enumerate(self.frames):
            yield frame, [drawn[place, order] for order in range(len(self.faces[place]))]


@dataclass(frozen=True)
class Batch:
    """Faces that go through a network together.

    Attributes:
        target: of the plan, all theirs.
        faces: each with its frame's image (H, W, 3).
        places: of the faces in their block.
    """

    target: int
    faces: Sequence[tuple[Image, PlannedFace]]
    places: Sequence[tuple[int, int]]


def read_blocks(frames: Iterable[Frame], plan: FacePlan) -> Iterator[Block]:
    """Frames that come in order, the first being a block's first, with their planned faces."""
    block: list[Frame] = []
    for frame in frames:
        if block and frame.index // BLOCK != block[0].index // BLOCK:
            yield Block(block, [plan.faces(one.index) for one in block])
            block = []
        block.append(frame)
    if block:
        yield Block(block, [plan.faces(one.index) for one in block])


class DrawnFrame(Protocol):
    """A frame that waits with what was drawn for it."""

    @property
    def frame(self) -> Frame:
        """The frame."""
        ...

    def without_images(self) -> Self:
        """What frames after it still need of it when it is done."""
        ...


F = TypeVar("F", bound=DrawnFrame)


def with_neighbours(drawn: Iterable[F]) -> Iterator[tuple[F, list[F]]]:
    """Each frame with those up to COLOUR_REACH before and after it, itself among them, in order.

    Lags COLOUR_REACH frames behind its input; of the frames before, images are no longer there.
    """
    window: deque[F] = deque()
    done = 0  # how many of the window's frames are
    for item in drawn:
        window.append(item)
        if len(window) - done > COLOUR_REACH:
            yield window[done], _near(window[done], window)
            window[done] = window[done].without_images()
            done += 1
        if done > COLOUR_REACH:
            window.popleft()
            done -= 1
    for place in range(done, len(window)):
        yield window[place], _near(window[place], window)


def _near(item: F, window: Iterable[F]) -> list[F]:
    return [one for one in window if abs(one.frame.index - item.frame.index) <= COLOUR_REACH]


def drop_image(frame: Frame) -> Frame:
    """A frame of which only its place and time are left."""
    return replace(frame, image=_NO_IMAGE, picture=None)
