"""What of `faceswap train` concerns a new face for a conditional model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from faceswap_cli.training.runs.settings import SwapSettings

AdaptOption = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN",
        help="Begin with a conditional run's weights, or with conditional, the bundled ones, and "
        "learn a new face in a minute. -B may then be photos, and -A may be left out.",
    ),
]


def photos_to_face_sets(
    run: Path, target: Path | None, given: list[Path], device: str
) -> tuple[Path, list[Path]]:
    """A and the Bs: face sets as they are, photos made into one inside the run folder. Without A it is B."""
    from faceswap_cli.faces.face_analyser import build_analyser
    from faceswap_cli.training.runs.adapt import find_face_sets

    sources = list(find_face_sets(run, given, lambda: build_analyser("auto", "auto", device, thorough=True)))
    return target or sources[0], sources


def adapt_request(
    origin: Path, settings: SwapSettings, family: str | None, steps: int | None, minutes: float | None
) -> tuple[SwapSettings, float | None]:
    """The settings of an adaptation, and its minutes where nothing else says how long it takes.

    Raises:
        UserError: there is nothing to adapt at `origin`, or it is of another family than was asked for.
    """
    from faceswap_cli.training.runs.adapt import MINUTES, is_adapting

    found = is_adapting(origin, settings)
    if family is not None and family != found.family:
        raise UserError(
            f"--adapt {origin} is of the family {found.family}, not {family}", "Leave --family out"
        )
    return found, MINUTES if steps is None and minutes is None else minutes
