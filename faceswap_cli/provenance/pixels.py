"""The marks that are in the pixels, put into pictures on their way to an encoder, and into photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from av.video.frame import VideoFrame

from faceswap_cli.media.colour import pixel_kind
from faceswap_cli.media.frame import Image
from faceswap_cli.media.hdr import HLG, PQ
from faceswap_cli.media.orientation import Orientation
from faceswap_cli.media.planes import planes
from faceswap_cli.provenance import label, watermark
from faceswap_cli.provenance.label_corner import Corner
from faceswap_cli.provenance.watermark import Plane, Stillness
from faceswap_cli.provenance.watermark_waves import Float

_WHITE = {PQ: 0.58, HLG: 0.75}
"""The signal of a white sheet of paper (203 cd/m2, BT.2408) in HDR; all above it shines."""


@dataclass(frozen=True)
class PixelMarks:
    """What is put into the pixels of each frame; its result depends on the frames before it in its piece.

    Attributes:
        message: of the watermark; None for no watermark.
        label: where the visible label is drawn; None for no label.
    """

    message: int | None
    label: Corner | None = None

    def of_piece(self) -> Callable[[VideoFrame, Orientation], None]:
        """Marks the pictures of one piece of a video, in their order; see `on_picture`."""
        return partial(self.on_picture, stillness=Stillness())

    def on_picture(
        self, picture: VideoFrame, orientation: Orientation, stillness: Stillness | None = None
    ) -> None:
        """Mark a decoded picture, in its own memory: the watermark changes luma alone.

        Args:
            picture: in stored orientation.
            orientation: turns it upright.
            stillness: of the piece whose next picture it is; None for a picture by itself.
        """
        picture.make_writable()
        form = picture.format.name
        kind, views = pixel_kind(form), [_native(plane, form) for plane in planes(picture)]
        # P010 has its ten bits in the upper part of sixteen.
        depth = 16 if form.startswith("p010") else kind.bit_depth
        grey = kind.family == "rgb"
        if self.label is not None:
            neutral = [None if grey or not number else 1 << (depth - 1) for number in range(len(views))]
            _draw_label(
                self.label, views, neutral, depth, orientation, _WHITE.get(int(picture.color_trc), 1.0)
            )
        if self.message is not None:
            watermark.mark(views if grey else views[:1], depth, self.message, stillness=stillness)

    def on_photo(self, image: Image) -> Image:
        """A marked copy of an upright (H, W, 3) picture."""
        marked = image.copy()
        if self.label is not None:
            _draw_label(self.label, [marked], [None], 8, Orientation())
        if self.message is not None:
            watermark.mark([marked], 8, self.message, still=True)
        return marked


def _draw_label(
    corner: Corner,
    views: Sequence[Plane],
    neutral: Sequence[int | None],
    depth: int,
    orientation: Orientation,
    white: float = 1.0,
) -> None:
    grey, cover = _turned_label(*views[0].shape[:2], orientation, corner)
    label.draw(views, neutral, round(white * ((1 << depth) - 1)), grey, cover)


def _native(plane: Plane, form: str) -> Plane:
    """A plane whose numbers mean what they say, whatever the order of their bytes."""
    return plane.view(plane.dtype.newbyteorder()) if form.endswith("be") else plane


@lru_cache(maxsize=2)
def _turned_label(height: int, width: int, orientation: Orientation, corner: Corner) -> tuple[Float, Float]:
    """The label's grey and cover over a stored picture of this size."""
    upright = np.empty((height, width), np.uint8)
    size = orientation.apply(upright).shape
    grey, cover = label.masks(size[0], size[1], corner)
    return orientation.undo(grey), orientation.undo(cover)
