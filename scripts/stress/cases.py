"""All cases by number: first the crafted files, then each honest file changed again and again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.stress.crafted import CRAFTED
from scripts.stress.readers import Reader, hostile


def case_of(number: int, readers: Sequence[Reader], scratch: Path) -> tuple[str, Callable[[], object]]:
    """The name of a case, and reading it; its files are made in `scratch`."""
    if number < len(CRAFTED):
        name = list(CRAFTED)[number]
        return name, CRAFTED[name](scratch, {reader.name: reader for reader in readers})
    turn, which = divmod(number - len(CRAFTED), len(readers))
    reader = readers[which]
    folder = hostile(reader, turn, scratch / "copy")
    return f"{reader.name} #{turn}", lambda: reader.read(folder)


def warm(readers: Sequence[Reader]) -> None:
    """Read every honest file once: what libraries take for themselves is no file's fault."""
    for reader in readers:
        copy = reader.folder.with_name(f"{reader.folder.name}.honest")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(reader.folder, copy)
        reader.read(copy)
        shutil.rmtree(copy)
