"""Cameras by number, device or name, and clips that are played as if they were one."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.errors import UserError
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.optional import require

SYSFS = Path("/sys/class/video4linux")
"""Where Linux names its cameras."""

LATE = 5.0
"""Seconds without a picture after which a camera counts as gone."""

_BACKENDS = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION, "win32": cv2.CAP_DSHOW}


@dataclass(frozen=True)
class Camera:
    """One that is there.

    Attributes:
        index: its number, as OpenCV counts.
        name: what it calls itself.
        device: its path; "" where systems have none.
    """

    index: int
    name: str
    device: str = ""

    def describe(self) -> str:
        """In a line, with what it can be called by."""
        return f"{self.index}  {self.name}" + (f"  ({self.device})" if self.device else "")


def list_cameras(folder: Path = SYSFS) -> list[Camera]:
    """The cameras of this machine.

    Raises:
        UserError: on systems other than Linux, the package that names them is not installed.
    """
    if sys.platform.startswith("linux"):
        return _of_linux(folder)
    module = require("cv2_enumerate_cameras", "cv2-enumerate-cameras", "naming cameras")
    found = module.enumerate_cameras(_BACKENDS.get(sys.platform, cv2.CAP_ANY))
    return [Camera(int(one.index), str(one.name), str(one.path or "")) for one in found]


def _of_linux(folder: Path) -> list[Camera]:
    found = []
    for entry in sorted(folder.glob("video*"), key=lambda path: (len(path.name), path.name)):
        with contextlib.suppress(OSError, ValueError):
            # Index 0 is the picture; a camera's further nodes give data about it.
            if int((entry / "index").read_text()) == 0:
                name = (entry / "name").read_text().strip()
                found.append(Camera(int(entry.name.removeprefix("video")), name, f"/dev/{entry.name}"))
    return found


@dataclass(frozen=True)
class Feed:
    """Where frames come from.

    Attributes:
        name: of the camera or the clip.
        width, height: of its frames.
        fps: about so many come in a second.
        read: the frames, each at its own moment; `Frame.time` is seconds from the first.
        is_clip: it ends by itself.
        path: of a clip.
    """

    name: str
    width: int
    height: int
    fps: float
    read: Callable[[], Generator[Frame]]
    is_clip: bool = False
    path: Path | None = None


def open_feed(asked: str, size: tuple[int, int], fps: float) -> Feed:
    """What `--camera` names.

    Args:
        asked: a number, a device's path, (a part of) a name, or a clip.
        size: width and height that are asked of a camera, and that a clip is shrunk to fit into.
        fps: frames a second that are asked of a camera.

    Raises:
        UserError: there is none such; it is in use; it gives no picture; the clip can't be read.
    """
    path = Path(asked)
    if path.is_file():
        return _open_clip(path, size)
    return _open_camera(find_camera(asked), size, fps)


def find_camera(asked: str) -> Camera:
    """The camera of a number, device or name."""
    cameras = list_cameras()
    if asked.isdecimal():
        chosen = [one for one in cameras if one.index == int(asked)]
    else:
        device = str(Path(asked).resolve()) if asked.startswith("/dev/") else asked
        chosen = [one for one in cameras if device == one.device]
        chosen = chosen or [one for one in cameras if asked.lower() in one.name.lower()]
    if len(chosen) == 1:
        return chosen[0]
    there = "; ".join(one.describe() for one in (chosen or cameras)) or "none"
    what = "several cameras are called so" if chosen else "there is no such camera, nor a clip of that name"
    raise UserError(f"--camera {asked}: {what}", f"Cameras here: {there}")


def _open_camera(camera: Camera, size: tuple[int, int], fps: float) -> Feed:
    _check_free(camera)
    backend = next((b for name, b in _BACKENDS.items() if sys.platform.startswith(name)), cv2.CAP_ANY)
    device = cv2.VideoCapture(camera.index, backend)
    for what, value in (
        (cv2.CAP_PROP_FRAME_WIDTH, size[0]),
        (cv2.CAP_PROP_FRAME_HEIGHT, size[1]),
        (cv2.CAP_PROP_FPS, fps),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ):
        device.set(what, value)
    there, first = device.read() if device.isOpened() else (False, None)
    if not there or first is None:
        device.release()
        raise UserError(
            f"camera {camera.describe()} gives no picture",
            "Close the program that uses it, or plug it in again",
        )

    def read() -> Generator[Frame]:
        start = last = time.monotonic()
        number = 0
        try:
            while True:
                there, image = device.read()
                now = time.monotonic()
                if there and image is not None:
                    last = now
                    yield Frame(
                        number, now - start, np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
                    )
                    number += 1
                elif not _still_there(camera) or now - last > LATE:
                    return
                else:
                    time.sleep(0.005)
        finally:
            device.release()

    rate = float(device.get(cv2.CAP_PROP_FPS)) or fps
    return Feed(camera.name, first.shape[1], first.shape[0], rate, read)


def _check_free(camera: Camera) -> None:
    """Raise a UserError if a device may not be opened, or not now."""
    if not camera.device.startswith("/dev/"):
        return
    try:
        os.close(os.open(camera.device, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise UserError(f"{camera.device} is in use", "Close the program that uses it") from error
        raise UserError(
            f"{camera.device} can't be opened ({error.strerror})",
            "Join the group `video`, or plug it in again",
        ) from error


def _still_there(camera: Camera) -> bool:
    return not camera.device.startswith("/dev/") or Path(camera.device).exists()


def _open_clip(path: Path, size: tuple[int, int]) -> Feed:
    info = probe(path)
    if info.kind != "video":
        raise UserError(f"{path} is a photo, not a camera nor a clip", "Use `faceswap convert photo`")
    share = min(1.0, size[0] / info.width, size[1] / info.height)
    width, height = (max(2, round(side * share / 2) * 2) for side in (info.width, info.height))

    def read() -> Generator[Frame]:
        with VideoReader(path, info) as frames:
            start, first = 0.0, None
            for frame in frames:
                if first is None:  # decoding has begun: the clip's clock starts now
                    start, first = time.monotonic(), frame.time
                wait = start + (frame.time - first) - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                yield Frame(frame.index, frame.time - first, fit_clip(frame.image, width, height))

    return Feed(path.name, width, height, float(info.average_rate or 25), read, True, path)


def fit_clip(image: Image, width: int, height: int) -> Image:
    """A clip's picture at the feed's size."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
