"""The faces of a video or a photo in compact arrays: first as they are found, then linked to tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.face import Face, FloatArray

UNLINKED = -1
"""Track number of a face that is not linked yet."""


@dataclass(frozen=True)
class FaceTracks:
    """M faces of F frames: about 600 bytes a face, 3,400 with dense points.

    Attributes:
        frames: (M,) frame numbers, rising.
        tracks: (M,) track numbers: one person through one shot; UNLINKED before `tracks.link_tracks`.
        landmarks: (M, 68, 2) float32, frame pixels.
        scores: (M,) float32, the detector's confidence.
        times: (F,) float64 seconds of every frame.
        removed: (R, 2) frame and track of faces that the user took out of the face set.
        boxes: (M, 4) float32, frame pixels; None where the faces came linked.
        shots: (F,) the number of each frame's shot; None likewise.
        confidences: (M,) float32, how sure the landmarks are; None where that was not written down.
        dense: (M, 222, 3) float32, frame pixels, see `landmarks.dense`; None where only 68 are known.
        expression: (M, 26) float32; None likewise.
    """

    frames: NDArray[np.int64]
    tracks: NDArray[np.int64]
    landmarks: FloatArray
    scores: NDArray[np.float32]
    times: NDArray[np.float64]
    removed: NDArray[np.int64]
    boxes: FloatArray | None = None
    shots: NDArray[np.int64] | None = None
    confidences: FloatArray | None = None
    dense: FloatArray | None = None
    expression: FloatArray | None = None

    @classmethod
    def of_faces(
        cls, faces: Sequence[tuple[int, Face]], times: Sequence[float], shots: Sequence[int]
    ) -> FaceTracks:
        """Faces as they are found, not linked yet.

        Args:
            faces: each with the number of its frame.
            times: seconds of every frame.
            shots: the shot of every frame.
        """
        return cls(
            frames=np.array([frame for frame, _ in faces], np.int64),
            tracks=np.full(len(faces), UNLINKED, np.int64),
            landmarks=np.array([face.landmarks for _, face in faces], np.float32).reshape(-1, 68, 2),
            scores=np.array([face.score for _, face in faces], np.float32),
            times=np.array(times, np.float64),
            removed=np.zeros((0, 2), np.int64),
            boxes=np.array([face.box for _, face in faces], np.float32).reshape(-1, 4),
            shots=np.array(shots, np.int64),
            confidences=np.array([face.confidence for _, face in faces], np.float32),
            dense=stack_known([face.dense for _, face in faces]),
            expression=stack_known([face.expression for _, face in faces]),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[FaceTracks], times: NDArray[np.float64]) -> FaceTracks:
        """Several parts as one, frames and tracks numbered as they are to be.

        Args:
            parts: each of frames after those of the one before.
            times: (F,) seconds of all frames.
        """
        names = ("frames", "tracks", "landmarks", "scores", "removed")
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(
            **arrays,
            times=times,
            confidences=join_known([part.confidences for part in parts]),
            dense=join_known([part.dense for part in parts if len(part)]),
            expression=join_known([part.expression for part in parts if len(part)]),
        )

    def __len__(self) -> int:
        return len(self.frames)

    def of_track(self, track: int) -> NDArray[np.int64]:
        """Places in the arrays of one track's faces, in time's order."""
        return np.nonzero(self.tracks == track)[0]

    def of_frame(self, frame: int) -> NDArray[np.int64]:
        """Places in the arrays of one frame's faces."""
        return np.nonzero(self.frames == frame)[0]

    def track_numbers(self) -> list[int]:
        """All tracks, in order."""
        return [int(number) for number in np.unique(self.tracks)]

    def start(self, track: int) -> float:
        """The second at which a track begins."""
        return float(self.times[self.frames[self.of_track(track)[0]]])

    def select(self, chosen: NDArray[np.bool_]) -> FaceTracks:
        """The faces for which `chosen` (M,) is true."""
        arrays = {name: getattr(self, name) for name in _OF_FACES}
        return replace(self, **{name: a[chosen] for name, a in arrays.items() if a is not None})


_OF_FACES = ("frames", "tracks", "landmarks", "scores", "boxes", "confidences", "dense", "expression")
"""The arrays that hold something of each face."""


def stack_known(values: Sequence[FloatArray | None]) -> FloatArray | None:
    """What is known of each face as one array; None if there is no face, or one of which it is not known."""
    known = [value for value in values if value is not None]
    return np.stack(known).astype(np.float32) if known and len(known) == len(values) else None


def join_known(parts: Sequence[FloatArray | None]) -> FloatArray | None:
    """Arrays one behind the other; None if there is none, or one is missing."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known and len(known) == len(parts) else None
