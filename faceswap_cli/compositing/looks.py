"""Names of what a result's look is chosen by, without what does it: the command line knows them first.

Each table that does it is keyed by these (`colour.COLOUR`, `blend.BLENDS`, `keep_parts.PARTS`).
"""

from enum import StrEnum


class ColourName(StrEnum):
    """A way to match the colours of a drawn face."""

    RCT = "rct"
    LCT = "lct"
    MKL = "mkl"
    HIST = "hist"
    IDT = "idt"
    SOT = "sot"
    SEAMLESS = "seamless"
    NONE = "none"


class BlendName(StrEnum):
    """A way to put a drawn face into its frame."""

    ALPHA = "alpha"
    PYRAMID = "pyramid"
    POISSON = "poisson"


class KeptPart(StrEnum):
    """A part of the face in the picture that can stay as it is."""

    MOUTH = "mouth"
    EYES = "eyes"
    BROWS = "brows"
    BEARD = "beard"
