"""Landmarks of a stream, steadied: by what came before, or with a delay by what comes after, too."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.faces.face import Face, FloatArray
from faceswap_cli.faces.geometry import interocular
from faceswap_cli.faces.tracking.one_euro import OneEuroFilter
from faceswap_cli.faces.tracking.smoothing import smooth_expression, smooth_landmarks

REACH, MOST = 0.4, 120
"""Seconds before and after a frame that are smoothed over where there is a delay; looks that are kept."""

EXPRESSION = 1.0
"""Of a coefficient of expression, what an eye distance is of a point."""


@dataclass
class _Track:
    points: OneEuroFilter
    expression: OneEuroFilter
    past: deque[tuple[float, Face]] = field(default_factory=lambda: deque(maxlen=MOST))


class Steadier:
    """Steadies tracks.

    Args:
        strength: see `one_euro` and `smoothing`; 0 leaves points as they are.
        delay: whether frames are drawn only when later ones are known.
    """

    def __init__(self, strength: float, delay: bool) -> None:
        self._strength, self._delay = strength, delay
        self._tracks: dict[int, _Track] = {}

    def see(self, time: float, face: Face) -> None:
        """A face was found, perhaps in a frame that is drawn later."""
        self._of(face.track).past.append((time, face))

    def forget(self, track: int) -> None:
        """It does not come back, or begins anew elsewhere."""
        self._tracks.pop(track, None)

    def plan(self, time: float, face: Face, number: int, target: int) -> PlannedFace:
        """A face that is drawn now.

        Args:
            time: of its frame.
            face: as found.
            number: under which it is drawn.
            target: of the plan.
        """
        points = face.landmarks if face.dense is None else face.dense
        if self._delay:
            points, expression = self._between(time, face)
        else:
            known = self._of(face.track)
            eyes = interocular(face.landmarks)
            points = known.points(time, points, eyes)
            expression = face.expression
            if expression is not None:
                expression = known.expression(time, expression[:, None], EXPRESSION)[:, 0]
        landmarks = np.ascontiguousarray(points[:, :2][:68], np.float32)
        return PlannedFace(number, landmarks, target, None if face.dense is None else points, expression)

    def _of(self, track: int) -> _Track:
        if track not in self._tracks:
            self._tracks[track] = _Track(OneEuroFilter(self._strength), OneEuroFilter(self._strength))
        return self._tracks[track]

    def _between(self, time: float, face: Face) -> tuple[FloatArray, FloatArray | None]:
        near = [(at, one) for at, one in self._of(face.track).past if abs(at - time) <= REACH]
        times = [at for at, _ in near]
        place = times.index(time)
        dense = all(one.dense is not None for _, one in near)
        stack = np.stack([one.dense if dense else one.landmarks for _, one in near])  # type: ignore[misc]
        points = smooth_landmarks(times, stack, self._strength)[place]
        if face.expression is None:
            return points, None
        known = np.stack([one.expression for _, one in near if one.expression is not None])
        return points, smooth_expression(times, known, self._strength)[place]
