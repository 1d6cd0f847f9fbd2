"""`faceswap lab` in the terminal: live with keys, or as plain lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from faceswap_cli.cli import console
from faceswap_cli.cli.screen import Keys, Screen, has_colours, read_keys

if TYPE_CHECKING:
    from faceswap_cli.generation.lab.frames import Frame
    from faceswap_cli.generation.lab.laboratory import Laboratory
    from faceswap_cli.generation.lab.steering import Steering

KEYS = {
    " ": "pause",
    "d": "discriminator",
    "g": "generator",
    "b": "both",
    "-": "slower",
    "+": "faster",
    "=": "faster",
    "r": "restart",
    "l": "loss",
    "q": "quit",
}

HELP = "space pause  d g b step D, G, both  - + pace  r restart  l next loss  q quit"

LEAST_SIZE = (40, 16)
"""Columns and rows; on anything smaller plain lines are of more use."""

BELOW = 8
"""Rows of text below the picture."""

LINES = 10
"""Plain lines of a training."""


def watch_plain(laboratory: Laboratory, stopped: Callable[[], bool]) -> Frame | None:
    """A line every tenth of the way, and what should be read at once; the last frame."""
    last, told = None, -1
    for last in laboratory.train():
        if stopped():
            laboratory.stop()
        if last.note:
            console.warn(last.note)
        tenth = LINES * last.step // laboratory.experiment.steps
        if tenth > told and last.figures:
            told = tenth
            console.tell(f"{describe(last)} | {describe_losses(last)} | {last.steps_per_second:.0f} steps/s")
    return last


def watch_live(laboratory: Laboratory, stopped: Callable[[], bool]) -> Frame | None:
    """The picture, until it is through or ended by a key; the last frame."""
    from faceswap_cli.generation.lab.steering import Steering

    steering = Steering(laboratory)
    with read_keys() as keys, Screen() as screen:
        if any(have < least for have, least in zip(screen.size, LEAST_SIZE, strict=True)):
            console.warn("the terminal is too small for the picture")
            return watch_plain(laboratory, stopped)
        view = _View(screen, steering)
        steering.follow(_orders(keys, steering, stopped), view.show, view.draw)
        return view.last


def _orders(
    keys: Keys, steering: Steering, stopped: Callable[[], bool]
) -> Callable[[float], dict[str, Any] | None]:
    """Keys as orders."""

    def ask(seconds: float) -> dict[str, Any] | None:
        until = time.monotonic() + seconds
        while not stopped():
            name = KEYS.get(keys.pressed(max(until - time.monotonic(), 0.0)).lower())
            if name == "pause" and steering.paused:
                name = "play"
            if name is not None:
                return {"name": name}
            if time.monotonic() >= until:
                return None
        return {"name": "quit"}

    return ask


class _View:
    """What is on the screen."""

    def __init__(self, screen: Screen, steering: Steering) -> None:
        self.screen, self.steering = screen, steering
        self.last: Frame | None = None
        self._curves: dict[str, list[float]] = {}
        self._note = ""

    def show(self, frame: Frame) -> None:
        """Another frame."""
        if self.last is not None and frame.step < self.last.step:
            self._curves, self._note = {}, ""
        self.last, self._note = frame, frame.note or self._note
        for name, value in {**frame.losses, "divergence": frame.figures.get("js")}.items():
            if value is not None:
                self._curves.setdefault(name, []).append(value)
        self.draw()

    def draw(self) -> None:
        """The last frame, and how things stand."""
        from faceswap_cli.generation.lab.cells import draw_cells, draw_letters

        lab, frame = self.steering.lab, self.last
        if frame is None or lab.data is None:
            return
        width, height = self.screen.size
        height = min(height - BELOW - 1, width // 2)
        drawing = draw_cells if has_colours() else draw_letters
        picture = drawing(frame, lab.data.real.numpy(), min(2 * height, width), height)
        self.screen.show(picture, self._lines(frame, width))

    def _lines(self, frame: Frame, width: int) -> list[str]:
        from faceswap_cli.generation.lab.cells import draw_curve

        lab = self.steering.lab
        state = "paused" if self.steering.paused else self.steering.pace
        legend = "" if has_colours() else ". real  o generated  @ both | "
        lines = [f"{legend}{lab.experiment.title} | {state} | {frame.steps_per_second:.0f} steps/s"]
        lines.append(describe(frame))
        room = max(width - 28, 10)
        # Without the penalties, which say little by themselves.
        names = [name for name in self._curves if name not in ("r1", "r2", "interpolation")]
        for name in names:
            values = self._curves[name]
            blocks = draw_curve(values, min(room, 60)) if has_colours() else ""
            lines.append(f"{name:<14} {values[-1]:8.3f}  {blocks}")
        return [*lines, f"note: {self._note}" if self._note else "", HELP]


def describe(frame: Frame) -> str:
    """A frame's measures on a line."""
    from faceswap_cli.training.monitor.points_validation import describe_state

    figures = frame.figures
    if not figures:
        return f"step {frame.step}"
    return (
        f"step {frame.step} | {describe_state(figures)} | divergence {figures['js']:.3f}, "
        f"floor {figures['js_floor']:.3f} | {figures['near']:.0%} near the data"
    )


def describe_losses(frame: Frame) -> str:
    """A frame's losses on a line."""
    return " ".join(f"{name} {value:.3f}" for name, value in frame.losses.items())
