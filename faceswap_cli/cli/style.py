"""`faceswap style photo`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import new_app
from faceswap_cli.cli.consent import tell_consent
from faceswap_cli.cli.mark_options import MarkOptions
from faceswap_cli.cli.options import DeviceOptions, PhotoOutputOption, PhotosArgument
from faceswap_cli.cli.run_photos import name_photo_outputs, run_photos
from faceswap_cli.options import INPUT, LOOK, OptionGroup, option

app = new_app(help="Turn pictures of one kind into another, by what a run has learnt.")


@dataclass(frozen=True)
class StyleOptions(OptionGroup):
    """How pictures are turned."""

    back: bool = option(False, group=LOOK, help="From B to A, of a run that learnt both ways.")
    strength: float = option(1.0, 0, 2, group=LOOK, help="How much of the change is made.")
    detail: float = option(
        1.0, 0, 1, group=LOOK, help="How much of the detail that is finer than the network sees stays."
    )


@app.command("photo", example="faceswap style photo garden.jpg -m winter -o winter-garden.jpg")
def photo(
    sources: PhotosArgument,
    *,
    run: Annotated[
        Path,
        typer.Option(
            "--run", "-m", help="Run folder of `faceswap train --family style`.", rich_help_panel=INPUT
        ),
    ],
    output: PhotoOutputOption,
    look: StyleOptions,
    place: DeviceOptions,
    marks: MarkOptions,
) -> None:
    """Turn a photo, or many, into the other kind.

    The change is found at the size that the run has learnt and laid on the photo, whose finer detail stays.
    """
    from faceswap_cli.media.photo import read_photo
    from faceswap_cli.portrait.style.translate import load_style
    from faceswap_cli.provenance.marks import Kind, write_marked_photo

    jobs = name_photo_outputs(sources, Path(output), output)
    tell_consent()
    translator = load_style(run, place.device, look.back)
    made = marks.build_marks(Kind.STYLE, translator.cache_key, label=False)

    def work(source: Path, result: Path) -> None:
        opened = read_photo(source)
        write_marked_photo(result, translator(opened.image, look.strength, look.detail), made, opened)
        console.say(f"done: {result} ({made.describe(result)})")

    run_photos(sources, jobs, work, translator.cache_key, asdict(look), made.settings())
