"""What can be read of a video that was cut short or damaged is converted, with all of its sound."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader
from tests.media.joining import MEDIUM, packets, remake, times

Clip = Callable[..., Path]


def remuxed(source: Path, output: Path) -> Path:
    """The same packets in another container; MP4 with its index at the front."""
    options = {"movflags": "+faststart"} if output.suffix == ".mp4" else {}
    with av.open(str(source)) as old, av.open(str(output), "w", container_options=options) as new:
        copies = {s.index: new.add_stream_from_template(s, opaque=True) for s in old.streams}
        for packet in old.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
    return output


def readable(path: Path) -> list[bytes]:
    """The bytes of the packets of sound that can be read."""
    found: list[bytes] = []
    with av.open(str(path)) as container, contextlib.suppress(av.error.FFmpegError):
        found.extend(bytes(packet) for packet in container.demux(audio=0) if packet.size)
    # A broadcast's AAC has a head of seven bytes to each packet, which other containers leave out.
    return [data[7:] if data.startswith(b"\xff\xf1") else data for data in found]


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv", "cut.mpg", "cut.ts"])
def test_a_video_that_breaks_off(tmp_path: Path, make_clip: Clip, name: str) -> None:
    codec = "mpeg2video" if name.endswith(".mpg") else "libx264"
    audio = "mp2" if name.endswith(".mpg") else "aac"
    clip = make_clip(
        "whole.mkv", pts=range(120), time_base=Fraction(1, 25), size=(160, 120), codec=codec,
        audio=audio, sound_packets=200,
    )  # fmt: skip
    source = remuxed(clip, tmp_path / name)
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 6 // 10])
    with VideoReader(source) as reader:
        frames = list(reader)
        damage = reader.damage
    assert 10 < len(frames) < 110
    if name in ("cut.mp4", "cut.mkv"):  # the others promise no length that could be missed
        assert damage is not None and f"breaks off: {len(frames)}" in damage
    output = tmp_path / "out.mkv"
    remake(source, output, MEDIUM, 20)
    assert len(times(output)) == len(frames)
    assert [data for _, data in packets(output)] == readable(source)


@pytest.mark.parametrize("name", ["bad.mp4", "bad.mkv", "bad.ts"])
def test_one_faulty_frame_costs_no_sound(tmp_path: Path, make_clip: Clip, name: str) -> None:
    # The sound goes on for longer than the pictures.
    clip = make_clip("whole.mkv", pts=range(40), time_base=Fraction(1, 25), size=(160, 120), audio="aac",
                     sound_packets=120, options={"g": "10"})  # fmt: skip
    source = remuxed(clip, tmp_path / name)
    with av.open(str(source)) as container:
        hit = [bytes(p) for p in container.demux(video=0) if p.size][20]
    data = source.read_bytes()
    place = data.find(hit[8:60])
    assert place > 0
    source.write_bytes(data[:place] + bytes(52) + data[place + 52 :])
    with VideoReader(source) as reader:
        frames = len(list(reader))
        assert frames >= 30 and "breaks off" not in (reader.damage or "")
        assert reader.damage is not None or name == "bad.ts"  # there the decoder hides it
    output = tmp_path / "out.mkv"
    remake(source, output, MEDIUM, 20)
    assert len(times(output)) == frames
    assert packets(output)[-1][0] > times(output)[-1] + 1
    assert [data for _, data in packets(output)] == readable(source)


def trimmed(source: Path, first: int, frames: int) -> Path:
    """The same MP4 with an edit list that shows only some of its frames, as telephones trim."""
    data = bytearray(source.read_bytes())
    place = data.find(b"elst")
    length, start, _ = struct.unpack_from(">IiI", data, place + 12)
    assert length % 512 == 0 and data.count(b"elst") == 1
    struct.pack_into(">Ii", data, place + 12, frames * 512, start + first * 512)
    path = source.with_name("trimmed.mp4")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("first", [0, 10, 25])
def test_a_trimmed_mp4_does_not_break_off(tmp_path: Path, make_clip: Clip, first: int) -> None:
    source = trimmed(make_clip(pts=range(0, 50 * 512, 512)), first, 25)
    info = probe(source)
    assert info.frames == 25
    with VideoReader(source) as reader:
        assert len(list(reader)) == 25 and reader.damage is None
    remake(source, tmp_path / "out.mp4", MEDIUM, 10)
    assert len(times(tmp_path / "out.mp4")) == 25


def test_an_mp4_without_its_index_is_said_in_one_line(tmp_path: Path, make_clip: Clip) -> None:
    source = make_clip(audio="aac")
    source.write_bytes(source.read_bytes()[:2000])
    with pytest.raises(UserError, match="breaks off before its index"):
        probe(source)
