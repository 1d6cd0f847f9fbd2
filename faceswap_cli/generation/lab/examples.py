"""Ready-made trainings, each with two sentences that say what to look at. Nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Example:
    """A training that shows one thing.

    Attributes:
        about: two sentences.
        data: the shape.
        settings: that differ from the usual ones.
    """

    about: str
    data: str
    settings: Mapping[str, Any]


EXAMPLES = {
    "collapse": Example(
        "Watch the generated points: they crowd onto two or three of the eight heaps, and when the "
        "discriminator has learnt to refuse that place, all of them move to another. The loss looks busy the "
        "whole time, and only the count of modes tells that most of the data are never drawn.",
        "gaussians",
        {"loss": "gan", "seed": 1, "learning_rate": 2e-3, "discriminator_rate": 0.2, "ema": 0.9},
    ),
    "balanced": Example(
        "Watch the generator's grid: within a few hundred steps it is torn towards all eight heaps, and the "
        "cells between them are stretched thin. The discriminator's colours fade to white, because it can no "
        "longer tell one kind of point from the other: the divergence falls to its floor.",
        "gaussians",
        {"loss": "r3"},
    ),
    "strong-discriminator": Example(
        "Watch the losses: with twenty updates to the generator's one, the discriminator is soon sure of "
        "every point, and its loss goes to nothing. Then look at the gradients: where it is that sure it is "
        "flat, the arrows lose their direction, and the generator learns little from them.",
        "disjoint",
        {"loss": "gan", "discriminator_updates": 20},
    ),
}
