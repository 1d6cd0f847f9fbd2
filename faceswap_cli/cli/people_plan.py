"""Whose faces are changed, where nobody else's are put on, as `--only` and `--not` say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from faceswap_cli.cli import console
from faceswap_cli.cli.options import PeopleOptions

if TYPE_CHECKING:
    from faceswap_cli.faces.face_analyser import FaceAnalyser
    from faceswap_cli.faces.safety.guard import SafetyGuard
    from faceswap_cli.pipeline.assignment import SwapPlan


def load_people_plan(
    people: PeopleOptions, guard: SafetyGuard, stage: Callable[[], FaceAnalyser]
) -> SwapPlan:
    """Whose faces are changed, each as itself.

    Args:
        people: whose are, everybody's if nobody is named.
        guard: refuses what must not be changed.
        stage: makes what finds faces on photos.

    Raises:
        UserError: a photo or face set can't be used.
    """
    from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
    from faceswap_cli.faces.identity.people import read_person
    from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget

    if not (people.only or people.without):
        return SwapPlan([SwapTarget(None)], guard=guard)
    finder, encoder, notes = stage(), IdentityEncoder(), list[str]()
    wanted, unwanted = (
        [read_person(path, role, finder, encoder, notes) for path in paths]
        for role, paths in (("only", people.only), ("not", people.without))
    )
    for note in notes:
        console.warn(note)
    targets = [SwapTarget(None, person) for person in wanted] or [SwapTarget(None)]
    return SwapPlan(targets, unwanted, people.threshold, guard)
