"""Hostile files into every reader, as `scripts/stress` does with many more: none does harm."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts.stress import files
from scripts.stress.crafted import CRAFTED

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="memory is limited and measured as Linux does"
)


def test_no_hostile_file_does_harm(tmp_path: Path) -> None:
    outcomes = list(files.read_hostile(tmp_path / "honest", range(len(CRAFTED) + 30)))
    assert len(outcomes) == len(CRAFTED) + 30
    assert [outcome for outcome in outcomes if outcome.what == files.LOST] == []
    assert sum(outcome.what == files.REFUSED for outcome in outcomes) > len(CRAFTED) - 10
    assert max(outcome.megabytes for outcome in outcomes) * 2**20 < files.MEMORY


def test_harm_is_noticed() -> None:
    def broken() -> None:
        raise KeyError("x")

    assert files.judged(broken) == (files.LOST, "KeyError: 'x'")
    assert files.judged(lambda: None)[0] == files.READ
