"""`faceswap age photo` and `faceswap age video`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.age_load import AgeRunOption, MethodOptions, load_age_effect
from faceswap_cli.cli.app import new_app
from faceswap_cli.cli.change_faces import ChangeOptions, change_photos, change_videos, write_changed_photo
from faceswap_cli.cli.convert_executor import ExecutorOptions
from faceswap_cli.cli.mark_options import MarkOptions
from faceswap_cli.cli.option_parameters import Aliases
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
from faceswap_cli.effects.ageing.request import AgeRequest, read_ages
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.errors import UserError
from faceswap_cli.media.encode_options import EncodeRequest
from faceswap_cli.options import LOOK, WHO
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.words import plural

if TYPE_CHECKING:
    from faceswap_cli.effects.ageing.render import AgeStages
    from faceswap_cli.pipeline.photo import PreparedPhoto
    from faceswap_cli.provenance.marks import Marks

app = new_app(help="Make faces older or younger, in a photo or a video.")


@app.command(
    "photo",
    medium="photo",
    example="faceswap age photo me.jpg --to 70 -o old.jpg\n"
    "faceswap age photo me.jpg --to 20..80:10 -o sheet.jpg",
)
def photo(
    sources: PhotosArgument,
    output: PhotoOutputOption,
    *,
    run: AgeRunOption = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            metavar="AGE",
            help="How old the faces become, 18 to 80. Several, or 20..80:10 (every ten years), make a sheet "
            "with the face as it is and at each age.",
            rich_help_panel=LOOK,
        ),
    ] = None,
    wish: AgeRequest,
    method: MethodOptions,
    face_index: Annotated[
        int | None,
        typer.Option(
            "--face-index",
            metavar="N",
            help="Age only this face, counted from left to right, from 1. [default: all]",
            rich_help_panel=WHO,
        ),
        Aliases(("--face",)),
    ] = None,
    people: PeopleOptions,
    safety: SafetyOptions,
    pipeline: PipelineOptions,
    detection: DetectionOptions,
    marks: MarkOptions,
) -> None:
    """Make the faces of a photo, or of many, older or younger.

    Orientation, colour profile and transparency stay as they are, and so does every pixel that is not of a
    face or its hair. Of many photos one that can't be changed is named, and the others are done; run the same
    command again to go on where it was interrupted.
    """
    from faceswap_cli.provenance.marks import Kind

    targets = _targets(to, wish)
    wish = replace(wish, to=targets[0] if targets else None)
    wish.check()

    def write(prepared: PreparedPhoto[AgeStages], output: Path, made: Marks) -> dict[str, Any]:
        if len(targets) > 1:
            _sheet(prepared, output, targets, made)
            return {"ages": targets}
        return {"ages": write_changed_photo(prepared, output, made, "aged").facts["ages"]}

    options = ChangeOptions(people, safety, pipeline, detection, marks)
    load = partial(load_age_effect, wish, method.method, run, detection.device)
    change_photos(sources, output, options, "age photo", Kind.AGE, load, write, face_index, targets)


@app.command("video", medium="video", example="faceswap age video clip.mp4 --to 70 -o old.mp4")
def video(
    sources: VideosArgument,
    output: VideoOutputOption,
    *,
    run: AgeRunOption = None,
    to: Annotated[
        float | None,
        typer.Option("--to", metavar="AGE", help="How old the faces become, 18 to 80.", rich_help_panel=LOOK),
    ] = None,
    wish: AgeRequest,
    method: MethodOptions,
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
    """Make the faces of a video older or younger.

    Each person's age is estimated once, from their clearest faces. Timestamps, sound and every other stream
    stay as they are. Run the same command again to go on where it was interrupted.
    """
    from faceswap_cli.provenance.marks import Kind

    wish = replace(wish, to=to)
    wish.check()
    options = ChangeOptions(people, safety, pipeline, detection, marks)
    load = partial(load_age_effect, wish, method.method, run, detection.device, effect_options)
    change_videos(
        sources, output, options, encode, executor, trial, "age video", Kind.AGE, load, verb="ageing",
        ages=[age for age in (wish.to, wish.by) if age is not None],
    )  # fmt: skip


def _targets(to: list[str] | None, wish: AgeRequest) -> list[float]:
    """The ages that `--to` names."""
    if to and wish.by is not None:
        raise UserError("--to and --by say different things about how old the faces become", "Give one")
    return read_ages(to or [])


def _sheet(prepared: PreparedPhoto[AgeStages], output: Path, targets: list[float], marks: Marks) -> None:
    """Write the faces as they are and at each age."""
    from faceswap_cli.effects.ageing.sheet import draw_age_sheet
    from faceswap_cli.provenance.marks import write_marked_photo

    stages, clip = prepared.effect.stages, prepared.opened.clip
    page = draw_age_sheet(prepared.opened.frame.image, prepared.plan, stages, targets)
    write_marked_photo(output, page, marks)
    for track, age in sorted(stages.ages.items()):
        console.say(f"{clip.describe([track])} {age.describe_source()}")
    console.say(f"sheet: {output} ({plural(len(targets), 'age')}; give one --to to age the photo itself)")
