"""What is said of the pictures of a folder: its `captions.csv`, with a header of file and caption."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from faceswap_cli.errors import UserError
from faceswap_cli.limits import read_limited
from faceswap_cli.networks.generator.captions import split_caption

CAPTIONS = "captions.csv"
HEADER = ("file", "caption")

MOST_KNOWN = 2000
"""Words that are learnt, the commonest."""

LEAST_USES = 2
"""Pictures in whose captions a word has to be found."""


def read_captions(folder: Path) -> dict[str, str]:
    """Captions by file, as the folder's captions.csv names it (below it: a/b.png); {} without one.

    Raises:
        UserError: it can't be read, or has another header.
    """
    path = folder / CAPTIONS
    if not path.is_file():
        return {}
    try:
        text = read_limited(path, "card_bytes").decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} can't be read ({error})", "Save it as CSV in UTF-8") from error
    if not rows or any(rows[0].get(name) is None for name in HEADER):
        raise UserError(
            f"{path} has no captions", "Its first line is file,caption; each further one a picture"
        )
    return {str(row["file"]).strip(): str(row["caption"] or "") for row in rows}


def caption_of(captions: Mapping[str, str], path: Path, folder: Path) -> str:
    """A picture's caption, "" without any."""
    try:
        below = path.relative_to(folder).as_posix()
    except ValueError:
        below = path.name
    return captions.get(below, captions.get(path.name, ""))


def learn_words(captions: Sequence[str]) -> tuple[str, ...]:
    """The words that are found in several captions, the commonest first.

    Raises:
        UserError: there is none.
    """
    counts = Counter(word for caption in captions for word in set(split_caption(caption)))
    common = [word for word, count in counts.items() if count >= LEAST_USES]
    if not common:
        raise UserError(f"no word of {CAPTIONS} is used of two pictures", "Say it in words that come again")
    return tuple(sorted(common, key=lambda word: (-counts[word], word))[:MOST_KNOWN])
