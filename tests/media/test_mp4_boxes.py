from __future__ import annotations

import struct
from pathlib import Path

import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.media.mp4_boxes import check_sample_counts
from faceswap_cli.media.probe import probe


@pytest.mark.parametrize("movflags", ["", "faststart", "frag_keyframe+empty_moov"])
def test_honest_files_pass(make_clip, movflags: str) -> None:
    path = make_clip("a.mp4", audio="aac", movflags=movflags)
    check_sample_counts(path)
    assert probe(path).width == 64


@pytest.mark.parametrize("count", [100_000, 10**9, 2**32 - 1])
def test_a_table_that_claims_more_than_the_file_holds_is_refused(make_clip, count: int) -> None:
    path = make_clip("a.mp4")
    data = bytearray(path.read_bytes())
    place = data.index(b"stsz")
    data[place + 8 : place + 16] = struct.pack(">II", 1, count)
    path.write_bytes(data)
    with pytest.raises(UserError, match="claims more than it holds"):
        probe(path)


def test_so_is_a_fragment(tmp_path: Path) -> None:
    def box(name: bytes, *parts: bytes) -> bytes:
        body = b"".join(parts)
        return struct.pack(">I4s", 8 + len(body), name) + body

    run = box(b"trun", struct.pack(">II", 0, 10**9))
    (tmp_path / "a.mp4").write_bytes(box(b"ftyp", b"isom") + box(b"moof", box(b"traf", run)))
    with pytest.raises(UserError, match="claims more than it holds"):
        check_sample_counts(tmp_path / "a.mp4")


@pytest.mark.parametrize("size", [0, 7, 8, 20])
def test_nonsense_is_left_to_ffmpeg(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes((b"\0\0\0\x01ftyp" + bytes(20))[:size])
    check_sample_counts(path)


def test_pictures_beyond_the_limit_are_not_decoded(make_clip, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_clip("a.mkv")
    monkeypatch.setenv("FACESWAP_MAX_VIDEO_PIXELS", "3071")  # one less than it has
    with pytest.raises(UserError, match="decoded"):
        probe(path)
    monkeypatch.setenv("FACESWAP_MAX_VIDEO_PIXELS", "100000")
    assert probe(path).width == 64


def test_frames_beyond_the_limit_are_told(make_clip, monkeypatch: pytest.MonkeyPatch) -> None:
    from faceswap_cli.media.reader import VideoReader

    path = make_clip("a.mkv")
    monkeypatch.setenv("FACESWAP_MAX_FRAMES", "4")
    with VideoReader(path) as reader, pytest.raises(UserError, match="more than 4 frames"):
        list(reader)
