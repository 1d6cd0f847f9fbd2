"""How old faces shall become, as a user says it, and how old they are taken to be."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from faceswap_cli.errors import Refusal, UserError
from faceswap_cli.faces.age.estimator import AgeEstimate
from faceswap_cli.networks.ageing.ageing import LEAST_AGE, MOST_AGE

ADULT = 18.0
"""Nobody who is younger is aged."""

SAME = 1.5
"""Years of difference under which a face is as old as it shall become."""

MOST_STRENGTH = 1.5

_RANGE = re.compile(r"(\d+)\.\.(\d+)(?::(\d+))?")


@dataclass(frozen=True)
class AgeRequest:
    """How old faces shall become.

    Attributes:
        to: years; None if `by` says it.
        by: years to add.
        known: how old they are, years; None: as old as they look.
        strength: how much of the change is made, 0 to MOST_STRENGTH.
    """

    to: float | None = None
    by: float | None = None
    known: float | None = None
    strength: float = 1.0

    def check(self) -> None:
        """Raise a UserError (or Refusal) for what can't be."""
        if (self.to is None) == (self.by is None):
            raise UserError("it is not said how old the faces shall become", "Give --to 70 or --by +20, one")
        if self.to is not None and not LEAST_AGE <= self.to <= MOST_AGE:
            raise UserError(
                f"--to {self.to:g} can't be drawn: the ages {LEAST_AGE:g} to {MOST_AGE:g} can",
                "Give one of those",
            )
        if self.by is not None and not math.isfinite(self.by):
            raise UserError(f"--by {self.by:g} is no number of years", "Write it like +20 or -15")
        if self.known is not None and self.known < ADULT:
            raise Refusal(f"--from {self.known:g}: faces of children are not aged")
        if self.known is not None and not self.known <= 120:  # not a number, too
            raise UserError(f"--from {self.known:g} is no age", "Give the years of the person in the picture")
        if not 0 <= self.strength <= MOST_STRENGTH:
            raise UserError(f"--strength {self.strength:g} is outside 0..{MOST_STRENGTH:g}")

    def ages(self, estimate: AgeEstimate) -> AgeChange:
        """How old a face is taken to be, and what it becomes."""
        is_now = estimate.age if self.known is None else self.known
        wanted = is_now + (self.by or 0) if self.to is None else self.to
        return AgeChange(is_now, clamp_age(wanted), wanted, self.known is None)


@dataclass(frozen=True)
class AgeChange:
    """Of one person.

    Attributes:
        source: years that the person is taken for.
        target: years that are drawn.
        wanted: years that were asked for.
        estimated: `source` is what the face looks.
    """

    source: float
    target: float
    wanted: float
    estimated: bool = True

    @property
    def same(self) -> bool:
        """Whether there is hardly anything to do."""
        return abs(self.target - self.source) < SAME

    def describe_source(self) -> str:
        """How old the person is, in words: "looks 34"."""
        return f"looks {self.source:.0f}" if self.estimated else f"is {self.source:g}"

    def describe(self) -> str:
        """In words: "looks 34, becomes 70"."""
        is_now = self.describe_source()
        if self.same:
            return f"{is_now}, which is the age asked for: hardly anything changes"
        limit = "" if self.target == self.wanted else f" ({self.wanted:.0f} can't be drawn)"
        return f"{is_now}, becomes {self.target:.0f}{limit}"


def clamp_age(age: float) -> float:
    """The nearest age that can be drawn."""
    return min(max(age, LEAST_AGE), MOST_AGE)


def read_ages(texts: Sequence[str]) -> list[float]:
    """Values of `--to`: years, or a range as in 20..80:10 (every ten years).

    Raises:
        UserError: one is neither, or can't be drawn.
    """
    found: list[float] = []
    for text in texts:
        if match := _RANGE.fullmatch(text):
            first, last, step = (int(part or 10) for part in match.groups())
            if step < 1 or last < first or last > MOST_AGE or first < LEAST_AGE:
                limits = f"from {LEAST_AGE:g} to {MOST_AGE:g} at most"
                raise UserError(f"--to {text} can't be drawn", f"Write it like 20..80:10, {limits}")
            found += [float(age) for age in range(first, last + 1, step)]
            continue
        try:
            found.append(float(text))
        except ValueError:
            raise UserError(f"--to {text} is no age", "Write it like 70, or 20..80:10 for a sheet") from None
        AgeRequest(found[-1]).check()
    return list(dict.fromkeys(found))
