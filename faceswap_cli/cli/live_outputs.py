"""The cameras and outputs of `faceswap live`, by the names they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from faceswap_cli.cli import console
from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from faceswap_cli.pipeline.live.cameras import Feed
    from faceswap_cli.pipeline.live.outputs.base import Output
    from faceswap_cli.provenance.marks import Marks


NOT_FILES = ("window", "virtual", "http")
"""Outputs that are no recordings."""


def open_outputs(
    names: Sequence[str], feed: Feed, size: tuple[int, int], port: int, marks: Marks, adjustable: bool
) -> list[tuple[str, Output]]:
    """Open all outputs, or none.

    Args:
        names: window, virtual, http, or a file's.
        feed: the camera, with its pace.
        size: width and height of the pictures that they get.
        port: of the page.
        marks: of recordings.
        adjustable: the effect has a strength, which the window's keys change.

    Raises:
        UserError: one can't be opened, or is asked for twice.
    """
    if len(set(names)) < len(names):
        raise UserError("an output is given twice", "Give each once")
    opened: list[tuple[str, Output]] = []
    try:
        for name in names:
            one = _open_output(name, feed, size, port, marks, adjustable)
            opened.append((name, one))
    except BaseException:
        for _, one in opened:
            one.close()
        raise
    return opened


def _open_output(
    name: str, feed: Feed, size: tuple[int, int], port: int, marks: Marks, adjustable: bool
) -> Output:
    if name == "window":
        from faceswap_cli.pipeline.live.outputs.window import Window

        return Window(adjustable)
    if name == "virtual":
        from faceswap_cli.pipeline.live.outputs.virtual import VirtualCamera

        camera = VirtualCamera(*size, feed.fps)
        console.say(f"virtual camera: {camera.device}, always labelled")
        return camera
    if name == "http":
        from faceswap_cli.pipeline.live.outputs.page import PageOutput

        page = PageOutput(port)
        console.say(f"page: {page.address} (this machine only, always labelled)")
        return page
    from faceswap_cli.pipeline.live.outputs.recording import Recording

    path = Path(name)
    if feed.path is not None and path.exists() and path.samefile(feed.path):
        raise UserError(f"-o {name} is the clip itself", "Choose another output")
    recording = Recording(path, feed.fps, marks)
    console.tell(f"{path}: recorded without sound")
    return recording


def list_devices() -> None:
    """Print the cameras and outputs of this machine."""
    from faceswap_cli.pipeline.live.cameras import list_cameras
    from faceswap_cli.pipeline.live.outputs.virtual import find_virtual_camera
    from faceswap_cli.pipeline.live.outputs.window import check_display

    cameras = list_cameras()
    console.say("Cameras:" if cameras else "Cameras: none is here; a clip can stand in for one")
    for camera in cameras:
        console.say(f"  {camera.describe()}")
    console.say("Outputs:")
    console.say(f"  window    {_state(check_display, 'keys for pause, mirror, strength, snapshot and more')}")
    console.say(f"  virtual   {_state(find_virtual_camera, 'other programs choose it as their camera')}")
    console.say("  http      a page in a browser of this machine")
    console.say("  FILE.mp4  (or .mkv, .mov) a recording without sound")


def _state(check: Callable[[], None], able: str) -> str:
    try:
        check()
    except UserError as error:
        return f"not here: {' '.join(str(error).split())}"
    return able
