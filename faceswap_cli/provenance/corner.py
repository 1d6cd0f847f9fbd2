"""Where the visible label may stand; by itself, because the command line knows it before all else is loaded."""

from enum import StrEnum


class Corner(StrEnum):
    """A corner of the upright picture."""

    LOWER_RIGHT = "lower-right"
    LOWER_LEFT = "lower-left"
    UPPER_RIGHT = "upper-right"
    UPPER_LEFT = "upper-left"
