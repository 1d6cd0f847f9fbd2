"""Whether more training still helps, and the schedule of a run that ends when it does not.

The question a person has is "will it look better if I train half as long again?". So the rule looks at the
last third of the training: a robust line (P. Sen, Estimates of the regression coefficient based on Kendall's
tau, 1968) through each measure says what that third has gained, the scatter about the line how surely. When
no measure has gained more than it scatters, nor more than an eye would see, the run has levelled off. A third
grows with the run: quick runs are judged quickly, slow ones get their time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.engine.trainer import HOLD

RECENT = 1 / 3
"""Part of the training, the latest, whose gain is looked at."""

LEAST_POINTS = 8
LEAST_STEPS = 300
LEAST_SECONDS = 120.0
"""What the latest third must at least hold before anything is said: measures, steps, seconds."""

AGREED = 3
"""So many judgements in a row must say "levelled off"."""

SURE = 2.0
"""A gain counts when it is so many standard errors."""

CLOSING = 1 / 3
"""Length of the closing phase, of the steps before it: a quarter of the whole run."""
LEAST_CLOSING = 100

LATEST = 1 / (1 + CLOSING)
"""Part of the most time after which the closing phase begins, levelled off or not."""


@dataclass(frozen=True)
class MeasuredPoint:
    """The figures of one moment that are judged; nan where unknown.

    Attributes:
        step: updates so far.
        seconds: time trained so far.
        progress: of the schedule, 0..1.
        figures: by name.
    """

    step: int
    seconds: float
    progress: float
    figures: Mapping[str, float]


@dataclass(frozen=True)
class ProgressKind:
    """How a figure is judged.

    Attributes:
        sign: +1 when more is better, -1 when less is.
        least: a smaller gain is too small to be seen.
        relative: whether `least` is a share of the figure itself.
    """

    sign: int
    least: float
    relative: bool


LOSS_GAIN: Mapping[str, ProgressKind] = {"loss": ProgressKind(-1, 0.015, relative=True)}
"""What more training may better, whatever is trained: the loss of what was held out."""


@dataclass(frozen=True)
class ProgressVerdict:
    """A judgement.

    Attributes:
        state: "early" (not enough is known), "improving" or "level".
        since: first step of the time in which nothing was gained; 0 unless the state is "level".
        gains: what the latest third has gained, of those figures that did, by name.
    """

    state: str
    since: int = 0
    gains: Mapping[str, float] = field(default_factory=dict)


def judge_progress(
    points: Sequence[MeasuredPoint], timed: bool = True, kinds: Mapping[str, ProgressKind] = LOSS_GAIN
) -> ProgressVerdict:
    """Whether the run still gets better.

    Args:
        points: its measures, oldest first.
        kinds: which figures are judged, and how.
        timed: whether the latest third must have lasted LEAST_SECONDS; without, the judgement depends on
            nothing but steps and figures.
    """
    verdicts = [_once(points[: len(points) - back], timed, kinds) for back in range(min(AGREED, len(points)))]
    if not verdicts or verdicts[0].state != "level":
        return verdicts[0] if verdicts else ProgressVerdict("early")
    if len(verdicts) == AGREED and all(one.state == "level" for one in verdicts):
        return ProgressVerdict("level", verdicts[-1].since)
    return next((one for one in verdicts if one.state == "improving"), ProgressVerdict("early"))


def points_at_full_rate(points: Sequence[MeasuredPoint]) -> list[MeasuredPoint]:
    """The latest points in an unbroken row whose learning rate was not yet falling."""
    found: list[MeasuredPoint] = []
    for point in reversed(points):
        if point.progress > HOLD:
            break
        found.append(point)
    return found[::-1]


def _once(points: Sequence[MeasuredPoint], timed: bool, kinds: Mapping[str, ProgressKind]) -> ProgressVerdict:
    if not points:
        return ProgressVerdict("early")
    start = points[-1].step * (1 - RECENT)
    recent = [point for point in points if point.step >= start]
    long_enough = not timed or recent[-1].seconds - recent[0].seconds >= LEAST_SECONDS * 0.8
    if len(recent) < LEAST_POINTS or points[-1].step * RECENT < LEAST_STEPS or not long_enough:
        return ProgressVerdict("early")
    gains = {name: _gain(recent, name, kind) for name, kind in kinds.items()}
    gains = {name: value for name, value in gains.items() if value > 0}
    return ProgressVerdict("improving", gains=gains) if gains else ProgressVerdict("level", recent[0].step)


def _gain(points: Sequence[MeasuredPoint], name: str, kind: ProgressKind) -> float:
    """What was gained over some points, see Kind for its unit; 0 where it could be noise or nothing."""
    pairs = [(p.step, p.figures.get(name, math.nan)) for p in points]
    known = np.array([pair for pair in pairs if math.isfinite(pair[1])], np.float64).reshape(-1, 2)
    if len(known) < LEAST_POINTS:
        return 0.0
    x, y = known.T
    slope = _sen(x, y)
    length = x[-1] - x[0]
    gain = kind.sign * slope * length
    residual = y - slope * x
    scatter = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
    error = scatter * length / max(float(np.sqrt(((x - x.mean()) ** 2).sum())), 1e-9)
    scale = max(abs(float(np.median(y))), 1e-9) if kind.relative else 1.0
    return float(gain / scale) if gain > max(SURE * error, kind.least * scale) else 0.0


def _sen(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """The median of the slopes between all pairs of points."""
    first, second = np.triu_indices(len(x), 1)
    apart = x[second] - x[first]
    slopes = (y[second] - y[first])[apart > 0] / apart[apart > 0]
    return float(np.median(slopes)) if len(slopes) else 0.0


@dataclass(frozen=True)
class UntilPlateau(Budget):
    """Hold the learning rate until the run levels off, then close: the rate falls, the warp goes, the end.

    Steps and minutes, where given, are the most: the closing phase begins in time for them, levelled off or
    not. Without either a run that never levels off goes on until it is stopped.

    Attributes:
        state: `closing_from`, `closing_until` and `level_since` in steps, once the closing phase was begun.
            Kept by the trainer in its checkpoints, so that a roll-back or a new start leads to the same end.
    """

    state: dict[str, float] = field(default_factory=dict)

    @property
    def endless(self) -> bool:
        """Whether neither steps nor minutes are given."""
        return self.steps is None and self.minutes is None

    def waiting(self, step: int, seconds: float) -> bool:
        """Whether the closing phase has not begun."""
        return self.progress(step, seconds) < HOLD

    @property
    def level_since(self) -> int | None:
        """The step since which nothing was gained, once the run has levelled off."""
        return int(self.state["level_since"]) if "level_since" in self.state else None

    def close(self, step: int, since: int) -> int:
        """Begin the closing phase at this step; returns the one at which it ends. Level since another."""
        until = step + max(round(step * CLOSING), LEAST_CLOSING)
        self.state.update(closing_from=step, closing_until=until, level_since=since)
        return until

    def progress(self, step: int, seconds: float) -> float:
        """Below HOLD while waiting, then up to 1 along the closing phase."""
        used = 0.0 if self.endless else super().progress(step, seconds)
        if used >= 1:
            return used  # the sum below would miss it by a rounding
        if used < LATEST:
            waited = 0.999 * HOLD * used / LATEST
        else:
            waited = HOLD + (1 - HOLD) * ((used - LATEST) / (1 - LATEST))
        if "closing_from" not in self.state:
            return waited
        begun, end = self.state["closing_from"], self.state["closing_until"]
        return max(waited, HOLD + (1 - HOLD) * ((step - begun) / max(end - begun, 1)))

    def seconds_left(self, step: int, seconds: float, steps_per_second: float) -> float:
        """An estimate; while waiting the most it can be, infinite if that is not limited."""
        most = math.inf if self.endless else super().seconds_left(step, seconds, steps_per_second)
        if "closing_from" not in self.state:
            return most
        return min(most, max(self.state["closing_until"] - step, 0) / max(steps_per_second, 1e-6))
