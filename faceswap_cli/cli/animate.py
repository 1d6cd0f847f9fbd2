"""`faceswap animate`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.animate_load import DriverOptions, load_animation
from faceswap_cli.cli.app import new_app
from faceswap_cli.cli.consent import tell_consent
from faceswap_cli.cli.convert_executor import ExecutorOptions, open_executor
from faceswap_cli.cli.convert_outputs import check_named, check_not_given
from faceswap_cli.cli.convert_preview import run_preview
from faceswap_cli.cli.mark_options import MarkOptions
from faceswap_cli.cli.options import (
    DetectionOptions,
    OutputOption,
    PeopleOptions,
    SafetyOptions,
    TrialOptions,
)
from faceswap_cli.cli.run_videos import run_video
from faceswap_cli.errors import UserError
from faceswap_cli.media.encode_options import EncodeRequest
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.portrait.animate.options import AnimateOptions

if TYPE_CHECKING:
    from faceswap_cli.media.canvas import Canvas
    from faceswap_cli.pipeline.photo import OpenedPhoto
    from faceswap_cli.portrait.animate.effect import AnimateEffect

app = new_app()


@app.command(
    "animate",
    medium="video",
    example="faceswap animate portrait.jpg --driver talking.mp4 -o talks.mp4\n"
    "faceswap animate portrait.jpg --loop idle -o living.webp",
)
def animate(
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTO...",
            help="The photo; after it further ones of the same person, whose teeth are used.",
        ),
    ],
    *,
    output: OutputOption,
    wish: DriverOptions,
    look: AnimateOptions,
    people: PeopleOptions,
    safety: SafetyOptions,
    encode: EncodeRequest,
    pipeline: PipelineOptions,
    executor: ExecutorOptions,
    detection: DetectionOptions,
    trial: TrialOptions,
    marks: MarkOptions,
) -> None:
    """Make a photo move: its face follows that of a video, before its own background.

    The result has the photo's size, and the times and the sound of the driver. Run the same command again to
    go on where it was interrupted.
    """
    from faceswap_cli.journal import fingerprint
    from faceswap_cli.media.containers import check_video_suffix
    from faceswap_cli.media.encoders import resolve_encoding
    from faceswap_cli.media.open import check_readable
    from faceswap_cli.media.sequence import is_sequence
    from faceswap_cli.provenance.marks import Kind

    wish.check_together()
    if wish.driver is not None and not is_sequence(wish.driver):
        check_readable(wish.driver)
    look.check()
    check_named(output)
    check_video_suffix(output)
    check_not_given([output, trial.preview], [*photos, *people.only, *people.without])
    tell_consent()
    opened, plan, effect = load_animation(photos, wish, look, people, safety, detection)
    made = marks.build_marks(Kind.ANIMATED, fingerprint(effect.cache_key), label=True)
    height, width = effect.image.shape[:2]
    made = made.clear_of(opened.clip.tracks.landmarks, height, width)
    pipeline = replace(
        pipeline,
        encode=resolve_encoding(encode, output),
        marks=made,
        canvas=_canvas(width, height, wish.sound, output),
    )
    sidecar = "animate" if marks.sidecar else ""
    if wish.driver is None:
        _run_idle(output, opened, effect, pipeline, wish.seconds, trial, sidecar)
        return
    stage = detection.load_analyser()
    console.tell(stage.explanation)
    if trial:
        run_preview([wish.driver], [output], trial, pipeline, plan, effect, stage)
        return
    with open_executor(executor, [wish.driver], pipeline.segment_frames, detection.device) as place:
        run_video(
            wish.driver, output, verb="animating", plan=plan, effect=effect, options=pipeline, analyser=stage,
            executor=place, sidecar=sidecar,
        )  # fmt: skip


def _run_idle(
    output: Path,
    opened: OpenedPhoto,
    effect: AnimateEffect,
    pipeline: PipelineOptions,
    seconds: float,
    trial: TrialOptions,
    sidecar: str,
) -> None:
    """A loop without a driver, over a clip of empty pictures that is its clock."""
    from fractions import Fraction

    from faceswap_cli.files import hidden_name
    from faceswap_cli.media.blank_clip import write_blank_clip
    from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget
    from faceswap_cli.portrait.animate.idle import repeat_face

    if trial:
        raise UserError("--loop idle has no preview", "Make a short one: --seconds 2")
    rate = pipeline.rate or Fraction(25)
    clock = output.with_name(hidden_name(output.name, ".clock.mkv"))
    frames = max(2, round(seconds * rate))
    tracks = repeat_face(opened.clip.tracks, frames, float(rate))
    try:
        write_blank_clip(clock, frames, rate)
        # The photo was looked at already.
        run_video(
            clock, output, verb="animating", plan=SwapPlan([SwapTarget(None)]), effect=effect,
            options=replace(pipeline, fps=""), tracks=tracks, sidecar=sidecar,
        )  # fmt: skip
    finally:
        clock.unlink(missing_ok=True)


def _canvas(width: int, height: int, sound: str, output: Path) -> Canvas:
    """What is written, and with which sound."""
    from faceswap_cli.media.canvas import Canvas
    from faceswap_cli.media.other_sound import check_sound

    if sound in ("driver", "none"):
        return Canvas(width, height, video_sound=sound == "driver")
    check_sound(Path(sound), output.suffix.lower())
    return Canvas(width, height, video_sound=False, sound=Path(sound))
