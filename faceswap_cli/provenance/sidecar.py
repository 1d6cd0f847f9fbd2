"""A small JSON file beside an output that says how it was made: no paths, nothing of anybody's face."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from faceswap_cli.files import write_text
from faceswap_cli.media.sequence import picture_suffix
from faceswap_cli.provenance.marks import Marks
from faceswap_cli.version import __version__

_LIBRARIES = ("torch", "av", "numpy", "opencv-python", "c2pa-python")


def sidecar_path(output: Path) -> Path:
    """Where it goes: OUTPUT.json, and for a folder of pictures beside the folder."""
    if output.suffix and picture_suffix(output) is None:
        return output.with_name(f"{output.name}.json")
    folder = output.parent if "%" in output.name else output
    return folder.with_name(f"{folder.name}.json")


def write_sidecar(
    output: Path, command: str, marks: Marks, ages: Sequence[float] = (), changes: Sequence[str] = ()
) -> Path:
    """Write it, whole or not at all.

    Args:
        output: the finished result.
        command: its name, such as "convert video".
        marks: what the output is marked with.
        ages: that were asked for.
        changes: of features, likewise.

    Returns:
        its path.
    """
    said = {
        "command": command,
        "digital_source_type": marks.source_type,
        "done": marks.kind.words,
        "model": marks.model or None,
        "ages": list(ages),
        **({"changes": list(changes)} if changes else {}),
        "marks": marks.describe(output),
        "versions": {"faceswap": __version__, "python": platform.python_version(), **_versions()},
    }
    path = sidecar_path(output)
    write_text(path, json.dumps(said, indent=2) + "\n")
    return path


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
