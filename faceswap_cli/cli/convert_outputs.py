"""Where the results of several videos go."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from fractions import Fraction


def check_named(output: str | Path) -> None:
    """Raise a UserError for "-", by which other tools mean standard output."""
    if str(output) == "-":
        raise UserError("nothing is written to standard output", "Give -o a name")


def check_not_given(outputs: Iterable[Path | None], given: Iterable[Path]) -> None:
    """Raise a UserError if a result would be written over a file that an option gives to be read."""
    read = [path for path in given if path.is_file()]
    for output in outputs:
        if output is not None and output.exists() and any(output.samefile(path) for path in read):
            raise UserError(f"{output} is read, too, and would be written over", "Choose another output")


def check_source(sources: Sequence[Path], rate: Fraction | None) -> None:
    """Raise a UserError for the only video if it can't be read, before anything is loaded.

    Of several, one that can't be keeps none of the others from being done.
    """
    from faceswap_cli.media.probe import probe

    if len(sources) == 1:
        probe(sources[0], rate)


def is_folder(output: Path, text: str) -> bool:
    """Whether results go into a folder of that name: there is one, or the user wrote a / at its end."""
    return text.endswith(("/", os.sep)) or output.is_dir()


def name_outputs(sources: Sequence[Path], output: str, encoder: str) -> list[Path]:
    """The output of each source: the file named, or one of the source's name in a folder.

    Args:
        sources: one video or several.
        output: as the user wrote it; several sources, or a / at its end, make it a folder, and a folder that
            is there is one.
        encoder: a name in media.encoders.ENCODERS; where it does not go into the source's container, the
            result gets one that it goes into.

    Raises:
        UserError: two results would have one name; no video is written as such; the folder can't be made.
    """
    from faceswap_cli.files import make_folder
    from faceswap_cli.media.containers import check_video_suffix
    from faceswap_cli.media.encoders import ENCODERS
    from faceswap_cli.media.sequence import is_pattern

    folder = Path(output)
    check_named(output)
    if len(sources) > 1 and is_pattern(folder):
        raise UserError(f"the pictures of {len(sources)} videos would be written over each other as {output}",
                        "Convert them one by one")  # fmt: skip
    if len(sources) == 1 and not is_folder(folder, output):
        check_video_suffix(folder)
        return [folder]
    fitting = ENCODERS[encoder].suffixes
    outputs: list[Path] = []
    for source in sources:
        fits = source.suffix.lower() in fitting
        outputs.append(folder / (source.name if fits else f"{source.stem}{fitting[0]}"))
        # Some file systems take no notice of upper and lower case.
        if outputs[-1].name.casefold() in (other.name.casefold() for other in outputs[:-1]):
            raise UserError(
                f"two videos would become {outputs[-1]}", "Convert them one by one, or rename one"
            )
    make_folder(folder)
    return outputs
