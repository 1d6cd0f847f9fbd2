"""Which faces an effect changes in which frame, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.face import FloatArray


@dataclass(frozen=True)
class PlannedFace:
    """A face to draw.

    Attributes:
        track: its track's number.
        landmarks: (68, 2) float32 frame pixels, steadied. Its crop is cut and put back by these.
        drawn_by: which of several renderers draws it, from 0.
    """

    track: int
    landmarks: FloatArray
    drawn_by: int = 0


@dataclass(frozen=True)
class FacePlan:
    """Faces to draw, by frame, in compact arrays (see Found).

    Attributes:
        roles: which renderer draws each track's faces; the first, where it isn't said.
    """

    frames: NDArray[np.int64]
    tracks: NDArray[np.int64]
    landmarks: FloatArray
    roles: Mapping[int, int] = field(default_factory=dict)

    def drawn_by(self, number: int) -> FloatArray:
        """(K, 68, 2) landmarks of all faces that a renderer, by its number, draws."""
        mine = [track for track in np.unique(self.tracks).tolist() if self.roles.get(track, 0) == number]
        return self.landmarks[np.isin(self.tracks, mine)]

    def faces(self, frame: int) -> list[PlannedFace]:
        """The faces of a frame, the largest last: it is in front of the others."""
        start, stop = np.searchsorted(self.frames, [frame, frame + 1])
        tracks = [int(track) for track in self.tracks[start:stop]]
        found = [
            PlannedFace(track, landmarks, self.roles.get(track, 0))
            for track, landmarks in zip(tracks, self.landmarks[start:stop], strict=True)
        ]
        return sorted(found, key=lambda face: float(np.ptp(face.landmarks[:, 1])))
