"""Orders to a laboratory, from keys or from a page: pause, one step, pace, restart, another loss."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from faceswap_cli.errors import UserError
from faceswap_cli.generation.lab.frames import Frame
from faceswap_cli.generation.lab.laboratory import Laboratory
from faceswap_cli.training.data.point_files import data_of_points
from faceswap_cli.training.families.points import PointsSource
from faceswap_cli.training.monitor.points_validation import WINDOW
from faceswap_cli.training.objectives.points import DISCRIMINATOR, GENERATOR
from faceswap_cli.training.runs.settings import PENALTIES, SHAPE_NAMES

PACES = ((1, 0.6), (1, 0.2), (2, 0.08), (5, 0.06), (20, 0.05), (50, 0.03), (150, 0.0))
"""Steps from one frame to the next, and the least seconds between them: from slow to fast."""

BEGINS_AT = 4
"""The pace at first."""

MOST_DRAWN, LEAST_DRAWN = 5000, 10
"""Points that somebody may draw."""

Order = Mapping[str, Any]
"""{"name": ..., and what belongs to it}"""

Ask = Callable[[float], Order | None]
"""Waits so many seconds at most for an order."""


class Steering:
    """Runs a laboratory, and obeys.

    Args:
        lab: what is steered.
        stays: wait for orders when a training is through, instead of ending.

    Attributes:
        paused: nothing is trained until it is told otherwise.
        ended: the last training is through, and nothing else was ordered.
    """

    def __init__(self, lab: Laboratory, stays: bool = False) -> None:
        self.lab, self.stays = lab, stays
        self.paused = self.ended = False
        self._pace, self._single, self._quits = BEGINS_AT, False, False
        self._file = lab.experiment.source

    @property
    def running(self) -> bool:
        """Whether it trains by itself."""
        return not (self.paused or self.ended)

    @property
    def pace(self) -> str:
        """In words."""
        steps, seconds = PACES[self._pace]
        return f"{steps} step{'s' * (steps > 1)} a frame" + (", slowly" if seconds > 0.1 else "")

    def follow(self, ask: Ask, show: Callable[[Frame], None], told: Callable[[], None]) -> None:
        """Train until it is through, or until told to quit.

        Args:
            ask: for orders.
            show: called with every frame.
            told: called when something else than a frame has changed.

        Raises:
            UserError: see `train`.
        """
        while not self._quits:
            self.lab.every = 1 if self._single else PACES[self._pace][0]
            for frame in self.lab.train():
                show(frame)
                if not self.lab.stopped:
                    self._attend(ask, told)
            if self.lab.stopped:
                continue  # for another one
            if not self.stays:
                return
            self.ended = True
            told()
            while self.ended and not self._quits:
                self._take(ask(math.inf), told)

    def _attend(self, ask: Ask, told: Callable[[], None]) -> None:
        """Between two frames."""
        if self._single:
            self._single, self.paused = False, True
            self.lab.train_only("")
            told()
        until = time.monotonic() + PACES[self._pace][1]
        while not self.lab.stopped:
            waits = math.inf if self.paused else max(until - time.monotonic(), 0.0)
            order = ask(waits)
            self._take(order, told)
            if self._single or (order is None and not self.paused):
                break
        self.lab.every = 1 if self._single else PACES[self._pace][0]

    def _take(self, order: Order | None, told: Callable[[], None]) -> None:
        if order is None:
            return
        done = order.get("done", lambda answer: None)
        try:
            self.obey(order)
        except UserError as error:
            done({"error": str(error)})
            return
        told()
        done(self.state())

    def state(self) -> dict[str, Any]:
        """For a page."""
        settings = self.lab.experiment.settings
        names = ("loss", "learning_rate", "batch", "noise", "r1")
        own = {name: getattr(settings, name) for name in names}
        return {
            "running": self.running,
            "title": self.lab.experiment.title,
            "settings": {"data": self.lab.experiment.source.data.name, **own},
        }

    def obey(self, order: Order) -> None:
        """Do what one order says.

        Raises:
            UserError: it can't be done.
        """
        name, lab = order.get("name"), self.lab
        if name in (DISCRIMINATOR, GENERATOR, "both", "play") and self.ended:
            raise UserError(f"the training has had its {lab.experiment.steps} steps", "Restart it")
        if name == "pause":
            self.paused = True
        elif name == "play":
            self.paused = False
        elif name in (DISCRIMINATOR, GENERATOR, "both"):
            lab.train_only("" if name == "both" else str(name))
            self._single, self.paused = True, False
        elif name in ("slower", "faster"):
            self._pace = min(max(self._pace + (1 if name == "faster" else -1), 0), len(PACES) - 1)
        elif name == "restart":
            self._begin(lambda: lab.begin(lab.experiment))
        elif name == "loss":
            names = tuple(PENALTIES)
            after = names[(names.index(lab.experiment.settings.loss) + 1) % len(names)]
            self._begin(lambda: lab.change(loss=after))
        elif name == "change":
            self._change(order.get("values"))
        elif name == "points":
            source = PointsSource(data_of_points("drawn", _checked_points(order.get("points"))))
            self._begin(lambda: lab.begin(replace(lab.experiment, source=source)))
        elif name == "quit":
            self._quits = True
            lab.stop()
        else:
            raise UserError(f"there is no order {str(name)[:40]!r}", "Reload the page")

    def _begin(self, begin: Callable[[], None]) -> None:
        begin()
        self.paused = self.ended = self._single = False
        self.lab.train_only("")

    def _change(self, values: object) -> None:
        """Other settings, and perhaps other data."""
        if not isinstance(values, dict):
            raise UserError("no settings were given", "Reload the page")
        lab, known = self.lab, self.state()["settings"]
        if foreign := values.keys() - known.keys():
            raise UserError(f"there is no setting {min(foreign)[:40]!r} to change", "Reload the page")
        changed = {name: value for name, value in values.items() if value != known[name]}
        data = changed.pop("data", None)
        experiment = lab.experiment.changed(**changed)  # so that nothing is done by halves
        if data is not None:
            self._begin(lambda: lab.begin(replace(experiment, source=self._source(data))))
        elif changed:
            self._begin(lambda: lab.change(**changed))

    def _source(self, name: object) -> PointsSource:
        """A shape, or the data that the laboratory was begun with; a page may name no files."""
        if name == self._file.data.name:
            return self._file
        if name not in SHAPE_NAMES:
            raise UserError(f"there are no data {str(name)[:40]!r}", f"Choose {', '.join(SHAPE_NAMES)}")
        return PointsSource(Path(str(name)))


def _checked_points(points: object) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What somebody has drawn."""
    if not isinstance(points, list) or not LEAST_DRAWN <= len(points) <= MOST_DRAWN:
        raise UserError("there are too few points, or too many", f"Draw {LEAST_DRAWN} to {MOST_DRAWN}")
    if not all(isinstance(one, list) and len(one) == 2 and all(_is_number(v) for v in one) for one in points):
        raise UserError("these are no points", "Reload the page")
    return np.clip(np.array(points, np.float64), -WINDOW, WINDOW)


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
