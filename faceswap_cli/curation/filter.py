"""Filtering a face set: what fails goes to the bin, and may come back."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from faceswap_cli.curation.filter_options import FilterRules
from faceswap_cli.curation.filter_rules import FailingFaces, apply_rules
from faceswap_cli.curation.measures import MeasureProgress
from faceswap_cli.curation.trash import RestoreResult, move_to_trash, restore
from faceswap_cli.errors import UserError
from faceswap_cli.faces.sets.crop_files import check_single
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.files import locked


@dataclass(frozen=True)
class FilterResult:
    """What a filter did, or would do.

    Attributes:
        faces: how many the set held.
        failing: those that failed, and why.
        moved: how many are in the bin now.
    """

    faces: int
    failing: FailingFaces
    moved: int


def filter_faces(
    path: Path, rules: FilterRules, folder: Path | None = None, dry_run: bool = False
) -> Generator[MeasureProgress, None, FilterResult]:
    """Move the faces of a set that fail to a bin. All of them are known before the first one is moved.

    Args:
        path: the set's folder.
        rules: what is demanded.
        folder: the bin; None for `bin` in the set's folder.
        dry_run: only say what would be moved.

    Raises:
        UserError: nothing is demanded, no such set, another process works in it, a crop is there twice, the
            bin can't be written, or see `filter_rules.apply_rules`.
    """
    if not rules:
        raise UserError("no rule was given", "Say what to move, --min-size 64 for example; see --help")
    faces = FaceSet.open(path)
    if dry_run:
        failing = yield from apply_rules(faces, rules)
        return FilterResult(len(faces), failing, 0)
    with locked(path):
        faces = FaceSet.open(path)
        check_single(path)
        failing = yield from apply_rules(faces, rules)
        files = {
            faces.crop_file(r): failing.reasons[r.crop] for r in faces.records if r.crop in failing.reasons
        }
        return FilterResult(len(faces), failing, move_to_trash(path, files, folder))


def restore_faces(path: Path) -> RestoreResult:
    """Move everything in a set's bin back.

    Raises:
        UserError: no such set, another process works in it, or it can't be written.
    """
    FaceSet.open(path)
    with locked(path):
        return restore(path)
