"""What an effect is: something that changes faces, and knows nothing of videos, journals and encoders.

Finding faces, choosing and steadying them, segments, journals and joining are the same whatever is done: the
pipeline's. An effect is one folder here, and a class with these members.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.journal import Journal
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.seeking import Timeline

Phase = Literal["read", "faces", "render", "join"]


@dataclass(frozen=True)
class EffectInput:
    """A video whose faces are found and chosen.

    Attributes:
        info: the video.
        timeline: of its frames.
        found: all faces.
        roles: place in the plan's targets, by track, of those that are to be changed.
        cache_key: what these depend on.
        open_journal: opens the journal of a name and a fingerprint: what took an effect long is kept there.
    """

    info: MediaInfo
    timeline: Timeline
    found: FaceTracks
    roles: Mapping[int, int]
    cache_key: str
    open_journal: Callable[[str, str], Journal]


class EffectStages(Protocol):
    """The two stages of the second pass, each run in a thread of its own; plain data that can be sent away.

    A frame that comes out depends on those within `frame_window.COLOUR_REACH` of it alone.
    """

    def draw(self, frames: Iterable[Frame], plan: FacePlan) -> Iterator[Any]:
        """What is made of each frame by itself, in the blocks of `frame_window.map_in_blocks`."""
        ...

    def composite(self, drawn: Iterable[Any]) -> Iterator[Frame]:
        """The finished frames, by `frame_window.map_with_neighbours`."""
        ...


class FaceEffect(Protocol):
    """What is done to faces."""

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

    def stages(
        self, effect_input: EffectInput
    ) -> Generator[ConvertProgress, None, tuple[EffectStages, Mapping[int, int]]]:
        """Get ready.

        Returns:
            The stages, and the roles of the tracks that are changed, some of `effect_input.roles`.

        Raises:
            UserError: it can't, or may not, be done.
        """
        ...

    def notes(self, plan: FacePlan) -> Iterator[str]:
        """What the user should know before the work is done."""
        ...


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
