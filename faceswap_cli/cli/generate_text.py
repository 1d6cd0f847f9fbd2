"""`faceswap generate --text`: pictures after a line of text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from faceswap_cli.cli import console
from faceswap_cli.options import LOOK, OptionGroup, option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceswap_cli.generation.sampling import PictureGenerator


@dataclass(frozen=True)
class TextOptions(OptionGroup):
    """What is to be seen."""

    text: str = option(
        "", group=LOOK, metavar="WORDS",
        help='What is to be seen: a face, as in "a smiling woman of about 40 with long red hair"; of a run '
        "that learnt from pictures with a captions.csv, words of these captions.",
    )  # fmt: skip
    stages: bool = option(
        False, group=LOOK,
        help="Also show the draft, to the left of each picture: of faces, and of --text.",
    )  # fmt: skip


Drawn = tuple["NDArray[np.uint8]", "NDArray[np.uint8]", str]
"""A picture, what is shown of it, and what it has of the text, in words."""


def describe_to(
    generator: PictureGenerator, bundled: bool, options: TextOptions, device: str
) -> Callable[[int, float], Drawn]:
    """What draws a text, by seed and truncation, after telling what is understood of it.

    Args:
        generator: that draws.
        bundled: whether it is the one that comes with the tool, whose words are a grammar of faces; else it
            has learnt its words from captions.
        options: with the text.
        device: a `--device` value.

    Raises:
        UserError: the text can't be drawn, or this generator knows no words.
    """
    return (_describe_face if bundled else _describe_picture)(generator, options, device)


def _describe_face(
    generator: PictureGenerator, options: TextOptions, device: str
) -> Callable[[int, float], Drawn]:
    from faceswap_cli.generation.attributes import AttributeReader, load_directions
    from faceswap_cli.generation.description import read_description
    from faceswap_cli.generation.faces_from_text import DescribedFaces
    from faceswap_cli.generation.sampling import BUNDLED

    found = read_description(options.text)
    _tell(found.understood, found.unknown)
    faces = DescribedFaces(generator, load_directions(BUNDLED), found, AttributeReader(device))

    def draw(seed: int, truncation: float) -> Drawn:
        drawn = faces.draw(seed, truncation)
        told = f"obtained: {', '.join(drawn.obtained) or 'nothing'}"
        if drawn.missed:
            told += f"; missed: {', '.join(drawn.missed)}"
        return drawn.image, show_beside(drawn.draft, drawn.image, options.stages), told

    return draw


def _describe_picture(
    generator: PictureGenerator, options: TextOptions, device: str
) -> Callable[[int, float], Drawn]:
    from faceswap_cli.generation.pictures_from_caption import CaptionedPictures

    del device
    pictures = CaptionedPictures(generator, options.text)
    _tell(pictures.understood, pictures.unknown)

    def draw(seed: int, truncation: float) -> Drawn:
        image, draft = pictures.draw(seed, truncation)
        return image, show_beside(draft, image, options.stages), ""

    return draw


def _tell(understood: list[str], unknown: list[str]) -> None:
    console.say(f"understood: {', '.join(understood)}")
    if unknown:
        console.warn(f"not understood: {', '.join(unknown)}")


def show_beside(draft: NDArray[np.uint8], image: NDArray[np.uint8], stages: bool) -> NDArray[np.uint8]:
    """The draft and the picture, or the picture alone."""
    import numpy as np

    return np.hstack([draft, image]) if stages else image
