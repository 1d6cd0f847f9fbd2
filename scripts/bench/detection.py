"""How many faces are found in turned and shrunk photos, and how many that are none.

python -m scripts.bench.detection FOLDER_OR_PHOTO... [--detectors plain,video,photo] [--parts turned,small]

The truth is what the thorough detector finds in the photos as they are, at a confidence of 0.95 or more:
look at them (`--show FOLDER` draws them) before you believe the table. Of each photo copies are made, turned
on a grown canvas, or shrunk until its median face is so many pixels high and laid on a canvas of 640 x 360.
A face counts as found when a detection lies at its place with its size (their centres apart by less than a
third of its size, sizes within a factor of 1.8), as straight when the five points tell its turn within 25
degrees. Everything else that is found is false.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces import geometry
from faceswap_cli.faces.detection.boxes import roll_of
from faceswap_cli.faces.detection.retinaface import RetinaFaceDetector
from faceswap_cli.faces.face import Detection, FloatArray
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.inputs import find_media
from faceswap_cli.media.photo import read_photo

ANGLES = (0, 15, 30, 45, 60, 90, 135, 180, 270)
HEIGHTS = (64, 48, 32, 24, 16)
CANVAS = (640, 360)
GREY = (110, 110, 110)
LONGEST = 1280
"""Photos are shrunk to this first: the faces stay large, and the table does not take all day."""

Find = Callable[[Image], list[Detection]]


@dataclass
class Count:
    """Faces and processor seconds of one row of the table."""

    faces: int = 0
    found: int = 0
    straight: int = 0
    false: int = 0
    pictures: int = 0
    seconds: float = 0.0
    missed: list[str] = field(default_factory=list)

    def add(self, name: str, truth: list[FloatArray], found: list[Detection]) -> None:
        """Count what was found in a picture whose faces have the five points `truth`, each (5, 2)."""
        left = list(found)
        self.pictures += 1
        self.faces += len(truth)
        for points in truth:
            best = min(left, key=lambda d: apart(points, d.points), default=None)
            if best is None or apart(points, best.points) > 1.0:
                self.missed.append(name)
                continue
            left = [d for d in left if d is not best]
            self.found += 1
            self.straight += abs((roll_of(points) - roll_of(best.points) + 180) % 360 - 180) < 25
        self.false += len(left)


def apart(truth: FloatArray, found: FloatArray) -> float:
    """How badly one face's five points fit another's place and size: up to 1 they are the same."""
    sizes = [max(extent(truth), 1e-3), max(extent(found), 1e-3)]
    distance = float(np.linalg.norm(truth.mean(0) - found.mean(0))) / sizes[0]
    growth = abs(np.log(sizes[1] / sizes[0]))
    return max(distance / 0.6, growth / np.log(1.8))


def extent(points: FloatArray) -> float:
    """Size of a face by its five points: the root mean square radius, doubled (about half a box's height)."""
    return float(2 * np.sqrt(((points - points.mean(0)) ** 2).sum(1).mean()))


def plain() -> Find:
    """The detector's own front end: one scale, upright."""
    import retinaface

    def find(image: Image) -> list[Detection]:
        return [
            Detection(
                np.array([f.x, f.y, f.x + f.width, f.y + f.height], np.float32),
                np.array([(p.x, p.y) for p in f.landmarks], np.float32),
                f.score,
            )
            for f in retinaface.detect_faces(image)
        ]

    return find


def ours(thorough: bool, min_size: float) -> Find:
    """Our detector, given the picture as a batch of its own."""
    detector = RetinaFaceDetector(min_size, thorough=thorough)
    return lambda image: detector([Frame(0, 0.0, image)])[0]


def photos(inputs: list[Path]) -> Iterator[tuple[str, Image]]:
    """Names and pictures, at most `LONGEST` pixels long."""
    for path in find_media(inputs):
        image = read_photo(path).image
        yield path.name, shrunk(image, min(1.0, LONGEST / max(image.shape[:2])))


def shrunk(image: Image, scale: float) -> Image:
    """The picture `scale` times as large."""
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return image if scale == 1 else cv2.resize(image, size, interpolation=how)  # type: ignore[return-value]


def turned(image: Image, degrees: float) -> tuple[Image, NDArray[np.float64]]:
    """The picture turned with the clock on a canvas that holds it all, and the matrix that did it."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = (int(np.ceil(width * cos + height * sin)), int(np.ceil(width * sin + height * cos)))
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    how = cv2.INTER_NEAREST if degrees % 90 == 0 else cv2.INTER_CUBIC
    return cv2.warpAffine(image, matrix, size, flags=how, borderValue=GREY), matrix  # type: ignore[return-value]


def small(image: Image, truth: list[Detection], height: float) -> tuple[Image, NDArray[np.float64]]:
    """The picture shrunk to faces of that height on a canvas, and the matrix that did it."""
    scale = height / float(np.median([d.box[3] - d.box[1] for d in truth]))
    tiny = shrunk(image, scale)
    size = (max(CANVAS[0], tiny.shape[1]), max(CANVAS[1], tiny.shape[0]))
    left, top = (size[0] - tiny.shape[1]) // 2, (size[1] - tiny.shape[0]) // 2
    canvas = np.full((size[1], size[0], 3), GREY, np.uint8)
    canvas[top : top + tiny.shape[0], left : left + tiny.shape[1]] = tiny
    return canvas, np.array([[scale, 0, left], [0, scale, top]])


def copies(
    image: Image, truth: list[Detection], parts: list[str]
) -> Iterator[tuple[str, Image, NDArray[np.float64]]]:
    """The rows of the table, and for each the picture and the matrix from the photo to it."""
    if "turned" in parts:
        for angle in ANGLES:
            yield (f"turned {angle}", *turned(image, angle))
    if "small" in parts:
        for height in HEIGHTS:
            yield (f"{height} px", *small(image, truth, height))
    if "both" in parts:
        for angle in (30, 45, 90, 180):
            tiny, first = small(image, truth, 40)
            picture, second = turned(tiny, angle)
            whole = np.vstack([second, [0, 0, 1]]) @ np.vstack([first, [0, 0, 1]])
            yield f"40 px, turned {angle}", picture, whole[:2]


def draw(folder: Path, name: str, image: Image, found: list[Detection]) -> None:
    """Write the picture with its true faces, for people to check."""
    folder.mkdir(parents=True, exist_ok=True)
    canvas = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    for face in found:
        x0, y0, x1, y1 = face.box.round().astype(int).tolist()
        cv2.rectangle(canvas, (x0, y0), (x1, y1), (0, 0, 255), 2)
    cv2.imwrite(str(folder / f"{Path(name).stem}.jpg"), canvas)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", type=Path, nargs="+", help="photos and folders of them")
    parser.add_argument("--detectors", default="plain,video,photo")
    parser.add_argument("--parts", default="turned,small,both")
    parser.add_argument("--min-size", type=float, default=12)
    parser.add_argument("--show", type=Path, help="draw the true faces into this folder")
    parser.add_argument("--missed", action="store_true", help="name the photos in which faces were missed")
    options = parser.parse_args()
    builders: dict[str, Callable[[], Find]] = {
        "plain": plain,
        "video": lambda: ours(False, options.min_size),
        "photo": lambda: ours(True, options.min_size),
    }
    finders = {name: builders[name]() for name in options.detectors.split(",")}
    judge = RetinaFaceDetector(thorough=True, threshold=0.95)
    rows: dict[str, dict[str, Count]] = {}
    for name, image in photos(options.inputs):
        truth = judge([Frame(0, 0.0, image)])[0]
        if options.show:
            draw(options.show, name, image, truth)
        for row, picture, matrix in copies(image, truth, options.parts.split(",")):
            points = [geometry.transform(d.points, matrix).astype(np.float32) for d in truth]
            for who, find in finders.items():
                count = rows.setdefault(row, {}).setdefault(who, Count())
                started = time.process_time()
                found = find(picture)
                count.seconds += time.process_time() - started
                count.add(name, points, found)
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    report(rows, list(finders), options.missed)


def report(rows: dict[str, dict[str, Count]], who: list[str], missed: bool) -> None:
    """Print the table: found and straight in percent of the faces, false faces and processor ms a picture."""
    print(f"{'':22}" + "".join(f"{name:^30}" for name in who))
    print(f"{'':16}{'faces':>6}" + f"{'found':>8}{'straight':>9}{'false':>6}{'ms':>6} " * len(who))
    for row, counts in rows.items():
        cells = [
            f"{100 * c.found / c.faces:7.0f}%{100 * c.straight / c.faces:8.0f}%"
            f"{c.false / c.pictures:6.2f}{1e3 * c.seconds / c.pictures:6.0f} "
            for c in (counts[name] for name in who)
        ]
        print(f"{row:16}{counts[who[0]].faces:6}" + "".join(cells))
        for name in who if missed else ():
            if counts[name].missed:
                print(f"    {name} missed {', '.join(counts[name].missed)}")


if __name__ == "__main__":
    main()
