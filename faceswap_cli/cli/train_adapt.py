"""What of `faceswap train` concerns a new face for a conditional model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from faceswap_cli.training.options import BudgetOptions
    from faceswap_cli.training.runs.settings import SwapSettings


def photos_to_face_sets(
    run: Path, target: Path | None, given: Sequence[Path], device: str
) -> tuple[Path, tuple[Path, ...]]:
    """A and the Bs: face sets as they are, photos made into one inside the run folder. Without A it is B."""
    from faceswap_cli.faces.face_analyser import build_analyser
    from faceswap_cli.training.runs.adapt import find_face_sets

    sources = find_face_sets(run, given, lambda: build_analyser("auto", "auto", device, thorough=True))
    return target or sources[0], sources


def adapt_request(
    origin: Path, settings: SwapSettings, family: str | None, budget: BudgetOptions
) -> tuple[SwapSettings, BudgetOptions]:
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
    timed = budget.steps is not None or budget.minutes is not None
    return found, budget if timed else replace(budget, minutes=MINUTES)
