"""Hostile files into every reader, as `scripts/torture` does with many more: none does harm."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TORTURE = str(Path(__file__).parents[1] / "scripts" / "torture")

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="memory is limited and measured as Linux does"
)


@pytest.fixture
def torture() -> Iterator[None]:
    sys.path.insert(0, TORTURE)
    yield
    sys.path.remove(TORTURE)


def test_no_hostile_file_does_harm(torture: None, tmp_path: Path) -> None:
    import files
    from crafted import CRAFTED

    outcomes = list(files.tortured(tmp_path / "honest", range(len(CRAFTED) + 30)))
    assert len(outcomes) == len(CRAFTED) + 30
    assert [outcome for outcome in outcomes if outcome.what == files.LOST] == []
    assert sum(outcome.what == files.REFUSED for outcome in outcomes) > len(CRAFTED) - 10
    assert max(outcome.megabytes for outcome in outcomes) * 2**20 < files.MEMORY


def test_harm_is_noticed(torture: None) -> None:
    import files

    def broken() -> None:
        raise KeyError("x")

    assert files.judged(broken) == (files.LOST, "KeyError: 'x'")
    assert files.judged(lambda: None)[0] == files.READ
