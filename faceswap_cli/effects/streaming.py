"""An effect's stages, run on frames one after the other as they come, each by those before it alone.

The same stages draw videos (`frame_window`): there a frame is finished by those on both sides of it, here by
the ones that were drawn before. What changes slowly, as the face parser's masks, is found every few frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, Generic, Protocol, TypeVar

from faceswap_cli.effects.base import Effort
from faceswap_cli.effects.frame_window import COLOUR_REACH, DrawnFrame
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.planned_faces import FacePlan, PlannedFace, plan_frame
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Frame, Image

_FINISH = ("grain", "defocus", "motion_blur")
"""Options of blur and grain."""


class FinishingStages(Protocol):
    """Stages that can finish one frame at a time."""

    @property
    def options(self) -> EffectOptions:
        """How."""
        ...

    def draw(self, frames: Iterable[Frame], plan: FacePlan) -> Iterator[Any]:
        """See EffectStages."""
        ...

    def finish(self, item: Any, near: Sequence[Any]) -> Frame:
        """The finished frame of what was drawn in it, and in those near it that are known, in order."""
        ...


S = TypeVar("S", bound=FinishingStages)


class RefreshedParser(FaceParser):
    """A face parser that is asked every few frames: between them it answers what it last did.

    Its pictures are aligned by the landmarks, so that an answer goes with the face.
    """

    def __init__(self, parser: FaceParser) -> None:
        super().__init__(parser.device)
        self._parser = parser
        self._answers: list[FloatArray] = []
        self._asked = 0
        self._tracks: tuple[int, ...] = ()
        self._age = 0

    def begin(self, faces: Sequence[PlannedFace], refresh: int) -> None:
        """The frame that comes shows these faces; answers are kept for `refresh` frames."""
        tracks = tuple(face.track for face in faces)
        self._asked, self._age = 0, self._age + 1
        if tracks != self._tracks or self._age >= refresh:
            self._answers, self._tracks, self._age = [], tracks, 0

    def probabilities(self, crops: Sequence[Image]) -> FloatArray:
        """See FaceParser: in each frame the same questions are asked in the same order."""
        if self._asked == len(self._answers):
            self._answers.append(self._parser.probabilities(crops))
        found = self._answers[self._asked]
        self._asked += 1
        assert len(found) == len(crops), "a frame's faces are those of the frame before, or all is anew"
        return found


class StageStream(Generic[S]):
    """A `base.EffectStream` that has nothing to learn; those that do override what they know better.

    Args:
        stages: draw and finish.
        parser: theirs, if they have one.
    """

    strength: float | None = None
    still: Image | None = None

    def __init__(self, stages: S, parser: RefreshedParser | None = None) -> None:
        self.stages = stages
        self.notes: list[str] = []
        self._parser = parser
        self._before: deque[Any] = deque(maxlen=COLOUR_REACH)
        self._options = stages.options

    def learn(self, frame: Frame, faces: Sequence[PlannedFace]) -> None:
        """See EffectStream."""

    def ready(self, track: int) -> bool:
        """See EffectStream."""
        return True

    def covers(self, face: PlannedFace) -> bool:
        """See EffectStream."""
        return True

    def render(self, frame: Frame, faces: Sequence[PlannedFace], effort: Effort) -> Frame:
        """See EffectStream."""
        drawn = self.draw(frame, faces, effort)
        near = [one for one in self._before if frame.index - one.frame.index <= COLOUR_REACH]
        done = self.stages.finish(drawn, [*near, drawn])
        self._before.append(drawn.without_images())
        return done

    def draw(self, frame: Frame, faces: Sequence[PlannedFace], effort: Effort) -> DrawnFrame:
        """What is made of a frame by itself."""
        plan = plan_frame(frame.index, faces)
        if self._parser is not None:
            self._parser.begin(plan.faces(frame.index), effort.refresh)
        self.set_finish(effort.finish)
        [drawn] = self.stages.draw([frame], plan)
        found: DrawnFrame = drawn
        return found

    def set_finish(self, wanted: bool) -> None:
        """Match blur and grain from now on, or don't."""
        options = self._options
        if not wanted:
            known = {one.name for one in fields(options)} & {*_FINISH}
            options = replace(options, **dict.fromkeys(known, 0.0))  # type: ignore[arg-type]
        if options != self.stages.options:
            self.set_options(options)

    def set_options(self, options: EffectOptions) -> None:
        """Draw with other options from now on."""
        self.stages = replace(self.stages, options=options)  # type: ignore[type-var]

    def forget(self, track: int) -> None:
        """See EffectStream."""

    def take_notes(self) -> list[str]:
        """See EffectStream."""
        notes, self.notes = self.notes, []
        return notes
