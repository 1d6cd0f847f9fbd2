"""How fast faces are extracted from a video here: frames a second, by stage, and processor time, which counts
where other work shares the machine.

python -m scripts.bench.extract VIDEO [--frames N] [--device cpu]
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces import geometry
from faceswap_cli.faces.analysis import BATCH
from faceswap_cli.faces.face import Detection, Face
from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.quality import face_sharpness
from faceswap_cli.faces.sets.extract import extract_faces
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.tracking.shot_detection import ShotDetector
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.reader import VideoReader

Seconds = NDArray[np.float64]
"""By the clock, and of the processor: (2,)."""


def now() -> Seconds:
    return np.array([time.perf_counter(), time.process_time()])


def timed(work: Callable[[], object]) -> Seconds:
    started = now()
    work()
    return now() - started


def read(path: Path, count: int) -> list[Frame]:
    with VideoReader(path) as reader:
        return list(islice(reader, count))


def detect(stage: FaceAnalyser, frames: list[Frame]) -> list[list[Detection]]:
    return [found for i in range(0, len(frames), BATCH) for found in stage.detector(frames[i : i + BATCH])]


def measure(frame: Frame, face: Face) -> None:
    crop = geometry.align(frame.image, face, 256, geometry.STORED_SIDE)
    face_sharpness(crop.image, geometry.transform(face.landmarks, crop.matrix))
    estimate_pose(face.landmarks)


def stages(stage: FaceAnalyser, frames: list[Frame]) -> dict[str, Seconds]:
    """Seconds of each stage alone, one after the other."""
    cuts = ShotDetector()
    seconds = {"cuts": timed(lambda: [cuts.feed(frame.image) for frame in frames])}
    started = now()
    found = detect(stage, frames)
    seconds["detector"] = now() - started
    started = now()
    faces = stage.describe(frames, found)
    seconds["landmarks"] = now() - started
    pairs = [(frame, face) for frame, of_frame in zip(frames, faces, strict=True) for face in of_frame]
    seconds["crop, sharpness, pose"] = timed(lambda: [measure(*pair) for pair in pairs])
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("--frames", type=int, default=300, help="frames that are timed stage by stage")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    stage = build_analyser(device=options.device)

    def decode() -> int:
        with VideoReader(options.video) as reader:
            return sum(1 for _ in reader)

    count = decode()  # also warms the file cache
    decoding = timed(decode)
    frames = read(options.video, options.frames)
    detect(stage, frames[:BATCH])
    rows = {"decoding": decoding / count}
    rows |= {name: seconds / len(frames) for name, seconds in stages(stage, frames).items()}
    with tempfile.TemporaryDirectory() as folder:
        whole = timed(lambda: list(extract_faces([options.video], Path(folder) / "faces", stage))) / count
        faces = FaceSet.open(Path(folder) / "faces")
        sizes = [geometry.interocular(record.landmarks) for record in faces.records]

    height, width = frames[0].image.shape[:2]
    print(f"{options.video.name}: {count} frames of {width} x {height}, {len(faces)} faces, ", end="")
    print(f"median eye distance {np.median(sizes):.0f} px")
    print(stage.explanation)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python ", end="")
    print(platform.python_version(), end="")
    print(f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "")
    print(f"{'stage':24}{'ms a frame':>12}{'frames/s':>12}{'processor ms':>14}{'frames/s':>12}")
    for name, seconds in {**rows, "whole extraction": whole}.items():
        clock, processor = np.maximum(seconds, 1e-9)
        print(f"{name:24}{clock * 1e3:12.1f}{1 / clock:12.1f}{processor * 1e3:14.1f}{1 / processor:12.1f}")
    ratio = (whole / rows["decoding"])[0]
    print(f"extraction takes {ratio:.1f} times as long as decoding alone")


if __name__ == "__main__":
    main()
