"""How fast converting is here, and how much memory it takes.

Frames a second end to end, beside plain transcoding (the same decoder and encoder, nothing between) in the
same run; the time of each stage alone; and the peak memory for a short and a ten times longer video (the
clip is looped into a temporary file).

    python -m scripts.bench.convert CLIP                 a renderer that changes nothing
    python -m scripts.bench.convert CLIP --model RUN     a trained one
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from faceswap_cli.device import pick_device, single_threaded
from faceswap_cli.effects.planned_faces import plan_faces
from faceswap_cli.effects.swap.composite import composite_frames
from faceswap_cli.effects.swap.effect import SwapEffect
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.effects.swap.render import render_frames
from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.media.encode import SegmentWriter
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import MediaInfo, probe
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.networks.swap.renderer import Rendered, Renderer
from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget
from faceswap_cli.pipeline.convert_video import convert_video
from faceswap_cli.pipeline.detection_pass import detect_faces, read_detections, read_frame_index
from faceswap_cli.pipeline.executors.base import Executor, InlineExecutor
from faceswap_cli.pipeline.executors.processes import ProcessExecutor
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.pipeline.workdir import ResumeDir


class Unchanged:
    """A renderer that gives back what it gets."""

    def __init__(self, size: int) -> None:
        self.size, self.side = size, 2.0

    def __call__(self, crops: torch.Tensor) -> Rendered:
        return Rendered(crops, torch.ones_like(crops[:, :1]))


def renderer_of(options: argparse.Namespace) -> Renderer:
    if options.model is None:
        return Unchanged(options.resolution)
    from faceswap_cli.training.runs.folder import load_trained, open_run

    model, _, _ = load_trained(open_run(options.model), pick_device(options.device))
    return model.renderer("b")


def looped(clip: Path, frames: int, path: Path) -> None:
    """The clip, played forwards and backwards until there are so many frames."""
    with VideoReader(clip) as reader:
        pictures = [frame.image for _, frame in zip(range(frames), reader, strict=False)]
    there_and_back = pictures + pictures[-2:0:-1]
    info = probe(clip)
    with SegmentWriter(path, info) as writer:
        for index in range(frames):
            pts = (info.start_pts or 0) + index * info.last_duration
            writer.write(Frame(index, 0.0, there_and_back[index % len(there_and_back)], pts))


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def cpu_seconds() -> float:
    """Processor time of this process, and of those that it started and that have ended."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


def run_out(items: Iterator[object]) -> None:
    for _ in items:
        pass


def transcode(clip: Path, output: Path) -> None:
    encode = PipelineOptions().encode
    with VideoReader(clip) as reader, SegmentWriter(output, reader.info, encode) as writer:
        for frame in reader:
            writer.write(frame)


def stages(
    info: MediaInfo,
    faces: FaceTracks,
    folder: Path,
    renderer: Renderer,
    parser: FaceParser,
) -> None:
    """Print the seconds of each stage run alone."""
    with VideoReader(info.path, info) as reader:
        decode = timed(lambda: run_out(iter(reader)))
    with VideoReader(info.path, info) as reader:
        frames = list(reader)
    options = SwapOptions()
    plan = plan_faces(faces, dict.fromkeys(faces.track_numbers(), 0), options.smoothing)
    drawn: list = []
    rows = {
        "decode": decode,
        "crop and network": timed(
            lambda: drawn.extend(render_frames(frames, plan, [renderer], options, parser))
        ),
        "colour and blend": timed(lambda: run_out(composite_frames(drawn, options))),
    }
    with SegmentWriter(folder / "s.nut", info, PipelineOptions().encode) as writer:
        rows["encode"] = timed(lambda: [writer.write(frame) for frame in frames])
    for name, seconds in rows.items():
        print(f"  {name:20} {seconds:7.2f} s  {1000 * seconds / len(frames):7.1f} ms a frame")


def speed(options: argparse.Namespace, folder: Path) -> None:
    clip = folder / "clip.nut"
    looped(options.clip, options.frames, clip)
    info, renderer = probe(clip), renderer_of(options)
    stage, parser = build_analyser(device=options.device), parser_of(options)
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads"
    print(f"{machine}, {info.width}x{info.height}, {options.frames} frames")
    plain = timed(lambda: transcode(clip, folder / "plain.nut"))
    place: Executor = ProcessExecutor(options.workers) if options.workers > 1 else InlineExecutor()
    spent = cpu_seconds()
    steps = conversion(clip, folder / "out.mkv", renderer, parser, stage, place)
    whole = timed(lambda: run_out(steps))
    if isinstance(place, ProcessExecutor):
        place.close()  # what its workers have spent is known when they have ended
    spent = cpu_seconds() - spent
    print(f"  {'transcoding alone':20} {plain:7.2f} s  {options.frames / plain:7.1f} frames/s")
    print(f"  {'convert, end to end':20} {whole:7.2f} s  {options.frames / whole:7.1f} frames/s")
    print(f"  {'ratio':20} {whole / plain:7.2f}")
    print(f"  {'processor time':20} {spent:7.2f} s  {1000 * spent / options.frames:7.1f} ms a frame")
    with ResumeDir(folder / "survey") as work:
        frames, seen = work.journal("frames", "bench"), work.journal("faces", "bench")
        looking = timed(lambda: run_out(detect_faces(info, stage, frames, seen, InlineExecutor())))
        faces, _ = read_detections(info, read_frame_index(frames), seen)
    print(f"  {'decode, find faces':20} {looking:7.2f} s  {1000 * looking / options.frames:7.1f} ms a frame")
    with single_threaded():
        stages(info, faces, folder, renderer, parser)


def conversion(
    clip: Path,
    output: Path,
    renderer: Renderer,
    parser: FaceParser,
    stage: FaceAnalyser,
    place: Executor | None = None,
) -> Iterator[object]:
    """Everybody is drawn by one renderer."""
    effect = SwapEffect([renderer], SwapOptions(), parser, "bench")
    return convert_video(
        clip, output, SwapPlan((SwapTarget(renderer),)), effect, PipelineOptions(), stage, executor=place
    )


def parser_of(options: argparse.Namespace) -> FaceParser:
    return FaceParser(str(pick_device(options.device)))


def memory(options: argparse.Namespace, folder: Path) -> None:
    """Peak memory of whole conversions in processes of their own."""
    peaks = []
    for count in (options.short, 10 * options.short):
        clip = folder / f"{count}.nut"
        looped(options.clip, count, clip)
        command = [
            sys.executable,
            "-m",
            "scripts.bench.convert",
            str(clip),
            "--child",
            str(folder / f"{count}.mkv"),
        ]
        command += ["--resolution", str(options.resolution), "--device", options.device]
        command += ["--model", str(options.model)] if options.model else []
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peaks.append(json.loads(out.splitlines()[-1])["mib"])
        print(f"  {count:6} frames: peak {peaks[-1]:.0f} MiB")
    print(f"  ratio {peaks[1] / peaks[0]:.3f}")


def child(options: argparse.Namespace) -> None:
    renderer, stage = renderer_of(options), build_analyser(device=options.device)
    run_out(conversion(options.clip, options.child, renderer, parser_of(options), stage))
    print(json.dumps({"mib": peak_mib()}))


def peak_mib() -> float:
    """This process's largest resident memory so far."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux ru_maxrss begins with the parent's, which was forked
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 << 20 if sys.platform == "darwin" else 1 << 10
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--model", type=Path, help="run folder of a trained model")
    parser.add_argument("--resolution", type=int, default=128, help="crop side without a model")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--short", type=int, default=100, help="frames of the shorter memory run; 0 for none")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--workers", type=int, default=1, help="processes that convert at the same time")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        speed(options, Path(folder))
        if options.short:
            memory(options, Path(folder))


if __name__ == "__main__":
    main()
