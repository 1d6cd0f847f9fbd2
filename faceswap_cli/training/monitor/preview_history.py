"""`RUN/previews/`: a few previews of the whole run, denser towards its beginning, where most happens."""

from __future__ import annotations

import math
import re
from pathlib import Path

from faceswap_cli.files import make_folder, write_bytes

FOLDER = "previews"
MOST = 12
_NAME = re.compile(r"^step-(\d{8})\.jpg$")


def keep_preview(preview: Path, folder: Path, step: int) -> None:
    """Keep a copy of a run's preview, and drop the one that is missed least if there are too many.

    Args:
        preview: the picture as it is now.
        folder: where the past ones are.
        step: of the run.

    Raises:
        UserError: it can't be written.
        OSError: the preview can't be read.
    """
    make_folder(folder)
    for later in [past for past in preview_steps(folder) if past > step]:
        preview_file(folder, later).unlink(missing_ok=True)  # the run went back
    write_bytes(preview_file(folder, step), preview.read_bytes())
    while (spare := superfluous_steps(preview_steps(folder))) is not None:
        preview_file(folder, spare).unlink(missing_ok=True)


def preview_steps(folder: Path) -> list[int]:
    """The steps whose previews are there, ascending."""
    if not folder.is_dir():
        return []
    return sorted(int(name[1]) for path in folder.iterdir() if (name := _NAME.match(path.name)))


def preview_file(folder: Path, step: int) -> Path:
    """The preview of a step."""
    return folder / f"step-{step:08d}.jpg"


def superfluous_steps(known: list[int], most: int = MOST) -> int | None:
    """The step whose loss leaves the smallest gap on a logarithmic scale; never the first or the last."""
    if len(known) <= most:
        return None
    gaps = [math.log((after + 1) / (before + 1)) for before, after in zip(known[:-2], known[2:], strict=True)]
    return known[1 + gaps.index(min(gaps))]
