"""Ageing before a camera: how old somebody looks is found in the first moments, and then stays so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from faceswap_cli.effects.ageing.estimates import average_estimates, describe_ages
from faceswap_cli.effects.ageing.render import AgedFace, AgedFrame, AgeStages, FaceAger, frontal_share
from faceswap_cli.effects.ageing.request import AgeChange, AgeRequest
from faceswap_cli.effects.base import Effort
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.effects.streaming import StageStream
from faceswap_cli.faces.age.estimator import AgeEstimate, AgeEstimator
from faceswap_cli.faces.identity.track_embedding import face_clarity
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.media.frame import Frame

LOOKS, EVERY = 4, 0.15
"""Estimates of an age that are averaged, and seconds between them."""

COVERED = 0.5
"""Share of its change from which on a face counts as changed: see `render.TURNED`."""


class AgeStream(StageStream[AgeStages]):
    """See `base.EffectStream`; its strength is the ager's.

    Args:
        ager: changes faces.
        request: how old they shall become.
        estimator: says how old they are.
        options: how.
    """

    def __init__(
        self, ager: FaceAger, request: AgeRequest, estimator: AgeEstimator, options: EffectOptions
    ) -> None:
        self._ages: dict[int, AgeChange] = {}
        super().__init__(AgeStages(ager, self._ages, options))
        self._request, self._estimator = request, estimator
        self._looks: dict[int, list[tuple[float, AgeEstimate, float]]] = {}
        self._last: dict[int, AgedFace] = {}
        self._since = 0

    @property
    def strength(self) -> float | None:  # type: ignore[override]
        """See EffectStream."""
        return self.stages.ager.strength

    @strength.setter
    def strength(self, value: float | None) -> None:
        assert value is not None
        self.stages = replace(self.stages, ager=replace(self.stages.ager, strength=value))

    def learn(self, frame: Frame, faces: Sequence[PlannedFace]) -> None:
        """See EffectStream."""
        for face in faces:
            looks = self._looks.setdefault(face.track, [])
            if face.track in self._ages or (looks and frame.time - looks[-1][0] < EVERY):
                continue
            [estimate] = self._estimator.estimate(frame.image, [face.landmarks])
            clarity = face_clarity(1.0, estimate_pose(face.landmarks), face.landmarks)
            looks.append((frame.time, estimate, clarity))
            if len(looks) >= LOOKS:
                mean = average_estimates([one for _, one, _ in looks], [c for _, _, c in looks])
                self._ages[face.track] = age = self._request.ages(mean)
                self.notes += describe_ages([(f"face {face.track + 1}", age)], 1)

    def ready(self, track: int) -> bool:
        """See EffectStream."""
        return track in self._ages

    def covers(self, face: PlannedFace) -> bool:
        """See EffectStream: a face that is turned too far is left as it is."""
        return frontal_share(face.landmarks) >= COVERED

    def draw(self, frame: Frame, faces: Sequence[PlannedFace], effort: Effort) -> AgedFrame:
        """See StageStream: what the network said goes with the face for a few frames."""
        known = all(face.track in self._last for face in faces)
        self._since += 1
        if not known or self._since >= effort.refresh:
            drawn = super().draw(frame, faces, effort)
            assert isinstance(drawn, AgedFrame)
            self._last = {one.face.track: one for one in drawn.faces}
            self._since = 0
            return drawn
        moved = [replace(self._last[face.track], face=face) for face in faces]
        return AgedFrame(frame, [replace(one, share=self.stages.share(one)) for one in moved])

    def forget(self, track: int) -> None:
        """See EffectStream."""
        for known in (self._ages, self._looks, self._last):
            known.pop(track, None)
