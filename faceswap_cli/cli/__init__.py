"""The command line; the `faceswap` script calls `main` by way of `__main__`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from faceswap_cli.cli.age import app as age_app
from faceswap_cli.cli.animate import animate
from faceswap_cli.cli.app import Boundary, new_app
from faceswap_cli.cli.convert import app as convert_app
from faceswap_cli.cli.doctor import doctor
from faceswap_cli.cli.edit import app as edit_app
from faceswap_cli.cli.evaluate import app as evaluate_app
from faceswap_cli.cli.extract import extract
from faceswap_cli.cli.faces import app as faces_app
from faceswap_cli.cli.generate import generate
from faceswap_cli.cli.headshot import headshot
from faceswap_cli.cli.lab import lab
from faceswap_cli.cli.live import live
from faceswap_cli.cli.models import app as models_app
from faceswap_cli.cli.style import app as style_app
from faceswap_cli.cli.train import train
from faceswap_cli.cli.verify import verify

app = new_app(name="faceswap", cls=Boundary)
app.command("extract", example="faceswap extract anna.mp4 photos-of-anna/ -o anna-faces")(extract)
app.command(
    "train",
    example="faceswap train -A target-faces -B anna-faces -m anna-run --minutes 10\n"
    "faceswap train -A target-faces -B anna-faces -m anna-run --minutes 30   # goes on to 30 in all",
)(train)
app.add_typer(convert_app, name="convert")
app.add_typer(age_app, name="age")
app.add_typer(edit_app, name="edit")
app.command(
    "animate",
    medium="video",
    example="faceswap animate portrait.jpg --driver talking.mp4 -o talks.mp4\n"
    "faceswap animate portrait.jpg --loop idle -o living.webp",
)(animate)
app.command(
    "live",
    example="faceswap live --camera 0 -m anna-run -o window\n"
    "faceswap live --camera 0 --face anna.jpg -o virtual -o take.mp4\n"
    "faceswap live --camera clip.mp4 --age 70 -o http\n"
    "faceswap live --list",
)(live)
app.command(
    "headshot",
    medium="photo",
    example="faceswap headshot selfie.jpg -o me.jpg\n"
    "faceswap headshot selfie.jpg --background white --background blur -o sheet.jpg",
)(headshot)
app.add_typer(style_app, name="style")
app.add_typer(faces_app, name="faces")
app.add_typer(models_app, name="models")
app.add_typer(evaluate_app, name="evaluate")
app.command(
    "generate",
    example="faceswap generate -n 16 -o sheet.png\n"
    'faceswap generate --text "a smiling woman of about 40 with red hair" -n 4 -o red.png\n'
    "faceswap generate --like anna.jpg:.6 --like ben.jpg:.4 -o between.png\n"
    "faceswap generate -m invented --walk walk.mp4 -n 6",
)(generate)
app.command("lab", example="faceswap lab --data ring --page ring.html")(lab)
app.command("verify", example="faceswap verify swapped.mp4")(verify)
app.command("doctor", example="faceswap doctor --report")(doctor)


def _version(wanted: bool) -> None:
    if wanted:
        from faceswap_cli.version import __version__

        typer.echo(f"faceswap {__version__}")
        raise typer.Exit


@app.callback()
def faceswap(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Swap faces in photos and video: extract the faces, train on them, convert.

    Use it on footage of people who agreed to it, and say that the result is made.
    """


def main() -> None:
    """Run the command line."""
    # GNU OpenMP's threads wait for each other by spinning, 300,000 rounds by default: as soon as anything
    # else wants a core, training is ten times slower. With 20,000 it is four times slower then, and
    # nearly as fast as before on a quiet machine. Must be set before torch is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    # SVT-AV1 would print its settings for every piece of a video; 1 is errors only.
    os.environ.setdefault("SVT_LOG", "1")
    app(prog_name="faceswap")
