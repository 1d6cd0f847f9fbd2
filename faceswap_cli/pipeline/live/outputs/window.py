"""A window with the picture, and keys. It belongs to the main thread, as systems want it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.errors import UserError
from faceswap_cli.media.frame import Image
from faceswap_cli.pipeline.live.keys import KEYS, Key
from faceswap_cli.pipeline.live.outputs.base import Output, Shown
from faceswap_cli.pipeline.live.slots import Newest

TITLE = "faceswap live"

SHOWN = 6.0
"""Seconds for which the keys are shown at first."""

SOCKETS = Path("/tmp/.X11-unix")
"""Where X servers of this machine listen."""


def check_display(environment: Mapping[str, str] | None = None, system: str = sys.platform) -> None:
    """Raise a UserError where no window can be shown."""
    there = os.environ if environment is None else environment
    if not system.startswith("linux"):
        return
    display = there.get("DISPLAY", "")
    number = display[1:].partition(".")[0]
    gone = display.startswith(":") and not (SOCKETS / f"X{number}").exists()
    if gone or not (display or there.get("WAYLAND_DISPLAY")):
        what = f"display {display} is not there" if gone else "there is no display"
        raise UserError(f"no window can be shown: {what}", "Use -o http and a browser, or record to a file")


class Window(Output):
    """Shows pictures.

    Args:
        adjustable: the effect has a strength.

    Raises:
        UserError: there is no display, or OpenCV was built without windows.
    """

    def __init__(self, adjustable: bool) -> None:
        check_display()
        self._pictures = Newest[Shown]()
        self._keys = [key for key in KEYS if adjustable or key.name not in ("weaker", "stronger")]
        self._help = self._side_by_side = False
        self._until = 0.0
        self._last: Shown | None = None
        try:
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        except cv2.error as error:
            raise UserError("this OpenCV has no windows", "pip install opencv-python, or -o http") from error
        self._begun = self._sized = False

    def show(self, shown: Shown) -> None:
        """See Output."""
        self._pictures.put(shown)

    def poll(self, seconds: float) -> str:
        """Show what came, and wait a little; the name of the key that was pressed, quit if it was closed."""
        if (shown := self._pictures.take(seconds)) is not None:
            self._last = shown
        if self._last is not None:
            if not self._begun:
                self._begun, self._until = True, time.monotonic() + SHOWN
            picture = self.picture(self._last)
            if not self._sized:
                cv2.resizeWindow(TITLE, picture.shape[1], picture.shape[0])
                self._sized = True
            cv2.imshow(TITLE, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        code = cv2.waitKey(1) & 0xFF
        if self._last is not None and cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
            return "quit"
        name = next((key.name for key in self._keys if code != 0xFF and chr(code) in key.letters), "")
        if name == "help":
            self._help, self._until = not (self._help or time.monotonic() < self._until), 0.0
        elif name == "side by side":
            self._side_by_side = not self._side_by_side
            self._sized = False
        return name

    @property
    def last(self) -> Shown | None:
        """The picture that is seen."""
        return self._last

    def picture(self, shown: Shown) -> Image:
        """What is seen of it (H, W, 3), with the keys if they are wanted."""
        image = shown.plain
        if self._side_by_side:
            size = (image.shape[1], image.shape[0])
            image = np.hstack([cv2.resize(shown.camera, size), image])
        if self._help or time.monotonic() < self._until:
            image = draw_keys(image, self._keys)
        return np.asarray(image, np.uint8)

    def close(self) -> None:
        """See Output."""
        cv2.destroyWindow(TITLE)
        cv2.waitKey(1)


def draw_keys(image: Image, keys: list[Key]) -> Image:
    """A copy of a picture (H, W, 3) with the keys in its upper left corner."""
    done = image.copy()
    lines = [f"{key.shown}  {key.name}" for key in keys]
    height = 6 + 18 * len(lines)
    done[:height, :190] //= 3
    for place, line in enumerate(lines):
        at = (8, 18 + 18 * place)
        cv2.putText(done, line, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (235, 235, 235), 1, cv2.LINE_AA)
    return done
