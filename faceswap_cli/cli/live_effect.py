"""What `faceswap live` does to faces: any effect that streams."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceswap_cli.cli.convert_assignment import AssignmentRequest, DrawnOptions
from faceswap_cli.cli.convert_effect import LookOptions, load_effect
from faceswap_cli.cli.edit_load import load_edit_effect
from faceswap_cli.cli.options import DetectionOptions, PeopleOptions, SafetyOptions
from faceswap_cli.effects.ageing.request import AgeRequest
from faceswap_cli.effects.edit.request import EditRequest
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from faceswap_cli.effects.base import EffectStream, FaceEffect
    from faceswap_cli.pipeline.assignment import SwapPlan
    from faceswap_cli.provenance.marks import Kind

WAYS = "-m RUN, --face PHOTO, --puppet PHOTO, --age 70, --set smile=.6"
"""What can be done to faces."""

NO_FACE = ("b",)
"""What `DrawnOptions.face` is where none was given."""


@dataclass(frozen=True)
class LiveRequest:
    """What the command line says of the effect."""

    run: Path | None
    age: float | None
    puppet: Path | None
    edits: EditRequest
    drawn: DrawnOptions
    people: PeopleOptions
    safety: SafetyOptions
    look: LookOptions
    detection: DetectionOptions

    def check(self) -> None:
        """Raise a UserError unless exactly one effect is asked for."""
        photo = self.drawn.face != NO_FACE or bool(self.drawn.mapped)
        asked = {
            "--face": photo,
            "--age": self.age is not None,
            "--puppet": self.puppet is not None,
            "--set": bool(self.edits.set),
        }
        given = [name for name, there in asked.items() if there]
        if not given and self.run is None:
            raise UserError("nothing says what shall become of faces", f"Give one of {WAYS}")
        if len(given) > 1:
            raise UserError(
                f"{' and '.join(given)} say different things about what becomes of faces", "Give one"
            )
        if self.run is not None and given and given[0] in ("--puppet", "--set"):
            raise UserError(f"{given[0]} needs no run", "Leave out -m")
        if self.edits.set:
            self.edits.check()
        self.look.check()

    @property
    def kind(self) -> Kind:
        """What marks say of it."""
        from faceswap_cli.provenance.marks import Kind

        if self.age is not None:
            return Kind.AGE
        if self.puppet is not None:
            return Kind.ANIMATED
        return Kind.EDIT if self.edits.set else Kind.SWAP

    @property
    def values(self) -> list[Any]:
        """What a sidecar tells of it."""
        return [*([] if self.age is None else [self.age]), *self.edits.set]


@dataclass(frozen=True)
class LoadedEffect:
    """What is done to whom.

    Attributes:
        plan: whose faces are changed.
        stream: the effect, begun.
        mark: a checksum of what it depends on.
        smoothing: of landmarks.
    """

    plan: SwapPlan
    stream: EffectStream
    mark: str
    smoothing: float


def load_live_effect(request: LiveRequest, longest: int) -> LoadedEffect:
    """Load what was asked for.

    Args:
        request: it.
        longest: pixels of the longer side of what comes out, where that is not the camera's picture.

    Raises:
        UserError: a model or a photo can't be used, or the effect needs a clip's end.
        Refusal: a face that is to be drawn looks like a child's.
    """
    if request.puppet is not None:
        plan, effect, mark = _load_puppet(request, request.puppet, longest)
    elif request.edits.set:
        plan, effect, mark = _load_edit(request)
    else:
        plan, effect, mark = _load_age(request) if request.age is not None else _load_swap(request)
    return LoadedEffect(plan, begin_stream(effect), mark, effect.options.smoothing)


def begin_stream(effect: FaceEffect) -> EffectStream:
    """An effect's stream.

    Raises:
        UserError: it has none.
    """
    from faceswap_cli.effects.base import StreamingEffect

    effect.check()
    if not isinstance(effect, StreamingEffect):
        raise UserError("this effect has to see a clip to its end", "Use `faceswap convert video`")
    return effect.open_stream()


def _load_swap(request: LiveRequest) -> tuple[SwapPlan, FaceEffect, str]:
    detection = request.detection
    thorough = partial(detection.load_analyser, thorough=True)
    asked = AssignmentRequest(
        request.run, request.drawn, thorough, request.people, request.safety, detection.device
    )
    if request.run is None:
        return load_effect(asked, request.look)
    # Which crops lend detail to which frames is known of whole clips only.
    return load_effect(asked, replace(request.look, detail=0.0))


def _load_age(request: LiveRequest) -> tuple[SwapPlan, FaceEffect, str]:
    from faceswap_cli.cli.age_load import load_age_effect

    wish, options = AgeRequest(to=request.age), EffectOptions(smoothing=request.look.smoothing)
    wish.check()
    effect, mark = load_age_effect(wish, "network", request.run, request.detection.device, options)
    return _load_plan(request), effect, mark


def _load_plan(request: LiveRequest) -> SwapPlan:
    """Whose faces are changed: everybody's, unless people are named."""
    from faceswap_cli.cli.people_plan import load_people_plan

    thorough = partial(request.detection.load_analyser, thorough=True)
    return load_people_plan(request.people, request.safety.guard(request.detection.device), thorough)


def _load_edit(request: LiveRequest) -> tuple[SwapPlan, FaceEffect, str]:
    options = EffectOptions(smoothing=request.look.smoothing)
    effect, mark = load_edit_effect(request.edits, request.detection.device, options)
    return _load_plan(request), effect, mark


def _load_puppet(request: LiveRequest, photo: Path, longest: int) -> tuple[SwapPlan, FaceEffect, str]:
    from faceswap_cli.cli.animate_load import DriverOptions, load_animation
    from faceswap_cli.journal import fingerprint
    from faceswap_cli.media.open import check_readable
    from faceswap_cli.portrait.animate.options import AnimateOptions

    check_readable(photo)
    look = AnimateOptions(smoothing=request.look.smoothing)
    _, _, effect = load_animation(
        [photo], DriverOptions(), look, PeopleOptions(), request.safety, request.detection, longest
    )
    return _load_plan(request), effect, fingerprint(effect.cache_key)
