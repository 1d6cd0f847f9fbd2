"""Files that are whole or not there, also with the longest names and on disks that can't be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.files import LONGEST_NAME, atomic_output, hidden_name, write_bytes, write_text
from tests.small_disks import make_read_only, small_disk


@pytest.mark.parametrize("letter", ["a", "é", "雪"])
@pytest.mark.parametrize("length", [200, 246, 250, 255])
def test_names_as_long_as_there_are(tmp_path: Path, letter: str, length: int) -> None:
    size = len(letter.encode())
    name = letter * ((length - 4) // size) + "x" * ((length - 4) % size) + ".png"
    assert len(os.fsencode(name)) == length
    with atomic_output(tmp_path / name) as temporary:
        assert temporary.suffix == ".png" and len(os.fsencode(temporary.name)) <= LONGEST_NAME
        temporary.write_bytes(b"whole")
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_long_names_that_differ_at_their_end_are_told_apart() -> None:
    assert hidden_name("short", ".part") == ".short.part"
    assert hidden_name("a" * 249 + "1", ".part") != hidden_name("a" * 249 + "2", ".part")


def test_names_that_are_no_text_get_into_files(tmp_path: Path) -> None:
    write_text(tmp_path / "a.json", '{"name": "b\udce9"}')
    assert (tmp_path / "a.json").read_bytes() == b'{"name": "b\\udce9"}'


def test_a_disk_that_can_t_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        (disk / "old").write_bytes(b"as it was")
        make_read_only(disk)
        for name in ("new", "old"):
            with pytest.raises(UserError, match="can't be written"):
                write_bytes(disk / name, b"anything")
        assert (disk / "old").read_bytes() == b"as it was"
