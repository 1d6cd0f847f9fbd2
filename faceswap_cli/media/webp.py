"""Animated WebP, and its pictures read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageSequence
from av.video.frame import VideoFrame

from faceswap_cli.media.image import Image

QUALITY = 88
"""Of 100: a little is lost, and a file is a tenth of what one without loss is."""


def write_webp(path: Path, pictures: Iterable[VideoFrame], durations: Sequence[int]) -> None:
    """Write an animation that is played again for ever.

    Args:
        path: of the file.
        pictures: in order.
        durations: of each, milliseconds.
    """
    images = (PIL.Image.fromarray(picture.to_ndarray(format="rgb24")) for picture in pictures)
    first = next(images)
    first.save(
        path, "WEBP", save_all=True, append_images=images, duration=list(durations), loop=0,
        quality=QUALITY, method=4, kmax=30,
    )  # fmt: skip


def read_webp(path: Path) -> Iterator[Image]:
    """The pictures of an animation, (H, W, 3) each."""
    with PIL.Image.open(path) as file:
        for picture in PIL.ImageSequence.Iterator(file):
            yield np.asarray(picture.convert("RGB"))
