"""A virtual camera, which other programs can choose, by the package pyvirtualcam."""

from __future__ import annotations

import sys

from faceswap_cli.errors import UserError
from faceswap_cli.optional import require
from faceswap_cli.pipeline.live.outputs.base import Shown, ThreadedOutput

PACKAGE = "faceswap-cli[live]"

_LINUX = (
    "Install v4l2loopback (Debian and Ubuntu: apt install v4l2loopback-dkms), then "
    "`modprobe v4l2loopback exclusive_caps=1`; or use -o http"
)
_OTHERS = "Install OBS Studio, which brings a virtual camera, and start that once; or use -o http"


def driver_hint(system: str = sys.platform) -> str:
    """What to install where a system has no virtual camera."""
    return _LINUX if system.startswith("linux") else _OTHERS


def find_virtual_camera() -> None:
    """Raise a UserError where no virtual camera can be opened."""
    VirtualCamera(64, 64, 5).close()


class VirtualCamera(ThreadedOutput):
    """Sends pictures to a virtual camera; always labelled.

    Args:
        width, height: of the pictures.
        fps: about so many come in a second.

    Raises:
        UserError: pyvirtualcam is not installed, or finds no driver.
    """

    def __init__(self, width: int, height: int, fps: float) -> None:
        module = require("pyvirtualcam", PACKAGE, "a virtual camera")
        try:
            self._camera = module.Camera(width, height, fps, fmt=module.PixelFormat.RGB)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise UserError(f"no virtual camera can be opened ({reason})", driver_hint()) from error
        self.device = str(self._camera.device)
        super().__init__("virtual camera")

    def send(self, shown: Shown) -> None:
        """See ThreadedOutput."""
        self._camera.send(shown.labelled)

    def close(self) -> None:
        """See Output."""
        super().close()
        self._camera.close()
