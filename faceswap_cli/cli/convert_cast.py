"""Who is replaced by whom, as the options of `faceswap convert` say it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from faceswap_cli.cli import console
from faceswap_cli.cli.convert_faces import LoadedRenderer, RendererLoader
from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from faceswap_cli.faces.face_analyser import FaceAnalyser
    from faceswap_cli.faces.identity.people import Person
    from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget


@dataclass(frozen=True)
class AssignmentRequest:
    """The options that say who is replaced by whom.

    Attributes:
        model: a run folder or an exported file; None: photos are drawn from their own pixels.
        face: who is drawn, see `convert_faces.parse_weighted_faces`.
        all_faces: whoever is seen is replaced.
        mapped: PERSON=NAME or PERSON=MODEL:NAME, for several people.
        only: photos or face sets of people who are replaced by `face`.
        without: photos or face sets of people who stay.
        threshold: identity distance up to which a face is taken for a person's.
        device: where networks run.
        stage: makes what finds faces on photos.
        adults_confirmed: nothing is refused because a face looks like a child's.
    """

    model: Path | None
    face: Sequence[str]
    all_faces: bool
    mapped: Sequence[str]
    only: Sequence[Path]
    without: Sequence[Path]
    threshold: float
    device: str
    stage: Callable[[], FaceAnalyser]
    adults_confirmed: bool = False

    def check(self) -> None:
        """Raise a UserError for options that don't go together."""
        given = [("--all-faces", self.all_faces), ("--only", bool(self.only)), ("--map", bool(self.mapped))]
        named = [name for name, there in given if there]
        if len(named) > 1:
            raise UserError(f"{' and '.join(named)} say different things about who is replaced", "Give one")
        for text in self.mapped:
            split_mapping(text)


def split_mapping(text: str) -> tuple[Path, Path | None, str]:
    """PERSON=NAME or PERSON=MODEL:NAME as the person's path, the model's, if there is one, and the name."""
    person, equals, drawn = text.rpartition("=")
    model, _, name = drawn.rpartition(":")
    if not (equals and person and name):
        raise UserError(f"--map {text} is not PERSON=NAME", "For example --map alice.jpg=b")
    return Path(person), Path(model) if model else None, name


def load_swap_plan(asked: AssignmentRequest) -> tuple[SwapPlan, str]:
    """The cast, and what its pictures depend on.

    Raises:
        UserError: options that don't go together; a model or a photo can't be used.
    """
    from faceswap_cli.faces.safety.guard import SafetyGuard
    from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget

    asked.check()
    assert asked.model is not None, "see convert_reenact"
    reader = PeopleReader(asked)
    models = RendererLoader(asked.device, lambda path: reader.read(path, "face"))
    roles: list[SwapTarget] = []
    marks = []
    if asked.mapped:
        for text in asked.mapped:
            path, model, face = split_mapping(text)
            drawer = models.drawer(model or asked.model, [face])
            roles.append(SwapTarget(drawer.renderer, reader.read(path, "map")))
            marks.append(drawer.mark)
    else:
        drawer = models.drawer(asked.model, asked.face)
        marks = [drawer.mark]
        roles = [SwapTarget(drawer.renderer, person) for person in _replaced(asked, drawer, reader)]
    unwanted = [reader.read(path, "not") for path in asked.without]
    for note in reader.notes:
        console.warn(note)
    cast = SwapPlan(roles, unwanted, asked.threshold, SafetyGuard(asked.adults_confirmed, asked.device))
    return cast, hashlib.sha256(" ".join(marks).encode()).hexdigest()


def _replaced(asked: AssignmentRequest, drawer: LoadedRenderer, reader: PeopleReader) -> list[Person | None]:
    """The people whom one drawn face replaces; None is everybody."""
    from faceswap_cli.faces.identity.people import Person

    if asked.only:
        return [reader.read(path, "only") for path in asked.only]
    if asked.all_faces or drawer.reference is None:
        if drawer.note and not asked.all_faces:
            console.tell(drawer.note)
        return [None]
    return [Person("the person that the model replaces", drawer.reference)]


class PeopleReader:
    """Reads people from photos and face sets; what finds faces is loaded when it is first needed."""

    def __init__(self, asked: AssignmentRequest) -> None:
        self.notes: list[str] = []
        self._asked = asked

    @cached_property
    def stage(self) -> FaceAnalyser:
        """Finds the faces of photos."""
        return self._asked.stage()

    def read(self, path: Path, option: str) -> Person:
        """The person at `path`."""
        from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
        from faceswap_cli.faces.identity.people import DRAWN, read_person
        from faceswap_cli.faces.safety.guard import SafetyGuard

        # Whoever is drawn, and not only recognised, has to be of age.
        guard = SafetyGuard(self._asked.adults_confirmed, self._asked.device) if option == DRAWN else None
        return read_person(path, option, self.stage, IdentityEncoder(), self.notes, guard)
