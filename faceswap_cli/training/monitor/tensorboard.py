"""The same figures for TensorBoard, which is an extra."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2

from faceswap_cli.errors import UserError
from faceswap_cli.training.engine.loop import Tick


class TensorBoardLog:
    """Writes to a folder that `tensorboard --logdir` shows.

    Args:
        folder: made where it is missing.
        step: what is there of later steps is hidden: the run went back to this one.

    Raises:
        UserError: the package is missing.
    """

    def __init__(self, folder: Path, step: int) -> None:
        check_installed()
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder), purge_step=step + 1)  # type: ignore[no-untyped-call]

    def losses(self, tick: Tick) -> None:
        """The training's own figures."""
        for name, value in tick.losses.items():
            self._writer.add_scalar(f"loss/{name}", value, tick.step)
        self._writer.add_scalar("speed/images_per_second", tick.images_per_second, tick.step)

    def validation(self, step: int, figures: Mapping[str, Any]) -> None:
        """What was measured on held-out faces, see `validation.Validation.to_json`."""
        for name, value in figures.items():
            if isinstance(value, Mapping):
                self.validation(step, {f"{name}/{key}": one for key, one in value.items()})
            else:
                self._writer.add_scalar(f"held out/{name}", value, step)

    def preview(self, path: Path, step: int) -> None:
        """The preview picture."""
        picture = cv2.imread(str(path))
        if picture is not None:
            self._writer.add_image("preview", picture[..., ::-1].copy(), step, dataformats="HWC")
        self._writer.flush()


def check_installed() -> None:
    """Raise a UserError if the extra is missing."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        raise UserError(
            "--tensorboard needs a package that is not installed", "pip install 'faceswap-cli[tensorboard]'"
        ) from error
