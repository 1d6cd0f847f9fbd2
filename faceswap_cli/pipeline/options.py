"""What a conversion is asked for, and what it tells while it runs."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from faceswap_cli.compositing.blend import BLENDS
from faceswap_cli.compositing.colour import COLOUR, SEAMLESS
from faceswap_cli.compositing.masks import wanted
from faceswap_cli.errors import UserError
from faceswap_cli.media.encoders import EncodeOptions
from faceswap_cli.provenance.marks import NO_MARKS, Marks

Phase = Literal["read", "faces", "render", "join"]


@dataclass(frozen=True)
class ConvertOptions:
    """How faces are put into frames.

    Attributes:
        mask: hull (around the landmarks), model (the network's own), parsed (the face parser's region),
            occlusion (not what stands before the face), or several joined by "+"; see `masks`.
        colour: rct, lct, mkl, hist, idt, sot, seamless or none; see `colour`.
        blend: alpha, pyramid or poisson; see `blend`.
        erode: how far the mask's edge is moved inwards, in face widths, -0.2..0.4.
        feather: width of the mask's soft edge, in face widths, 0..0.5.
        smoothing: steadiness over time, 0 (none) to 5; see `smoothing`.
        sharpen: unsharp mask on the drawn face, 0 (none) to 1. A network trained on pixel differences
            draws softer than what it saw: 0.3 and 0.6 raised a small model's Laplacian variance from 0.30 to
            0.37 and 0.45 of the original's, without visible halos.
        grain: how much of the grain that the drawn face lacks is added, 0 (none) to 1; see `grain`.
        defocus: how much of the covered face's softness the drawn one is given, 0 (none) to 1; see `focus`.
        motion_blur: how much of the covered face's motion blur, 0 (none) to 1.
        expression: how far the drawn expression is from rest, 1: as it is, 0..2; see `steer`.
        yaw: degrees by which the drawn head is turned further to the picture's right, -20..20; likewise.
        identity: recognise people, if the cast asks for it; without, everybody is drawn by its first role.
        allow_8bit: let photos of more than 8 bits a channel come out with 8; videos keep their depth.
        segment_frames: an interrupted run goes on from the last whole segment of so many frames.
        batch: faces drawn at once, at most.
        encode: how the video is written.
        fps: pictures a second of a sequence of pictures, as in "24000/1001"; "" is 25, and for videos.
        frames: of a video only these, as in "100-250,400-", counted from 0; "" is all.
        marks: how the output says what was done to it; with NO_MARKS every sample outside
            the faces is as it was.
    """

    mask: str = "hull+model+occlusion"
    colour: str = "rct"
    blend: str = "alpha"
    erode: float = 0.0
    feather: float = 0.08
    smoothing: float = 1.0
    sharpen: float = 0.5
    grain: float = 1.0
    defocus: float = 1.0
    motion_blur: float = 1.0
    expression: float = 1.0
    yaw: float = 0.0
    identity: bool = True
    allow_8bit: bool = False
    segment_frames: int = 250
    batch: int = 8
    encode: EncodeOptions = field(default_factory=EncodeOptions)
    fps: str = ""
    frames: str = ""
    marks: Marks = field(default_factory=Marks)

    def check(self) -> None:
        """Raise a UserError for the first value that can't be."""
        wanted(self.mask)
        if self.colour not in COLOUR:
            raise UserError(f"--colour {self.colour} is none of {', '.join(COLOUR)}")
        if self.blend not in BLENDS:
            raise UserError(f"--blend {self.blend} is none of {', '.join(BLENDS)}")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not math.isfinite(value) or not low <= value <= high:
                raise UserError(f"--{name.replace('_', '-')} {value} is outside {low}..{high}")

    @property
    def seamless(self) -> bool:
        """Whether colours are led in from the mask's border."""
        return self.blend == "poisson" or self.colour == SEAMLESS

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
        """What the picture depends on, for the fingerprint of unfinished work; plain JSON values."""
        plain = dataclasses.asdict(dataclasses.replace(self, marks=NO_MARKS))
        del plain["allow_8bit"]
        return {**plain, "marks": self.marks.settings()}


_RANGES: dict[str, tuple[float, float]] = {
    "erode": (-0.2, 0.4),
    "feather": (0.0, 0.5),
    "smoothing": (0.0, 5.0),
    "sharpen": (0.0, 1.0),
    "grain": (0.0, 1.0),
    "defocus": (0.0, 1.0),
    "motion_blur": (0.0, 1.0),
    "expression": (0.0, 2.0),
    "yaw": (-20.0, 20.0),
    "segment_frames": (1, 100_000),
    "batch": (1, 1024),
}


@dataclass(frozen=True)
class ConvertProgress:
    """One step of a conversion.

    Attributes:
        phase: read (the frames only), faces (looking for them), render or join.
        done: frames of this phase that are done, those of an earlier run included.
        total: frames in all; None while unknown.
        fps: frames a second in this run so far; 0 at its start.
        note: something the user should read; None on most steps.
        summary: on the last step, what was done.
    """

    phase: Phase
    done: int
    total: int | None
    fps: float = 0.0
    note: str | None = None
    summary: str | None = None
