"""Where the pictures of a stream go."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass

from faceswap_cli.media.frame import Image
from faceswap_cli.pipeline.live.slots import Newest


@dataclass(frozen=True)
class Shown:
    """A picture that comes out.

    Attributes:
        labelled: (H, W, 3) uint8 RGB, with the visible label.
        plain: the same; without the label where that was asked for.
        camera: the camera's own picture.
        time: seconds from the first frame.
        drawn: a face is drawn in it, or nothing had to be covered.
    """

    labelled: Image
    plain: Image
    camera: Image
    time: float
    drawn: bool


class Output(ABC):
    """Takes pictures."""

    @abstractmethod
    def show(self, shown: Shown) -> None:
        """The next picture; called by the thread that draws, and never waits."""

    @abstractmethod
    def close(self) -> None:
        """The last picture was shown."""

    def describe(self) -> str:
        """What became of it, for the end; "" for nothing."""
        return ""


class ThreadedOutput(Output):
    """An output whose pictures are taken by a thread of its own, the newest only."""

    def __init__(self, name: str) -> None:
        self._pictures = Newest[Shown]()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @abstractmethod
    def send(self, shown: Shown) -> None:
        """Bring a picture where it goes; may wait."""

    def show(self, shown: Shown) -> None:
        """See Output."""
        if self._error is not None:
            raise self._error
        self._pictures.put(shown)

    def close(self) -> None:
        """See Output."""
        self._pictures.close()
        self._thread.join(5)

    def _run(self) -> None:
        try:
            while (shown := self._pictures.take()) is not None:
                self.send(shown)
        except BaseException as error:  # raised again by the thread that draws
            self._error = error
