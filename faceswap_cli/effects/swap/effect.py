"""Swapping: each face is drawn anew as somebody else's."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from faceswap_cli.compositing import masks
from faceswap_cli.effects.base import ConvertProgress, EffectInput, PreparedEffect
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.effects.streaming import RefreshedParser, StageStream
from faceswap_cli.effects.swap import upscale_warning
from faceswap_cli.effects.swap.composite import composite_frame, composite_frames, draw_masks
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.effects.swap.render import RenderedFrame, render_frames
from faceswap_cli.errors import UserError
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.networks.swap.renderer import Renderer

SIZES, SIDES = (16, 2048), (1.0, 6.0)
"""Least and greatest side of a model's crops: in pixels, and in face units (1 is from eye corner to eye
corner, brows and chin take 2)."""


@dataclass(frozen=True)
class SwapStages:
    """See `base.EffectStages`."""

    renderers: Sequence[Renderer]
    options: SwapOptions
    parser: FaceParser | None

    def draw(self, frames: Iterable[Frame], plan: FacePlan) -> Iterator[RenderedFrame]:
        """See EffectStages."""
        return render_frames(frames, plan, self.renderers, self.options, self.parser)

    def composite(self, drawn: Iterable[RenderedFrame]) -> Iterator[Frame]:
        """See EffectStages."""
        return composite_frames(drawn, self.options)

    def finish(self, item: RenderedFrame, near: Sequence[RenderedFrame]) -> Frame:
        """See `streaming.FinishingStages`."""
        return composite_frame(item, near, self.options)

    def mask(self, drawn: Iterable[RenderedFrame]) -> Iterator[Image]:
        """See EffectStages."""
        return draw_masks(drawn, self.options)


@dataclass(frozen=True)
class SwapEffect:
    """See `base.FaceEffect`.

    Attributes:
        renderers: who draws, by the place in the plan's targets.
        options: how.
        parser: needed when `options.mask` names a mask that it makes.
        model: what the renderers' pictures depend on (weights, step).
    """

    renderers: Sequence[Renderer]
    options: SwapOptions = field(default_factory=SwapOptions)
    parser: FaceParser | None = None
    model: str = ""

    @property
    def outcome(self) -> str:
        """See FaceEffect."""
        return "replaced"

    def check(self) -> None:
        """Raise a UserError for options that can't be, and for a model whose crops can't be cut."""
        self.options.check()
        for renderer in self.renderers:
            size, side = renderer.size, renderer.side
            if not (SIZES[0] <= size <= SIZES[1] and SIDES[0] <= side <= SIDES[1]):
                raise UserError(
                    f"the model's framing can't be: crops of {size} pixels and {side:g} face units",
                    "Restore its run.json, or get the file again",
                )
        assert self.parser is not None or not masks.parse_mask(self.options.mask).parser, (
            "these masks need the face parser"
        )

    @property
    def cache_key(self) -> list[Any]:
        """See FaceEffect."""
        drawn_by = [[type(one).__name__, one.size, one.side] for one in self.renderers]
        parsed = self.parser is not None and masks.parse_mask(self.options.mask).parser
        parser = [self.parser.mark] if self.parser is not None and parsed else []
        return [self.model, *drawn_by, *parser, asdict(self.options)]

    def prepare(self, clip: EffectInput) -> Generator[ConvertProgress, None, PreparedEffect[SwapStages]]:
        """See FaceEffect: nothing has to be found out first."""
        yield from ()
        return PreparedEffect(SwapStages(self.renderers, self.options, self.parser), clip.targets)

    def open_stream(self) -> StageStream[SwapStages]:
        """See `base.StreamingEffect`: nothing has to be learnt."""
        parser = None if self.parser is None else RefreshedParser(self.parser)
        return StageStream(SwapStages(self.renderers, self.options, parser), parser)

    def warn(self, plan: FacePlan) -> Iterator[str]:
        """See FaceEffect."""
        for number, renderer in enumerate(self.renderers):
            if warning := upscale_warning.warn_of_upscaling(plan.of_target(number), renderer):
                yield warning
