"""`faceswap faces group`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.convert_outputs import check_named
from faceswap_cli.cli.options import DeviceOptions
from faceswap_cli.options import INPUT, WHO


def group(
    face_set: Annotated[Path, typer.Argument(metavar="FACES", help="Face set folder.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="New folder for the people's face sets.",
            rich_help_panel=INPUT,
        ),
    ],
    threshold: Annotated[
        float,
        typer.Option(
            min=0.1,
            max=1.2,
            help="How different faces of one person may be: higher when one person is in several folders, "
            "lower when several people are in one.",
            rich_help_panel=WHO,
        ),
    ] = 0.45,
    names: Annotated[
        str,
        typer.Option(
            metavar="NAME,NAME,...", help="Folder names for the people with the most faces, in order."
        ),
    ] = "",
    *,
    where: DeviceOptions,
) -> None:
    """Sort the faces of a set into a face set for each person.

    FOLDER/person_1 has the most faces; people seen only once and faces too poor to tell are in
    FOLDER/unsorted. Look at FOLDER/people.html. Each folder can be given to train and convert. FACES stays
    as it is. Run it again after an interruption: what was measured is kept.
    """
    from faceswap_cli.curation import grouping
    from faceswap_cli.curation.people_groups import UNSORTED, GroupingResult
    from faceswap_cli.curation.people_sheet import PAGE
    from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
    from faceswap_cli.faces.sets.faceset import FaceSet

    check_named(output)
    chosen = [name.strip() for name in names.split(",")] if names else []
    grouping.check_names(chosen)
    grouping.check_new(output)
    faces = FaceSet.open(face_set)
    steps = grouping.find_people(faces, IdentityEncoder(where.device), threshold, chosen)
    with console.Bar("who is who") as bar:
        try:
            while True:
                step = next(steps)
                bar.update(step.done, max(step.total, 1), f"{step.done} of {step.total} crops")
        except StopIteration as stop:
            found: GroupingResult = stop.value
    if len(chosen) > len(found.people):
        console.warn(f"only {_people(len(found.people))} for {len(chosen)} names")
    grouping.write_people(faces, found, output)
    rows = [(person.name, person.faces, len(person.tracks)) for person in found.people]
    if found.unsorted:
        left = found.faces - sum(person.faces for person in found.people)
        rows.append((UNSORTED, left, len(found.unsorted)))
    console.print_table(("folder", "faces", "tracks"), rows)
    console.say(
        f"done: {_people(len(found.people))} and {found.singles} seen only once, among {found.faces} faces; "
        f"look at {output / PAGE}"
    )


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"
