#!/usr/bin/env python3
"""How far landmarks lie from a teacher's, and from their own on the unturned picture.

    python -m scripts.data.landmark_data FOLDER... -o faces.npz
    python -m scripts.bench.landmarks faces.npz [--held-out]

Each face is turned in its picture by known angles. The landmarker gets a box, and five points either turned
with the face ("known") or those of an upright face in the box ("unknown": what detectors that know boxes only
give). Figures are mean distances in percent of the distance between the outer eye corners.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.faces import geometry
from faceswap_cli.faces.detection.face_alignment_backend import five_points
from faceswap_cli.faces.face import Detection
from faceswap_cli.faces.face import Points as Found
from faceswap_cli.faces.landmarks.compact import CompactLandmarker
from faceswap_cli.faces.landmarks.head_model import estimate_head_pose
from faceswap_cli.faces.landmarks.mean_shape import five_from_68
from faceswap_cli.faces.landmarks.pose import estimate_pose
from scripts.data.landmark_views import turned as view
from scripts.train.landmarks import held_out

ROLLS = (0, 15, 40, 60, 90, -90, 135, 180)

Points = np.ndarray
Method = Callable[[list[np.ndarray], list[Detection]], list[Points]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--held-out", action="store_true", help="only faces the network was not trained on")
    parser.add_argument("--most", type=int, default=300)
    options = parser.parse_args()
    crops, points = load(options.data, options.held_out, options.most)
    print(f"{len(crops)} faces; mean error in % of the eye distance (interior points alone in brackets)")
    print(f"{'':22}" + "".join(f"{roll:>15}°" for roll in ROLLS))
    for name, method in methods().items():
        for known in (True, False):
            cells = []
            for roll in ROLLS:
                images, truth, found = turned(crops, points, roll, known)
                answer = np.array(method(images, found))
                cells.append(
                    f"{error(answer, truth):6.2f} ({error(answer[:, 17:], truth[:, 17:], truth):5.2f})"
                )
            print(
                f"{name:8}{'roll known' if known else 'roll unknown':14}" + "".join(f"{c:>16}" for c in cells)
            )
    angles(crops, points)
    speed(crops, points)


def angles(crops: list[np.ndarray], points: np.ndarray) -> None:
    """Pose against known changes of it: pictures turned in the plane, and turned views of a paper mesh: by
    the 68 landmarks with everybody's depths, and by dense points and the head."""
    compact = CompactLandmarker()
    crops, points = crops[:60], points[:60]

    def poses(images: list[np.ndarray], truth: np.ndarray) -> np.ndarray:
        found = [
            Detection(np.r_[t.min(0), t.max(0)].astype("f4"), five_from_68(t).astype("f4"), 1.0)
            for t in truth
        ]
        points = [one[0] for one in compact(images, [[d] for d in found])]
        flat = [estimate_pose(p.landmarks) for p in points]
        return np.array([flat, flat if points[0].dense is None else [head_pose(p) for p in points]])

    def head_pose(found: Found) -> tuple[float, float, float]:
        assert found.dense is not None
        return estimate_head_pose(found.dense)

    before = poses(crops, points)
    print("pose: mean absolute error of the change in degrees, and mean change; by 68 landmarks, by the head")
    for roll in (-60, -30, -10, 10, 30, 60):
        images, truth, _ = turned(crops, points, roll, True)
        apart = ((poses(images, truth) - before)[..., 2] - roll + 180) % 360 - 180
        print(
            f"  roll by {roll:4}: "
            + "  ".join(f"{np.abs(a).mean():.1f} {a.mean() + roll:.1f}" for a in apart)
        )
    for axis, name in enumerate(("yaw", "pitch")):
        for angle in (-45, -30, -15, 15, 30, 45)[axis : 6 - axis]:
            views = [
                view(c, p, *((angle, 0) if axis == 0 else (0, angle)))
                for c, p in zip(crops, points, strict=True)
            ]
            after = poses([v[0] for v in views], np.array([v[1] for v in views]))
            change = (after - before)[..., axis]
            cells = [f"{np.abs(one - angle).mean():.1f} {one.mean():.1f}" for one in change]
            print(f"  {name} by {angle:4}: " + "  ".join(cells))


def load(files: list[Path], only_held_out: bool, most: int) -> tuple[list[np.ndarray], np.ndarray]:
    crops, points = [], []
    for file in files:
        data = np.load(file)
        wanted = [i for i, name in enumerate(data["names"]) if not only_held_out or held_out(str(name))]
        wanted = wanted[:: max(1, len(wanted) * len(files) // most)]
        crops += [*data["crops"][wanted]]
        points += [*data["points"][wanted].astype(np.float64)]
    return crops, np.array(points)


def methods() -> dict[str, Method]:
    compact = CompactLandmarker()

    def ours(images: list[np.ndarray], found: list[Detection]) -> list[Points]:
        return [p[0].landmarks for p in compact(images, [[d] for d in found])]

    known: dict[str, Method] = {"compact": ours}
    try:
        from scripts.data.landmark_data import Labeller, framing

        labeller = Labeller()
    except (SystemExit, ImportError):
        print("(dlib is not installed: not compared)")
        return known

    def dlib(images: list[np.ndarray], found: list[Detection]) -> list[Points]:
        answers = []
        for image, d in zip(images, found, strict=True):
            centre, side, angle = framing(d.points)
            answers.append(labeller.plain(image, (centre, side, angle)))
        return answers

    return known | {"dlib": dlib}


def turned(
    crops: list[np.ndarray], points: np.ndarray, roll: float, known: bool
) -> tuple[list[np.ndarray], np.ndarray, list[Detection]]:
    size = crops[0].shape[0]
    matrix = cv2.getRotationMatrix2D(((size - 1) / 2,) * 2, -roll, 1.0)
    images = [
        cv2.warpAffine(c, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        for c in crops
    ]
    truth = np.array([geometry.transform(p, matrix) for p in points])
    found = []
    for p in truth:
        box = np.concatenate([p.min(0), p.max(0)]).astype(np.float32)
        five = five_from_68(p).astype(np.float32) if known else five_points(box)
        found.append(Detection(box, five, 1.0))
    return images, truth, found


def error(found: np.ndarray, truth: np.ndarray, whole: np.ndarray | None = None) -> float:
    eyes = np.array([geometry.interocular(t) for t in (truth if whole is None else whole)])
    return float(100 * (np.linalg.norm(found - truth, axis=2).mean(1) / eyes).mean())


def speed(crops: list[np.ndarray], points: np.ndarray) -> None:
    compact = CompactLandmarker()
    for count in (1, 5, 16):
        images, _, found = turned(crops[:count], points[:count], 0, True)
        compact(images, [[d] for d in found])
        begun = time.perf_counter()
        for _ in range(5):
            compact(images, [[d] for d in found])
        print(f"{count:3} faces a call: {(time.perf_counter() - begun) / 5 / count * 1e3:.1f} ms a face")


if __name__ == "__main__":
    main()
