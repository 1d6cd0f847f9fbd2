"""What an effect is: something that changes faces, and knows nothing of videos, journals and encoders.

Finding faces, choosing and steadying them, segments, journals and joining are the same whatever is done: the
pipeline's, which runs any effect over a video, over a photo (a clip of one frame) and over the few moments of
a preview. An effect is one folder here, with a class that has the members of `FaceEffect`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.planned_faces import FacePlan, PlannedFace
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.journal import Journal
from faceswap_cli.media.frame import Frame, Image

Phase = Literal["read", "faces", "render", "join"]

T = TypeVar("T")


@dataclass(frozen=True)
class ConvertProgress:
    """One step of a conversion.

    Attributes:
        phase: read (the frames only), faces (looking for them), render or join.
        done: frames of this phase that are done, those of an earlier run included.
        total: frames in all; None while unknown.
        fps: frames a second in this run so far; 0 at its start.
        note: something the user should read; None on most steps.
        summary: on the last step, what was done.
    """

    phase: Phase
    done: int
    total: int | None
    fps: float = 0.0
    note: str | None = None
    summary: str | None = None


class FrameSource(Protocol):
    """Where the frames of a clip come from."""

    def frames_at(self, numbers: Sequence[int]) -> Generator[Frame]:
        """The frames of these numbers, which rise."""
        ...


@dataclass(frozen=True)
class EffectInput:
    """A clip whose faces are found and chosen: a video, a few moments of one, or a photo (of one frame).

    Attributes:
        source: its file.
        tracks: all faces.
        frames: where its frames come from, any of them, as often as they are wanted.
        targets: place in the plan's targets, by track, of those that are to be changed.
        is_photo: whether it is one picture; its tracks are then its faces from left to right.
        cache_key: what all this depends on.
        open_journal: opens the journal of a name and a key; None where nothing is kept.
    """

    source: Path
    tracks: FaceTracks
    frames: FrameSource
    targets: Mapping[int, int] = field(default_factory=dict)
    is_photo: bool = False
    cache_key: str = ""
    open_journal: Callable[[str, str], Journal] | None = None

    def read_faces(self, wanted: Mapping[int, Sequence[int]]) -> Iterator[tuple[Frame, Sequence[int]]]:
        """Frames with the faces wanted of each.

        Args:
            wanted: places in `tracks` by frame number.
        """
        with contextlib.closing(self.frames.frames_at(sorted(wanted))) as frames:
            for frame in frames:
                yield frame, wanted[frame.index]

    def recall(self, name: str, key: str) -> dict[str, Any] | None:
        """What was kept under a name by an earlier run with the same key."""
        return None if self.open_journal is None else next(self.open_journal(name, key).read(), None)

    def keep(self, name: str, key: str, values: dict[str, Any]) -> None:
        """Write down what took long to find; in one line, of which a part would pass for all."""
        if self.open_journal is not None:
            self.open_journal(name, key).append([values])

    def describe(self, tracks: Sequence[int]) -> str:
        """One person's tracks in words, by where or when they are seen."""
        if self.is_photo:
            return f"face {tracks[0] + 1} of {len(self.tracks)}"
        many = f" ({len(tracks)} tracks)" if len(tracks) > 1 else ""
        return f"the face that comes at {min(self.tracks.start(track) for track in tracks):.1f} s{many}"


class EffectStages(Protocol):
    """The two stages of the second pass, each run in a thread of its own; plain data that can be sent away.

    A frame that comes out depends on those within `frame_window.COLOUR_REACH` of it alone.
    """

    def draw(self, frames: Iterable[Frame], plan: FacePlan) -> Iterator[Any]:
        """What is made of each frame by itself, in the blocks of `frame_window.read_blocks`."""
        ...

    def composite(self, drawn: Iterable[Any]) -> Iterator[Frame]:
        """The finished frames, each by what was drawn in those of `frame_window.with_neighbours`."""
        ...

    def mask(self, drawn: Iterable[Any]) -> Iterator[Image]:
        """Where each frame is changed, as grey levels (H, W, 3): for previews."""
        ...


class EffectStream(Protocol):
    """An effect on its way through frames of which the later ones are not known yet, as from a camera.

    What `FaceEffect.prepare` finds out of a whole clip is learnt here from the frames before. Each frame is
    given to `learn` and, once `ready` says so of all its faces, to `render`; frame numbers rise.

    Attributes:
        strength: how much of the change is made, 0..1, and may be set; None: the effect has no such dial.
        still: (H, W, 3) what is shown where no face can be drawn; all that is rendered has its size. None:
            the camera's picture is changed, and has to be covered there.
    """

    strength: float | None
    still: Image | None

    def learn(self, frame: Frame, faces: Sequence[PlannedFace]) -> None:
        """Look at the faces of a frame that is not drawn yet."""
        ...

    def ready(self, track: int) -> bool:
        """Whether enough is known of a track to draw it."""
        ...

    def covers(self, face: PlannedFace) -> bool:
        """Whether of a face drawn here the one before the camera can't be told any more."""
        ...

    def render(self, frame: Frame, faces: Sequence[PlannedFace], effort: Effort) -> Frame:
        """A frame with its faces changed."""
        ...

    def forget(self, track: int) -> None:
        """The track does not come back."""
        ...

    def take_notes(self) -> list[str]:
        """What the user should know and was not told yet."""
        ...


@dataclass(frozen=True)
class Effort:
    """How much work a stream may make of a frame.

    Attributes:
        refresh: frames after which masks, and what else changes slowly, are found anew.
        finish: whether blur and grain are matched.
    """

    refresh: int = 1
    finish: bool = True


S_co = TypeVar("S_co", bound=EffectStages, covariant=True)


@dataclass(frozen=True)
class PreparedEffect(Generic[S_co]):
    """An effect that knows all it has to of a clip.

    Attributes:
        stages: what draws.
        targets: of the tracks that are changed; some of the clip's.
        left_alone: why others of the clip's targets are not changed, by track.
        notes: what the user should know of the people who are changed.
        facts: what a sidecar tells of the result; plain JSON values.
    """

    stages: S_co
    targets: Mapping[int, int]
    left_alone: Mapping[int, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class FaceEffect(Protocol):
    """What is done to faces."""

    @property
    def outcome(self) -> str:
        """What becomes of faces, in a word: replaced, aged."""
        ...

    @property
    def options(self) -> EffectOptions:
        """How."""
        ...

    def check(self) -> None:
        """Raise a UserError for options that can't be."""
        ...

    @property
    def cache_key(self) -> list[Any]:
        """What its pictures depend on: plain JSON values."""
        ...

    def prepare(self, clip: EffectInput) -> Generator[ConvertProgress, None, PreparedEffect[EffectStages]]:
        """Find out what must be known of the whole clip before any of it is drawn.

        Raises:
            UserError: it can't, or may not, be done.
        """
        ...

    def warn(self, plan: FacePlan) -> Iterator[str]:
        """What the user should know of the faces that are about to be changed."""
        ...


@runtime_checkable
class StreamingEffect(FaceEffect, Protocol):
    """An effect that needs not see a clip to its end: what a camera can be given to."""

    def open_stream(self) -> EffectStream:
        """Begin anew, with nothing learnt.

        Raises:
            UserError: it can't be done.
        """
        ...


def run_to_end(steps: Generator[Any, None, T]) -> T:
    """What steps return, their progress unseen."""
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        result: T = stop.value
        return result
