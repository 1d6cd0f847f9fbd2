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
        "Watch the generated points: they crowd onto one or two of the eight heaps, and when the "
        "discriminator has learnt to refuse that place, all of them move to another, because both networks "
        "have so much momentum. The losses look calm after the first steps: only the count of modes tells "
        "that most of the data are never drawn.",
        "gaussians",
        {
            "loss": "gan",
            "seed": 1,
            "learning_rate": 0.01,
            "discriminator_rate": 0.1,
            "momentum": 0.9,
            "ema": 0.0,
        },
    ),
    "balanced": Example(
        "Watch the generator's grid: within a few hundred steps it is torn towards all eight heaps, and the "
        "cells between them are stretched thin. The discriminator's colours fade to white, because it can no "
        "longer tell one kind of point from the other.",
        "gaussians",
        {"loss": "r3"},
    ),
    "strong-discriminator": Example(
        "Watch the second place, which stays empty: with twenty updates to the generator's one, the "
        "discriminator refuses every point on the way there. Look at the gradients between the places: no "
        "arrow leads from the one to the other.",
        "disjoint",
        {"loss": "gan", "discriminator_updates": 20},
    ),
}
