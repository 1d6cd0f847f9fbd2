"""`faceswap convert video` and `faceswap convert photo`."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import new_app
from faceswap_cli.cli.consent import tell_consent
from faceswap_cli.cli.convert_assignment import AssignmentRequest, DrawnOptions
from faceswap_cli.cli.convert_effect import LookOptions, load_effect
from faceswap_cli.cli.convert_executor import ExecutorOptions, open_executor
from faceswap_cli.cli.convert_outputs import check_not_given, check_source, name_outputs
from faceswap_cli.cli.convert_preview import run_preview
from faceswap_cli.cli.convert_sheet import sheet
from faceswap_cli.cli.mark_options import MarkOptions
from faceswap_cli.cli.options import (
    DetectionOptions,
    OptionalRunOption,
    PeopleOptions,
    PhotoOutputOption,
    PhotosArgument,
    SafetyOptions,
    TrialOptions,
    VideoOutputOption,
    VideosArgument,
)
from faceswap_cli.cli.run_photos import name_photo_outputs, run_photos
from faceswap_cli.cli.run_videos import run_video, run_videos
from faceswap_cli.media.encode_options import EncodeRequest
from faceswap_cli.options import INPUT
from faceswap_cli.pipeline.options import PipelineOptions

app = new_app(help="Put a learnt face, or that of a photo, into a video or a photo.")
app.command(
    "sheet", example='faceswap convert sheet clip.mp4 -m anna-run --vary "colour=rct,lct,none" -o sheet.jpg'
)(sheet)


@app.command(
    "video",
    medium="video",
    example="faceswap convert video clip.mp4 -m anna-run -o swapped.mp4\n"
    "faceswap convert video clip.mp4 --face anna.jpg -o swapped.mp4",
)
def video(
    sources: VideosArgument,
    *,
    run: OptionalRunOption = None,
    output: VideoOutputOption,
    faces: Annotated[
        Path | None,
        typer.Option(
            help="Face set extracted from this very video: only its faces are replaced, and those whose "
            "crops were deleted are not. [default: faces are looked for anew]",
            rich_help_panel=INPUT,
        ),
    ] = None,
    drawn: DrawnOptions,
    people: PeopleOptions,
    safety: SafetyOptions,
    look: LookOptions,
    encode: EncodeRequest,
    pipeline: PipelineOptions,
    executor: ExecutorOptions,
    detection: DetectionOptions,
    trial: TrialOptions,
    marks: MarkOptions,
) -> None:
    """Swap the faces of a video.

    Timestamps, sound and every other stream stay as they are. Run the same command again to go on
    where it was interrupted.
    """
    from faceswap_cli.faces.sets.faceset import FaceSet
    from faceswap_cli.media.encoders import resolve_encoding
    from faceswap_cli.provenance.marks import Kind

    outputs = name_outputs(sources, output, encode.encoder or "x264")
    pipeline = replace(pipeline, encode=resolve_encoding(encode, outputs[0]))
    look.check()
    check_source(sources, pipeline.rate)
    tell_consent()
    thorough = partial(detection.load_analyser, thorough=True)
    asked = AssignmentRequest(run, drawn, thorough, people, safety, detection.device)
    check_not_given([*outputs, trial.preview], asked.named())
    plan, effect, mark = load_effect(asked, look)
    pipeline = replace(pipeline, marks=marks.build_marks(Kind.SWAP, mark, label=True))
    known = FaceSet.open(faces) if faces is not None else None
    stage = None
    if known is None:
        stage = detection.load_analyser()
        console.tell(stage.explanation)
    if trial:
        finder = stage or detection.load_analyser()
        run_preview(sources, outputs, trial, pipeline, plan, effect, finder)
        return
    with open_executor(executor, sources, pipeline.segment_frames, detection.device) as place:
        work = partial(
            run_video, plan=plan, effect=effect, options=pipeline, analyser=stage, faces=known,
            executor=place, sidecar="convert video" if marks.sidecar else "",
        )  # fmt: skip
        run_videos(sources, outputs, work)


@app.command(
    "photo",
    medium="photo",
    example="faceswap convert photo group.jpg --face anna.jpg --only ben.jpg -o swapped.jpg",
)
def photo(
    sources: PhotosArgument,
    *,
    run: OptionalRunOption = None,
    output: PhotoOutputOption,
    drawn: DrawnOptions,
    people: PeopleOptions,
    safety: SafetyOptions,
    look: LookOptions,
    pipeline: PipelineOptions,
    detection: DetectionOptions,
    trial: TrialOptions,
    marks: MarkOptions,
) -> None:
    """Swap the faces of a photo, or of many.

    Orientation, colour profile and transparency stay as they are. Of many photos one that can't be changed is
    named, and the others are done; run the same command again to go on where it was interrupted.
    """
    from faceswap_cli.pipeline.photo import convert_photo
    from faceswap_cli.provenance.marks import Kind
    from faceswap_cli.provenance.sidecar import write_sidecar

    look.check()
    jobs = name_photo_outputs(sources, Path(output), output)
    stage = detection.load_analyser(thorough=True)
    asked = AssignmentRequest(run, drawn, lambda: stage, people, safety, detection.device)
    check_not_given([*(job.output for job in jobs), trial.preview], asked.named())
    tell_consent()
    plan, effect, mark = load_effect(asked, look)
    pipeline = replace(pipeline, marks=marks.build_marks(Kind.SWAP, mark, label=False))
    if trial:
        found, named = zip(*((job.source, job.output) for job in jobs), strict=True)
        run_preview(found, named, trial, pipeline, plan, effect, stage)
        return

    def work(source: Path, output: Path) -> None:
        report = convert_photo(source, output, plan, effect, pipeline, stage)
        if report.note:
            console.warn(report.note)
        alone = f", {report.left_alone} of other people left alone" if report.left_alone else ""
        told = pipeline.marks.describe(output)
        console.say(f"done: {output} (faces replaced: {report.changed}{alone}; {told})")
        if marks.sidecar:
            write_sidecar(output, "convert photo", pipeline.marks)

    run_photos(sources, jobs, work, mark, effect.cache_key, plan.cache_key(""), asdict(pipeline))
