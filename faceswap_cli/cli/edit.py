"""`faceswap edit photo`, `faceswap edit video` and `faceswap edit list`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import new_app
from faceswap_cli.cli.change_faces import ChangeOptions, change_photos, change_videos, write_changed_photo
from faceswap_cli.cli.convert_executor import ExecutorOptions
from faceswap_cli.cli.edit_load import load_edit_effect
from faceswap_cli.cli.mark_options import MarkOptions
from faceswap_cli.cli.options import (
    DetectionOptions,
    PeopleOptions,
    PhotoOutputOption,
    PhotosArgument,
    SafetyOptions,
    TrialOptions,
    VideoOutputOption,
    VideosArgument,
)
from faceswap_cli.effects.edit.request import EditRequest
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.media.encode_options import EncodeRequest
from faceswap_cli.options import INPUT, WHO
from faceswap_cli.pipeline.options import PipelineOptions

if TYPE_CHECKING:
    from faceswap_cli.effects.edit.render import EditStages
    from faceswap_cli.pipeline.photo import PreparedPhoto
    from faceswap_cli.provenance.marks import Marks

app = new_app(help="Change a feature of faces, in a photo or a video: smile, hair, eyes, skin and more.")


@app.command(
    "photo",
    medium="photo",
    example="faceswap edit photo me.jpg --set smile=.6 --set hair=auburn -o out.jpg\n"
    "faceswap edit photo me.jpg --sheet smile,brow-height -o sheet.jpg",
)
def photo(
    sources: PhotosArgument,
    output: PhotoOutputOption,
    *,
    request: EditRequest,
    sheet: Annotated[
        str | None,
        typer.Option(
            "--sheet",
            metavar="NAME[,NAME]",
            help="Write a sheet of one feature over its range, or of two as a grid, and not the photo.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    face_index: Annotated[
        int | None,
        typer.Option(
            "--face-index",
            metavar="N",
            help="Change only this face, counted from left to right, from 1. [default: all]",
            rich_help_panel=WHO,
        ),
    ] = None,
    people: PeopleOptions,
    safety: SafetyOptions,
    pipeline: PipelineOptions,
    detection: DetectionOptions,
    marks: MarkOptions,
) -> None:
    """Change features of the faces of a photo, or of many: smile, hair, eyes, skin and more.

    What a feature is now is read first and printed; where it is as asked for already, nothing changes.
    Orientation, colour profile and transparency stay as they are, and so does every pixel that is not of what
    changes. Of many photos one that can't be changed is named, and the others are done; run the same command
    again to go on where it was interrupted.
    """
    from faceswap_cli.effects.edit.sheet import read_sheet
    from faceswap_cli.provenance.marks import Kind

    names = read_sheet(sheet) if sheet else ()
    if not names:
        request.check()

    def write(prepared: PreparedPhoto[EditStages], output: Path, made: Marks) -> dict[str, Any] | None:
        if names:
            _write_sheet(prepared, output, names, request, made)
            return None
        write_changed_photo(prepared, output, made, "edited")
        return {"changes": request.set}

    options = ChangeOptions(people, safety, pipeline, detection, marks)
    load = partial(load_edit_effect, request, detection.device, also=names)
    change_photos(sources, output, options, "edit photo", Kind.EDIT, load, write, face_index, names)


@app.command("video", medium="video", example="faceswap edit video clip.mp4 --set hair=black -o black.mp4")
def video(
    sources: VideosArgument,
    output: VideoOutputOption,
    *,
    request: EditRequest,
    people: PeopleOptions,
    safety: SafetyOptions,
    effect_options: EffectOptions,
    encode: EncodeRequest,
    pipeline: PipelineOptions,
    executor: ExecutorOptions,
    detection: DetectionOptions,
    trial: TrialOptions,
    marks: MarkOptions,
) -> None:
    """Change features of the faces of a video.

    What each person's features are is read once, from their clearest faces; the same change is made in every
    frame, so that faces go on moving as they did. Timestamps, sound and every other stream stay as they are.
    Run the same command again to go on where it was interrupted.
    """
    from faceswap_cli.provenance.marks import Kind

    request.check()
    options = ChangeOptions(people, safety, pipeline, detection, marks)
    load = partial(load_edit_effect, request, detection.device, options=effect_options)
    change_videos(
        sources, output, options, encode, executor, trial, "edit video", Kind.EDIT, load, verb="editing",
        changes=request.set,
    )  # fmt: skip


@app.command("list", example="faceswap edit list")
def list_features() -> None:
    """List what can be changed: names, values, what each does, and what else it was measured to change."""
    from faceswap_cli.effects.edit.features import EMOTION, EMOTIONS, FEATURES, show_value
    from faceswap_cli.effects.edit.side_effects import SIDE_EFFECTS

    for name, feature in FEATURES.items():
        console.say(f"{name}: {feature.does}")
        console.say(f"    values: {feature.values}")
        if name in SIDE_EFFECTS:
            console.say(f"    side effects: {SIDE_EFFECTS[name]}")
    console.say(f"{EMOTION}: a bundle of shapes")
    for name, bundle in EMOTIONS.items():
        console.say(f"    {name}: {', '.join(f'{one}={show_value(value)}' for one, value in bundle.items())}")


def _write_sheet(
    prepared: PreparedPhoto[EditStages],
    output: Path,
    names: tuple[str, ...],
    request: EditRequest,
    marks: Marks,
) -> None:
    """Write the faces with each value of one feature, or of two."""
    from faceswap_cli.effects.edit.sheet import draw_edit_sheet
    from faceswap_cli.provenance.marks import write_marked_photo

    image, stages = prepared.opened.frame.image, prepared.effect.stages
    page = draw_edit_sheet(image, prepared.plan, stages, names, request.wanted, request.strength)
    write_marked_photo(output, page, marks)
    console.say(f"sheet: {output} ({' by '.join(names)}; give --set to change the photo itself)")
