"""How old faces shall become, as a user says it, and how old they are taken to be."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from faceswap_cli.errors import Refusal, UserError
from faceswap_cli.options import LOOK, OptionGroup, option

if TYPE_CHECKING:
    from faceswap_cli.faces.age.estimator import AgeEstimate

ADULT = 18.0
"""Nobody who is younger is aged."""

SAME = 1.5
"""Years of difference under which a face is as old as it shall become."""

_RANGE = re.compile(r"(\d+)\.\.(\d+)(?::(\d+))?")


@dataclass(frozen=True)
class AgeRequest(OptionGroup):
    """How old faces shall become.

    Attributes:
        to: years; None if `by` says it.
        by: years to add.
        known: how old they are, years; None: as old as they look.
    """

    to: float | None = None
    by: float | None = option(
        None, group=LOOK, metavar="YEARS",
        help="Years to add, as in --by +20 or --by -15; in place of --to.",
    )  # fmt: skip
    known: float | None = option(
        None, group=LOOK, flags=("--from",), metavar="AGE",
        help="How old the people are, where that is known. [default: as they look]",
    )  # fmt: skip
    strength: float = option(
        1.0, 0.0, 1.5, group=LOOK, help="How much of the change is made; above 1 it is overdone."
    )

    def check(self) -> None:
        """Raise a UserError (or Refusal) for what can't be."""
        least, most = drawable_ages()
        if (self.to is None) == (self.by is None):
            raise UserError("it is not said how old the faces shall become", "Give --to 70 or --by +20, one")
        if self.to is not None and not least <= self.to <= most:
            raise UserError(
                f"--to {self.to:g} can't be drawn: the ages {least:g} to {most:g} can", "Give one of those"
            )
        if self.by is not None and not math.isfinite(self.by):
            raise UserError(f"--by {self.by:g} is no number of years", "Write it like +20 or -15")
        if self.known is not None and self.known < ADULT:
            raise Refusal(f"--from {self.known:g}: faces of children are not aged")
        if self.known is not None and not self.known <= 120:  # not a number, too
            raise UserError(f"--from {self.known:g} is no age", "Give the years of the person in the picture")
        super().check()

    def ages(self, estimate: AgeEstimate) -> AgeChange:
        """How old a face is taken to be, and what it becomes."""
        is_now = estimate.age if self.known is None else self.known
        wanted = is_now + (self.by or 0) if self.to is None else self.to
        # What is said of a person stays the same through a video, and differs between two people.
        variant = (estimate.age / 3 + 10 * estimate.spread) % 1
        return AgeChange(is_now, clamp_age(wanted), wanted, self.known is None, estimate.female, variant)


@dataclass(frozen=True)
class AgeChange:
    """Of one person.

    Attributes:
        source: years that the person is taken for.
        target: years that are drawn.
        wanted: years that were asked for.
        estimated: `source` is what the face looks.
        female: how female the person looks, 0..1.
        variant: 0..1, tells people apart: not everybody gets the same wrinkles.
    """

    source: float
    target: float
    wanted: float
    estimated: bool = True
    female: float = 0.5
    variant: float = 0.0

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


def drawable_ages() -> tuple[float, float]:
    """The least and the greatest age that can be drawn."""
    from faceswap_cli.networks.ageing.ageing import LEAST_AGE, MOST_AGE

    return LEAST_AGE, MOST_AGE


def clamp_age(age: float) -> float:
    """The nearest age that can be drawn."""
    least, most = drawable_ages()
    return min(max(age, least), most)


def read_ages(texts: Sequence[str]) -> list[float]:
    """Values of `--to`: years, or a range as in 20..80:10 (every ten years).

    Raises:
        UserError: one is neither, or can't be drawn.
    """
    found: list[float] = []
    least, most = drawable_ages()
    for text in texts:
        if match := _RANGE.fullmatch(text):
            first, last, step = (int(part or 10) for part in match.groups())
            if step < 1 or last < first or last > most or first < least:
                limits = f"from {least:g} to {most:g} at most"
                raise UserError(f"--to {text} can't be drawn", f"Write it like 20..80:10, {limits}")
            found += [float(age) for age in range(first, last + 1, step)]
            continue
        try:
            found.append(float(text))
        except ValueError:
            raise UserError(f"--to {text} is no age", "Write it like 70, or 20..80:10 for a sheet") from None
        AgeRequest(found[-1]).check()
    return list(dict.fromkeys(found))
