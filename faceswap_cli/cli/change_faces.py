"""What the commands that change people's own faces have in common, in photos and in videos: age, edit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceswap_cli.cli import console
from faceswap_cli.cli.consent import tell_consent
from faceswap_cli.cli.convert_executor import ExecutorOptions, open_executor
from faceswap_cli.cli.convert_outputs import check_not_given, name_outputs
from faceswap_cli.cli.convert_preview import run_preview
from faceswap_cli.cli.mark_options import MarkOptions
from faceswap_cli.cli.options import DetectionOptions, PeopleOptions, SafetyOptions, TrialOptions
from faceswap_cli.cli.people_plan import load_people_plan
from faceswap_cli.cli.run_photos import name_photo_outputs, run_photos
from faceswap_cli.cli.run_videos import run_video, run_videos
from faceswap_cli.media.encode_options import EncodeRequest
from faceswap_cli.pipeline.options import PipelineOptions

if TYPE_CHECKING:
    from faceswap_cli.effects.base import FaceEffect
    from faceswap_cli.pipeline.photo import PhotoReport, PreparedPhoto
    from faceswap_cli.provenance.marks import Kind, Marks

LoadEffect = Callable[[], tuple["FaceEffect", str]]
"""Loads the networks: what is done to the faces, and a checksum of what does it, for the marks."""

WritePhoto = Callable[["PreparedPhoto[Any]", Path, "Marks"], dict[str, Any] | None]
"""Writes a photo's result and says so; gives what the sidecar tells of it, or None: nothing was changed."""


@dataclass(frozen=True)
class ChangeOptions:
    """Whose faces are changed, and how results are made and marked."""

    people: PeopleOptions
    safety: SafetyOptions
    pipeline: PipelineOptions
    detection: DetectionOptions
    marks: MarkOptions


def change_photos(
    sources: Sequence[Path],
    output: str,
    options: ChangeOptions,
    command: str,
    kind: Kind,
    load: LoadEffect,
    write: WritePhoto,
    face_index: int | None,
    *depends: Any,
) -> None:
    """Change the faces of a photo, or of many.

    Args:
        sources: photos, and folders of them.
        output: a file or a folder.
        options: shared by all commands.
        command: for the sidecar.
        kind: what is done, for the marks.
        load: called once everything that can be checked before is.
        write: see WritePhoto.
        face_index: only this face, counted from the left, from 1; None: all.
        *depends: see `run_photos`.
    """
    from faceswap_cli.pipeline.photo import FaceSelection, open_photo, prepare_photo
    from faceswap_cli.provenance.sidecar import write_sidecar

    people, detection = options.people, options.detection
    jobs = name_photo_outputs(sources, Path(output), output)
    check_not_given([job.output for job in jobs], (*people.only, *people.without))
    tell_consent()
    effect, model = load()
    marks = options.marks.build_marks(kind, model, label=False)
    finder = detection.load_analyser(thorough=True)
    plan = load_people_plan(people, options.safety.guard(detection.device), lambda: finder)
    pipeline, selection = replace(options.pipeline, marks=marks), FaceSelection(face_index, quick=True)

    def work(source: Path, output: Path) -> None:
        opened = open_photo(source, plan, finder, pipeline, selection)
        prepared = prepare_photo(opened, effect)
        for note in prepared.notes:
            console.warn(note)
        for track, reason in prepared.left_alone.items():
            console.warn(f"{opened.clip.describe([track])} is left alone: {reason}")
        facts = write(prepared, output, marks)
        if options.marks.sidecar and facts is not None:
            write_sidecar(output, command, marks, **facts)

    run_photos(
        sources, jobs, work, effect.cache_key, *depends, face_index, plan.cache_key(""), asdict(pipeline)
    )


def write_changed_photo(
    prepared: PreparedPhoto[Any], output: Path, marks: Marks, outcome: str
) -> PhotoReport:
    """Write the photo with its faces changed, and say what was done; `outcome`: "aged", say."""
    from faceswap_cli.pipeline.photo import write_photo_result

    report = write_photo_result(prepared, output, marks)
    for line in report.people:
        console.say(line)
    for note in report.notes:
        console.warn(note)
    console.say(f"done: {output} (faces {outcome}: {report.changed}; {marks.describe(output)})")
    return report


def change_videos(
    sources: Sequence[Path],
    output: str,
    options: ChangeOptions,
    encode: EncodeRequest,
    executor: ExecutorOptions,
    trial: TrialOptions,
    command: str,
    kind: Kind,
    load: LoadEffect,
    **how: Any,
) -> None:
    """Change the faces of a video, or of several.

    Args:
        sources: videos.
        output: a file, or a folder for several.
        options: shared by all commands.
        encode: how results are encoded.
        executor: where the work is done.
        trial: a preview or a dry run instead.
        command: for the sidecar.
        kind: what is done, for the marks.
        load: called once everything that can be checked before is.
        **how: see `run_video`.
    """
    from faceswap_cli.media.encoders import resolve_encoding

    people, detection = options.people, options.detection
    outputs = name_outputs(sources, output, encode.encoder or "x264")
    check_not_given([*outputs, trial.preview], (*people.only, *people.without))
    encoding = resolve_encoding(encode, outputs[0])
    tell_consent()
    effect, model = load()
    marks = options.marks.build_marks(kind, model, label=True)
    pipeline = replace(options.pipeline, encode=encoding, marks=marks)
    finder = detection.load_analyser()
    console.tell(finder.explanation)
    thorough = partial(detection.load_analyser, thorough=True)
    plan = load_people_plan(people, options.safety.guard(detection.device), thorough)
    effect.check()
    if trial:
        run_preview(sources, outputs, trial, pipeline, plan, effect, finder)
        return
    with open_executor(executor, sources, pipeline.segment_frames, detection.device) as place:
        work = partial(
            run_video, plan=plan, effect=effect, options=pipeline, analyser=finder, executor=place,
            sidecar=command if options.marks.sidecar else "", **how,
        )  # fmt: skip
        run_videos(sources, outputs, work)
