"""Where joining puts its files, what a full disk does to it, and how much memory it takes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from faceswap_cli import files
from faceswap_cli.errors import UserError
from faceswap_cli.media.encode import SegmentWriter
from faceswap_cli.media.join import join_segments
from faceswap_cli.media.photo import write_photo
from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader
from tests.media.joining import MEDIUM, OPTIONS, Clip, times


def test_what_is_unfinished_lies_in_the_given_room(
    tmp_path: Path, make_clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output, room = make_clip(), tmp_path / "out" / "a.mp4", tmp_path / "out" / "room"
    room.mkdir(parents=True)
    info = probe(source)
    with VideoReader(source, info) as reader, SegmentWriter(tmp_path / "a.nut", info, MEDIUM) as writer:
        for frame in reader:
            writer.write(frame)
    seen = []

    def look(path: Path) -> None:
        seen.append(sorted(p.name for p in room.iterdir()))
        assert list(output.parent.iterdir()) == [room]

    monkeypatch.setattr(files, "sync_file", look)
    join_segments([tmp_path / "a.nut"], source, output, info, room)
    assert seen == [[".joined.part.mp4"]]
    assert times(output) == times(source)
    assert list(room.iterdir()) == []


def _failed(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode != 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() or _failed(command):
        pytest.skip("a small file system can't be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_plainly(small_disk: Path, tmp_path: Path, make_clip: Clip) -> None:
    source = make_clip(size=(320, 240), pts=range(0, 40 * 512, 512), audio="aac")
    info = probe(source)
    with VideoReader(source, info) as reader:
        frames = list(reader)

    def encode(path: Path) -> None:
        with SegmentWriter(path, info, OPTIONS["ffv1"]) as writer:
            for frame in frames:
                writer.write(frame)

    encode(tmp_path / "a.nut")
    for work in (
        lambda: encode(small_disk / "a.nut"),
        lambda: join_segments([tmp_path / "a.nut"], source, small_disk / "out.mkv", info),
        lambda: join_segments([tmp_path / "a.nut"], source, small_disk / "out.mkv", info, small_disk),
        lambda: write_photo(small_disk / "a.bmp", np.zeros((400, 400, 3), np.uint8)),
    ):
        with pytest.raises(UserError, match="the disk is full"):
            work()
        assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("free", [1, 8, 20])
def test_a_disk_that_is_full_only_at_the_end(small_disk: Path, make_clip: Clip, free: int) -> None:
    """What is buffered is written when the file is closed: that must not pass for success."""
    source = make_clip(size=(320, 240), pts=range(0, 4 * 512, 512))
    info = probe(source)
    (small_disk / "ballast").write_bytes(bytes((256 - free) * 1024))
    with (
        pytest.raises(UserError, match="the disk is full"),
        VideoReader(source, info) as reader,
        SegmentWriter(small_disk / "a.nut", info, OPTIONS["ffv1"]) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


_WORK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.media.joining import OPTIONS, remake
remake(Path({source!r}), Path({output!r}), OPTIONS["x264"], 30)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_length(tmp_path: Path, make_clip: Clip) -> None:
    """Reading, encoding and joining in a process of its own, whose peak must not follow the length."""
    pytest.importorskip("resource")
    here = Path(__file__).resolve()
    peaks = []
    for count in (60, 360):
        source = make_clip(f"{count}.mp4", size=(320, 240), pts=range(0, count * 512, 512), audio="aac")
        names = {"root": str(here.parents[2]), "source": str(source)}
        code = _WORK.format(**names, output=str(tmp_path / f"out{count}.mp4"))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) / (1024 if sys.platform == "linux" else 1 << 20))
    # 300 more frames are 69 MB of pixels.
    assert peaks[1] - peaks[0] < 30
