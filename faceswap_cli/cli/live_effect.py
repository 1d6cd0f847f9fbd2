"""What `faceswap live` does to faces: a model's, a photo's or another age; any effect that streams."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from faceswap_cli.cli.convert_assignment import AssignmentRequest, DrawnOptions
from faceswap_cli.cli.convert_effect import LookOptions, load_effect
from faceswap_cli.cli.options import DetectionOptions, PeopleOptions, SafetyOptions
from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from faceswap_cli.effects.base import EffectStream, FaceEffect
    from faceswap_cli.pipeline.assignment import SwapPlan

NO_FACE = ("b",)
"""What `DrawnOptions.face` is where none was given."""


@dataclass(frozen=True)
class LiveRequest:
    """What the command line says of the effect."""

    run: Path | None
    age: float | None
    drawn: DrawnOptions
    people: PeopleOptions
    safety: SafetyOptions
    look: LookOptions
    detection: DetectionOptions

    def check(self) -> None:
        """Raise a UserError unless exactly one effect is asked for."""
        photo = self.drawn.face != NO_FACE or bool(self.drawn.mapped)
        if self.age is None and self.run is None and not photo:
            raise UserError(
                "nothing says what shall become of faces", "Give one of -m RUN, --face PHOTO, --age 70"
            )
        if self.age is not None and photo:
            raise UserError("--age and --face say different things about what becomes of faces", "Give one")
        self.look.check()


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


def load_live_effect(request: LiveRequest) -> LoadedEffect:
    """Load what was asked for.

    Raises:
        UserError: a model or a photo can't be used, or the effect needs a clip's end.
        Refusal: a face that is to be drawn looks like a child's.
    """
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
    # Which crops lend detail to which frames is known of whole clips only.
    return load_effect(asked, replace(request.look, detail=0.0))


def _load_age(request: LiveRequest) -> tuple[SwapPlan, FaceEffect, str]:
    from faceswap_cli.cli.age_load import load_face_ager
    from faceswap_cli.cli.people_plan import load_people_plan
    from faceswap_cli.effects.ageing.effect import AgeEffect
    from faceswap_cli.effects.ageing.request import AgeRequest
    from faceswap_cli.effects.options import EffectOptions
    from faceswap_cli.faces.age.estimator import AgeEstimator

    detection, wish = request.detection, AgeRequest(to=request.age)
    wish.check()
    ager = load_face_ager("network", request.run, detection.device, wish.strength)
    thorough = partial(detection.load_analyser, thorough=True)
    plan = load_people_plan(request.people, request.safety.guard(detection.device), thorough)
    options = EffectOptions(smoothing=request.look.smoothing)
    effect = AgeEffect(ager, wish, AgeEstimator(detection.device), options)
    return plan, effect, ager.cache_key
