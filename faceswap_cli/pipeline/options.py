"""How an effect is run over a video or a photo, and how the result is written."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from faceswap_cli.errors import UserError
from faceswap_cli.options import DEVICE, ENCODING, INPUT, OptionGroup, option

if TYPE_CHECKING:
    from faceswap_cli.media.canvas import Canvas
    from faceswap_cli.media.encoders import EncodeOptions
    from faceswap_cli.provenance.marks import Marks


def _usual_encoding() -> EncodeOptions:
    from faceswap_cli.media.encoders import EncodeOptions

    return EncodeOptions()


def _usual_marks() -> Marks:
    from faceswap_cli.provenance.marks import Marks

    return Marks()


@dataclass(frozen=True)
class PipelineOptions(OptionGroup):
    """How an effect is run, and how the result is written.

    Attributes:
        encode: how the video is written.
        marks: how the output says what was done to it; with NO_MARKS every sample outside
            the faces is as it was.
        canvas: where the pictures that are written are not the source's; None: they are.
    """

    allow_8bit: bool = option(
        False, group=ENCODING, flags=("--eight-bit",), medium="photo",
        help="Let a photo of more than 8 bits a channel come out with 8.",
    )  # fmt: skip
    segment_frames: int = option(
        250, 1, 100_000, group=DEVICE, flags=("--segment",), medium="video",
        help="Frames in a piece: what a worker makes in one go, and what is lost at most when all stops.",
    )  # fmt: skip
    encode: EncodeOptions = field(default_factory=_usual_encoding)
    fps: str = option(
        "", group=INPUT, metavar="RATE", medium="video",
        help="Frames a second of numbered pictures as input, as in 25, 23.976 or 24000/1001. [default: 25]",
    )  # fmt: skip
    frames: str = option(
        "", group=INPUT, metavar="PIECES", medium="video",
        help="Only these frames come out, with their sound and subtitles, as in 100-250,400- (both ends are "
        "in; counted from 0; -100 is 0-100). [default: all]",
    )  # fmt: skip
    marks: Marks = field(default_factory=_usual_marks)
    canvas: Canvas | None = None

    @property
    def rate(self) -> Fraction | None:
        """`fps` as a number; None if it is not said."""
        if not self.fps:
            return None
        try:
            rate = Fraction(self.fps).limit_denominator(1001)
        except (ValueError, ZeroDivisionError):
            rate = Fraction(0)
        if not 0 < rate <= 1000:
            raise UserError(f"--fps {self.fps} is no rate", "Write it as 25, 23.976 or 24000/1001")
        # 23.976 is a short way to write 24000/1001.
        whole = Fraction(round(rate), 1) * Fraction(1000, 1001)
        return whole if abs(rate - whole) < Fraction(1, 1000) else rate

    def settings(self) -> dict[str, Any]:
        """What the written pictures depend on, for the fingerprint of unfinished work; plain JSON values."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        del plain["allow_8bit"]
        plain["canvas"] = self.canvas.settings() if self.canvas else None
        return {**plain, "encode": dataclasses.asdict(self.encode), "marks": self.marks.settings()}
