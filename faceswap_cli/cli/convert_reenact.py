"""`faceswap convert` without a model: the faces on photos, from the photos' own pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from faceswap_cli.cli import console
from faceswap_cli.cli.convert_assignment import AssignmentRequest, PeopleReader, split_mapping
from faceswap_cli.cli.convert_faces import parse_weighted_faces
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
    groups: list[list[Path]] = []
    if asked.drawn.mapped:
        for text in asked.drawn.mapped:
            path, model, face = split_mapping(text)
            if model is not None:
                raise UserError(f"--map {text} names a model", "Use -m for models, or PERSON=PHOTO")
            targets.append(SwapTarget(None, reader.read(path, "map")))
            groups.append(photo_paths([face]))
    else:
        people: list[Person | None] = [reader.read(path, "only") for path in asked.people.only] or [None]
        targets = [SwapTarget(None, person) for person in people]
        groups = [photo_paths(asked.drawn.face)] * len(people)
        if people == [None] and not asked.drawn.all_faces:
            console.tell("every face is replaced; --only PHOTO picks a person")
    unwanted = [reader.read(path, "not") for path in asked.people.without]
    read = {
        tuple(group): read_photos(group, reader.stage, parser, reader.notes, guard)
        for group in {tuple(group): group for group in groups}.values()
    }
    for note in reader.notes:
        console.warn(note)
    effect = ReenactEffect([read[tuple(group)] for group in groups], options, parser)
    plan = SwapPlan(targets, unwanted, asked.people.threshold, guard)
    return plan, effect, fingerprint(effect.cache_key)


def photo_paths(faces: Sequence[str]) -> list[Path]:
    """The photos that `--face` names.

    Raises:
        UserError: a file isn't there, or several people are to be mixed.
    """
    from faceswap_cli.media.inputs import find_media

    if list(faces) == ["b"]:
        raise UserError(
            "nothing says whose face is to be drawn", "Give a photo by --face PHOTO, or a model by -m"
        )
    parts = parse_weighted_faces(faces)
    if len({part.weight for part in parts}) > 1:
        raise UserError(
            "without a model photos of several people can't be mixed",
            "Use -m conditional, or give photos of one person without weights",
        )
    missing = [part.name for part in parts if not Path(part.name).exists()]
    if missing:
        raise UserError(
            f"--face {missing[0]}: there is no such photo", "Give a photo; for a run's people add -m"
        )
    return find_media([Path(part.name) for part in parts])
