"""`faceswap generate --walk`: a video that goes through a generator's space in a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from faceswap_cli.cli import console
from faceswap_cli.errors import UserError
from faceswap_cli.options import INPUT, OptionGroup, option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceswap_cli.generation.sampling import PictureGenerator
    from faceswap_cli.media.encode_options import EncodeRequest
    from faceswap_cli.provenance.marks import Marks

LOOKED_AT = (0.25, 0.5, 0.75)
"""Where between two pictures of a walk it is looked at, too, whether they may be shown."""

LEAST_SIDE = 256
"""Small pictures are enlarged by whole numbers to this side: players show them blurred otherwise."""


@dataclass(frozen=True)
class WalkOptions(OptionGroup):
    """A video through the space of pictures."""

    walk: Path | None = option(
        None, group=INPUT, metavar="OUT.mp4",
        help="A video in place of pictures: from each picture to the next, and back to the first, a loop "
        "without a seam.",
    )  # fmt: skip
    seconds: float = option(12.0, 0.5, 600.0, group=INPUT, help="How long --walk lasts.")
    fps: int = option(25, 1, 120, group=INPUT, metavar="RATE", help="Frames a second of --walk.")

    @property
    def frames(self) -> int:
        """How many."""
        return max(2, round(self.seconds * self.fps))


def choose_seeds(
    generator: PictureGenerator,
    first: int,
    count: int,
    truncation: float,
    refusal: Callable[[NDArray[np.uint8]], str],
    most: int,
) -> list[int]:
    """Seeds whose pictures may be shown, and those between each and the next.

    Args:
        generator: draws them.
        first: seed to begin with.
        count: how many.
        truncation: of the styles.
        refusal: why a picture can't be shown; "" if it can.
        most: seeds that are tried.

    Raises:
        UserError: there aren't so many among those tried.
    """
    chosen: list[int] = []
    for seed in range(first, first + most):
        [picture] = generator.draw([seed], truncation)
        closing = [chosen[0]] if len(chosen) == count - 1 and chosen else []
        ways = zip([*chosen[-1:], seed], [seed, *closing], strict=False)
        pictures = [picture, *(one for a, b in ways for one in _between(generator, a, b, truncation))]
        told = next((why for one in pictures if (why := refusal(one))), "")
        if told:
            console.tell(f"seed {seed} is left out: it, or what leads to it, can't be shown: {told}")
            continue
        chosen.append(seed)
        if len(chosen) == count:
            return chosen
    raise UserError(f"of {most} pictures {len(chosen)} may be shown", "Train on, or on other pictures")


def _between(generator: PictureGenerator, a: int, b: int, truncation: float) -> Iterator[NDArray[np.uint8]]:
    """Some pictures on the way from one seed to another."""
    from faceswap_cli.generation.sampling import turn_between

    start, end = generator.noise([a, b])
    for share in LOOKED_AT:
        style = generator.styles_of(turn_between(start, end, share)[None], truncation)
        yield generator.draw_styles(style, [a])[0]


def write_walk(
    output: Path,
    generator: PictureGenerator,
    seeds: list[int],
    truncation: float,
    wish: WalkOptions,
    encode: EncodeRequest,
    marks: Marks,
) -> None:
    """Write the video and say so."""
    from faceswap_cli.media.encoders import resolve_encoding
    from faceswap_cli.pipeline.drawn_video import write_drawn_video
    from faceswap_cli.pipeline.options import PipelineOptions
    from faceswap_cli.training.monitor.generator_preview import lay_out

    pictures = (
        lay_out(picture[None], 1, LEAST_SIDE) for picture in generator.walk(seeds, wish.frames, truncation)
    )
    options = PipelineOptions(encode=resolve_encoding(encode, output), marks=marks)
    with console.Bar("walk") as bar:
        for done in write_drawn_video(output, pictures, wish.frames, Fraction(wish.fps), options):
            bar.update(done, wish.frames, f"{done} frames")
    named = ", ".join(str(seed) for seed in seeds)
    console.say(f"done: {output} (seeds {named}; {wish.frames} frames; {marks.describe(output)})")
