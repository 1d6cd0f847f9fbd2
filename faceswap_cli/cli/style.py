"""`faceswap style photo` and `faceswap style video`."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import new_app
from faceswap_cli.cli.consent import tell_consent
from faceswap_cli.cli.convert_executor import ExecutorOptions, open_executor
from faceswap_cli.cli.convert_outputs import name_outputs
from faceswap_cli.cli.mark_options import MarkOptions
from faceswap_cli.cli.options import (
    DeviceOptions,
    PhotoOutputOption,
    PhotosArgument,
    VideoOutputOption,
    VideosArgument,
)
from faceswap_cli.cli.run_photos import name_photo_outputs, run_photos
from faceswap_cli.cli.run_videos import run_video, run_videos
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.media.encode_options import EncodeRequest
from faceswap_cli.options import INPUT
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.portrait.style.options import StyleOptions

app = new_app(help="Turn pictures of one kind into another, by what a run has learnt.")


RunOption = Annotated[
    Path,
    typer.Option("--run", "-m", help="Run folder of `faceswap train --family style`.", rich_help_panel=INPUT),
]


@app.command("photo", example="faceswap style photo garden.jpg -m winter -o winter-garden.jpg")
def photo(
    sources: PhotosArgument,
    *,
    run: RunOption,
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


@app.command(
    "video", medium="video", example="faceswap style video garden.mp4 -m winter -o winter-garden.mp4"
)
def video(
    sources: VideosArgument,
    output: VideoOutputOption,
    *,
    run: RunOption,
    look: StyleOptions,
    effect_options: EffectOptions,
    encode: EncodeRequest,
    pipeline: PipelineOptions,
    executor: ExecutorOptions,
    place: DeviceOptions,
    marks: MarkOptions,
) -> None:
    """Turn a video into the other kind, frame by frame, steadied over time.

    What is changed of a frame is averaged with that of the frames around, wherever they show the same.
    Timestamps, sound and every other stream stay as they are. Run the same command again to go on where it
    was interrupted.
    """
    from faceswap_cli.media.encoders import resolve_encoding
    from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget
    from faceswap_cli.pipeline.convert_video import video_of
    from faceswap_cli.pipeline.faces_from_set import select_frames
    from faceswap_cli.portrait.style.effect import StyleEffect, frame_times, whole_frames
    from faceswap_cli.portrait.style.translate import load_style
    from faceswap_cli.provenance.marks import Kind

    outputs = name_outputs(sources, output, encode.encoder or "x264")
    tell_consent()
    translator = load_style(run, place.device, look.back)
    effect = StyleEffect(translator, look, effect_options)
    made = marks.build_marks(Kind.STYLE, translator.cache_key, label=True)

    def work(source: Path, result: Path) -> None:
        options = replace(pipeline, encode=resolve_encoding(encode, result), marks=made)
        info = video_of(source, options)
        tracks = whole_frames(frame_times(source), info.width, info.height)
        with open_executor(executor, [source], options.segment_frames, place.device) as workers:
            run_video(
                source, result, verb="restyling", plan=SwapPlan([SwapTarget(None)]), effect=effect,
                options=options, tracks=select_frames(tracks, info.pieces), executor=workers,
                sidecar="style" if marks.sidecar else "",
            )  # fmt: skip

    run_videos(sources, outputs, work)
