"""The drawing half of a stream: which faces are drawn in a frame, or why it is covered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from faceswap_cli.effects.base import EffectStream
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.faces.face import Face
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.pipeline.live.cover_frame import cover_picture
from faceswap_cli.pipeline.live.follow import Sight
from faceswap_cli.pipeline.live.guard_watch import GuardWatch
from faceswap_cli.pipeline.live.people import LEFT_ALONE, PeopleAtCamera
from faceswap_cli.pipeline.live.quality import Level
from faceswap_cli.pipeline.live.steady import Steadier


@dataclass(frozen=True)
class Painted:
    """A frame that comes out.

    Attributes:
        image: (H, W, 3) it.
        drawn: the faces that were drawn.
        reason: why it is covered; "" if it is not.
        seen: a face that is to be changed was surely seen.
    """

    image: Image
    drawn: Sequence[PlannedFace]
    reason: str
    seen: bool


class Painter:
    """Draws frames that come in order.

    Args:
        stream: the effect.
        people: whose faces are changed.
        steadier: of landmarks.
        guard: is shown what is drawn.
        when_lost: see `LiveOptions`.
    """

    def __init__(
        self,
        stream: EffectStream,
        people: PeopleAtCamera,
        steadier: Steadier,
        guard: GuardWatch,
        when_lost: str,
    ) -> None:
        self.stream = stream
        self._people, self._steadier, self._guard = people, steadier, guard
        self._when_lost = when_lost
        self._last: Image | None = None
        self._number = 0
        self.chosen: int | None = None

    def paint(self, frame: Frame, sight: Sight, hidden: bool, level: Level) -> Painted:
        """The next frame.

        Args:
            frame: the camera's.
            sight: what was found in it.
            hidden: a later frame told that something in it was not found.
            level: how much work is made of it.
        """
        frame = replace(frame, index=self._number)  # those that are drawn are counted without gaps
        self._number += 1
        for number in self._people.leave(sight.gone):
            self.stream.forget(number)
        for track in sight.gone:
            self._steadier.forget(track)
        faces, reasons, wanted = self._choose(frame, sight)
        self._guard.show(frame, [face for face, _ in faces])
        planned = [
            self._steadier.plan(frame.time, face, self._people.number(face.track), target)
            for face, target in faces
        ]
        self.stream.learn(frame, planned)
        reasons += self._doubts(planned)
        if not wanted:
            reasons.append("no face")
        if hidden:
            reasons.append("new face")
        if not self._guard.has_passed([face for face, _ in faces]):
            reasons.append("guard is looking")
        if reasons:
            return Painted(self._cover(frame.image), [], reasons[0], bool(faces))
        done = self.stream.render(frame, planned, level.effort)
        self._last = done.image
        return Painted(done.image, planned, "", True)

    def next_face(self, sight: Sight) -> int | None:
        """Change only the next face from left to right, or after the last all of them."""
        tracks = [
            self._people.number(one.face.track)
            for one in sorted(sight.faces, key=lambda one: float(one.face.box[0]))
            if self._people.target(one.face.track) not in (None, LEFT_ALONE)
        ]
        place = tracks.index(self.chosen) + 1 if self.chosen in tracks else 0
        self.chosen = tracks[place] if place < len(tracks) else None
        return self.chosen

    def _choose(self, frame: Frame, sight: Sight) -> tuple[list[tuple[Face, int]], list[str], bool]:
        """The faces that can be drawn, each with its target; why others can't; whether any is wanted."""
        faces, reasons, wanted = list[tuple[Face, int]](), list[str](), False
        for one in sight.faces:
            if not one.doubt:
                self._people.look(frame.image, one.face)
            if self.chosen is not None and self._people.number(one.face.track) != self.chosen:
                continue
            target = self._people.target(one.face.track)
            if target == LEFT_ALONE:
                continue
            wanted = True
            if one.doubt:
                reasons.append(one.doubt)
            elif target is None:
                reasons.append("not recognised yet")
            else:
                faces.append((one.face, target))
        return faces, reasons, wanted

    def learn_anew(self) -> None:
        """Forget what was learnt of those who are before the camera."""
        for number in self._people.numbers:
            self.stream.forget(number)

    def _cover(self, image: Image) -> Image:
        """What is shown in place of a frame."""
        if self.stream.still is not None:  # nothing of the camera is in it
            return self.stream.still
        return cover_picture(image, self._when_lost, self._last)

    def _doubts(self, planned: Sequence[PlannedFace]) -> list[str]:
        """Why faces that were chosen can't be drawn now."""
        reasons = []
        for face in planned:
            if not self.stream.ready(face.track):
                reasons.append("learning")
            elif not self.stream.covers(face):
                reasons.append("turned away")
        return reasons
