"""`faceswap models`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import new_app
from faceswap_cli.cli.models_film import film
from faceswap_cli.cli.models_sheet import sheet
from faceswap_cli.errors import UserError
from faceswap_cli.options import INPUT, WHO

app = new_app(help="The network families, what a trained run holds, and files to hand on.")
app.command("sheet", example="faceswap models sheet anna.jpg -m conditional -o sheet.jpg")(sheet)
app.command("film", example="faceswap models film invented -o growth.mp4")(film)


@app.command("list", example="faceswap models list")
def list_models() -> None:
    """List the network families and the sizes they come in, and the weights that come with the tool."""
    from faceswap_cli import zoo
    from faceswap_cli.networks.swap.family import parameter_count
    from faceswap_cli.training.families import FAMILIES
    from faceswap_cli.training.runs.family_options import describe_options

    rows = []
    for family in FAMILIES.values():
        for size, settings in family.sizes.items():
            model = family.outline(settings.network)
            rows.append(
                (
                    family.name,
                    size,
                    f"{side} px" if (side := family.resolution(model)) else "none",
                    f"{parameter_count(model) / 1e6:.1f} M",
                    str(settings.batch),
                )
            )
    console.print_table(("--family", "--size", "picture", "parameters", "batch"), rows)
    for family in FAMILIES.values():
        console.say(f"\n{family.name}: {(family.network.__doc__ or '').splitlines()[0]}")
        if options := describe_options(family.name):
            console.say(f"  --option {options}")
    cards = [zoo.card(name) for name in zoo.names()]
    bundled = [
        (
            card.name,
            f"{card.facts['bytes'] / 1e6:.1f} MB",
            card.facts["licence"].split(" (")[0],
            card.facts["what"].split(". ")[0],
        )
        for card in cards
    ]
    console.say("")
    console.print_table(("weights", "size", "licence", "what"), bundled)
    console.say(f"cards and weights are in {zoo.models_folder()}")


@app.command("show", example="faceswap models show anna-run")
def show(
    run: Annotated[
        Path,
        typer.Argument(
            help="Run folder of `faceswap train -m`, a file by `faceswap models export`, or the name of "
            "bundled weights."
        ),
    ],
) -> None:
    """Show what a run folder holds, or the card of an exported file or of bundled weights."""
    from faceswap_cli import zoo
    from faceswap_cli.training.engine.checkpoints import step_of
    from faceswap_cli.training.runs.folder import open_run

    if str(run) in zoo.names() and not run.exists():
        console.say_json(dict(zoo.card(str(run)).facts))
        return
    if run.is_file():
        from faceswap_cli.training.runs.model_file import read_card

        console.say_json(dict(read_card(run)))
        return
    opened = open_run(run)
    names = ", ".join(f"{identity.upper()} = {name}" for identity, name in opened.names.items())
    checkpoint, notes = opened.store.newest()
    console.say(f"{run}: {names}")
    if checkpoint is not None:
        minutes = checkpoint.facts["seconds"] / 60
        console.say(
            f"step {checkpoint.facts['step']:.0f}, {minutes:.1f} minutes trained, {checkpoint.path.name}"
        )
    if steps := [str(step_of(path)) for path in opened.snapshots.paths()]:
        console.say(f"snapshots of step {', '.join(steps)}")
    console.say_json(opened.settings.to_json())
    if opened.history:
        console.say_json([dict(entry) for entry in opened.history])
    for note in notes:
        console.warn(note)


@app.command("export", example="faceswap models export anna-run -o anna.safetensors")
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of `faceswap train -m`.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="FILE.safetensors for this tool, FILE.onnx for others.",
            rich_help_panel=INPUT,
        ),
    ],
    face: Annotated[
        list[str] | None,
        typer.Option(
            help="Whose face the file can draw: b, b2, ..., a, or a face set's name. May be repeated. "
            "[default: everybody's; .onnx: b]",
            rich_help_panel=WHO,
        ),
    ] = None,
    with_reference: Annotated[
        bool,
        typer.Option(
            "--with-reference/--no-reference",
            help="Put in the descriptors by which convert tells the person to be replaced from others. They "
            "are biometric data. Without them convert replaces every face.",
        ),
    ] = False,
    with_names: Annotated[
        bool, typer.Option("--names/--no-names", help="Put in the names of the people's face sets.")
    ] = True,
    licence: Annotated[
        str, typer.Option(metavar="TEXT", help="What others may do with the file, for its card.")
    ] = "",
) -> None:
    """Write a trained run as one file to hand on: weights and a card, no picture, no path.

    `faceswap convert -m FILE.safetensors` works as with the run folder; `faceswap models show` prints the
    card. A .onnx file takes crops and gives faces and masks; it needs the extra `faceswap-cli[onnx]`.
    """
    from faceswap_cli.training.runs.export import export_run as export_safetensors
    from faceswap_cli.training.runs.folder import open_run
    from faceswap_cli.training.runs.settings import SOURCE

    opened = open_run(run)
    faces = [opened.identity(name) for name in face or []]
    kind = output.suffix.lower()
    if kind == ".onnx":
        from faceswap_cli.training.runs.export_onnx import export_onnx

        if with_reference or len(faces) > 1:
            raise UserError("an ONNX file holds one face and no reference", "Leave the others out")
        drawn = faces[0] if faces else opened.identity(SOURCE)
        made, difference = export_onnx(opened, output, drawn, with_names, licence)
        told = f"it draws {drawn}; onnxruntime draws as torch does, to {255 * difference:.4f} of 255"
    elif kind == ".safetensors":
        made = export_safetensors(opened, output, faces, with_reference, with_names, licence)
        told = f"it draws {', '.join(made.card['identities'])}; the reference is "
        told += (
            "in it, which is biometric data"
            if with_reference
            else "not in it: convert will replace all faces"
        )
    else:
        raise UserError(f"{output} has no known suffix", "Use .safetensors, or .onnx for other programs")
    for note in made.notes:
        console.warn(note)
    console.say(
        f"done: {output} ({output.stat().st_size / 1e6:.1f} MB, step {made.card['training']['step']})"
    )
    console.tell(told)
    if named := ", ".join(name for name in made.card["names"].values() if name):
        console.tell(f"its card has the names {named} (--no-names leaves them out)")
