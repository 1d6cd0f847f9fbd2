"""`faceswap convert` without a model: the faces on photos, from the photos' own pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceswap_cli.cli import console
from faceswap_cli.cli.convert_assignment import AssignmentRequest, PeopleReader, split_mapping
from faceswap_cli.cli.convert_faces import WeightedFace, parse_weighted_faces
from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from faceswap_cli.effects.reenact.effect import ReenactEffect
    from faceswap_cli.effects.reenact.options import ReenactOptions
    from faceswap_cli.faces.identity.people import Person
    from faceswap_cli.pipeline.assignment import SwapPlan


def load_photo_plan(asked: AssignmentRequest, options: ReenactOptions) -> tuple[SwapPlan, ReenactEffect, str]:
    """Who is replaced, by what, and what the pictures depend on.

    Raises:
        UserError: no photo is given, or one that can't be used; options that don't go together.
        Refusal: a face that is to be drawn looks like a child's.
    """
    from faceswap_cli.device import pick_device
    from faceswap_cli.effects.reenact.effect import ReenactEffect
    from faceswap_cli.effects.reenact.photos import read_photos
    from faceswap_cli.faces.parsing.face_parser import FaceParser
    from faceswap_cli.journal import fingerprint
    from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget

    asked.check()
    reader = PeopleReader(asked)
    guard = asked.safety.guard(asked.device)
    parser = FaceParser(str(pick_device(asked.device)))
    parser.load()
    targets: list[SwapTarget] = []
    groups: list[PhotoGroup] = []
    if asked.drawn.mapped:
        for text in asked.drawn.mapped:
            path, model, face = split_mapping(text)
            if model is not None:
                raise UserError(f"--map {text} names a model", "Use -m for models, or PERSON=PHOTO")
            targets.append(SwapTarget(None, reader.read(path, "map")))
            groups.append(parse_photos([face]))
    else:
        people: list[Person | None] = [reader.read(path, "only") for path in asked.people.only] or [None]
        targets = [SwapTarget(None, person) for person in people]
        groups = [parse_photos(asked.drawn.face)] * len(people)
        if people == [None] and not asked.drawn.all_faces:
            console.tell("every face is replaced; --only PHOTO picks a person")
    unwanted = [reader.read(path, "not") for path in asked.people.without]
    read = {
        group: read_photos(group.paths, group.weights, reader.stage, parser, reader.notes, guard)
        for group in dict.fromkeys(groups)
    }
    for note in reader.notes:
        console.warn(note)
    effect = ReenactEffect([read[group] for group in groups], options, parser)
    plan = SwapPlan(targets, unwanted, asked.people.threshold, guard)
    return plan, effect, fingerprint(effect.cache_key)


@dataclass(frozen=True)
class PhotoGroup:
    """Photos that a face is drawn from.

    Attributes:
        paths: of the photos.
        weights: of each, adding up to 1, where they show several people who are mixed; None: one person.
    """

    paths: tuple[Path, ...]
    weights: tuple[float, ...] | None = None


def parse_photos(faces: Sequence[str]) -> PhotoGroup:
    """The photos that `--face` names: photos, a folder or a face set of one person; PHOTO:WEIGHT of several.

    Raises:
        UserError: a file isn't there; weights that can't be mixed, or not all have one.
    """
    from faceswap_cli.media.inputs import find_media

    if list(faces) == ["b"]:
        raise UserError(
            "nothing says whose face is to be drawn", "Give a photo by --face PHOTO, or a model by -m"
        )
    weighted = [face for face in faces if not Path(face).exists()]
    parts = parse_weighted_faces(faces) if weighted else [WeightedFace(face, 1.0) for face in faces]
    for part in parts:
        if not Path(part.name).exists():
            raise UserError(
                f"--face {part.name}: there is no such photo", "Give a photo; for a run's people add -m"
            )
    if not weighted:
        return PhotoGroup(tuple(find_media([_photos_in(Path(part.name)) for part in parts])))
    if len(weighted) < len(faces):
        raise UserError(
            "some --face have a weight and some have none",
            "Give all of them a weight to mix people, or none for photos of one person",
        )
    for part in parts:
        if not Path(part.name).is_file():
            raise UserError(f"--face {part.name} is a folder", "To mix people give one photo of each")
    return PhotoGroup(tuple(Path(part.name) for part in parts), tuple(part.weight for part in parts))


def _photos_in(path: Path) -> Path:
    """Where the pictures of a folder lie: of a face set, its crops."""
    crops = path / "crops"
    return crops if (path / "faces.jsonl").is_file() and crops.is_dir() else path
