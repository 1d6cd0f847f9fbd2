"""Colour matching: give a drawn face the colours of the face it covers.

Measuring (`measure`), solving (`fit`) and applying (the transform itself) are apart, so that what was
measured can be averaged over time (`average`) before it is solved: a transform fitted to every frame alone
flickers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from faceswap_cli.compositing.colour import linear, transport
from faceswap_cli.compositing.colour.linear import GAIN_LIMITS
from faceswap_cli.compositing.colour.spaces import FloatImage, Matrix, Space
from faceswap_cli.compositing.colour.stats import LEAST_PIXELS, NOTHING, ColourStats, average, measure_in
from faceswap_cli.compositing.colour.transforms import IDENTITY, ColourTransform, Linear
from faceswap_cli.compositing.looks import ColourName

__all__ = [
    "COLOUR",
    "GAIN_LIMITS",
    "IDENTITY",
    "LEAST_PIXELS",
    "NOTHING",
    "SEAMLESS",
    "ColourStats",
    "ColourTransform",
    "FloatImage",
    "average",
    "fit",
    "measure",
]

SEAMLESS = ColourName.SEAMLESS.value
"""The method that measures nothing: gradients are kept and the border decides; see `blend`."""


@dataclass(frozen=True)
class ColourMethod:
    """One way of matching colours.

    Attributes:
        space: lab (CIELAB, L 0..100), rgb (0..1) or none.
        solve: statistics of the drawn and of the covered face in, the map between them out.
        sampled: it wants single colours, not only their moments.
    """

    space: Space
    solve: Callable[[ColourStats, ColourStats], ColourTransform]
    sampled: bool = False


def _linear(space: Space, solve: Callable[[ColourStats, ColourStats], Matrix]) -> ColourMethod:
    def transform(source: ColourStats, target: ColourStats) -> ColourTransform:
        matrix = solve(source, target)
        return Linear(space, matrix, target.mean - matrix @ source.mean)

    return ColourMethod(space, transform)


def _transport(space: Space, name: str) -> ColourMethod:
    return ColourMethod(space, lambda source, target: transport.lookup(name, space, source, target), True)


def _nothing() -> ColourMethod:
    return ColourMethod("none", lambda source, target: IDENTITY)


COLOUR: dict[str, ColourMethod] = {
    ColourName.RCT: _linear("lab", linear.reinhard),
    ColourName.LCT: _linear("rgb", linear.cholesky),
    ColourName.MKL: _linear("rgb", linear.monge_kantorovich),
    ColourName.HIST: _transport("lab", "hist"),
    ColourName.IDT: _transport("rgb", "idt"),
    ColourName.SOT: _transport("rgb", "sot"),
    ColourName.SEAMLESS: _nothing(),
    ColourName.NONE: _nothing(),
}
"""Methods by the names people know."""


def measure(method: str, image: FloatImage, mask: FloatImage) -> ColourStats:
    """What `method` wants to know of `image` (H, W, 3) under `mask` (H, W)."""
    chosen = COLOUR[method]
    return measure_in(chosen.space, image, mask, chosen.sampled)


def fit(method: str, source: ColourStats, target: ColourStats) -> ColourTransform:
    """The transform that gives `source` (the drawn face) the colours of `target` (the covered one)."""
    if COLOUR[method].space == "none" or min(source.weight, target.weight) < LEAST_PIXELS:
        return IDENTITY
    return COLOUR[method].solve(source, target)
