"""What is taken from videos and photos into a face set."""

from __future__ import annotations

from dataclasses import dataclass

from faceswap_cli.options import INPUT, OptionGroup, option


@dataclass(frozen=True)
class ExtractOptions(OptionGroup):
    """What is taken from the inputs. All of it is fixed for the life of a face set.

    Attributes:
        min_size: faces whose box's longer side is shorter (frame pixels) are left out: the detection's.
    """

    every: int = option(1, 1, 100_000, group=INPUT, help="Look only at every Nth frame of a video.")
    min_size: float = 24
    crop_size: int = option(256, 64, 1024, group=INPUT, help="Side of the stored crops in pixels.")
    max_faces: int = option(
        0, 0, 1000, group=INPUT, help="Keep only so many faces of a frame, the largest; 0: all."
    )
