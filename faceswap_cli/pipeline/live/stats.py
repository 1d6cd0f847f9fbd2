"""What a stream took, and what became of its frames."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

STAGES = ("wait", "find", "draw", "whole")
"""wait: from the camera until somebody looks at the frame; find; draw, with whatever is waited for; whole:
from the camera until outputs have it."""

MOST = 20_000
"""Frames whose times are kept."""


@dataclass
class LiveStats:
    """Counts and times; written by the thread that draws.

    Attributes:
        shown: frames that came out.
        drawn: frames with a drawn face.
        covered: frames that were covered, by the reason.
        seen: frames in which a face that is to be changed was surely seen, whether drawn or not.
        dropped: frames of the camera that nobody had time for.
        seconds: from the first frame to the last.
    """

    shown: int = 0
    drawn: int = 0
    covered: Counter[str] = field(default_factory=Counter)
    seen: int = 0
    dropped: int = 0
    seconds: float = 0.0
    _times: dict[str, deque[float]] = field(
        default_factory=lambda: {stage: deque(maxlen=MOST) for stage in STAGES}
    )

    def time(self, stage: str, seconds: float) -> None:
        """A stage took so long for a frame."""
        self._times[stage].append(seconds)

    @property
    def fps(self) -> float:
        """Frames a second that came out."""
        return self.shown / self.seconds if self.seconds > 0 else 0.0

    def quantile(self, stage: str, share: float) -> float:
        """Milliseconds under which a share of the frames stayed; 0 if there were none."""
        times = self._times[stage]
        return float(np.quantile(times, share) * 1000) if times else 0.0

    def summary(self, when_lost: str) -> str:
        """What became of the frames, in one line.

        Args:
            when_lost: see `LiveOptions`; or still, where a photo is shown.
        """
        covered = sum(self.covered.values())
        reasons = ", ".join(f"{name} {count}" for name, count in self.covered.most_common())
        shown = {
            "blur": "blurred", "hold": "held", "black": "black", "pass": "passed through undrawn",
            "still": "of the photo at rest",
        }  # fmt: skip
        rest = f", {covered} {shown[when_lost]} ({reasons})" if covered else ""
        return f"{self.shown} frames: {self.drawn} with a drawn face{rest}"

    def lines(self) -> list[str]:
        """For `--stats`."""
        times = "; ".join(
            f"{stage} {self.quantile(stage, 0.5):.0f} and {self.quantile(stage, 0.95):.0f}"
            for stage in STAGES
        )
        return [
            f"{self.fps:.1f} frames/s, {self.dropped} frames of the camera left out",
            f"latency in ms, p50 and p95: {times}",
        ]
