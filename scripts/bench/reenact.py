#!/usr/bin/env python3
"""One photo's face on clips of other people: figures and stills.

    python -m scripts.bench.reenact OUT --clips FOLDER --shared ../shared

FOLDER holds man.mp4 and woman.mp4 (see scripts.data.demo_clips); --shared holds samples and judges that are
no part of the project. For each pair, and each row:

    warp         the photo's own pixels, reenact without a refiner
    conditional  drawn by the bundled network (-m conditional)
    ceiling      B's own frames, for each of A's the nearest in pose and expression (or the photo), moved and
                 scaled onto A without any change of shape, with the same mask, light and compositing

likeness: 0 A's own frames, 1 B's own, by a recogniser; landmarks: % of the eye distance from A's by dlib, and
without each clip's constant offset; lids, mouth: correlation of their openings with A's; sharpness: Laplacian
variance inside the face, of the frame's (no grain, no sharpening); flicker: of the original's.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.base import EffectInput, run_to_end
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.effects.reenact.effect import ReenactEffect
from faceswap_cli.effects.reenact.head import fit_head
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.motion import DrawnPerson, TrackMotion, face_points
from faceswap_cli.effects.reenact.options import ReenactOptions
from faceswap_cli.effects.reenact.render import TargetFace, place_rigidly, render_placed
from faceswap_cli.effects.reenact.source import FacePoints, SourcePhoto, prepare_source
from faceswap_cli.effects.reenact.stages import ReenactStages, RenderedFrame
from faceswap_cli.effects.swap.composite import composite_frames
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.effects.swap.render import render_frames
from faceswap_cli.evaluation import metrics
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import interocular
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.faces.tracking.smoothing import smooth_landmarks
from faceswap_cli.files import write_bytes
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.photo import read_photo
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.pipeline.frame_sources import FramesInMemory
from scripts.bench import reenact_judges as judges
from scripts.data.landmark_teacher import FaceLandmarker

HEADS = (
    "pair", "row", "likeness", "nearer B", "landmarks", "less offset", "lids", "mouth", "sharpness",
    "flicker", "ms a face",
)  # fmt: skip

RUNS, LENGTH = 4, 3
"""Consecutive frames that are looked at, and in how many places of a clip."""

STEADIED = 4
"""Frames on either side by which their landmarks are steadied."""

REFERENCES = 12
"""Frames of each clip that say what its person looks like."""

PAIRS: tuple[tuple[str, str, str], ...] = (
    ("astronaut-man", "man", "still:astronaut_nasa_pd.png"),
    ("man-woman", "woman", "frame:man"),
    ("smile-grid", "clip:grid_bbaf2n.mpg", "still:sfhq_expression_18.jpg"),
    ("dark-light", "clip:grid_sbwe5n.mpg", "still:fr_obama.jpg"),
    ("light-dark", "clip:grid_swiz3n.mpg", "still:lisa1.jpg"),
    ("neutral-grid", "clip:grid_brbk7n.mpg", "still:sfhq_face_pose_3.jpg"),
)
"""Name, A's clip, B's photo."""


@dataclass(frozen=True)
class Clip:
    """A person's frames.

    Attributes:
        path: of the video, or of the still.
        count: of its frames.
        numbers, times, landmarks, dense, expression: of those that were looked at and have a face, (K,),
        (K,),
            (K, 68, 2), (K, 222, 3) and (K, 26), steadied.
    """

    path: Path
    count: int
    numbers: NDArray[np.int64]
    times: NDArray[np.float64]
    landmarks: NDArray[np.float32]
    dense: NDArray[np.float32]
    expression: NDArray[np.float32]

    def frames(self, wanted: Sequence[int]) -> dict[int, Frame]:
        """Some of its frames by number."""
        if self.still:
            return {0: Frame(0, 0.0, read_photo(self.path).image)}
        found, last = {}, max(wanted)
        with VideoReader(self.path) as video:
            for frame in video:
                if frame.index in wanted:
                    found[frame.index] = frame
                if frame.index >= last:
                    break
        return found

    @property
    def still(self) -> bool:
        return self.path.suffix.lower() in {".png", ".jpg"}

    @cached_property
    def spread(self) -> list[int]:
        """Up to REFERENCES of its frames, evenly spread."""
        return [n for n in spread_frames(self.count) if n in self.numbers]

    @cached_property
    def looked_at(self) -> list[int]:
        """Up to RUNS times LENGTH frames."""
        return [n for n in run_frames(self.count) if n in self.numbers]

    def points(self, number: int) -> NDArray[np.float32]:
        return np.asarray(self.landmarks[int(np.searchsorted(self.numbers, number))])

    def face(self, number: int) -> FacePoints:
        """All points of a frame's face."""
        k = int(np.searchsorted(self.numbers, number))
        return face_points(self.landmarks[k], self.dense[k])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--pairs", nargs="*", help="names of the pairs wanted")
    parser.add_argument("--rows", nargs="*", default=["warp", "conditional", "ceiling"])
    parser.add_argument(
        "--teacher", action="store_true", help="points by the teacher of the landmark network"
    )
    parser.add_argument("--set", nargs="*", default=[], metavar="OPTION=VALUE", help="of the warp")
    options = parser.parse_args()
    if not options.shared.is_dir():
        sys.exit(f"skipped: {options.shared} is absent, and with it the judges")
    (options.out / "frames").mkdir(parents=True, exist_ok=True)
    changes: dict[str, Any] = {}
    for name, value in (one.split("=") for one in options.set):
        changes[name] = value if name == "refine" else float(value)
    how = replace(ReenactOptions(grain=0.0), **changes)
    bench = Bench(options.out, options.clips, options.shared, how, options.teacher)
    print("| " + " | ".join(HEADS) + " |\n|" + "---|" * len(HEADS), flush=True)
    for name, a, b in PAIRS:
        if not options.pairs or name in options.pairs:
            for row in options.rows:
                print(bench.line(name, a, b, row), flush=True)


class Bench:
    """Everything that is loaded once."""

    def __init__(
        self, out: Path, clips: Path, shared: Path, options: ReenactOptions, teacher: bool = False
    ) -> None:
        self.out, self.clips, self.shared, self.options = out, clips, shared, options
        folder = shared / "teachers" / "face_landmarker"
        self.teacher = FaceLandmarker(folder, 6) if teacher else None
        self.parser = FaceParser()
        self.recogniser = judges.Recogniser(shared / "teachers" / "faceplugin_fr_feature.onnx")
        self.points = judges.PointJudge()

    def line(self, name: str, a: str, b: str, row: str) -> str:
        """One line of the table; the stills are written on the way."""
        target, source = self.clip(a), self.clip(b)
        frames = target.frames([*target.looked_at, *target.spread])
        seen = [frames[number] for number in target.looked_at]
        started = time.process_time()
        made = list(self.rows()[row](seen, target, source))
        spent = (time.process_time() - started) / len(seen)
        self.write_stills(name, row, seen, made, target)
        return self.told(name, row, frames, made, target, source, spent)

    def rows(self) -> dict[str, Callable[[Sequence[Frame], Clip, Clip], Iterator[Frame]]]:
        return {"warp": self.warped, "conditional": self.conditional, "ceiling": self.ceiling}

    def told(
        self,
        name: str,
        row: str,
        frames: dict[int, Frame],
        made: Sequence[Frame],
        target: Clip,
        source: Clip,
        spent: float,
    ) -> str:
        own = [self.recogniser(frames[n].image, target.points(n)) for n in target.spread]
        others = source.frames(source.spread)
        b = [self.recogniser(others[n].image, source.points(n)) for n in source.spread]
        outputs = [self.recogniser(f.image, target.points(f.index)) for f in made]
        before = [self.points(frames[f.index].image, target.points(f.index)) for f in made]
        after = [self.points(f.image, target.points(f.index)) for f in made]
        errors = judges.landmark_errors(before, after)
        sharp = np.median(
            [
                metrics.sharpness_inside(f.image, target.points(f.index))
                / metrics.sharpness_inside(frames[f.index].image, target.points(f.index))
                for f in made
            ]
        )
        cells = [
            name, row, f"{judges.likeness(outputs, own, b):.2f}", f"{judges.nearer(outputs, own, b):.0%}",
            f"{errors[0]:.1f}", f"{errors[1]:.1f}", f"{judges.correlation(before, after, judges.LIDS):.2f}",
            f"{judges.correlation(before, after, judges.LIPS):.2f}", f"{sharp:.2f}",
            f"{self.flicker(frames, made, target):.2f}", f"{1000 * spent:.0f}",
        ]  # fmt: skip
        return "| " + " | ".join(cells) + " |"

    def flicker(self, frames: dict[int, Frame], made: Sequence[Frame], target: Clip) -> float:
        flicker = metrics.Flicker(2)
        last = -2
        for frame in made:
            if frame.index != last + 1:
                flicker.cut()
            flicker.add([frames[frame.index].image, frame.image], target.points(frame.index))
            last = frame.index
        return flicker.ratio(1)

    def write_stills(
        self, name: str, row: str, before: Sequence[Frame], after: Sequence[Frame], target: Clip
    ) -> None:
        """Every LENGTH-th frame and what became of it, cut out around the face at its own size."""
        cells = []
        for old, new in list(zip(before, after, strict=True))[::LENGTH]:
            points = target.points(old.index)
            middle, half = points.mean(0), 1.35 * interocular(points)
            x0, y0 = np.maximum(middle - half * np.array([1, 1.15]), 0).astype(int)
            x1, y1 = (middle + half).astype(int)
            cells.append([f.image[y0:y1, x0:x1] for f in (old, new)])
        tall = 420
        rows = [
            np.hstack([cv2.resize(c[i], (tall, tall), interpolation=cv2.INTER_CUBIC) for c in cells])
            for i in (0, 1)
        ]
        sheet = np.vstack(rows)[..., ::-1]
        write_bytes(self.out / f"{name}-{row}.png", cv2.imencode(".png", sheet)[1].tobytes())
        for frame in after[::LENGTH]:
            whole = cv2.imencode(".png", frame.image[..., ::-1])[1].tobytes()
            write_bytes(self.out / "frames" / f"{name}-{row}-{frame.index:04d}.png", whole)

    # -- rows ---------------------------------------------------------------------------------------------

    def warped(self, seen: Sequence[Frame], target: Clip, source: Clip) -> Iterator[Frame]:
        stages = self.stages(target, [self.photo(source, self.photo_number(source))])
        return stages.composite(stages.draw(seen, _plan(target)))

    def ceiling(self, seen: Sequence[Frame], target: Clip, source: Clip) -> Iterator[Frame]:
        photos = [self.photo(source, number) for number in source.spread]
        stages = self.stages(target, photos)
        motion: TrackMotion = stages.motions[0]
        layout = face_layout()

        def drawn() -> Iterator[RenderedFrame]:
            for frame in seen:
                at = target.face(frame.index)
                crop = self.parser.crop(frame.image, at.landmarks)
                face = TargetFace(at, motion.rest, crop, self.parser.probabilities([crop])[0])
                photo = photos[motion.shares_at(frame.index)[0][0]]
                placed, pose = place_rigidly(face, photo, layout), fit_head(at.points, layout)
                done = render_placed(frame.image, face, photo, layout, self.options, pose, placed)
                yield RenderedFrame(frame, {0: [done]} if done else {})

        return stages.composite(drawn())

    def stages(self, target: Clip, photos: Sequence[SourcePhoto]) -> ReenactStages:
        every = target.frames([int(number) for number in target.numbers])
        frames = FramesInMemory([every[number] for number in sorted(every)])
        clip = EffectInput(target.path, _tracks(target), frames, {0: 0})
        return run_to_end(
            ReenactEffect([DrawnPerson(photos)], self.options, self.parser).prepare(clip)
        ).stages

    def conditional(self, seen: Sequence[Frame], target: Clip, source: Clip) -> Iterator[Frame]:
        from faceswap_cli.cli.convert_faces import RendererLoader
        from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
        from faceswap_cli.faces.identity.people import read_person

        number = self.photo_number(source)
        photo = self.out / f"photo-{source.path.stem}.png"
        image = source.frames([number])[number].image
        write_bytes(photo, cv2.imencode(".png", image[..., ::-1])[1].tobytes())
        analyser, encoder = build_analyser(thorough=True), IdentityEncoder()
        loader = RendererLoader("cpu", lambda path: read_person(path, "face", analyser, encoder, []))
        renderer = loader.drawer(Path("conditional"), [str(photo)]).renderer
        options = SwapOptions(sharpen=0.0, grain=0.0)
        return composite_frames(render_frames(seen, _plan(target), [renderer], options, self.parser), options)

    # -- people -------------------------------------------------------------------------------------------

    def photo(self, source: Clip, number: int) -> SourcePhoto:
        image = source.frames([number])[number].image
        return prepare_source(image, source.face(number), face_layout(), self.parser)

    def photo_number(self, source: Clip) -> int:
        """The frame of a clip that is taken for its person's photo: that with the eyes widest open."""
        return max(source.spread, key=lambda n: judges.apart(source.points(n), judges.LIDS))

    def clip(self, text: str) -> Clip:
        """A clip or a still with its landmarks, which are kept in a file."""
        kind, _, name = text.rpartition(":")
        folder = {"": self.clips, "frame": self.clips}.get(kind, self.shared / "samples" / f"{kind}s")
        path = folder / (name if "." in name else f"{name}.mp4")
        kept = self.out / f"points-{path.stem}.npz"
        if not kept.exists():
            np.savez(kept, **_look(path, self.teacher))
        with np.load(kept) as known:
            parts = {name: known[name] for name in ("numbers", "times", "landmarks", "dense", "expression")}
            return Clip(path, int(known["count"]), **parts)


def spread_frames(count: int) -> list[int]:
    """REFERENCES frames of so many."""
    return sorted({round(n) for n in np.linspace(0, count - 1, REFERENCES)})


def run_frames(count: int, around: int = 0) -> list[int]:
    """RUNS times LENGTH consecutive frames of so many, and so many around them."""
    starts = [round(n) for n in np.linspace(0.06, 0.94, RUNS) * (count - LENGTH)]
    wanted = {start + step for start in starts for step in range(-around, LENGTH + around)}
    return sorted(n for n in wanted if 0 <= n < count)


def _look(path: Path, teacher: FaceLandmarker | None) -> dict[str, NDArray[Any]]:
    """Points of the largest face of the frames wanted, and of those that steady them."""
    numbers, times, landmarks, dense, expressions = [], [], [], [], []
    still = path.suffix.lower() in {".png", ".jpg"}
    stage = build_analyser(thorough=still)
    count = 1
    if not still:
        with VideoReader(path) as video:
            count = sum(1 for _ in video)
    frames = [Frame(0, 0.0, read_photo(path).image)] if still else VideoReader(path)
    wanted = {*spread_frames(count), *run_frames(count, STEADIED)}
    for frame in frames:
        if frame.index not in wanted:
            continue
        faces = stage.find([frame])[0]
        if faces:
            face = max(faces, key=lambda one: interocular(one.landmarks))
            numbers.append(frame.index)
            times.append(frame.time)
            landmarks.append(face.landmarks)
            if teacher is not None:
                label = teacher(frame.image, face.landmarks.astype(np.float64))
                dense.append(np.vstack([np.column_stack([face.landmarks, np.zeros(68)]), label.points]))
                expressions.append(label.expression)
            else:
                dense.append(face.dense)
                expressions.append(face.expression)
    steady = smooth_landmarks(np.array(times), np.array(landmarks))
    return {
        "count": np.array(count),
        "numbers": np.array(numbers),
        "times": np.array(times),
        "landmarks": steady,
        "dense": np.array(dense, np.float32),
        "expression": np.array(expressions, np.float32),
    }


def _tracks(clip: Clip) -> FaceTracks:
    count = len(clip.numbers)
    times = np.zeros(int(clip.numbers[-1]) + 1)
    times[clip.numbers] = clip.times
    zeros = np.zeros(count, np.int64)
    return FaceTracks(
        clip.numbers, zeros, clip.landmarks, np.ones(count, np.float32), times, np.zeros((0, 2), np.int64),
        dense=clip.dense, expression=clip.expression,
    )  # fmt: skip


def _plan(clip: Clip) -> FacePlan:
    zeros = np.zeros(len(clip.numbers), np.int64)
    return FacePlan(clip.numbers, zeros, clip.landmarks, {0: 0}, dense=clip.dense, expression=clip.expression)


if __name__ == "__main__":
    main()
