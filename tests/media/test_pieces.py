"""Only some frames come out: at their places, with the sound, titles and chapters that belong to them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.media.pieces import Cut, count_wanted, is_past, is_wanted, parse_pieces
from faceswap_cli.media.planes import planes
from faceswap_cli.media.probe import only_frames, probe
from faceswap_cli.media.reader import VideoReader
from tests.media.joining import MEDIUM, OPTIONS, packets, remake, times

Clip = Callable[..., Path]
SECOND = 12_800


def test_pieces_are_read_as_people_write_them() -> None:
    assert parse_pieces("100-250,400-") == ((100, 250), (400, None))
    assert parse_pieces("-100") == ((0, 100),)
    assert parse_pieces("7, 9-9") == ((7, 7), (9, 9))
    for text in ("a", "3-1", "5-,7", "1-4,3-9", ",", "-", "1--2"):
        with pytest.raises(UserError, match="--frames") as caught:
            parse_pieces(text)
    with pytest.raises(UserError, match="ends before it begins"):
        parse_pieces("9-3")
    with pytest.raises(UserError, match="no piece"):
        parse_pieces("9" * 5000)
        assert "\n" not in str(caught.value) and caught.value.hint


def test_frames_are_told_apart() -> None:
    pieces = parse_pieces("2-3,6-")
    assert [n for n in range(9) if is_wanted(pieces, n)] == [2, 3, 6, 7, 8]
    assert not is_past(pieces, 99) and is_past(parse_pieces("2-3"), 4)
    assert is_wanted((), 5) and not is_past((), 5)
    assert count_wanted(pieces, 9) == 5 and count_wanted(pieces, None) is None and count_wanted((), 9) == 9
    assert count_wanted(parse_pieces("0-4,8-20"), 10) == 7


def test_a_cut_moves_what_is_in_a_piece() -> None:
    seconds = [Fraction(n, 10) for n in (20, 21, 22, 50, 51)]
    cut = Cut.of_frames(seconds, Fraction(1, 10), parse_pieces("20-22,50-51"))
    assert cut.map_times(Fraction(21, 10)) == (Fraction(1, 10), Fraction(1, 10))
    assert cut.map_times(Fraction(23, 10)) is None and cut.map_times(Fraction(19, 10)) is None
    assert cut.map_times(Fraction(5)) == (Fraction(3, 10), Fraction(3, 10))
    # A title over both pieces is shown from the one's beginning to where it ends in the other.
    assert cut.map_times(Fraction(1), Fraction(51, 10)) == (0, Fraction(4, 10))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("frames", ["4-9", "2-5,12-", "3", "-2,6-6,10-11"])
def test_pieces_follow_each_other_with_their_sound(
    tmp_path: Path, make_clip: Clip, suffix: str, frames: str
) -> None:
    source = make_clip(pts=range(0, 16 * 512, 512), audio="aac")
    output = tmp_path / f"out{suffix}"
    info = remake(source, output, MEDIUM, 3, frames)
    pieces = parse_pieces(frames)
    kept = [n for n in range(16) if is_wanted(pieces, n)]
    assert info.frames == len(kept)
    tick = Fraction(1, 2000) if suffix == ".mkv" else Fraction(0)
    wanted = [Fraction(n, 25) for n in range(len(kept))]
    assert max(abs(a - b) for a, b in zip(times(output), wanted, strict=True)) <= tick
    place = {n: Fraction(k, 25) for k, n in enumerate(kept)}
    before, after = packets(source), packets(output)
    expected = [
        (start - Fraction(number, 25) + place[number], data)
        for start, data in before
        if (number := int(start * 25)) in place
    ]
    assert [data for _, data in expected] == [data for _, data in after]
    gaps = [abs(a - b) for (a, _), (b, _) in zip(expected, after, strict=True)]
    assert max(gaps) <= tick + Fraction(1, 40_000)


def test_the_pictures_are_those_of_the_source(tmp_path: Path, make_clip: Clip) -> None:
    source = make_clip(pts=range(0, 16 * 512, 512))
    remake(source, tmp_path / "out.mkv", OPTIONS["ffv1"], 4, "3-5,9-")
    wanted = [n for n in range(16) if 3 <= n <= 5 or n >= 9]
    with av.open(str(source)) as old, av.open(str(tmp_path / "out.mkv")) as new:
        before, after = list(old.decode(video=0)), list(new.decode(video=0))
    for number, picture in zip(wanted, after, strict=True):
        pairs = zip(planes(before[number]), planes(picture), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)


def test_reading_pieces_counts_anew_and_keeps_times(make_clip: Clip) -> None:
    info = only_frames(probe(make_clip(pts=range(0, 16 * 512, 512))), "3-5,9-10")
    with VideoReader(info.path, info) as reader:
        frames = list(reader)
        assert reader.damage is None
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert [(frame.pts or 0) // 512 for frame in frames] == [3, 4, 5, 9, 10]


def test_frames_that_the_video_has_not(make_clip: Clip) -> None:
    with pytest.raises(UserError, match="has only 6 frames"):
        only_frames(probe(make_clip()), "6-")
    info = only_frames(probe(make_clip("a.mkv")), "6-")  # which does not say how many it has
    with pytest.raises(UserError, match="has only 6 frames"), VideoReader(info.path, info) as reader:
        list(reader)


def test_chapters_are_cut_too(tmp_path: Path, make_clip: Clip) -> None:
    plain, source = make_clip("plain.mp4", pts=range(0, 16 * 512, 512)), tmp_path / "titled.mkv"
    with av.open(str(plain)) as old, av.open(str(source), "w") as new:
        copy = new.add_stream_from_template(old.streams.video[0], opaque=True)
        base = Fraction(1, 1000)
        new.set_chapters(
            [
                {"id": n, "start": a, "end": b, "time_base": base, "metadata": {"title": str(n)}}
                for n, (a, b) in enumerate([(0, 160), (160, 320), (320, 640)])
            ]
        )
        for packet in old.demux():
            if packet.size:
                packet.stream = copy
                new.mux(packet)
    remake(source, tmp_path / "out.mkv", MEDIUM, 4, "5-10")
    with av.open(str(tmp_path / "out.mkv")) as container:
        found = [
            (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]), c["metadata"]["title"])
            for c in container.chapters()
        ]
    assert found == [(0.0, 0.12, "1"), (0.12, 0.24, "2")]


SRT = """1
00:00:00,040 --> 00:00:00,160
one

2
00:00:00,200 --> 00:00:00,300
two

3
00:00:00,360 --> 00:00:00,560
three

"""


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ("5-10", [(0, 100, b"two"), (160, 240, b"three")]),  # what goes on after the piece is cut
        ("-4,9-", [(40, 160, b"one"), (200, 400, b"three")]),
    ],
)
def test_subtitles_are_cut_to_the_pieces(
    tmp_path: Path, make_clip: Clip, frames: str, expected: list[tuple[int, int, bytes]]
) -> None:
    plain, source = make_clip("plain.mp4", pts=range(0, 16 * 512, 512)), tmp_path / "spoken.mkv"
    (tmp_path / "said.srt").write_text(SRT)
    with av.open(str(plain)) as video, av.open(str(tmp_path / "said.srt")) as said:
        streams = [(video, video.streams.video[0]), (said, said.streams.subtitles[0])]
        with av.open(str(source), "w") as new:
            copies = [new.add_stream_from_template(stream, opaque=True) for _, stream in streams]
            for (container, stream), copy in zip(streams, copies, strict=True):
                for packet in container.demux(stream):
                    if packet.size:
                        packet.stream = copy
                        new.mux(packet)
    remake(source, tmp_path / "out.mkv", MEDIUM, 4, frames)
    with av.open(str(tmp_path / "out.mkv")) as container:
        cues = [packet for packet in container.demux(subtitles=0) if packet.size]
    found = [
        tuple(round(1000 * ticks * cue.time_base) for ticks in (cue.pts, cue.pts + cue.duration))
        for cue in cues
    ]
    assert [(*when, bytes(cue)) for when, cue in zip(found, cues, strict=True)] == expected
