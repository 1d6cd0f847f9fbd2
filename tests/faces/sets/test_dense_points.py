"""What is said of sets that could have dense points and have none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from faceswap_cli import zoo
from faceswap_cli.faces.sets.dense_points import has_dense, suggest_extracting
from faceswap_cli.faces.sets.faceset import FaceSet
from tests.face_sets import make_set, packed


def opened(path: Path, known: int) -> FaceSet:
    """A set of 12, the first of which have dense points."""
    return FaceSet.open(make_set(path, 12, change=lambda k: {"packed": packed()} if k < known else {}))


@pytest.mark.parametrize("version", [1, 2])
def test_extracting_anew_is_suggested_where_it_helps(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = zoo.card("landmarks")
    config = {key: value for key, value in card.facts["config"].items() if key != "points"}
    facts = {**card.facts, "config": config | ({"points": 222} if version == 2 else {})}
    monkeypatch.setattr(zoo, "card", lambda name: replace(card, facts=facts))
    sets = [opened(tmp_path / str(known), known) for known in (12, 5, 0)]
    assert [has_dense(faces) for faces in sets] == [True, False, False]
    notes = [suggest_extracting(faces, "more is known") for faces in sets]
    if version == 1:
        assert notes == [None, None, None]
    else:
        assert notes[0] is None
        assert "in 7 of its 12 faces" in str(notes[1])
        assert str(notes[2]).endswith("extracted anew into another folder, more is known")


def test_a_line_is_as_long_again_as_one_of_68_points(tmp_path: Path) -> None:
    plain, dense = (
        len((opened(tmp_path / name, known).path / "faces.jsonl").read_text())
        for name, known in (("plain", 0), ("dense", 12))
    )
    assert (dense - plain) / 12 == len(packed()) + len(',"dense":""')
