"""`faceswap generate --like`: a face between several people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from faceswap_cli.cli import console
from faceswap_cli.errors import UserError
from faceswap_cli.options import LOOK, OptionGroup, option

if TYPE_CHECKING:
    from pathlib import Path

    from faceswap_cli.provenance.marks import Marks


@dataclass(frozen=True)
class LikeOptions(OptionGroup):
    """Who is to be seen in a face."""

    like: tuple[str, ...] = option(
        (), group=LOOK, metavar="PHOTO[:WEIGHT|:PARTS]",
        help="A face between the people on these photos, by weight (--like anna.jpg:.6 --like ben.jpg:.4) "
        "or by parts (--like anna.jpg --like ben.jpg:hair,jaw): brows, eyes, hair, jaw, mouth, nose. "
        "May be repeated.",
    )  # fmt: skip


def write_hybrid(output: Path, texts: tuple[str, ...], device: str, marks: Marks) -> None:
    """Write the face between people.

    Raises:
        UserError: a photo can't be used, or shows somebody who looks like a child.
    """
    import numpy as np

    from faceswap_cli.generation.hybrids import HybridFaces, parse_liking
    from faceswap_cli.generation.novelty import NoveltyCheck
    from faceswap_cli.generation.sampling import load_bundled
    from faceswap_cli.media.photo import read_photo
    from faceswap_cli.networks.generator.appearance import AppearanceGenerator
    from faceswap_cli.provenance.marks import write_marked_photo

    likings = [parse_liking(text) for text in texts]
    check = NoveltyCheck(np.zeros((0, 128), np.float32), device)
    for liking in likings:
        if why := check(read_photo(liking.photo).image).refused:
            raise UserError(f"{liking.photo} can't be used: {why}", "Give photos of adults")
    network = load_bundled(device).network
    assert isinstance(network, AppearanceGenerator)
    image = HybridFaces(network, device).draw(likings)
    if why := check(image).refused:
        raise UserError(f"the face can't be shown: {why}", "Choose other photos or weights")
    write_marked_photo(output, image, marks)
    console.say(f"done: {output} ({marks.describe(output)})")
