"""One picture of a video or a photo, as every later stage sees it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from faceswap_cli.media.image import FineImage, Image

if TYPE_CHECKING:
    from faceswap_cli.media.picture import Picture

__all__ = ["FineImage", "Frame", "Image"]


@dataclass(frozen=True)
class Frame:
    """A decoded, upright picture.

    Attributes:
        index: 0-based position in decoding (display) order.
        time: seconds, from the stream's own timestamps; 0.0 for photos.
        image: (H, W, 3) uint8 RGB, already turned upright by the file's rotation metadata.
        pts: the stream's own integer timestamp in the stream's time base; None for photos.
        picture: what the decoder gave, from which all that `image` leaves as it was is written; None for
            photos and made-up frames.
        fine: `image` after drawing into a picture of more than 8 bits; else None.
    """

    index: int
    time: float
    image: Image
    pts: int | None = None
    picture: Picture | None = None
    fine: FineImage | None = None

    def canvas(self) -> Image | FineImage:
        """A copy of the image to draw on, levels 0..255: float32 if the source has more than 8 bits."""
        if self.fine is not None:
            return self.fine.copy()
        if self.picture is not None and self.picture.deep:
            return self.picture.fine_image()
        return self.image.copy()

    def drawn(self, canvas: Image | FineImage) -> Frame:
        """This frame with what was drawn on its `canvas`; where that was left alone nothing changes."""
        if canvas.dtype == np.uint8:
            return replace(self, image=cast(Image, canvas))
        rounded = np.rint(canvas.clip(0, 255)).astype(np.uint8)
        return replace(self, image=rounded, fine=cast(FineImage, canvas))
