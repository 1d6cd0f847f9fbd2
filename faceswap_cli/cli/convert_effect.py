"""What `faceswap convert` does to faces: draws them by a model, or puts a photo's own pixels on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeVar

from faceswap_cli.cli.convert_assignment import AssignmentRequest, load_swap_plan
from faceswap_cli.effects.options import BlendOptions
from faceswap_cli.effects.reenact.options import ReenactOptions
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.errors import UserError
from faceswap_cli.options import declared_options, flags_of

if TYPE_CHECKING:
    from faceswap_cli.effects.base import FaceEffect
    from faceswap_cli.faces.parsing.face_parser import FaceParser
    from faceswap_cli.pipeline.assignment import SwapPlan

Own = TypeVar("Own", bound=BlendOptions)


@dataclass(frozen=True)
class LookOptions(SwapOptions, ReenactOptions):
    """The options of both ways."""

    def only(self, kind: type[Own]) -> Own:
        """The options of one of them."""
        return kind(**{one.name: getattr(self, one.name) for one in fields(kind)})

    def given_beside(self, kind: type[BlendOptions]) -> Iterator[str]:
        """The flags of those that one of them doesn't have, and that were given."""
        known = {one.name for one in fields(kind)}
        for own, declared in declared_options(self):
            if own.name not in known and getattr(self, own.name) != own.default:
                yield flags_of(own, declared)[0]


def load_effect(asked: AssignmentRequest, look: LookOptions) -> tuple[SwapPlan, FaceEffect, str]:
    """Who is replaced, by what, and what the pictures depend on.

    Raises:
        UserError: options that don't go together; a model or a photo can't be used.
        Refusal: a face that is to be drawn looks like a child's.
    """
    if asked.run is None:
        from faceswap_cli.cli.convert_reenact import load_photo_plan

        _refuse(look, ReenactOptions, "with a model", "give one by --run")
        return load_photo_plan(asked, look.only(ReenactOptions))
    from faceswap_cli.effects.swap.effect import SwapEffect

    _refuse(look, SwapOptions, "without a model", "leave --run out")
    swap = look.only(SwapOptions)
    loaded = load_swap_plan(asked, detail=bool(swap.detail))
    parser = _load_parser(swap, asked.device)
    effect = SwapEffect(loaded.plan.renderers, swap, parser, loaded.mark, loaded.sets)
    return loaded.plan, effect, loaded.mark


def _refuse(look: LookOptions, kind: type[BlendOptions], where: str, remedy: str) -> None:
    """Raise a UserError for options that have no meaning here."""
    if given := list(look.given_beside(kind)):
        goes = "goes" if len(given) == 1 else "go"
        raise UserError(f"{' and '.join(given)} only {goes} {where}", f"Leave it out, or {remedy}")


def _load_parser(options: SwapOptions, device: str) -> FaceParser | None:
    """The face parser, if the masks asked for want it; its weights are checked at once."""
    from faceswap_cli.compositing.masks import parse_mask
    from faceswap_cli.device import pick_device
    from faceswap_cli.faces.parsing.face_parser import FaceParser

    if not parse_mask(options.mask).parser:
        return None
    parser = FaceParser(str(pick_device(device)))
    parser.load()
    return parser
