"""Checkpoints that are kept for good, beside the newest few: `RUN/snapshots/step-N-CHECKSUM.safetensors`."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from faceswap_cli.files import atomic_output, make_folder


@dataclass(frozen=True)
class Snapshots:
    """Which checkpoints are kept for good.

    Attributes:
        folder: where; made when it is needed.
        every: steps from one to the next.
    """

    folder: Path
    every: int

    def due(self, step: int) -> bool:
        """Whether the checkpoint of this step is to be kept."""
        return step > 0 and step % self.every == 0

    def keep(self, checkpoint: Path) -> None:
        """Keep a checkpoint's file.

        Raises:
            UserError: the disk is full, or the like.
        """
        make_folder(self.folder)
        link_snapshot(checkpoint, self.folder / checkpoint.name)


def link_snapshot(path: Path, target: Path) -> None:
    """Give a file that never changes a second name; a copy where the file system knows no links.

    Raises:
        UserError: the disk is full, or the like.
    """
    if target.exists():
        return
    with atomic_output(target) as temporary:
        try:
            os.link(path, temporary)
        except OSError:
            shutil.copyfile(path, temporary)
