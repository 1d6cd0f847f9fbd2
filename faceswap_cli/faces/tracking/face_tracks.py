"""The faces of a video, linked to tracks, in compact arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.face import FloatArray


@dataclass(frozen=True)
class FaceTracks:
    """Faces as they were found, in compact arrays: about 600 bytes a face.

    Attributes:
        frames: (M,) frame numbers, rising.
        tracks: (M,) track numbers.
        landmarks: (M, 68, 2) float32, frame pixels.
        scores: (M,) float32, the detector's confidence.
        times: (F,) float64 seconds of every frame of the video.
        removed: (R, 2) frame and track of faces that the user took out of the face set.
    """

    frames: NDArray[np.int64]
    tracks: NDArray[np.int64]
    landmarks: FloatArray
    scores: NDArray[np.float32]
    times: NDArray[np.float64]
    removed: NDArray[np.int64]

    def of_track(self, track: int) -> NDArray[np.int64]:
        """Places in the arrays of one track's faces, in time's order."""
        return np.nonzero(self.tracks == track)[0]

    def track_numbers(self) -> list[int]:
        """All tracks, in order."""
        return [int(number) for number in np.unique(self.tracks)]
