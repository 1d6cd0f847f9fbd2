"""What the convert pipeline does to the faces that it has chosen: by default it swaps them.

Finding faces, choosing and steadying them, segments, journals and joining are the same whatever is done.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from faceswap_cli.effects.swap import upscale_warning
from faceswap_cli.effects.swap.composite import composite
from faceswap_cli.effects.swap.render import draw
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.seeking import Timeline
from faceswap_cli.networks.swap.renderer import Renderer
from faceswap_cli.pipeline.options import ConvertOptions, ConvertProgress
from faceswap_cli.pipeline.plan import Found, Plan
from faceswap_cli.pipeline.workdir import WorkFolder


@dataclass(frozen=True)
class Chosen:
    """A video whose faces are found and chosen.

    Attributes:
        info: the video.
        timeline: of its frames.
        found: all faces.
        roles: place in the cast's roles, by track, of those that are treated.
        mark: what these depend on.
    """

    info: MediaInfo
    timeline: Timeline
    found: Found
    roles: Mapping[int, int]
    mark: str


class Stages(Protocol):
    """The two stages of the second pass, each run in a thread of its own; plain data that can be sent away.

    A frame that comes out depends on those within `drawing.COLOUR_REACH` of it alone.
    """

    def draw(self, frames: Iterable[Frame], plan: Plan) -> Iterator[Any]:
        """What is made of each frame by itself, in the blocks of `drawing.in_blocks`."""
        ...

    def composite(self, drawn: Iterable[Any]) -> Iterator[Frame]:
        """The finished frames, by `composite.with_those_around`."""
        ...


class Treatment(Protocol):
    """What is done to faces."""

    @property
    def mark(self) -> list[Any]:
        """What its pictures depend on, beside the options: plain JSON values."""
        ...

    def stages(
        self, chosen: Chosen, work: WorkFolder, options: ConvertOptions, parser: FaceParser | None
    ) -> Generator[ConvertProgress, None, tuple[Stages, Mapping[int, int]]]:
        """Get ready.

        Returns:
            The stages, and the roles of the tracks that are treated, some of `chosen.roles`.

        Raises:
            UserError: it can't, or may not, be done.
        """
        ...

    def notes(self, plan: Plan) -> Iterator[str]:
        """What the user should know before the work is done."""
        ...


@dataclass(frozen=True)
class SwapStages:
    """See Stages."""

    renderers: Sequence[Renderer]
    options: ConvertOptions
    parser: FaceParser | None

    def draw(self, frames: Iterable[Frame], plan: Plan) -> Iterator[Any]:
        """See Stages."""
        return draw(frames, plan, self.renderers, self.options, self.parser)

    def composite(self, drawn: Iterable[Any]) -> Iterator[Frame]:
        """See Stages."""
        return composite(drawn, self.options)


@dataclass(frozen=True)
class Swapping:
    """The treatment by which faces are drawn anew.

    Attributes:
        renderers: who draws, by the place in the cast's roles.
        model: what their pictures depend on (weights, step).
    """

    renderers: Sequence[Renderer]
    model: str = ""

    @property
    def mark(self) -> list[Any]:
        """See Treatment."""
        return [self.model, *([type(one).__name__, one.size, one.side] for one in self.renderers)]

    def stages(
        self, chosen: Chosen, work: WorkFolder, options: ConvertOptions, parser: FaceParser | None
    ) -> Generator[ConvertProgress, None, tuple[Stages, Mapping[int, int]]]:
        """See Treatment."""
        yield from ()
        return SwapStages(self.renderers, options, parser), chosen.roles

    def notes(self, plan: Plan) -> Iterator[str]:
        """See Treatment."""
        for number, renderer in enumerate(self.renderers):
            if said := upscale_warning.spoken(plan.drawn_by(number), renderer):
                yield said
