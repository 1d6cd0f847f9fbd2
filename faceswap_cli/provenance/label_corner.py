"""Where the visible label may stand, without what drawing it would load: the command line knows it first."""

from enum import StrEnum


class Corner(StrEnum):
    """A corner of the upright picture."""

    LOWER_RIGHT = "lower-right"
    LOWER_LEFT = "lower-left"
    UPPER_RIGHT = "upper-right"
    UPPER_LEFT = "upper-left"
