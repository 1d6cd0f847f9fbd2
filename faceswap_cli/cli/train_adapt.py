"""What of `faceswap train` concerns a new face for a conditional model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AdaptOption = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN",
        help="Begin with a conditional run's weights, or with conditional or gan, the bundled ones, and "
        "learn a new face in a minute. -B may then be photos, and -A may be left out.",
    ),
]


def as_face_sets(run: Path, given: list[Path], device: str) -> list[Path]:
    """Face sets as they are; photos made into one inside the run folder."""
    from faceswap_cli.faces.stage import build_stage
    from faceswap_cli.training.adapt import face_sets

    return list(face_sets(run, given, lambda: build_stage("auto", "auto", device, thorough=True)))
