"""Faces are extracted, and what came out is compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.sets.extract import ExtractProgress, extract_faces
from faceswap_cli.faces.sets.extract_options import ExtractOptions
from faceswap_cli.faces.sets.faceset import FaceSet

Maker = Callable[..., Path]


def run(inputs: list[Path], output: Path, stage: FaceAnalyser, **options: object) -> list[ExtractProgress]:
    return list(extract_faces(inputs, output, stage, ExtractOptions(**options)))


def contents(folder: Path) -> dict[str, str]:
    """Every file of a set and a digest of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def complete(faces: FaceSet) -> bool:
    return all(source.complete for source in faces.sources.values())


@dataclass(frozen=True)
class Extracted:
    """A video that stays where it is, and sets made of it in one go, with 68 points and with dense ones."""

    clip: Path
    faces: Path
    dense: Path
