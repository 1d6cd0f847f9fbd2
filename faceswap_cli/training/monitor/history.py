"""What a run's report is drawn from: its log, thinned so that days of training stay a small page."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from faceswap_cli.training.engine import event_log
from faceswap_cli.training.engine.early_stopping import MeasuredPoint

MOST_LOSSES = 600
"""Points of the training loss that are kept; where they become twice as many, neighbours are averaged."""

MOST_MEASURES = 800
"""Measures that are kept of all but the latest third, likewise thinned (every second one is dropped)."""


@dataclass(frozen=True)
class Loss:
    """The training loss of some time: its terms' means."""

    step: int
    seconds: float
    terms: Mapping[str, float]


@dataclass
class History:
    """A run so far, oldest first.

    Attributes:
        losses: of training.
        measures: lines with a "validation", see `validation.Validation.to_json`.
    """

    losses: list[Loss] = field(default_factory=list)
    measures: list[dict[str, Any]] = field(default_factory=list)
    _every: int = 1
    _waiting: list[Loss] = field(default_factory=list)

    @classmethod
    def of(cls, log: Path, until: int) -> Self:
        """What a log tells of a run up to a step."""
        found = cls()
        for line in event_log.read_events(log, until):
            found.add(line)
        return found

    def add(self, line: Mapping[str, Any]) -> None:
        """Take in a line of the log. What was told of later steps than its own is forgotten."""
        step, seconds = line["step"], line.get("seconds")
        self._forget(step)
        if not isinstance(seconds, (int, float)):
            return  # of a version that did not say it
        if isinstance(line.get("losses"), dict):
            terms = {k: float(v) for k, v in line["losses"].items() if isinstance(v, (int, float))}
            self._add_loss(Loss(step, float(seconds), terms))
        if isinstance(line.get("validation"), dict):
            self.measures.append(dict(line))
            self._thin_measures()

    def points(self, names: Collection[str]) -> list[MeasuredPoint]:
        """The measures as they are judged, by these figures."""
        return [
            MeasuredPoint(
                one["step"],
                float(one["seconds"]),
                _number(one.get("progress")),
                {name: _number(one["validation"].get(name)) for name in names},
            )
            for one in self.measures
        ]

    def _forget(self, step: int) -> None:
        for entries in (self.losses, self._waiting):
            while entries and entries[-1].step > step:
                entries.pop()
        while self.measures and self.measures[-1]["step"] > step:
            self.measures.pop()

    def _add_loss(self, loss: Loss) -> None:
        self._waiting.append(loss)
        if len(self._waiting) >= self._every:
            self.losses.append(_average(self._waiting))
            self._waiting.clear()
        if len(self.losses) >= 2 * MOST_LOSSES:
            pairs = zip(self.losses[::2], self.losses[1::2], strict=True)
            self.losses = [_average([first, second]) for first, second in pairs]
            self._every *= 2

    def _thin_measures(self) -> None:
        recent = [one for one in self.measures if one["step"] * 2 >= self.measures[-1]["step"]]
        old = self.measures[: len(self.measures) - len(recent)]
        if len(old) >= MOST_MEASURES:
            self.measures = old[::2] + recent


def _average(losses: list[Loss]) -> Loss:
    last = losses[-1]
    names = [name for name in last.terms if all(name in one.terms for one in losses)]
    terms = {name: sum(one.terms[name] for one in losses) / len(losses) for name in names}
    return Loss(last.step, last.seconds, terms)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
