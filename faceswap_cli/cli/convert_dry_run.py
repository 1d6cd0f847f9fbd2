"""`faceswap convert video --dry-run`: say what would be done, and write nothing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from faceswap_cli.cli import console
from faceswap_cli.words import plural

if TYPE_CHECKING:
    from faceswap_cli.effects.base import FaceEffect
    from faceswap_cli.faces.face_analyser import FaceAnalyser
    from faceswap_cli.media.probe import MediaInfo
    from faceswap_cli.pipeline.assignment import SwapPlan
    from faceswap_cli.pipeline.dry_run import TrialResult
    from faceswap_cli.pipeline.options import PipelineOptions

MOMENTS = 6
"""With a face, that are tried."""


def report_dry_run(
    source: Path,
    output: Path,
    options: PipelineOptions,
    plan: SwapPlan,
    effect: FaceEffect,
    analyser: FaceAnalyser,
) -> None:
    """What converting a video would do, for how long and how large; errors are those of the real run."""
    from faceswap_cli.media.containers import check_output
    from faceswap_cli.pipeline.checks import check_apart
    from faceswap_cli.pipeline.convert_video import video_of, written_info
    from faceswap_cli.pipeline.dry_run import free_bytes, run_trial
    from faceswap_cli.pipeline.preview import choose_faces, prepare_preview
    from faceswap_cli.pipeline.preview_clips import preview_clips

    check_apart(source, output)
    info = video_of(source, options)
    lost = check_output(output, written_info(info, options), options.encode)
    seen, started = [], time.monotonic()
    with console.Bar("trying") as bar:
        for clip in preview_clips(info, analyser, MOMENTS):
            seen.append(clip)
            bar.update(sum(one.has_face for one in seen), MOMENTS, plural(len(seen), "moment"))
        looking = time.monotonic() - started
        preview = prepare_preview(choose_faces(info, seen, plan), effect)
        tried = run_trial(info, preview, looking, options)
    people = [("people", line) for line in preview.notes]
    _tell(info, output, options, tried, lost, free_bytes(output), effect.outcome, people)


def _tell(
    info: MediaInfo,
    output: Path,
    options: PipelineOptions,
    tried: TrialResult,
    lost: list[str],
    free: int,
    outcome: str,
    people: list[tuple[str, str]],
) -> None:
    frames = info.frames or (round((info.duration or 0) * float(info.average_rate or 25)))
    size = tried.video_bytes(frames)
    rate = f", {float(info.average_rate):.5g} frames/s" if info.average_rate else ""
    pictures = f"{info.width}x{info.height}{rate}, {info.codec}, {info.bit_depth} bits"
    counted = ("about " if info.frames is None else "") + plural(frames, "frame")
    kept = len(info.others) - len(lost)
    quality = "" if options.encode.crf is None else f", crf {options.encode.crf:g}"
    rows = [
        ("source", f"{info.path}: {counted}, {pictures}"),
        ("output", f"{output}: {options.encode.encoder}{quality}"),
        ("faces", _faces(tried, outcome)),
        *people,
        ("other streams", f"{max(kept, 0)} of {len(info.others)} kept as they are"),
        *(("lost", line) for line in lost),
        (
            "time",
            f"at most about {console.format_duration(tried.seconds(frames))} on this machine, as it is now",
        ),
        ("size", f"about {size / 1e6:.1f} MB of pictures, and the streams that are kept"),
        *(
            [("disk", f"{free / 1e6:.0f} MB free, too few: twice the size is needed")]
            if free < 2 * size
            else []
        ),
    ]
    for name, text in rows:
        console.say(f"{name:14} {text}")
    console.say("nothing was written; run without --dry-run to convert")


def _faces(tried: TrialResult, outcome: str) -> str:
    if not tried.people:
        return f"none in {plural(tried.looked, 'moment')} looked at"
    everyone = [person for seen in tried.people for person in seen]
    drawn = [person for person in everyone if person.drawn]
    told = f"{outcome} in {tried.replaced} of {plural(tried.looked, 'moment')} looked at"
    if drawn:
        told += f", {min(p.width for p in drawn):.0f} to {max(p.width for p in drawn):.0f} pixels wide"
        near = [person.distance for person in drawn if person.distance is not None]
        told += f", identity distance {min(near):.2f} to {max(near):.2f}" if near else ", whoever it is"
    if len(everyone) > len(drawn):
        nearest = min(person.distance or 0.0 for person in everyone if not person.drawn)
        others = plural(len(everyone) - len(drawn), "face")
        told += f"; {others} of others left alone (distance {nearest:.2f} or more)"
    return told
