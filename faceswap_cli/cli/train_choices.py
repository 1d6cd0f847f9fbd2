"""Words that `faceswap train` takes."""

from __future__ import annotations

from enum import StrEnum


class Size(StrEnum):
    """The one dial."""

    small = "small"
    base = "base"
    large = "large"


class Architecture(StrEnum):
    """The network families of swaps, as `networks/swap/registry.py` lists them, and the network that ages."""

    shared = "shared"
    liae = "liae"
    original = "original"
    conditional = "conditional"
    gan = "gan"
    age = "age"


class Compile(StrEnum):
    """When torch.compile is used."""

    auto = "auto"
    on = "on"
    off = "off"
