"""What can be read of a video that was cut short is converted, and its sound ends with it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader
from tests.media.test_join import MEDIUM, packets, remake, times

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
    if damage:
        assert packets(output)[-1][0] <= times(output)[-1] + Fraction(1, 25)


def test_an_mp4_without_its_index_is_said_in_one_line(tmp_path: Path, make_clip: Clip) -> None:
    source = make_clip(audio="aac")
    source.write_bytes(source.read_bytes()[:2000])
    with pytest.raises(UserError, match="breaks off before its index"):
        probe(source)
