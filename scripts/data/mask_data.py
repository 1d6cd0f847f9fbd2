#!/usr/bin/env python3
"""Cut faces out of photos and videos and have a teacher label them, for `scripts/train/mask.py`.

    python -m scripts.data.mask_data FOLDER_OR_VIDEO... -o DATA --teacher bisenetv2_celebamaskhq.tflite

The teacher is a BiSeNet V2 (C. Yu et al., 2021) for the 19 classes of CelebAMask-HQ as a TensorFlow Lite
file: (1, 448, 448, 3) RGB in -1..1 to (448, 448) class numbers. It needs `pip install ai-edge-litert`, which
is no dependency of faceswap. The name of a folder up to its first _, or "clips" for a video, becomes the
set its faces belong to.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import FACE_CENTRE, crop_matrix, interocular, transform, warp
from faceswap_cli.media.frame import Frame
from faceswap_cli.networks.perception.parsing import CLASSES
from scripts.data.mask_augment import UNKNOWN, WIDE_SIDE, WIDE_SIZE

Array = np.ndarray

TEACHER_SIZE = 448

OTHER, SKIN, BROWS, EYES, NOSE, MOUTH, HAIR, GLASSES = range(8)
TEACHER = (
    *(
        OTHER,
        SKIN,
        BROWS,
        BROWS,
        EYES,
        EYES,
        GLASSES,
        OTHER,
        OTHER,
        OTHER,
    ),  # 7-9: ears and what hangs on them
    *(NOSE, MOUTH, MOUTH, MOUTH, OTHER, OTHER, OTHER, HAIR, OTHER),  # 14-16: neck, necklace, clothes; 18: hat
)
"""Our class for each of the teacher's."""

VIEWS = ((2.9, (0.0, -0.2), 0.0, False, 1.0), (3.8, (0.02, 0.1), 3.0, True, 0.7))
"""Side and centre (face units), roll (degrees), mirrored, and weight of each view the teacher is shown. The
first is how CelebA-HQ frames a face; the second reaches the corners of our crop."""

AGREEMENT = 0.75
"""Samples in which the views agree on less of the inner square are dropped."""

DARK, TINTED = 0.5, 0.68
"""A lens whose median brightness is less than DARK times the cheeks' can't be seen through; between the two
nobody can say, and its pixels stay without a label."""

SAME_HUE = 16.0
"""Distance of a lens's median colour from the cheeks' up to which it is clear (a and b of OpenCV's 8-bit
Lab)."""

FRAME = 20.0
"""Distance from a clear lens's median colour (same unit) from which on a pixel is the frame's."""

EVERY = 6
"""Frames between those taken from a video."""


def pictures(source: Path) -> Iterator[tuple[str, str, Array]]:
    """(name, person, RGB image) of a folder's photos or of every sixth frame of a video."""
    if source.is_dir():
        for path in sorted(source.iterdir()):
            image = cv2.imread(str(path)) if path.suffix.lower() in (".jpg", ".jpeg", ".png") else None
            if image is not None:
                yield (
                    path.name,
                    path.stem.split("_")[0] if source.name.startswith("london") else path.name,
                    image[..., ::-1],
                )
        return
    capture = cv2.VideoCapture(str(source))
    number = 0
    while True:
        fine, image = capture.read()
        if not fine:
            return
        if number % EVERY == 0:
            yield f"{source.name}#{number}", source.name, image[..., ::-1]
        number += 1


def load_teacher(path: Path) -> Callable[[Array], Array]:
    """The teacher: (448, 448, 3) uint8 to (448, 448) uint8 numbers of its classes."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        sys.exit("the teacher needs TensorFlow Lite: pip install ai-edge-litert")
    network = Interpreter(str(path), num_threads=1)
    network.allocate_tensors()
    into, out = network.get_input_details()[0]["index"], network.get_output_details()[0]["index"]

    def look(image: Array) -> Array:
        network.set_tensor(into, ((image.astype(np.float32) - 127.5) / 127.5)[None])
        network.invoke()
        return network.get_tensor(out).astype(np.uint8)

    return look


def view_matrix(side: float, centre: tuple[float, float], roll: float, mirrored: bool) -> Array:
    """(2, 3) from wide-crop pixels to the pixels of a view."""
    unit = WIDE_SIZE / WIDE_SIDE
    angle, scale = np.radians(roll), TEACHER_SIZE / side / unit
    linear = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    if mirrored:
        linear = np.diag([-1.0, 1.0]) @ linear
    middle = (np.array(centre) - FACE_CENTRE) * unit + (WIDE_SIZE - 1) / 2
    return np.hstack([linear, ((TEACHER_SIZE - 1) / 2 - linear @ middle)[:, None]])


def taught(look: Callable[[Array], Array], crop: Array) -> tuple[Array, float]:
    """Labels of a wide crop by the vote of all views, and how far those agree, 0..1."""
    size = (WIDE_SIZE, WIDE_SIZE)
    votes, seen = np.zeros((*size, GLASSES + 1), np.float32), np.zeros(size, np.float32)
    table = np.full(256, UNKNOWN, np.uint8)
    table[: len(TEACHER)] = TEACHER
    for side, centre, roll, mirrored, weight in VIEWS:
        matrix = view_matrix(side, centre, roll, mirrored)
        view = cv2.warpAffine(
            crop, matrix, (TEACHER_SIZE,) * 2, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        back = cv2.invertAffineTransform(matrix)
        found = cv2.warpAffine(table[look(view)], back, size, flags=cv2.INTER_NEAREST, borderValue=UNKNOWN)
        for name in np.unique(found[found != UNKNOWN]):
            votes[..., name] += (found == name) * np.float32(weight)
        seen += (found != UNKNOWN) * np.float32(weight)
    votes = cv2.GaussianBlur(votes, (0, 0), 0.8)
    label = votes.argmax(2).astype(np.uint8)
    label[seen < 0.5] = UNKNOWN
    edge = round(WIDE_SIZE * 0.15)
    inner = (votes.max(2) / np.maximum(seen, 1e-3) > 0.75)[edge:-edge, edge:-edge]
    return label, float(inner.mean())


def through_lenses(crop: Array, label: Array, points: Array) -> Array:
    """Labels in which clear lenses are what is seen through them, and only frames stay "glasses".

    The teacher calls the whole of a pair of glasses so. Frames are what doesn't look like the skin behind
    the lens; eyes and brows are put back by the landmarks.
    """
    worn, skin = label == GLASSES, np.isin(label, (SKIN, NOSE))
    if worn.sum() < 60 or skin.sum() < 500:
        return label
    unit = interocular(points)
    lab = cv2.cvtColor(cv2.GaussianBlur(crop, (0, 0), 0.6), cv2.COLOR_RGB2LAB).astype(np.float32)
    result = label.copy()
    columns = np.arange(label.shape[1])[None] < points[27, 0]
    for eye, brow, half in (
        (points[36:42], points[17:22], columns),
        (points[42:48], points[22:27], ~columns),
    ):
        middle = eye.mean(0)
        near, below = _disc(label.shape, middle, 0.21 * unit), _disc(label.shape, middle, 0.55 * unit)
        eyes, brows = np.zeros(label.shape, np.uint8), np.zeros(label.shape, np.uint8)
        wide = middle + (eye - middle) * (1.1, 1.35)
        cv2.fillPoly(eyes, [np.rint(wide).astype(np.int32)], 1)
        cv2.polylines(brows, [np.rint(brow).astype(np.int32)], False, 1, max(2, round(0.08 * unit)))
        mine, cheek = worn & half, skin & below & half
        lens = mine & near & (eyes == 0) & (brows == 0)
        if lens.sum() < 20 or cheek.sum() < 40:
            continue
        tone, usual = np.median(lab[lens], axis=0), np.median(lab[cheek], axis=0)
        light = tone[0] / max(float(usual[0]), 1.0)
        if light < DARK:
            continue
        if light < TINTED or np.hypot(*(tone - usual)[1:]) > SAME_HUE:
            result[mine & near] = UNKNOWN
            continue
        # Light falls unevenly: what differs in brightness alone counts less.
        apart = np.sqrt((((lab - tone) * (0.75, 1.0, 1.0)) ** 2).sum(2))
        frame = (mine & (apart > FRAME) & (eyes == 0)).astype(np.uint8)
        frame = cv2.morphologyEx(frame, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) > 0
        result[mine] = SKIN
        result[mine & (brows > 0)] = BROWS
        result[mine & (eyes > 0)] = EYES
        result[frame & mine & (eyes == 0)] = GLASSES
    return result


def _disc(shape: tuple[int, ...], middle: Array, radius: float) -> Array:
    mask = np.zeros(shape, np.uint8)
    cv2.circle(mask, tuple(np.rint(middle).astype(int).tolist()), round(radius), 1, -1)
    return mask > 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--leave-out", type=Path, help="names of pictures to leave out, one a line")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    left_out = set(options.leave_out.read_text(encoding="utf-8").split("\n")) if options.leave_out else set()
    look, stage = load_teacher(options.teacher), build_analyser()
    crops, labels, landmarks, facts = [], [], [], []
    for source in options.sources:
        group = source.name.split("_")[0] if source.is_dir() else "clips"
        for name, person, image in pictures(source):
            found = (
                stage.find([Frame(0, 0.0, np.ascontiguousarray(image))])[0] if name not in left_out else []
            )
            for face in (
                found if group == "clips" else sorted(found, key=lambda f: -interocular(f.landmarks))[:1]
            ):
                matrix = crop_matrix(face.landmarks, WIDE_SIZE, WIDE_SIDE)
                crop, points = warp(image, matrix, WIDE_SIZE), transform(face.landmarks, matrix)
                label, agreement = taught(look, crop)
                if agreement < AGREEMENT:
                    continue
                crops.append(crop)
                labels.append(through_lenses(crop, label, points))
                landmarks.append(points.astype(np.float32))
                facts.append({"set": group, "name": name, "person": person, "agreement": round(agreement, 3)})
        print(f"{source}: {len(crops)} faces so far", flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, values in (("crops", crops), ("labels", labels), ("points", landmarks)):
        np.save(options.output / f"{name}.npy", np.stack(values))
    (options.output / "faces.json").write_text(json.dumps(facts), encoding="utf-8")
    assert CLASSES.index("glasses") == GLASSES


if __name__ == "__main__":
    main()
