"""A clock that begins anywhere becomes one that begins at 0; what was meant to begin late still does."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from faceswap_cli.media.containers import check_output
from faceswap_cli.media.encoders import EncodeOptions
from faceswap_cli.media.probe import probe
from tests.media.joining import MEDIUM, packets, remake, times
from tests.media.test_broken_off import readable

Clip = Callable[..., Path]
TWELVE_HOURS = 43_200


def late(source: Path, output: Path, seconds: int, sound: Fraction = Fraction(0)) -> Path:
    """The same packets, so many seconds later; the sound later still."""
    options = {"avoid_negative_ts": "disabled", "muxdelay": "0"}
    if output.suffix == ".mp4":
        options = {"movflags": "+frag_keyframe+empty_moov+default_base_moof"}
    with av.open(str(source)) as old, av.open(str(output), "w", container_options=options) as new:
        copies = {s.index: new.add_stream_from_template(s, opaque=True) for s in old.streams}
        for packet in old.demux():
            if packet.size:
                more = (
                    0
                    if output.suffix == ".mp4"
                    else seconds + (sound if packet.stream.type == "audio" else 0)
                )
                ticks = round(more / packet.time_base)
                packet.pts += ticks
                packet.dts = packet.pts if packet.dts is None else packet.dts + ticks
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
    if output.suffix == ".mp4":
        _delay_fragments(output, seconds, sound)
    return output


def _delay_fragments(path: Path, seconds: int, sound: Fraction) -> None:
    """As a live stream's: each fragment's decoding time (tfdt) counts from when the stream began."""
    with av.open(str(path)) as container:
        tracks = {s.index + 1: (s.time_base.denominator, s.type) for s in container.streams}
    data, place = bytearray(path.read_bytes()), 0
    while (place := data.find(b"tfdt", place + 1)) > 0:
        track = int.from_bytes(data[(at := data.rfind(b"tfhd", 0, place) + 8) : at + 4], "big")
        ticks, kind = tracks[track]
        more = round((seconds + (sound if kind == "audio" else 0)) * ticks)
        assert data[place + 4] == 1
        before = int.from_bytes(data[place + 8 : place + 16], "big")
        data[place + 8 : place + 16] = (before + more).to_bytes(8, "big")
    path.write_bytes(data)


@pytest.fixture
def clip(make_clip: Clip) -> Path:
    return make_clip(
        "a.mkv",
        pts=range(0, 1200, 40),
        time_base=Fraction(1, 1000),
        audio="aac",
        sound_packets=50,
        options={"bf": "0"},
    )


@pytest.mark.parametrize("name", ["late.ts", "late.mkv", "late.mp4"])
@pytest.mark.parametrize("output", ["out.mp4", "out.mov", "out.mkv"])
@pytest.mark.parametrize("sound", [Fraction(0), Fraction(1, 5)])
def test_a_clock_of_hours_begins_at_0(
    tmp_path: Path, clip: Path, name: str, output: str, sound: Fraction
) -> None:
    source = late(clip, tmp_path / name, TWELVE_HOURS, sound)
    before, heard = times(source), packets(source)
    assert before[0] > TWELVE_HOURS - 1
    [told] = check_output(tmp_path / output, probe(source), EncodeOptions())
    assert "clock begins at 1" in told
    remake(source, tmp_path / output, MEDIUM)
    after = times(tmp_path / output)
    assert abs(min(after[0], packets(tmp_path / output)[0][0])) < Fraction(1, 10)
    tick = Fraction(1, 1000)
    shift = before[0] - after[0]
    assert all(abs(a - b - shift) <= tick for a, b in zip(before, after, strict=True))
    again = packets(tmp_path / output)
    assert [data for _, data in again] == readable(source)
    assert all(abs(a - b - shift) <= 2 * tick for (a, _), (b, _) in zip(heard, again, strict=True))
    with av.open(str(tmp_path / output)) as container:
        assert container.duration is not None and container.duration < 3_000_000


def test_pieces_of_it_too(tmp_path: Path, clip: Path) -> None:
    source = late(clip, tmp_path / "late.ts", TWELVE_HOURS)
    for frames, first in (("0-9", 0), ("5-", 0)):
        remake(source, tmp_path / "out.mp4", MEDIUM, 4, frames)
        assert abs(times(tmp_path / "out.mp4")[0] - first) < Fraction(1, 20)


def test_what_begins_a_little_late_still_does(tmp_path: Path, clip: Path) -> None:
    source = late(clip, tmp_path / "late.mkv", 2)
    assert check_output(tmp_path / "out.mp4", probe(source), EncodeOptions()) == []
    remake(source, tmp_path / "out.mp4", MEDIUM)
    assert times(tmp_path / "out.mp4") == times(source)


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(24000, 1001)])
def test_a_constant_rate_stays_constant(tmp_path: Path, make_clip: Clip, rate: Fraction) -> None:
    source = make_clip("a.mp4", pts=range(0, 100 * 1001, 1001), time_base=Fraction(1, rate.numerator))
    coarse = tmp_path / "coarse.mp4"
    with av.open(str(source)) as old, av.open(str(coarse), "w") as new:  # its edit list is in milliseconds
        copy = new.add_stream_from_template(old.streams.video[0], opaque=True)
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = copy
                new.mux(packet)
    remake(coarse, tmp_path / "out.mp4", MEDIUM, 30)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].average_rate == rate
