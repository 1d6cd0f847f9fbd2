"""Swapping: each face is drawn anew as somebody else's."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from faceswap_cli.compositing import masks
from faceswap_cli.effects.base import ConvertProgress, EffectInput, PreparedEffect
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.effects.streaming import RefreshedParser, StageStream
from faceswap_cli.effects.swap import upscale_warning
from faceswap_cli.effects.swap.composite import composite_frame, composite_frames, draw_masks
from faceswap_cli.effects.swap.detail.crops import crops_key
from faceswap_cli.effects.swap.detail.loan import NO_LOAN, DetailLoan, Lender, arrange_loan
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.effects.swap.render import RenderedFrame, render_frames
from faceswap_cli.errors import UserError
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.journal import fingerprint
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
    loan: DetailLoan = NO_LOAN

    def draw(self, frames: Iterable[Frame], plan: FacePlan) -> Iterator[RenderedFrame]:
        """See EffectStages."""
        return render_frames(frames, plan, self.renderers, self.options, self.parser, self.loan)

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
        sets: face sets of the people whom the renderers draw, likewise; they lend detail. Those of whom none
            is known are drawn without.
    """

    renderers: Sequence[Renderer]
    options: SwapOptions = field(default_factory=SwapOptions)
    parser: FaceParser | None = None
    model: str = ""
    sets: Mapping[int, FaceSet] = field(default_factory=dict)

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
        sets = [[target, crops_key(faces)] for target, faces in self.sets.items() if self.options.detail]
        return [self.model, *drawn_by, *parser, *sets, asdict(self.options)]

    def prepare(self, clip: EffectInput) -> Generator[ConvertProgress, None, PreparedEffect[SwapStages]]:
        """See FaceEffect: which crops lend detail to which frames comes from all of a track's points."""
        yield from ()
        loan, notes = NO_LOAN, []
        if self.options.detail and self.sets:
            if why := self._without_detail(clip):
                notes.append(why)
            else:
                lenders = {
                    number: Lender(self.renderers[number], faces) for number, faces in self.sets.items()
                }
                parser = self.parser or FaceParser()
                loan = arrange_loan(clip, lenders, parser, fingerprint(self.cache_key))
        stages = SwapStages(self.renderers, self.options, self.parser, loan)
        return PreparedEffect(stages, clip.targets, notes=notes)

    def _without_detail(self, clip: EffectInput) -> str | None:
        """Why the faces of a clip are given no detail; None: they are."""
        if clip.tracks.dense is None:
            return f"of the faces of {clip.source.name} 68 points are known: they are drawn without detail"
        if (self.options.expression, self.options.yaw) != (1.0, 0.0):
            return "with another expression or turn faces are drawn without detail"
        return None

    def open_stream(self) -> StageStream[SwapStages]:
        """See `base.StreamingEffect`: nothing has to be learnt."""
        parser = None if self.parser is None else RefreshedParser(self.parser)
        return StageStream(SwapStages(self.renderers, self.options, parser), parser)

    def warn(self, plan: FacePlan) -> Iterator[str]:
        """See FaceEffect."""
        for number, renderer in enumerate(self.renderers):
            if warning := upscale_warning.warn_of_upscaling(plan.of_target(number), renderer):
                yield warning
