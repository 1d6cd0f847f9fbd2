"""`faceswap models film`."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.convert_outputs import check_named
from faceswap_cli.cli.mark_options import MarkOptions
from faceswap_cli.cli.options import OutputOption
from faceswap_cli.media.encode_options import EncodeRequest
from faceswap_cli.options import INPUT


def film(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of `faceswap train -m`.")],
    *,
    output: OutputOption,
    seconds: Annotated[
        float, typer.Option(min=1, max=600, help="How long it lasts.", rich_help_panel=INPUT)
    ] = 12.0,
    fps: Annotated[
        int, typer.Option(metavar="RATE", min=1, max=120, help="Frames a second.", rich_help_panel=INPUT)
    ] = 25,
    encode: EncodeRequest,
    marks: MarkOptions,
) -> None:
    """Make a film of a run's growth: the previews that it kept, each fading into the next."""
    from faceswap_cli.media.encoders import resolve_encoding
    from faceswap_cli.pipeline.drawn_video import write_drawn_video
    from faceswap_cli.pipeline.options import PipelineOptions
    from faceswap_cli.provenance.marks import Kind
    from faceswap_cli.training.monitor.growth_film import film_frames, read_previews
    from faceswap_cli.training.runs.folder import open_run

    check_named(output)
    open_run(run)
    steps, pictures = read_previews(run)
    frames = max(2, round(seconds * fps))
    options = PipelineOptions(
        encode=resolve_encoding(encode, output), marks=marks.build_marks(Kind.MADE, "", label=True)
    )
    with console.Bar("film") as bar:
        made = film_frames(pictures, frames)
        for done in write_drawn_video(output, made, frames, Fraction(fps), options):
            bar.update(done, frames, f"{done} frames")
    told = f"{len(steps)} previews, step {steps[0]} to {steps[-1]}"
    console.say(f"done: {output} ({told}; {options.marks.describe(output)})")
