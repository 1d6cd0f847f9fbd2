"""Who is replaced by whom, as the options of `faceswap convert` say it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from faceswap_cli.cli import console
from faceswap_cli.cli.convert_faces import LoadedRenderer, RendererLoader, parse_weighted_faces
from faceswap_cli.cli.options import PeopleOptions, SafetyOptions
from faceswap_cli.errors import UserError
from faceswap_cli.options import WHO, OptionGroup, option

if TYPE_CHECKING:
    from faceswap_cli.faces.face_analyser import FaceAnalyser
    from faceswap_cli.faces.identity.people import Person
    from faceswap_cli.faces.sets.faceset import FaceSet
    from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget


@dataclass(frozen=True)
class DrawnOptions(OptionGroup):
    """Whose face is drawn, and in whose place where the model does not say it."""

    face: tuple[str, ...] = option(
        ("b",), group=WHO, metavar="PHOTO|NAME",
        help="Whose face is drawn. Without --run: a photo, or several of one person. With it: b, the "
        "(first) person put on, b2, b3, ..., a, or a face set's name. With a conditional model also a photo "
        "or a face set's folder; several are mixed, as A.jpg:0.7 and B.jpg:0.3.",
    )  # fmt: skip
    mapped: tuple[str, ...] = option(
        (), group=WHO, flags=("--map",), metavar="PERSON=NAME",
        help="Replace this person by the face NAME (see --face), or by RUN:NAME of another run. PERSON "
        "is a photo, or a face set of nobody else. For each person once.",
    )  # fmt: skip
    all_faces: bool = option(
        False, group=WHO, help="Replace every face, also of people the model was not trained to replace."
    )


@dataclass(frozen=True)
class AssignmentRequest:
    """What says who is replaced by whom.

    Attributes:
        run: a run folder, an exported file or bundled weights; None: photos are drawn from their own pixels.
        drawn: whose face is drawn.
        stage: makes what finds faces on photos.
        people: who is replaced.
        safety: what the user vouches for.
        device: where networks run.
    """

    run: Path | None
    drawn: DrawnOptions
    stage: Callable[[], FaceAnalyser]
    people: PeopleOptions = field(default_factory=PeopleOptions)
    safety: SafetyOptions = field(default_factory=SafetyOptions)
    device: str = "auto"

    def check(self) -> None:
        """Raise a UserError for options that don't go together."""
        drawn = self.drawn
        given = [
            ("--all-faces", drawn.all_faces),
            ("--only", bool(self.people.only)),
            ("--map", bool(drawn.mapped)),
        ]
        named = [name for name, there in given if there]
        if len(named) > 1:
            raise UserError(f"{' and '.join(named)} say different things about who is replaced", "Give one")
        for text in drawn.mapped:
            split_mapping(text)

    def named(self) -> list[Path]:
        """Whatever may be a photo among what says who is replaced by whom."""
        mapped = [split_mapping(text) for text in self.drawn.mapped]
        faces = [part.name for part in parse_weighted_faces(self.drawn.face)]
        faces += [face for _, _, face in mapped]
        people = [person for person, _, _ in mapped]
        return [*map(Path, faces), *people, *self.people.only, *self.people.without]


def split_mapping(text: str) -> tuple[Path, Path | None, str]:
    """PERSON=NAME or PERSON=RUN:NAME as the person's path, the run's, if there is one, and the name."""
    person, equals, drawn = text.rpartition("=")
    model, _, name = drawn.rpartition(":")
    if not (equals and person and name):
        raise UserError(f"--map {text} is not PERSON=NAME", "For example --map alice.jpg=b")
    return Path(person), Path(model) if model else None, name


@dataclass(frozen=True)
class LoadedSwap:
    """Who is replaced by whom.

    Attributes:
        plan: says it.
        mark: what its pictures depend on.
        sets: face sets that lend detail, by the place in the plan's targets.
    """

    plan: SwapPlan
    mark: str
    sets: Mapping[int, FaceSet]


def load_swap_plan(asked: AssignmentRequest, detail: bool = False) -> LoadedSwap:
    """Who is replaced by whom; of those whose crops lend no detail, it is told why if `detail` is wanted.

    Raises:
        UserError: options that don't go together; a model or a photo can't be used.
    """
    from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget

    asked.check()
    assert asked.run is not None, "see convert_reenact"
    reader = PeopleReader(asked)
    models = RendererLoader(asked.device, lambda path: reader.read(path, "face"))
    roles: list[SwapTarget] = []
    drawers: list[LoadedRenderer] = []
    if asked.drawn.mapped:
        for text in asked.drawn.mapped:
            path, model, face = split_mapping(text)
            drawer = models.drawer(model or asked.run, [face])
            roles.append(SwapTarget(drawer.renderer, reader.read(path, "map")))
            drawers.append(drawer)
    else:
        drawer = models.drawer(asked.run, asked.drawn.face)
        roles = [SwapTarget(drawer.renderer, person) for person in _replaced(asked, drawer, reader)]
        drawers = [drawer] * len(roles)
    unwanted = [reader.read(path, "not") for path in asked.people.without]
    for note in reader.notes:
        console.warn(note)
    plan = SwapPlan(roles, unwanted, asked.people.threshold, asked.safety.guard(asked.device))
    if detail and (missing := sorted({drawer.without for drawer in drawers if drawer.without})):
        console.tell(f"no detail of real pictures: {'; '.join(missing)}")
    # One drawn face in the place of several people is one model.
    marks = [drawer.mark for drawer in (drawers if asked.drawn.mapped else drawers[:1])]
    mark = hashlib.sha256(" ".join(marks).encode()).hexdigest()
    sets = {place: one.faces for place, one in enumerate(drawers) if one.faces is not None}
    return LoadedSwap(plan, mark, sets)


def _replaced(asked: AssignmentRequest, drawer: LoadedRenderer, reader: PeopleReader) -> list[Person | None]:
    """The people whom one drawn face replaces; None is everybody."""
    from faceswap_cli.faces.identity.people import Person

    if asked.people.only:
        return [reader.read(path, "only") for path in asked.people.only]
    if asked.drawn.all_faces or drawer.reference is None:
        if drawer.note and not asked.drawn.all_faces:
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

    def read(self, path: Path, role: str) -> Person:
        """The person at `path`, given for a role: face, map, only or not."""
        from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
        from faceswap_cli.faces.identity.people import DRAWN, read_person

        # Whoever is drawn, and not only recognised, has to be of age.
        guard = self._asked.safety.guard(self._asked.device) if role == DRAWN else None
        return read_person(path, role, self.stage, IdentityEncoder(), self.notes, guard)
