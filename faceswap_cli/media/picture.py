"""A decoded picture that is kept, so that only what was drawn on is converted and written anew."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from faceswap_cli.media.colour import ColourTags, Converter, pixel_kind
from faceswap_cli.media.image import FineImage, Image
from faceswap_cli.media.orientation import Orientation
from faceswap_cli.media.planes import planes

Region = tuple[VideoFrame, VideoFrame | None]

_MARGIN = 8
"""Pixels around what changed that are converted with it: chroma filters look at neighbours."""

_LEAST = 0.1
"""Levels of 255: a smaller change of a fine image is none. It is below half of a step of ten bits, and soft
masks reach far with weights that round to nothing; chroma that is shared would be made anew there."""

_STEP = 64
"""The converted region's sides are multiples of it: swscale prepares itself anew for every other size."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What the decoder gave for one frame.

    Attributes:
        stored: the picture, as it is stored. Whoever encodes it may write into it, as the last who needs it.
        image: (H, W, 3) uint8 RGB, upright: what was made of it for everyone to look at.
        converter: made that.
        orientation: turns it upright.
    """

    stored: VideoFrame
    image: Image
    converter: Converter
    orientation: Orientation

    @property
    def deep(self) -> bool:
        """True if it says more than 8 bits of RGB do: it has more a sample, or is HDR."""
        return self.converter.view is not None or pixel_kind(self.stored.format.name).bit_depth > 8

    def fine_image(self) -> FineImage:
        """`image` with the fractions of a level that its bits say."""
        return self.orientation.apply(self.converter.to_fine_rgb(self.stored))


def picture_to_encode(
    image: Image,
    fine: FineImage | None,
    picture: Picture,
    pixel_format: str,
    converter: Converter,
    tags: ColourTags,
) -> VideoFrame:
    """The decoded picture in the encoder's format, with what was drawn on it.

    Samples that no changed pixel touches are the decoder's own, to the bit, as far as the format has them.

    Args:
        image: the picture's own, or with what was drawn on it.
        fine: that with fractions of a level; None where nothing was drawn so.
        picture: what the decoder gave.
        pixel_format: FFmpeg's name of the encoder's.
        converter: from RGB to that, with `tags`.
        tags: what is said of the written colours.
    """
    undo, hdr = picture.orientation.undo, picture.converter.view is not None
    if hdr and not tags.hdr:
        return converter.from_rgb(undo(_fine(image, fine, picture)[1]), pixel_format)
    base = picture.converter.to_format(picture.stored, pixel_format, tags)
    if image is picture.image:
        return base
    before: Image | FineImage = picture.image
    after: Image | FineImage = image
    if hdr or fine is not None:
        before, after = _fine(image, fine, picture)
    box = _changed_box(before, after)
    if box is None:
        return base
    changed = np.zeros(after.shape[:2], bool)
    if after.dtype == np.uint8:
        apart = before[box] != after[box]
    else:
        apart = np.abs(after[box] - before[box]) >= np.float32(_LEAST)
    changed[box] = apart[..., 0] | apart[..., 1] | apart[..., 2]
    if not changed.any():
        return base
    old, new = undo(before), undo(after)

    def samples(box: tuple[slice, slice]) -> Region:
        was, signal = _signals(picture, old, new, box)  # type: ignore[arg-type]
        form = base.format.name
        region = converter.from_signal(signal, form)
        return region, None if was is None or form.endswith("be") else converter.from_signal(was, form)

    return _patched(base, undo(changed), samples)


def _fine(image: Image, fine: FineImage | None, picture: Picture) -> tuple[FineImage, FineImage]:
    """The fine image of a picture, and with what was drawn on it, though that was done with whole levels."""
    before = picture.fine_image()
    if fine is not None or image is picture.image:
        return before, before if fine is None else fine
    return before, (before + (image.astype(np.float32) - picture.image)).clip(0, 255)


def _signals(
    picture: Picture, before: Image | FineImage, after: Image | FineImage, box: tuple[slice, slice]
) -> tuple[FineImage | None, Image | FineImage]:
    """What is stored of a part of a picture that was drawn on, and what is to be; in stored orientation.

    The first is None where the decoded samples are not to be built on, as pictures of whole levels say less
    than they hold.
    """
    view = picture.converter.view
    if view is None:
        fine = before.dtype != np.uint8
        return (before[box] if fine else None), after[box]  # type: ignore[return-value]
    signal = picture.converter.to_signal(picture.stored)[box]
    return signal, view.carry(signal, before[box], after[box])  # type: ignore[arg-type]


def _changed_box(before: NDArray[np.generic], after: NDArray[np.generic]) -> tuple[slice, slice] | None:
    """Rows and columns outside which two (H, W, 3) images are the same; None if they are so everywhere."""
    old, new = _words(before), _words(after)
    # Whole rows first: they lie together in memory, and faces are small.
    rows = np.flatnonzero((old != new).any(axis=1))
    if not len(rows):
        return None
    down = slice(int(rows[0]), int(rows[-1]) + 1)
    columns = np.flatnonzero((old[down] != new[down]).any(axis=0))
    first, beyond, width, words = int(columns[0]), int(columns[-1]) + 1, before.shape[1], old.shape[1]
    return down, slice(first * width // words, -(-beyond * width // words))


def _words(image: NDArray[np.generic]) -> NDArray[np.generic]:
    """An image's bytes as rows of the widest words that fill them: fewer are sooner compared."""
    rows = np.ascontiguousarray(image).reshape(image.shape[0], -1).view(np.uint8)
    size = math.gcd(rows.shape[1], 8)
    return rows.view(f"u{size}")


def _patched(
    base: VideoFrame,
    changed: NDArray[np.bool_],
    samples: Callable[[tuple[slice, slice]], Region],
) -> VideoFrame:
    """`base` with the changed pixels' samples, in stored orientation; written in place if it may be.

    Args:
        base: the picture.
        changed: (H, W) which pixels.
        samples: gives a part of the changed picture, in its format; and of the unchanged one made in the same
            way, if the difference of the two is to be added to what `base` has.
    """
    height, width = changed.shape
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    top, left = (max(0, int(first[0]) - _MARGIN) // 4 * 4 for first in (rows, columns))
    bottom, right = (
        start + -(-(int(last[-1]) + 1 + _MARGIN - start) // _STEP) * _STEP
        for start, last in ((top, rows), (left, columns))
    )
    box = slice(top, min(bottom, height)), slice(left, min(right, width))
    # Before the picture is written into: it may be what they are made of.
    region, was = samples(box)
    base.make_writable()
    for number, (plane, part) in enumerate(zip(planes(base), planes(region), strict=True)):
        # How many pixels of the picture, down and across, share a sample.
        down, across = -(-height // plane.shape[0]), -(-width // plane.shape[1])
        touched = _any_of(changed[box], down, across)
        place = plane[top // down :, left // across :][: touched.shape[0], : touched.shape[1]]
        # Shared chroma does not come back from RGB as it was; so only what changes of it counts.
        new = part if was is None else _moved(place, part, planes(was)[number], base.format)
        np.copyto(place, new, where=touched[..., None])
    return base


def _moved(
    place: NDArray[np.generic], part: NDArray[np.generic], was: NDArray[np.generic], form: VideoFormat
) -> NDArray[np.generic]:
    """Samples of `place` with the difference of `part` to `was`, within what the format holds."""
    most = (1 << 16) - 1 if form.name.startswith("p0") else (1 << form.components[0].bits) - 1
    moved = place.astype(np.int32) + part.astype(np.int32) - was.astype(np.int32)
    return moved.clip(0, most).astype(place.dtype)


def _any_of(changed: NDArray[np.bool_], down: int, across: int) -> NDArray[np.bool_]:
    """True for each block of `down` x `across` pixels with a changed one in it; the last may be narrower."""
    height, width = changed.shape
    whole = np.zeros((-(-height // down) * down, -(-width // across) * across), bool)
    whole[:height, :width] = changed
    parts = [whole[y::down, x::across] for y in range(down) for x in range(across)]
    return functools.reduce(np.logical_or, parts)
