"""Landmarks by the tool's own network, `models/landmarks`: all faces of a batch of frames in one call.

Each face is looked at twice: first framed by the detector's five points, then by the landmarks found, so that
the answer hardly depends on how the detector saw it, nor on how far the head is turned in the picture. In a
video the first look is spared where the face before and after tells the frame (`chains`), which also keeps it
steady. At last eyes and mouth are looked at closely (`fine`, `models/fine_landmarks`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap_cli import zoo
from faceswap_cli.device import halved_when_full
from faceswap_cli.faces import geometry
from faceswap_cli.faces.face import Detection, FloatArray, Points
from faceswap_cli.faces.landmarks.fine import FineLandmarker
from faceswap_cli.faces.landmarks.keyframe_interpolation import interpolate_keyframes
from faceswap_cli.faces.landmarks.mean_shape import five_from_68
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.perception.dense_landmarks import (
    DenseLandmarkNetwork,
    DenseLandmarkOutput,
    build_either_landmark_network,
)
from faceswap_cli.networks.perception.fine_landmarks import build_fine_landmark_network
from faceswap_cli.networks.perception.landmarks import POINTS, LandmarkNetwork, LandmarkOutput

FINE = "fine_landmarks"
"""The weights of the closer look."""

BATCH = 64
"""Faces that go through the network together, at most: 0.2 GB of activations."""

DOUBTFUL = 0.05
"""Where the first look's points are less sure than this, the face may stand on its side or head. Right way up
or on its side the median spread is .02-.05 face units, wrongly read upside down .08-.10."""

MISFRAMED = 0.03
"""A frame that was told by other pictures is believed if the landmarks seen in it lie so near, on average, to
where it puts them, in face units. A look off by less differs from a second one by .4 % of the eye distance,
as much as a second from a third."""

_FIVE = five_from_68(geometry.MEAN_FACE)


class CompactLandmarker:
    """A `Landmarker`: the tool's own network.

    Args:
        device: a torch device's name.

    Raises:
        UserError: the weights are missing or damaged.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self._network: LandmarkNetwork | DenseLandmarkNetwork = zoo.shared_network(
            "landmarks", build_either_landmark_network, device
        )
        self._config = self._network.config
        self._fine: FineLandmarker | None = None
        if isinstance(self._network, DenseLandmarkNetwork) and FINE in zoo.names():
            fine = zoo.shared_network(FINE, build_fine_landmark_network, device)
            self._fine = FineLandmarker(fine, self._device)

    def __call__(
        self, images: Sequence[Image], detections: Sequence[Sequence[Detection]]
    ) -> list[list[Points]]:
        """Landmarks of each picture's detections.

        Args:
            images: N pictures (H, W, 3) uint8 RGB, of any sizes; several are consecutive frames of a video.
            detections: for each of them the faces found.
        """
        places = [(image, d) for image, found in zip(images, detections, strict=True) for d in found]
        told = interpolate_keyframes(detections)
        first = [i for i in range(len(places)) if i not in told]
        frames = dict(zip(first, self._frames([places[i] for i in first]), strict=True))
        for i, at in told.items():
            frames[i] = (1 - at.share) * frames[at.before] + at.share * frames[at.after]
        points = self._in_frames(places, [frames[i] for i in range(len(places))])
        wrong = [i for i in told if _unsure(points[i]) > DOUBTFUL or _misframed(points[i], frames[i])]
        again = [places[i] for i in wrong]
        for i, better in zip(wrong, self._in_frames(again, self._frames(again)), strict=True):
            points[i] = better
        rest = iter(self._closer([image for image, _ in places], points))
        return [[next(rest) for _ in found] for found in detections]

    def follow(self, image: Image, before: Sequence[FloatArray]) -> list[Points]:
        """Landmarks of faces in a picture that follows one where they were known: one look each, and a second
        where the face has moved on too far.

        Args:
            image: (H, W, 3) uint8 RGB.
            before: (68, 2) landmarks of each face a moment ago, in the pixels of this picture.
        """
        frames = [_by_landmarks(landmarks) for landmarks in before]
        points = self._look([image] * len(frames), [self._framed(one) for one in frames]) if frames else []
        wrong = [i for i, one in enumerate(points) if _misframed(one, frames[i])]
        if wrong:
            again = [self._framed(_refined(points[i])) for i in wrong]
            for i, better in zip(wrong, self._look([image] * len(wrong), again), strict=True):
                points[i] = better
        return self._closer([image] * len(points), points)

    def _closer(self, images: Sequence[Image], points: Sequence[Points]) -> list[Points]:
        """Each face, its eyes and mouth looked at closely, where there are weights for it."""
        if (fine := self._fine) is None:
            return list(points)
        found: list[Points] = []
        for start in range(0, len(points), BATCH):
            there, known = images[start : start + BATCH], points[start : start + BATCH]
            found += _in_halves(fine, there, known)
        return found

    def _frames(self, places: Sequence[tuple[Image, Detection]]) -> list[NDArray[np.float64]]:
        """From each picture's pixels to face units, by a first look at its face."""
        first = self._in_frames(places, [five_matrix(d.points) for _, d in places])
        for i in [i for i, points in enumerate(first) if _unsure(points) > DOUBTFUL]:
            first[i] = self._turning(*places[i], first[i])
        return [_refined(points) for points in first]

    def _in_frames(
        self, places: Sequence[tuple[Image, Detection]], frames: Sequence[NDArray[np.float64]]
    ) -> list[Points]:
        """What the network says of each face, framed so (from its picture to face units)."""
        points: list[Points] = []
        for start in range(0, len(places), BATCH):
            some = slice(start, start + BATCH)
            images = [image for image, _ in places[some]]
            points += self._look(images, [self._framed(frame) for frame in frames[some]])
        return points

    def _turning(self, image: Image, detection: Detection, upright: Points) -> Points:
        """The surest look at a face of which it is not clear which way is up."""
        matrices = [self._framed(_rotated(five_matrix(detection.points), q)) for q in (1, 2, 3)]
        return min([upright, *self._look([image] * 3, matrices)], key=_unsure)

    def _framed(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """From the matrix into face units the one into the network's picture."""
        scale = self._config.size / self._config.side
        shift = (matrix[:, 2] - geometry.FACE_CENTRE) * scale + (self._config.size - 1) / 2
        return np.hstack([matrix[:, :2] * scale, shift[:, None]])

    def _look(self, images: Sequence[Image], matrices: Sequence[NDArray[np.float64]]) -> list[Points]:
        """What the network says of each picture through its matrix (frame to network pixels)."""

        def some(first: int, beyond: int) -> list[Points]:
            return self._look_at_once(images[first:beyond], matrices[first:beyond])

        return [points for part in halved_when_full(some, len(images)) for points in part]

    def _look_at_once(self, images: Sequence[Image], matrices: Sequence[NDArray[np.float64]]) -> list[Points]:
        size = self._config.size
        crops = np.stack([geometry.warp(i, m, size) for i, m in zip(images, matrices, strict=True)])
        batch = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2).float().div_(255)
        with torch.inference_mode():
            out = self._network(batch)
        return points_from(out, matrices)


def _in_halves(fine: FineLandmarker, images: Sequence[Image], points: Sequence[Points]) -> list[Points]:
    def some(first: int, beyond: int) -> list[Points]:
        return fine(images[first:beyond], points[first:beyond])

    return [one for part in halved_when_full(some, len(points)) for one in part]


def five_matrix(points: FloatArray) -> NDArray[np.float64]:
    """The similarity (2, 3) that takes a detector's five points (5, 2) to face units."""
    p = np.asarray(points, np.float64)
    if float(np.ptp(p, axis=0).max()) < 1e-3:  # all in one place: any frame is as good as another
        p = p + _FIVE
    return geometry.fit_similarity(p, _FIVE)


def points_from(
    out: LandmarkOutput | DenseLandmarkOutput, matrices: Sequence[NDArray[np.float64]]
) -> list[Points]:
    """What a network said of its pictures, each in the pixels of the frame that its matrix takes it from."""
    points, spread = out.points.cpu().numpy(), out.spread.cpu().numpy()[:, :POINTS]
    visible = out.visible.sigmoid().cpu().numpy()[:, :POINTS]
    face = out.face.sigmoid().cpu().numpy()
    deep = out if isinstance(out, DenseLandmarkOutput) else None
    depth = None if deep is None else deep.depth.cpu().numpy()
    expression = None if deep is None else deep.expression.cpu().numpy()
    found = []
    for k, matrix in enumerate(matrices):
        back = geometry.invert(matrix)
        there = geometry.transform(points[k], back).astype(np.float32)
        scale = np.float32(np.hypot(back[0, 0], back[1, 0]))
        found.append(
            Points(
                there[:POINTS],
                spread[k] * scale,
                visible[k],
                float(face[k]),
                None if depth is None else np.column_stack([there, depth[k] * scale]),
                None if expression is None else expression[k],
            )
        )
    return found


def _unsure(points: Points) -> float:
    """Median spread in face units, more where there may be no face at all."""
    scale = float(np.hypot(*_refined(points)[0, :2]))
    return float(np.median(points.spread)) * scale + max(0.0, 0.5 - points.face)


def _misframed(points: Points, frame: NDArray[np.float64]) -> bool:
    """Whether landmarks lie elsewhere than the frame (2, 3) in which they were seen would have them."""
    back = geometry.transform(geometry.MEAN_FACE, geometry.invert(_refined(points)))
    moved = geometry.transform(back, frame) - geometry.MEAN_FACE
    return float(np.hypot(moved[:, 0], moved[:, 1]).mean()) > MISFRAMED


def _refined(points: Points) -> NDArray[np.float64]:
    """The similarity from the frame to face units, by landmarks as `geometry.crop_matrix` does."""
    return _by_landmarks(points.landmarks)


def _by_landmarks(landmarks: FloatArray) -> NDArray[np.float64]:
    """The same by (68, 2) landmarks."""
    return geometry.fit_similarity(landmarks[geometry.INTERIOR], geometry.MEAN_FACE[geometry.INTERIOR])


def _rotated(matrix: NDArray[np.float64], quarters: int) -> NDArray[np.float64]:
    """The same frame, turned by so many quarters about the middle of the face."""
    cos, sin = ((0, 1), (-1, 0), (0, -1))[quarters - 1]
    turn = np.array([[cos, -sin], [sin, cos]], np.float64)
    centre = np.array(geometry.FACE_CENTRE)
    return np.hstack([turn @ matrix[:, :2], (turn @ (matrix[:, 2] - centre) + centre)[:, None]])
