"""Words that `faceswap train` takes."""

from __future__ import annotations

from enum import StrEnum


class Size(StrEnum):
    """The one dial. `base` is what medium was called before."""

    small = "small"
    medium = "medium"
    base = "base"
    large = "large"


class FamilyName(StrEnum):
    """The network families, as `training/families/__init__.py` lists them."""

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
