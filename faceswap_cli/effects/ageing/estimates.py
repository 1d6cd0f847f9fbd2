"""How old somebody is taken to be, from several looks, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faceswap_cli.effects.ageing.request import AgeChange
from faceswap_cli.faces.age.estimator import AgeEstimate


def average_estimates(estimates: Sequence[AgeEstimate], clarities: Sequence[float]) -> AgeEstimate:
    """Several estimates of one person as one; clear faces count more."""
    if len(estimates) == 1:
        return estimates[0]
    weights = np.square(np.asarray(clarities, np.float64))
    rows = np.array([(one.age, one.spread, one.female, one.minor) for one in estimates])
    return AgeEstimate(*(weights @ rows / weights.sum()).tolist())


def describe_ages(ages: Sequence[tuple[str, AgeChange]], most: int) -> list[str]:
    """What the user should know of people's ages: each in words, the most important first."""
    lines = [f"{name}: {age.describe()}" for name, age in ages[:most]]
    return lines + ([f"{len(ages) - most} more people are aged"] if len(ages) > most else [])
