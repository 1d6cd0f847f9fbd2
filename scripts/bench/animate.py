#!/usr/bin/env python3
"""A photo animated by clips: figures and stills.

    python -m scripts.bench.animate OUT --clips FOLDER --shared ../shared

FOLDER holds man.mp4 and woman.mp4 (see scripts.data.demo_clips); --shared holds samples and judges that are
no part of the project. Self: the first frame with open eyes whose head is held within 4 degrees of the clip's
median is the photo and the clip the driver, so that the clip itself is the truth. Cross: one person's clip
drives another's photo. Rows:

    animate   as `faceswap animate` draws it, without encoding
    still     the photo copied: what moves nothing
    flat      the same without depth: the head is moved, turned and scaled in the picture's plane alone

landmarks: % of the eye distance from the clip's by dlib, as they are and less each clip's constant offset;
mouth, smile, brows, lids, yaw: correlations of what dlib's points measure with the clip's; blinks: of those
that dlib sees in the clip; identity: cosine with the photo by a recogniser, its 5th percentile, and the share
of frames above the threshold of one false accept in a thousand; sharpness: of the photo's, inside the face;
flicker: of the clip's. No grain, no marks.
"""

from __future__ import annotations

import argparse
import io
import itertools
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact.gaps import gaps
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.motion import face_points
from faceswap_cli.evaluation import metrics
from faceswap_cli.faces.analysis import analyse_batches
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import interocular
from faceswap_cli.faces.landmarks.head_model import estimate_head_pose
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.faces.tracking.smoothing import smooth_landmarks
from faceswap_cli.files import write_bytes
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.photo import read_photo
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.portrait.animate.motion import DriverMotion, follow_driver
from faceswap_cli.portrait.animate.mouth import Interior, skin_tone
from faceswap_cli.portrait.animate.options import AnimateOptions
from faceswap_cli.portrait.animate.render import Portrait, draw_frame, prepare_portrait
from faceswap_cli.portrait.animate.shape import match_photo
from scripts.bench import reenact_judges as judges
from scripts.bench.point_curves import MEASURES, blinks_kept, correlation, eye_ratio

SELF = ("man", "woman", "grid_bbaf2n.mpg", "grid_sbwe5n.mpg", "grid_lbax4n.mpg", "grid_brbk7n.mpg")
CROSS = (
    ("woman", "astronaut_nasa_pd.png"), ("woman", "sfhq_face_pose_3.jpg"), ("woman", "grid_bbaf2n.mpg"),
    ("man", "astronaut_nasa_pd.png"),
)  # fmt: skip

HEADS = (
    "driver > photo", "row", "landmarks", "less offset", "mouth", "smile", "brows", "lids", "yaw", "blinks",
    "identity (p5, accepted)", "sharpness", "flicker", "ms a frame",
)  # fmt: skip

NEAR_MEDIAN, OPEN_EYES = 4.0, 0.85
"""Degrees of the clip's median pose, and share of its median eye opening, of the frame that is the photo."""

FALSE_ACCEPTS, LOOKED_AT = 0.001, 122
"""Of pairs of different people, and pictures of each set from which that is found."""


@dataclass(frozen=True)
class Clip:
    """A clip with its largest face: numbers of frames that have one, and its tracks."""

    path: Path
    tracks: FaceTracks

    def frames(self) -> Iterator[Frame]:
        with VideoReader(self.path) as video:
            yield from video


@dataclass(frozen=True)
class Photo:
    """A photo and its face."""

    name: str
    image: Image
    landmarks: NDArray[np.float32]
    dense: NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """What the judges see of a row's frames."""

    points: list[NDArray[np.float64]]
    identity: list[float]
    sharpness: list[float]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="parts of the drivers' names that are wanted")
    parser.add_argument("--rows", nargs="*", default=["animate", "still", "flat"])
    parser.add_argument("--step", type=int, default=1, help="of the frames that identity is asked of")
    parser.add_argument(
        "--frames", type=int, nargs=2, default=(0, 10**6), help="first and last that are drawn"
    )
    parser.add_argument("--kinds", nargs="*", default=["self", "cross"])
    options = parser.parse_args()
    if not options.shared.is_dir():
        sys.exit(f"skipped: {options.shared} is absent, and with it the judges")
    options.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(options.out, options.clips, options.shared, options.step, tuple(options.frames))
    print(f"threshold of identity: {bench.threshold():.3f}")
    print("| " + " | ".join(HEADS) + " |\n|" + "---|" * len(HEADS), flush=True)
    pairs = [(name, name) for name in SELF if "self" in options.kinds]
    pairs += list(CROSS) if "cross" in options.kinds else []
    for driver, photo in pairs:
        if not options.only or any(part in f"{driver}>{photo}" for part in options.only):
            bench.compare(driver, photo, options.rows)


class Bench:
    """Everything that is loaded once."""

    def __init__(self, out: Path, clips: Path, shared: Path, step: int, window: tuple[int, int]) -> None:
        self.window = window
        self.out, self.clips, self.shared, self.step = out, clips, shared, step
        self.parser, self.points = FaceParser(), judges.PointJudge()
        self.recogniser = judges.Recogniser(shared / "teachers" / "faceplugin_fr_feature.onnx")

    def compare(self, driver: str, photo: str, rows: Sequence[str]) -> None:
        clip, still = self.clip(driver), self.photo(photo)
        layout = face_layout()
        motion = follow_driver(clip.tracks, [0], 1.0)
        portrait = prepare_portrait(
            still.image, face_points(still.landmarks, still.dense), layout, self.parser
        )
        frames = [frame for frame in clip.frames() if self.window[0] <= frame.index <= self.window[1]]
        truth = self.judge([frame.image for frame in frames], clip, motion, None)
        makers: dict[str, Callable[[], list[Image]]] = {
            "animate": lambda: self.draw(frames, motion, portrait),
            "still": lambda: [still.image] * len(frames),
            "flat": lambda: self.draw(frames, _flat(motion), portrait),
        }
        for row in rows:
            began = time.process_time()
            made = makers[row]()
            spent = 1000 * (time.process_time() - began) / len(frames)
            seen = self.judge(made, clip, motion, still)
            print(
                self.line(
                    f"{Path(driver).stem} > {Path(photo).stem}", row, truth, seen, frames, made, still, spent
                ),
                flush=True,
            )
            self.write_stills(f"{Path(driver).stem}-{Path(photo).stem}-{row}", frames, made)

    def draw(self, frames: Sequence[Frame], motion: DriverMotion, portrait: Portrait) -> list[Image]:
        layout, options = face_layout(), AnimateOptions()
        photo = match_photo(portrait.head, motion, layout)
        own = gaps(portrait.head, layout.mouth)
        tones = [
            skin_tone(frames[n].image, motion.points[frames[n].index])
            for n in range(0, len(frames), max(1, len(frames) // 5))
        ]
        gain = skin_tone(portrait.image, portrait.points[:, :2]) / np.maximum(np.median(tones, axis=0), 1)
        made = []
        for frame in frames:
            canvas = portrait.image.copy()
            inside = Interior(frame.image, motion.points[frame.index].astype(np.float64), gain, own)
            draw_frame(portrait, photo, motion, frame.index, options, layout, inside, canvas)
            made.append(canvas)
        return made

    def judge(self, images: Sequence[Image], clip: Clip, motion: DriverMotion, photo: Photo | None) -> Seen:
        """Of all frames; where a face is, its last place says, and a first look by our own landmarker."""
        first = max(self.window[0], 0)
        known = [motion.points[first + n] for n in range(len(images))]
        found, same, sharp = [], [], []
        reference = None if photo is None else self.recogniser(photo.image, photo.landmarks)
        near = None if photo is None else photo.landmarks.astype(np.float64)
        for number, image in enumerate(images):
            at = _as68(known[number]) if photo is None else near
            points = self.points(image, at)
            points = self.points(image, points)  # from its own place, so that ours decides nothing
            if photo is not None:
                near = points
            found.append(points)
            if reference is not None and number % self.step == 0:
                same.append(float(self.recogniser(image, points) @ reference))
                sharp.append(metrics.sharpness_inside(image, points))
        return Seen(found, same, sharp)

    def line(
        self, name: str, row: str, truth: Seen, seen: Seen, frames: Sequence[Frame], made: Sequence[Image],
        photo: Photo, spent: float,
    ) -> str:  # fmt: skip
        errors = judges.landmark_errors(truth.points, seen.points)
        curves = [f"{correlation(measure, truth.points, seen.points):.2f}" for measure in MEASURES]
        kept, all_blinks = blinks_kept(truth.points, seen.points)
        accepted = np.mean(np.array(seen.identity) > self.threshold())
        sharp = np.nanmedian(seen.sharpness) / metrics.sharpness_inside(photo.image, photo.landmarks)
        cells = [
            name, row, f"{errors[0]:.1f} %", f"{errors[1]:.1f} %", *curves, f"{kept} of {all_blinks}",
            f"{np.mean(seen.identity):.2f} ({np.quantile(seen.identity, 0.05):.2f}, {accepted:.0%})",
            f"{sharp:.2f}", f"{_flicker(frames, truth, made, seen):.2f}", f"{spent:.0f}",
        ]  # fmt: skip
        return "| " + " | ".join(cells) + " |"

    def write_stills(self, name: str, frames: Sequence[Frame], made: Sequence[Image]) -> None:
        """Eight moments, the driver above."""
        places = np.linspace(0, len(frames) - 1, 8).astype(int)
        rows = [
            [
                cv2.resize(i, (360 * i.shape[1] // i.shape[0], 360), interpolation=cv2.INTER_AREA)
                for i in images
            ]
            for images in ([frames[n].image for n in places], [made[n] for n in places])
        ]
        wide = max(sum(cell.shape[1] for cell in row) for row in rows)
        sheet = np.vstack(
            [
                cv2.copyMakeBorder(
                    np.hstack(row), 0, 0, 0, wide - sum(c.shape[1] for c in row), cv2.BORDER_CONSTANT
                )
                for row in rows
            ]
        )
        write_bytes(self.out / f"{name}.png", cv2.imencode(".png", sheet[..., ::-1])[1].tobytes())

    def path(self, name: str) -> Path:
        if "." not in name:
            return self.clips / f"{name}.mp4"
        folder = "clips" if name.endswith((".mpg", ".mp4")) else "stills"
        return self.shared / "samples" / folder / name

    def clip(self, name: str) -> Clip:
        """A clip and its faces, which are kept in a file."""
        path = self.path(name)
        kept = self.out / f"tracks-{path.stem}.npz"
        if not kept.exists():
            np.savez(kept, **_look(path))
        with np.load(kept) as known:
            count = len(known["frames"])
            return Clip(path, FaceTracks(
                known["frames"], np.zeros(count, np.int64), known["landmarks"], np.ones(count, np.float32),
                known["times"], np.zeros((0, 2), np.int64), shots=np.zeros(len(known["times"]), np.int64),
                dense=known["dense"], expression=known["expression"],
            ))  # fmt: skip

    def photo(self, name: str) -> Photo:
        """A still, or of a clip the first frame in which the head is held as in most."""
        path = self.path(name)
        if path.suffix in (".png", ".jpg"):
            image = np.ascontiguousarray(read_photo(path).image)
            faces = build_analyser(thorough=True).find([Frame(0, 0.0, image)])[0]
            face = max(faces, key=lambda one: interocular(one.landmarks))
            assert face.dense is not None
            return Photo(path.stem, image, face.landmarks, face.dense)
        clip = self.clip(name)
        tracks = clip.tracks
        assert tracks.dense is not None
        poses = np.array([estimate_head_pose(dense) for dense in tracks.dense])
        apart = np.abs(poses - np.median(poses, axis=0)).max(1)
        opened = np.array([eye_ratio(points.astype(np.float64)) for points in tracks.landmarks])
        fits = (apart < NEAR_MEDIAN) & (opened > OPEN_EYES * np.median(opened))
        best = int(np.argmax(fits)) if fits.any() else int(np.argmin(apart))
        image = next(f.image for f in clip.frames() if f.index == tracks.frames[best])
        return Photo(path.stem, np.ascontiguousarray(image), tracks.landmarks[best], tracks.dense[best])

    def threshold(self) -> float:
        """The cosine above which one pair of different people in a thousand lies (congress and London)."""
        kept = self.out / "threshold.npy"
        if not kept.exists():
            stage, found = build_analyser(), []
            for name in ("congress_pd.tar", "london_ccby.tar"):
                for image in itertools.islice(_pictures(self.shared / "datasets" / name), LOOKED_AT):
                    faces = stage.find([Frame(0, 0.0, image)])[0]
                    if faces:
                        found.append(
                            self.recogniser(
                                image, max(faces, key=lambda f: interocular(f.landmarks)).landmarks
                            )
                        )
            rows = np.array(found)
            cosines = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
            # London's people are there twice, calm and smiling: those pairs lie far above all others.
            cosines = np.sort(cosines)[: -(LOOKED_AT // 2)]
            np.save(kept, np.quantile(cosines, 1 - FALSE_ACCEPTS))
        return float(np.load(kept))


def _as68(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Something of a face's extent for dlib's box, from the layout's points."""
    return points.astype(np.float64)


def _look(path: Path) -> dict[str, NDArray[np.generic]]:
    """The largest face of each frame."""
    stage, times, numbers, faces = build_analyser(), [], [], []
    with VideoReader(path) as video:
        for batch in analyse_batches(video, stage):
            for frame, _, found in batch:
                times.append(frame.time)
                if found:
                    numbers.append(frame.index)
                    faces.append(max(found, key=lambda one: interocular(one.landmarks)))
    return {
        "times": np.array(times),
        "frames": np.array(numbers),
        "landmarks": np.array([face.landmarks for face in faces]),
        "dense": np.array([face.dense for face in faces], np.float32),
        "expression": np.array([face.expression for face in faces], np.float32),
    }


def _pictures(archive: Path) -> Iterator[Image]:
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name.endswith((".jpg", ".png")):
                data = np.frombuffer(io.BytesIO(tar.extractfile(member).read()).getvalue(), np.uint8)  # type: ignore[union-attr]
                image = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
                yield np.ascontiguousarray(image)


def _flat(motion: DriverMotion) -> DriverMotion:
    """A motion without turns out of the picture."""
    angles = motion.angles.copy()
    angles[:, :2] = 0
    return replace(motion, angles=angles)


def _flicker(frames: Sequence[Frame], truth: Seen, made: Sequence[Image], seen: Seen) -> float:
    """Energy over the clip's, each crop held by its own judge's points, steadied."""
    times = [frame.time for frame in frames]
    both = []
    for images, points in (([f.image for f in frames], truth.points), (made, seen.points)):
        flicker = metrics.Flicker(1)
        for image, at in zip(images, smooth_landmarks(times, np.array(points), 2.0), strict=True):
            flicker.add([image], at)
        both.append(flicker.energy["inside"][0])
    return float(both[1] / max(both[0], 1e-9))


if __name__ == "__main__":
    main()
