"""`faceswap faces`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import new_app

app = new_app(help="Look at face sets.")


@app.callback()
def faces() -> None:
    """Look at face sets."""


@app.command("sheet")
def sheet(
    face_set: Annotated[Path, typer.Argument(metavar="FACES", help="Face set folder.")],
) -> None:
    """Make the review sheet anew, after crops were deleted: crops by track, worst first."""
    from faceswap_cli.faces.faceset import FaceSet
    from faceswap_cli.faces.sheet import write_sheet

    opened = FaceSet.open(face_set)
    page, picture = write_sheet(opened)
    console.say(f"done: {page} and {picture.name} ({len(opened)} faces)")
