"""`faceswap age photo` and `faceswap age video`."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.age_load import AgeRunOption, MethodOptions, load_face_ager
from faceswap_cli.cli.app import new_app
from faceswap_cli.cli.consent import tell_consent
from faceswap_cli.cli.convert_executor import ExecutorOptions, open_executor
from faceswap_cli.cli.convert_outputs import check_not_given, name_outputs
from faceswap_cli.cli.convert_preview import run_preview
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
from faceswap_cli.cli.people_plan import load_people_plan
from faceswap_cli.cli.run_photos import name_photo_outputs, run_photos
from faceswap_cli.cli.run_videos import run_video, run_videos
from faceswap_cli.effects.ageing.request import AgeRequest, read_ages
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.errors import UserError
from faceswap_cli.media.encode_options import EncodeRequest
from faceswap_cli.options import LOOK, WHO
from faceswap_cli.pipeline.options import PipelineOptions

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
    from faceswap_cli.effects.ageing.effect import AgeEffect
    from faceswap_cli.faces.age.estimator import AgeEstimator
    from faceswap_cli.pipeline.photo import (
        FaceSelection,
        open_photo,
        prepare_photo,
        write_photo_result,
    )
    from faceswap_cli.provenance.marks import Kind
    from faceswap_cli.provenance.sidecar import write_sidecar

    targets = _targets(to, wish)
    wish = replace(wish, to=targets[0] if targets else None)
    wish.check()
    jobs = name_photo_outputs(sources, Path(output), output)
    check_not_given([job.output for job in jobs], (*people.only, *people.without))
    tell_consent()
    ager = load_face_ager(method.method, run, detection.device, wish.strength)
    made = marks.build_marks(Kind.AGE, ager.cache_key, label=False)
    stage = detection.load_analyser(thorough=True)
    plan = load_people_plan(people, safety.guard(detection.device), lambda: stage)
    effect = AgeEffect(ager, wish, AgeEstimator(detection.device))
    pipeline, selection = replace(pipeline, marks=made), FaceSelection(face_index, quick=True)

    def work(source: Path, output: Path) -> None:
        opened = open_photo(source, plan, stage, pipeline, selection)
        prepared = prepare_photo(opened, effect)
        for note in prepared.notes:
            console.warn(note)
        for track, reason in prepared.left_alone.items():
            console.warn(f"{opened.clip.describe([track])} is left alone: {reason}")
        if len(targets) > 1:
            _sheet(prepared, output, targets, made)
            ages = targets
        else:
            report = write_photo_result(prepared, output, made)
            for line in report.people:
                console.say(line)
            for note in report.notes:
                console.warn(note)
            console.say(f"done: {output} (faces aged: {report.changed}; {made.describe(output)})")
            ages = report.facts["ages"]
        if marks.sidecar:
            write_sidecar(output, "age photo", made, ages)

    run_photos(
        sources, jobs, work, effect.cache_key, targets, face_index, plan.cache_key(""), asdict(pipeline)
    )


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
    from faceswap_cli.effects.ageing.effect import AgeEffect
    from faceswap_cli.faces.age.estimator import AgeEstimator
    from faceswap_cli.media.encoders import resolve_encoding
    from faceswap_cli.provenance.marks import Kind

    tell_consent()
    wish = replace(wish, to=to)
    wish.check()
    outputs = name_outputs(sources, output, encode.encoder or "x264")
    check_not_given([*outputs, trial.preview], (*people.only, *people.without))
    pipeline = replace(pipeline, encode=resolve_encoding(encode, outputs[0]))
    ager = load_face_ager(method.method, run, detection.device, wish.strength)
    pipeline = replace(pipeline, marks=marks.build_marks(Kind.AGE, ager.cache_key, label=True))
    stage = detection.load_analyser()
    console.tell(stage.explanation)
    thorough = partial(detection.load_analyser, thorough=True)
    plan = load_people_plan(people, safety.guard(detection.device), thorough)
    effect = AgeEffect(ager, wish, AgeEstimator(detection.device), effect_options)
    effect.check()
    if trial:
        run_preview(sources, outputs, trial, pipeline, plan, effect, stage)
        return
    with open_executor(executor, sources, pipeline.segment_frames, detection.device) as place:
        work = partial(
            run_video, verb="ageing", plan=plan, effect=effect, options=pipeline, analyser=stage,
            executor=place, sidecar="age video" if marks.sidecar else "",
            ages=[age for age in (wish.to, wish.by) if age is not None],
        )  # fmt: skip
        run_videos(sources, outputs, work)


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
    console.say(f"sheet: {output} ({len(targets)} ages; give one --to to age the photo itself)")
