"""What files may claim, and JSON from anybody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceswap_cli.errors import UserError
from faceswap_cli.limits import LIMITS, check_limit, limit, parse_json, read_json, read_limited

PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text()
VALUES = st.recursive(
    PLAIN | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_what_is_json_comes_back(value: object) -> None:
    import json

    assert parse_json(json.dumps(value)) == value


@given(st.text() | st.binary())
@settings(max_examples=300, deadline=None)
def test_what_is_none_is_a_value_error(text: str | bytes) -> None:
    try:
        parse_json(text)
    except ValueError:
        return


@pytest.mark.parametrize(
    "text", ["NaN", "[1, -Infinity]", "1e999", "9" * 30, "9" * 5000, "[" * 10**6, '{"a":' * 10**5]
)
def test_numbers_that_are_none_and_depths_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)


def test_a_file_beyond_its_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "card.json"
    path.write_text('{"a": 1}')
    os.truncate(path, LIMITS["card_bytes"] + 1)
    with pytest.raises(UserError, match="FACESWAP_MAX_CARD_BYTES"):
        read_json(path)
    monkeypatch.setenv("FACESWAP_MAX_CARD_BYTES", str(2 * LIMITS["card_bytes"]))
    assert len(read_limited(path, "card_bytes")) == LIMITS["card_bytes"] + 1


def test_a_pipe_and_a_device_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path(os.devnull), tmp_path):
        with pytest.raises(UserError, match="no regular file"):
            read_limited(path, "card_bytes")


def test_a_limit_that_is_no_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESWAP_MAX_FRAMES", "many")
    with pytest.raises(UserError, match="FACESWAP_MAX_FRAMES=many"):
        limit("frames")
    monkeypatch.setenv("FACESWAP_MAX_FRAMES", "20_000_000")
    check_limit("frames", 20_000_000, "it has as many")
    with pytest.raises(UserError, match="it has more"):
        check_limit("frames", 20_000_001, "it has more")
