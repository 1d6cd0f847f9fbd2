"""`faceswap models`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import new_app

app = new_app(help="The network families, and what a trained run holds.")


@app.command("list")
def list_models() -> None:
    """List the network families and the sizes they come in, and the weights that come with the tool."""
    from faceswap_cli import zoo
    from faceswap_cli.networks.registry import ARCHITECTURES, outline, parameter_count
    from faceswap_cli.training.family_options import described
    from faceswap_cli.training.settings import FAMILIES

    rows = []
    for family, sizes in FAMILIES.items():
        for size, settings in sizes.items():
            model = outline(family, settings.network)
            rows.append(
                (
                    family,
                    size,
                    f"{model.config.resolution} px",
                    f"{parameter_count(model) / 1e6:.1f} M",
                    f"{settings.batch} + {settings.batch}",
                )
            )
    console.table(("--architecture", "--size", "picture", "parameters", "batch"), rows)
    for name, (_, model_type) in ARCHITECTURES.items():
        console.say(f"\n{name}: {(model_type.__doc__ or '').splitlines()[0]}")
        console.say(f"  --option {described(name)}")
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
    console.table(("weights", "size", "licence", "what"), bundled)
    console.say(f"cards and weights are in {zoo.models_folder()}")


@app.command("show")
def show(
    run: Annotated[
        Path, typer.Argument(help="Run folder of `faceswap train -m`, or the name of bundled weights.")
    ],
) -> None:
    """Show what a run folder holds (people, settings, checkpoints), or the card of bundled weights."""
    from faceswap_cli import zoo
    from faceswap_cli.training.run_folder import open_run

    if str(run) in zoo.names() and not run.exists():
        console.out.print_json(data=dict(zoo.card(str(run)).facts))
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
    console.out.print_json(data=opened.settings.to_json())
    for note in notes:
        console.warn(note)
