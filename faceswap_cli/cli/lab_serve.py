"""`faceswap lab --serve`."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from faceswap_cli.cli import console
from faceswap_cli.cli.app import INTERRUPTED, stop_on_signal

if TYPE_CHECKING:
    from faceswap_cli.generation.lab.frames import Frame
    from faceswap_cli.generation.lab.laboratory import Laboratory
    from faceswap_cli.generation.lab.server import Board

LONGEST_WAIT = 0.2
"""Seconds that are waited for an order at once: Ctrl-C is noticed in between."""


def serve(laboratory: Laboratory, port: int) -> None:
    """Train on a page until Ctrl-C."""
    import typer

    with stop_on_signal("ending ...") as stopped:
        run_server(laboratory, port, stopped)
    raise typer.Exit(INTERRUPTED)


def run_server(laboratory: Laboratory, port: int, stopped: Callable[[], bool]) -> None:
    """Train on a page until told to stop."""
    from faceswap_cli.generation.lab.server import Board, LabServer
    from faceswap_cli.generation.lab.steering import MOST_DRAWN, Steering
    from faceswap_cli.training.runs.settings import PENALTIES, SHAPE_NAMES

    own = laboratory.experiment.source.data.name
    choices = {
        "data": [*SHAPE_NAMES, *([] if own in SHAPE_NAMES else [own])],
        "loss": list(PENALTIES),
        "noise": ["uniform", "normal"],
    }
    board, steering = Board(), Steering(laboratory, stays=True)
    server = LabServer(board, {"choices": choices, "most_points": MOST_DRAWN}, port)

    def told() -> None:
        board.tell(**steering.state())

    teller = _Teller(laboratory, board, told, lambda: _told(server))
    with server:
        try:
            steering.follow(_orders(board, stopped), teller.show, told)
        finally:
            if teller.begun:
                server.shutdown()


def _told(server: Any) -> None:
    server.start()
    console.say(f"open {server.address}")
    console.tell("only this machine can, and who knows the address. Ctrl-C ends it")


class _Teller:
    """Puts frames on the board."""

    def __init__(
        self, laboratory: Laboratory, board: Board, told: Callable[[], None], ready: Callable[[], None]
    ) -> None:
        self.laboratory, self.board, self.told, self.ready = laboratory, board, told, ready
        self.begun = ""

    def show(self, frame: Frame) -> None:
        """Another frame, perhaps of another training."""
        from faceswap_cli.generation.lab.page import frame_data

        lab = self.laboratory
        first = not self.begun
        if self.begun != str(lab.run):
            assert lab.data is not None
            self.begun = str(lab.run)
            self.board.begin(lab.experiment.title, [lab.experiment.summary], lab.data)
            self.told()
        self.board.add(frame_data(frame))
        if first:
            self.ready()


def _orders(board: Board, stopped: Callable[[], bool]) -> Callable[[float], Any]:
    """What the page's requests left."""

    def ask(seconds: float) -> Any:
        until = time.monotonic() + seconds
        while not stopped():
            left = until - time.monotonic()
            try:
                return board.orders.get(left > 0, min(max(left, 0.0), LONGEST_WAIT) or None)
            except queue.Empty:
                if left <= 0:
                    return None
        return {"name": "quit"}

    return ask
