"""How an effect is run over a video or a photo, and how the result is written."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from faceswap_cli.errors import UserError
from faceswap_cli.media.encoders import EncodeOptions
from faceswap_cli.provenance.marks import Marks

MOST_SEGMENT_FRAMES = 100_000


@dataclass(frozen=True)
class PipelineOptions:
    """How an effect is run, and how the result is written.

    Attributes:
        allow_8bit: let photos of more than 8 bits a channel come out with 8; videos keep their depth.
        segment_frames: an interrupted run goes on from the last whole segment of so many frames.
        encode: how the video is written.
        fps: pictures a second of a sequence of pictures, as in "24000/1001"; "" is 25, and for videos.
        frames: of a video only these, as in "100-250,400-", counted from 0; "" is all.
        marks: how the output says what was done to it; with NO_MARKS every sample outside
            the faces is as it was.
    """

    allow_8bit: bool = False
    segment_frames: int = 250
    encode: EncodeOptions = field(default_factory=EncodeOptions)
    fps: str = ""
    frames: str = ""
    marks: Marks = field(default_factory=Marks)

    def check(self) -> None:
        """Raise a UserError for the first value that can't be."""
        if not 1 <= self.segment_frames <= MOST_SEGMENT_FRAMES:
            raise UserError(f"--segment-frames {self.segment_frames} is outside 1..{MOST_SEGMENT_FRAMES}")

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
        return {**plain, "encode": dataclasses.asdict(self.encode), "marks": self.marks.settings()}
