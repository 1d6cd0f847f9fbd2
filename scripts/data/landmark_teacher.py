#!/usr/bin/env python3
"""Faces with dense points, to train the second landmark network on: Face Landmarker's, beside our own 68.

    python -m scripts.data.landmark_teacher TEACHER INPUT... -o faces.npz

TEACHER is the folder with face_landmarks_detector.tflite and face_blendshapes.tflite (Apache-2.0, Google); an
INPUT is a picture, a video or a folder. Each face is looked at through jittered views, half of them mirrored,
and the answers averaged; where views disagree, the labels count less; where teacher and models/landmarks
disagree about the whole face, it is left out. Needs the package ai-edge-litert, which the tool does not.

The file holds, of N faces: crops (N, SIZE, SIZE, 3) uint8, upright, 4 face units wide; ibug (N, 68, 2) and
dense (N, 154, 3) in their pixels, z 0 between the outer eye corners; ibug_spread, dense_spread in face units;
visible (N, 68); expression (N, 26); names.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from faceswap_cli.faces import geometry
from faceswap_cli.faces.detection.retinaface import RetinaFaceDetector
from faceswap_cli.faces.face import Detection, Points
from faceswap_cli.faces.landmarks.compact import CompactLandmarker
from faceswap_cli.faces.landmarks.dense import (
    EXPRESSION_NAMES,
    IBUG,
    MESH_VERTICES,
    MIRROR_DENSE,
    MIRROR_EXPRESSION,
    MIRROR_SIGN,
)
from faceswap_cli.media.frame import Frame
from scripts.data.landmark_data import SIDE, SIZE, pictures

VIEW = 256
"""Side of the teacher's picture in pixels."""

ROOM = 1.5
"""Side of its picture over the longer side of the points' box."""

FIRST_SIDE, FIRST_CENTRE = 2.9, (0.0, 0.1)
"""The first look's square, in face units."""

LEAST_HEIGHT = 60
"""Of a face's box in pixels; smaller ones are left out."""

DETECT_EVERY = 4
"""Frames of a video, one of which is searched for faces: the landmarks follow them in between."""

MOST_SPREAD = 0.05
"""Root mean square deviation of the views, in face units; above it the teacher is lost."""

MOST_APART = 0.15
"""Mean distance to models/landmarks over SAME, in face units; above it one of the two is lost."""

SAME = {
    33: 36,
    133: 39,
    362: 42,
    263: 45,
    1: 30,
    2: 33,
    98: 31,
    327: 35,
    61: 48,
    291: 54,
    0: 51,
    17: 57,
    152: 8,
}
"""Vertices of the mesh that lie near a point of iBUG."""

# fmt: off
COEFFICIENTS = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight",
    "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft",
    "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight",
    "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight",
    "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
    "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight",
)
"""What the teacher's 52 numbers mean, in their order."""

SUBSET = np.array([
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67,
    70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146,
    148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181,
    185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293,
    295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361,
    362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398,
    400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
])
"""The vertices that the teacher's coefficients are read from."""
# fmt: on

_BOTH = {
    "press": "mouthPress", "stretch": "mouthStretch", "upper_lip_up": "mouthUpperUp",
    "lower_lip_down": "mouthLowerDown",
}  # fmt: skip
_ONE = {
    "brow_inner_up": "browInnerUp", "jaw_open": "jawOpen", "pucker": "mouthPucker", "funnel": "mouthFunnel",
}  # fmt: skip
_SIDED = {
    "blink": "eyeBlink", "squint": "eyeSquint", "wide": "eyeWide", "brow_outer_up": "browOuterUp",
    "brow_down": "browDown", "smile": "mouthSmile", "frown": "mouthFrown",
}  # fmt: skip


def expression_matrix() -> np.ndarray:
    """(26, 52): our coefficients (`dense.EXPRESSIONS`) from the teacher's."""
    parts: dict[str, dict[str, float]] = {name: {its: 1.0} for name, its in _ONE.items()}
    parts |= {name: {f"{its}Left": 0.5, f"{its}Right": 0.5} for name, its in _BOTH.items()}
    for side in ("Right", "Left"):
        parts |= {f"{name}_{side.lower()}": {its + side: 1.0} for name, its in _SIDED.items()}
        outwards = -1.0 if side == "Right" else 1.0  # the right eye looks outwards to the picture's left
        parts[f"gaze_x_{side.lower()}"] = {f"eyeLookOut{side}": outwards, f"eyeLookIn{side}": -outwards}
        parts[f"gaze_y_{side.lower()}"] = {f"eyeLookUp{side}": 1.0, f"eyeLookDown{side}": -1.0}
    matrix = np.zeros((len(EXPRESSION_NAMES), len(COEFFICIENTS)))
    for name, weights in parts.items():
        for its, weight in weights.items():
            matrix[EXPRESSION_NAMES.index(name), COEFFICIENTS.index(its)] = weight
    return matrix


@dataclass(frozen=True)
class Label:
    """What the teacher says of a face.

    Attributes:
        points: (154, 3) in pixels of the picture; z 0 between the outer eye corners.
        spread: (154,) deviation of the views, in pixels.
        expression: (26,).
    """

    points: np.ndarray
    spread: np.ndarray
    expression: np.ndarray


class FaceLandmarker:
    """The teacher.

    Args:
        folder: with its two files.
        views: looks that are averaged.
    """

    def __init__(self, folder: Path, views: int) -> None:
        self.views = views
        self.mesh = _interpreter(folder / "face_landmarks_detector.tflite")
        self.blend = _interpreter(folder / "face_blendshapes.tflite")
        self.random = np.random.default_rng(0)
        self.matrix = expression_matrix()

    def __call__(self, image: np.ndarray, landmarks: np.ndarray) -> Label | None:
        """A face's label; None if no face is seen.

        Args:
            image: (H, W, 3) uint8.
            landmarks: (68, 2) roughly.
        """
        upright = geometry.fit_similarity(landmarks[geometry.INTERIOR], geometry.MEAN_FACE[geometry.INTERIOR])
        scale = VIEW / FIRST_SIDE
        first = np.hstack([upright[:, :2] * scale, upright[:, 2:] * scale])
        first[:, 2] += (VIEW - 1) / 2 - np.array(FIRST_CENTRE) * scale
        rough, _, presence = self.look(image, first, mirrored=False)
        if presence < 0:
            return None
        found = [self._view(image, rough, mirrored=bool(v % 2)) for v in range(self.views)]
        points = np.stack([p for p, _ in found])
        mean = points.mean(0)
        spread = np.sqrt(((points - mean)[..., :2] ** 2).sum(2).mean(0))
        return Label(mean, spread, np.mean([e for _, e in found], 0))

    def _view(self, image: np.ndarray, rough: np.ndarray, *, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
        """(154, 3) points and (26,) coefficients of one jittered view framed by `rough` (478, 3)."""
        matrix = self._framing(rough)
        points, coefficients, _ = self.look(image, matrix, mirrored=mirrored)
        expression = self.matrix @ coefficients
        chosen = points[MESH_VERTICES]
        if mirrored:
            chosen = chosen[MIRROR_DENSE[IBUG:] - IBUG]
            expression = expression[MIRROR_EXPRESSION] * MIRROR_SIGN
        corners = [np.flatnonzero(v == MESH_VERTICES)[0] for v in (33, 263)]
        chosen[:, 2] -= chosen[corners, 2].mean()
        return chosen, expression

    def _framing(self, rough: np.ndarray) -> np.ndarray:
        """A jittered matrix from the picture to the teacher's view, upright by the eyes."""
        eyes = rough[263, :2] - rough[33, :2]
        angle = -np.arctan2(eyes[1], eyes[0]) + np.radians(self.random.normal(0, 3))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turned = rough[:468, :2] @ turn.T
        low, high = turned.min(0), turned.max(0)
        scale = VIEW / (ROOM * (high - low).max()) * np.exp(self.random.normal(0, 0.04))
        shift = (VIEW - 1) / 2 - scale * (low + high) / 2 + self.random.normal(0, 4, 2)
        return np.hstack([scale * turn, shift[:, None]])

    def look(
        self, image: np.ndarray, matrix: np.ndarray, *, mirrored: bool
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """(478, 3) in pixels of the picture, the 52 coefficients, the logit of there being a face.

        Of a mirrored look the vertices are those of the mirror image, and so are the coefficients.
        """
        view = geometry.warp(image, matrix, VIEW)
        if mirrored:
            view = np.ascontiguousarray(view[:, ::-1])
        _feed(self.mesh, view[None].astype(np.float32) / 255)
        outputs = [self.mesh.get_tensor(d["index"]) for d in self.mesh.get_output_details()]
        points = outputs[0].reshape(478, 3).astype(np.float64)
        _feed(self.blend, points[None, SUBSET, :2].astype(np.float32))
        coefficients = self.blend.get_tensor(self.blend.get_output_details()[0]["index"]).reshape(-1)
        if mirrored:
            points[:, 0] = VIEW - 1 - points[:, 0]
        back = geometry.invert(matrix)
        scale = float(np.hypot(back[0, 0], back[1, 0]))
        whole = np.column_stack([geometry.transform(points[:, :2], back), points[:, 2] * scale])
        return whole, coefficients, float(outputs[1].reshape(-1)[0])


def _interpreter(path: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _feed(interpreter: Any, value: np.ndarray) -> None:
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], value)
    interpreter.invoke()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("teacher", type=Path)
    parser.add_argument("inputs", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--views", type=int, default=2, help="looks at each face that are averaged")
    parser.add_argument("--every", type=int, default=1, help="of a video every Nth frame")
    parser.add_argument("--skip", nargs="*", default=[], help="leave out files whose name holds this")
    parser.add_argument(
        "--size", type=int, default=SIZE, help="side of the crops; the second look learns from 448"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    labeller = Labeller(FaceLandmarker(options.teacher, options.views), options.size)
    rows: list[dict[str, Any]] = []
    lost = 0
    source = pictures(options.inputs, options.every, options.skip)
    while batch := list(islice(source, 16)):
        found = list(labeller(batch))
        rows += [row for row in found if row is not None]
        lost += sum(row is None for row in found)
        print(len(rows), "faces,", lost, "left out,", batch[-1][0], flush=True)
    np.savez(options.output, **{key: np.stack([row[key] for row in rows]) for key in rows[0]})
    print(f"{len(rows)} faces, {lost} left out")


class Labeller:
    """Finds the faces of pictures and has them labelled by the teacher."""

    def __init__(self, teacher: FaceLandmarker, size: int = SIZE) -> None:
        self.teacher, self.size = teacher, size
        self.detector, self.compact = RetinaFaceDetector(48, 0.9), CompactLandmarker()

    def __call__(self, named: Sequence[tuple[str, np.ndarray]]) -> Iterator[dict[str, Any] | None]:
        """A row for each face of some consecutive pictures; None for one that is left out."""
        images = [image for _, image in named]
        detections = list(self._detect(named))
        for (name, image), faces in zip(named, self.compact(images, detections), strict=True):
            for face in faces:
                found = self.teacher(image, np.asarray(face.landmarks, np.float64))
                yield None if found is None else _row(name, image, face, found, self.size)

    def _detect(self, named: Sequence[tuple[str, np.ndarray]]) -> Iterator[list[Detection]]:
        """The faces of each picture; those of a video are looked for once in DETECT_EVERY frames."""
        video, count, faces = "", 0, []
        for name, image in named:
            count = count + 1 if ":" in name and name.split(":")[0] == video else 0
            video = name.split(":")[0]
            if count % DETECT_EVERY == 0:
                found = self.detector([Frame(0, 0.0, image)])[0]
                faces = [d for d in found if d.box[3] - d.box[1] >= LEAST_HEIGHT]
            yield faces


def _row(name: str, image: np.ndarray, face: Points, found: Label, size: int) -> dict[str, Any] | None:
    landmarks = np.asarray(face.landmarks, np.float64)
    matrix = geometry.crop_matrix(landmarks, size, SIDE).astype(np.float64)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    unit = size / SIDE
    ibug = geometry.transform(landmarks, matrix)
    dense = np.column_stack([geometry.transform(found.points[:, :2], matrix), found.points[:, 2] * scale])
    its = [int(np.flatnonzero(vertex == MESH_VERTICES)[0]) for vertex in SAME]
    apart = float(np.linalg.norm(dense[its, :2] - ibug[list(SAME.values())], axis=1).mean()) / unit
    spread = found.spread * scale / unit
    if face.face < 0.5 or apart > MOST_APART or np.sqrt((spread**2).mean()) > MOST_SPREAD:
        return None
    return {
        "crops": geometry.warp(image, matrix, size),
        "ibug": ibug.astype(np.float32),
        "ibug_spread": (np.asarray(face.spread) * scale / unit).astype(np.float32),
        "visible": np.asarray(face.visible, np.float32),
        "dense": dense.astype(np.float32),
        "dense_spread": spread.astype(np.float32),
        "expression": found.expression.astype(np.float32),
        "apart": np.float32(apart),
        "names": name,
    }


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
