#!/usr/bin/env python3
"""Write the picture of docs/age.md: five people as they are, and at several ages, not chosen by how they
came out.

    faceswap generate -n 2 --seed 1 -o INVENTED/
    python -m scripts.dev.age_pictures docs --clips FOLDER --invented INVENTED

FOLDER holds man.mp4 and woman.mp4 (see scripts.data.demo_clips).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import skimage.data

from faceswap_cli.cli.age_load import load_face_ager
from faceswap_cli.effects.ageing.render import MOST_IN_PHOTO, FaceAger
from faceswap_cli.effects.ageing.request import AgeRequest
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.effects.sheet_window import draw_rows
from faceswap_cli.faces.age.estimator import AgeEstimator
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import interocular
from faceswap_cli.files import write_bytes
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.photo import read_photo
from faceswap_cli.media.reader import VideoReader

AGES = (20.0, 35.0, 50.0, 65.0, 80.0)

KNOWN, INVENTED = 36.0, 30.0
"""Age of the astronaut, and what invented faces are taken for: they have none."""

ROOM, SIDE = 2.6, 320
"""Half a cell in distances between the eyes, and its side in pixels."""

QUALITY = 88


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--invented", type=Path, required=True)
    options = parser.parse_args()
    people: list[tuple[Image, float | None]] = [(np.ascontiguousarray(skimage.data.astronaut()), KNOWN)]
    for name in ("man", "woman"):
        with VideoReader(options.clips / f"{name}.mp4") as video:
            people.append((np.ascontiguousarray(next(iter(video)).image), None))
    invented = sorted(path for path in options.invented.iterdir() if path.suffix in (".png", ".jpg"))
    people += [(read_photo(path).image, INVENTED) for path in invented[:2]]
    ager, estimator = load_face_ager("network", None, "cpu", 1.0), AgeEstimator()
    rows = [draw_row(ager, estimator, image, known) for image, known in people]
    width = min(row.shape[1] for row in rows)
    sheet = np.vstack([row[:, :width] for row in rows])
    _, data = cv2.imencode(".jpg", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    write_bytes(options.out / "age.jpg", data.tobytes())


def draw_row(ager: FaceAger, estimator: AgeEstimator, image: Image, known: float | None) -> Image:
    """The largest face of a picture as it is, and at each age."""
    faces = build_analyser(device="cpu").find([Frame(0, 0.0, image)])[0]
    points = max(faces, key=lambda face: interocular(face.landmarks)).landmarks
    face = PlannedFace(0, points)
    [estimate] = estimator.estimate(image, [points])
    pictures = []
    for target in AGES:
        age = AgeRequest(to=target, known=known).ages(estimate)
        [said] = ager.predict([(image, face)], [age])
        made = image.copy()
        ager.apply(made, said, said.head.astype(np.float32), MOST_IN_PHOTO)
        pictures.append((f"{target:g}", cell(made, points)))
    pictures.insert(0, (f"as it is: {age.describe_source()}", cell(image, points)))
    return draw_rows(pictures, len(pictures))


def cell(image: Image, points: np.ndarray) -> Image:
    """A square around a face."""
    height, width = image.shape[:2]
    half = min(ROOM * float(interocular(points)) / 1.35, height / 2, width / 2)
    x, y = np.clip(points.mean(0) - (0, 0.35 * half), half, np.array([width, height]) - half)
    scale = SIDE / (2 * half)
    matrix = np.array([[scale, 0, SIDE / 2 - scale * x], [0, scale, SIDE / 2 - scale * y]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    soft = cv2.GaussianBlur(image, (0, 0), 0.4 / scale) if scale < 0.8 else image
    return np.asarray(cv2.warpAffine(soft, matrix, (SIDE, SIDE), flags=flags))


if __name__ == "__main__":
    main()
