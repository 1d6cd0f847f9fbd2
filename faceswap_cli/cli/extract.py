"""`faceswap extract`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import INTERRUPTED, new_app, stop_on_signal
from faceswap_cli.cli.consent import tell_consent
from faceswap_cli.cli.convert_outputs import check_named
from faceswap_cli.cli.options import DetectionOptions, SafetyOptions
from faceswap_cli.faces.sets.extract_options import ExtractOptions
from faceswap_cli.options import INPUT, WHO
from faceswap_cli.words import plural

if TYPE_CHECKING:
    from faceswap_cli.faces.sets.extract import ExtractProgress

app = new_app()


@app.command("extract", example="faceswap extract anna.mp4 photos-of-anna/ -o anna-faces")
def extract(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT", help="Videos, photos, or folders of them.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Face set folder: made when it is new, added to when it is there.",
            rich_help_panel=INPUT,
        ),
    ],
    *,
    options: ExtractOptions,
    only: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PHOTO",
            help="Keep only the faces of the person on this photo. May be repeated.",
            rich_help_panel=WHO,
        ),
    ] = None,
    without: Annotated[
        list[Path] | None,
        typer.Option(
            "--not",
            metavar="PHOTO",
            help="Leave out the faces of the person on this photo. May be repeated.",
            rich_help_panel=WHO,
        ),
    ] = None,
    safety: SafetyOptions,
    detection: DetectionOptions,
) -> None:
    """Find the faces of videos and photos and put them into a face set.

    Look at FACES/sheet.html afterwards, and delete the crops that should not be there: that removes the
    face. Run the same command again to go on where it was interrupted. With --only and --not whole tracks
    are judged, when a video's end is reached; until then everybody's crops are there.
    """
    from faceswap_cli.curation.sheet import write_sheet
    from faceswap_cli.faces.identity.person_filter import read_person_filter
    from faceswap_cli.faces.sets.extract import extract_faces as run
    from faceswap_cli.faces.sets.faceset import FaceSet
    from faceswap_cli.media.inputs import describe_left_out

    check_named(output)
    tell_consent()
    stage, photo_stage = detection.load_analyser(), detection.load_analyser(thorough=True)
    console.tell(stage.explanation)
    if left := describe_left_out(inputs, output):
        console.warn(left)
    options = replace(options, min_size=detection.min_size)
    wanted = None
    if only or without:
        wanted, notes = read_person_filter(only or [], without or [], photo_stage, detection.device)
        for note in notes:
            console.warn(note)
    new = 0
    guard = safety.guard(detection.device)
    steps = run(inputs, output, stage, options, photo_stage, wanted, guard)
    with stop_on_signal("stopping, one moment ...") as stopped, console.Bar("extract") as bar, closing(steps):
        for step in steps:
            _show(bar, step)
            new += step.state in ("complete", "unreadable")
            if stopped():
                break
    if stopped():
        console.tell("stopped; run the same command again to go on")
        raise typer.Exit(INTERRUPTED)
    faces = FaceSet.open(output)
    page, _ = write_sheet(faces)
    if not new:
        console.say(f"nothing to do: {output} holds all of it already")
    console.say(f"done: {plural(len(faces), 'face')} in {output}; look at {page}")


def _show(bar: console.Bar, step: ExtractProgress) -> None:
    """One report on the progress line."""
    for note in step.notes if step.state != "running" else ():
        bar.note(note)
    label = step.source if step.sources == 1 else f"{step.source} ({step.number} of {step.sources})"
    total = step.total if step.state == "running" else max(step.done, 1)
    rate = f" | {step.rate:.1f} frames/s" if step.rate and step.state == "running" else ""
    bar.update(max(step.done, step.state != "running"), total, f"{plural(step.faces, 'face')}{rate}", label)
