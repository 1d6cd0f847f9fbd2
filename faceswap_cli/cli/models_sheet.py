"""`faceswap models sheet`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.options import OutputOption, RunOption
from faceswap_cli.errors import UserError
from faceswap_cli.options import WHO


def sheet(
    source: Annotated[
        Path, typer.Argument(metavar="PHOTO", help="Whose pose, expression, light are varied.")
    ],
    run: RunOption,
    output: OutputOption,
    face: Annotated[
        list[str] | None,
        typer.Option(
            "--face",
            help="Who is drawn: a name of the run's, or a photo. [default: whoever is on PHOTO]",
            rich_help_panel=WHO,
        ),
    ] = None,
) -> None:
    """Draw a face with each attribute varied by itself, and measure the effect."""
    from faceswap_cli.cli.convert_assignment import AssignmentRequest, DrawnOptions, load_swap_plan
    from faceswap_cli.effects.swap.attribute_sheet import draw_attribute_sheet
    from faceswap_cli.faces.face_analyser import build_analyser
    from faceswap_cli.media.frame import Frame
    from faceswap_cli.media.photo import read_photo, write_photo

    stage = build_analyser("auto", "auto", "cpu", thorough=True)
    drawn = DrawnOptions(face=tuple(face or [str(source)]), all_faces=True)
    asked = AssignmentRequest(run, drawn, lambda: stage, device="cpu")
    renderer = load_swap_plan(asked).plan.targets[0].renderer
    assert renderer is not None
    image = read_photo(source).image
    faces = stage.find([Frame(0, 0.0, image)])[0]
    if not faces:
        raise UserError(f"{source}: no face was found in it", "Give a photo that shows a face")
    picture, effects = draw_attribute_sheet(image, max(faces, key=lambda f: f.landmarks.std()), renderer)
    write_photo(output, picture)
    console.print_table(
        ("attribute", "change measured for 1 asked", "largest change of another"),
        [(e.name, f"{e.own:.2f}", f"{e.other:.2f} ({e.which})") for e in effects],
    )
    console.say(f"done: {output}")
