"""What comes out is the source with other pictures: times, sound, turn, tags, titles, all of it."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.media.encode import SegmentWriter
from faceswap_cli.media.encoders import ENCODERS, EncodeOptions
from faceswap_cli.media.hdr import PQ
from faceswap_cli.media.join import check_output, join_segments
from faceswap_cli.media.photo import write_photo
from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader
from tests.media.joining import MEDIUM, OPTIONS, TURNS, Clip, probed_times, remake, same_sound, times


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("encoder", ["x264", "x265", "av1", "prores", "png"])
def test_uneven_times_and_sound_are_exact(tmp_path: Path, make_clip: Clip, suffix: str, encoder: str) -> None:
    pts = [700, 701, 1212, *range(5000, 15_000, 512), 40_000]
    source = make_clip(pts=pts, time_base=Fraction(1, 11_988), audio="aac")
    output = tmp_path / f"out{suffix}"
    if suffix not in ENCODERS[encoder].suffixes:
        pytest.skip("this container does not hold this codec")
    remake(source, output, EncodeOptions(encoder, preset="veryfast"))
    assert times(output) == times(source) == [Fraction(ticks, 11_988) for ticks in pts]
    if shutil.which("ffprobe"):
        assert probed_times(output) == times(source)
    same_sound(source, output)


def test_matroska_keeps_times_to_the_millisecond(tmp_path: Path, make_clip: Clip) -> None:
    source = make_clip(pts=[0, 401, 802, 5000, 5401, 9000], time_base=Fraction(1, 11_988), audio="aac")
    remake(source, tmp_path / "out.mkv")
    pairs = zip(times(tmp_path / "out.mkv"), times(source), strict=True)
    assert max(abs(a - b) for a, b in pairs) <= Fraction(1, 2000)
    same_sound(source, tmp_path / "out.mkv", Fraction(1, 2000))


def test_segments_join_to_the_pictures_of_a_single_one(tmp_path: Path, make_clip: Clip) -> None:
    source = make_clip(pts=range(0, 23 * 512, 512))
    for length in (23, 7, 1):
        remake(source, tmp_path / f"{length}.mkv", OPTIONS["ffv1"], length)
    with VideoReader(tmp_path / "23.mkv") as reader:
        whole = list(reader)
    for length in (7, 1):
        with VideoReader(tmp_path / f"{length}.mkv") as reader:
            assert reader.damage is None
            parts = list(reader)
        assert [f.pts for f in parts] == [f.pts for f in whole]
        assert all(np.array_equal(a.image, b.image) for a, b in zip(parts, whole, strict=True))


def test_a_video_of_one_frame_and_segments_of_one(tmp_path: Path, make_clip: Clip) -> None:
    for name, pts in (("one.mp4", [512]), ("three.mp4", [512, 1024, 4096])):
        source = make_clip(name, pts=pts)
        remake(source, tmp_path / f"out_{name}", length=1)
        assert times(tmp_path / f"out_{name}") == times(source)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("turn", TURNS)
def test_the_turn_is_kept(tmp_path: Path, make_clip: Clip, suffix: str, turn: str) -> None:
    source = make_clip(matrix=TURNS[turn])
    info = remake(source, tmp_path / f"out{suffix}")
    again = probe(tmp_path / f"out{suffix}")
    assert again.display_matrix == info.display_matrix
    assert (again.width, again.height) == (info.width, info.height)
    with VideoReader(source) as before, VideoReader(tmp_path / f"out{suffix}") as after:
        for a, b in zip(before, after, strict=True):
            assert np.abs(a.image.astype(int) - b.image).mean() < 4


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (9, 16, 9, 1), (5, 6, 5, 2), (2, 2, 2, 0)])
def test_colour_tags_are_kept(
    tmp_path: Path, make_clip: Clip, suffix: str, tags: tuple[int, int, int, int]
) -> None:
    source = make_clip(tags=tags)
    for encoder, options in OPTIONS.items():
        if suffix in ENCODERS[encoder].suffixes and (tags[1] != PQ or ENCODERS[encoder].hdr):
            info = remake(source, tmp_path / f"{encoder}{suffix}", options)
            again = probe(tmp_path / f"{encoder}{suffix}").tags
            if encoder == "prores":  # has names for few of them, and is never of full range
                found = (again.primaries, again.transfer, again.matrix)
                assert all(a == b or a in (2, 6) for a, b in zip(found, tags[:3], strict=True))
                assert again.range in (0, 1)
                continue
            assert (again.primaries, again.transfer) == tags[:2]
            if encoder == "png":  # stores RGB
                assert again.matrix == 0
                continue
            assert again.matrix == tags[2]
            assert again.range == info.tags.range or {again.range, info.tags.range} == {0, 1}


def test_titles_chapters_and_languages_are_kept(tmp_path: Path, make_clip: Clip) -> None:
    plain = make_clip("plain.mp4", audio="aac", pts=range(0, 25 * 512, 512))
    source = tmp_path / "titled.mp4"
    with av.open(str(plain)) as old, av.open(str(source), "w") as new:
        copies = {s.index: new.add_stream_from_template(s, opaque=True) for s in old.streams}
        copies[1].metadata["language"] = "nob"
        new.metadata["title"] = "Ærlig"
        base = Fraction(1, 1000)
        titles = [(0, 400, "One"), (400, 1000, "Two")]
        new.set_chapters(
            [
                {"id": n, "start": a, "end": b, "time_base": base, "metadata": {"title": t}}
                for n, (a, b, t) in enumerate(titles)
            ]
        )
        for packet in old.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
    for suffix in (".mp4", ".mkv"):
        output = tmp_path / f"out{suffix}"
        assert check_output(output, probe(source), MEDIUM) == []
        remake(source, output)
        with av.open(str(output)) as container:
            assert container.metadata["title"] == "Ærlig"
            chapters = [(c["start"] * c["time_base"], c["metadata"]["title"]) for c in container.chapters()]
            assert chapters == [(0, "One"), (Fraction(2, 5), "Two")]
            assert container.streams.audio[0].language == "nob"
        same_sound(source, output, Fraction(1, 2000) if suffix == ".mkv" else Fraction(0))


def test_a_cover_picture_stays_one(tmp_path: Path, make_clip: Clip) -> None:
    plain, source = make_clip("plain.mp4", audio="aac"), tmp_path / "covered.mp4"
    write_photo(tmp_path / "cover.jpg", np.full((200, 300, 3), 90, np.uint8))
    with av.open(str(plain)) as old, av.open(str(source), "w") as new:
        copies = {s.index: new.add_stream_from_template(s, opaque=True) for s in old.streams}
        cover = new.add_mux_stream("mjpeg", width=300, height=200)
        cover.disposition = av.stream.Disposition.attached_pic
        packet = av.Packet((tmp_path / "cover.jpg").read_bytes())
        packet.stream, packet.pts, packet.dts, packet.time_base = cover, 0, 0, Fraction(1, 90_000)
        new.mux(packet)
        for packet in old.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
    info = probe(source)
    assert (info.width, [s.type for s in info.others]) == (64, ["audio", "video"])
    for suffix in (".mp4", ".mkv"):
        remake(source, tmp_path / f"out{suffix}")
        with av.open(str(tmp_path / f"out{suffix}")) as container:
            covers = [
                s for s in container.streams.video if s.disposition & av.stream.Disposition.attached_pic
            ]
            assert [(s.width, s.height) for s in covers] == [(300, 200)]
    assert "mjpeg video" in check_output(tmp_path / "out.mov", info, MEDIUM)[0]


def test_what_does_not_fit_is_said_before_the_work(tmp_path: Path, make_clip: Clip) -> None:
    source = make_clip("source.mkv", audio="flac")
    info = probe(source)
    folder = tmp_path / "folder.mp4"
    folder.mkdir()
    cases = {
        tmp_path / "out.avi": r"as '.avi'.*\.mp4",
        tmp_path / "out": r"\.png pictures are not x264 video",
        tmp_path / "no" / "out.mp4": "does not exist",
        folder: "is a folder",
        source: "the source itself",
        tmp_path / "out.mov": r"flac audio.*Use \.mkv",
    }
    for output, said in cases.items():
        with pytest.raises(UserError, match=said) as caught:
            check_output(output, info, MEDIUM)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"\.mp4 does not hold ffv1 video.*\.mkv"):
        check_output(tmp_path / "out.mp4", info, OPTIONS["ffv1"])
    assert check_output(tmp_path / "out.mkv", info, OPTIONS["ffv1"]) == []
    clear = probe(make_clip("clear.mkv", codec="ffv1", pixel_format="yuva420p"))
    assert "transparency" in check_output(tmp_path / "out.mp4", clear, MEDIUM)[0]


def test_segments_that_do_not_belong_together(tmp_path: Path, make_clip: Clip) -> None:
    source, output = make_clip(), tmp_path / "out.mp4"
    info = probe(source)
    segments = []
    with VideoReader(source, info) as reader:
        for number, frame in enumerate(reader):
            options = EncodeOptions("x264" if number else "x265", preset="ultrafast")
            segments.append(tmp_path / f"{number}.nut")
            with SegmentWriter(segments[-1], info, options) as writer:
                writer.write(frame)
    with pytest.raises(UserError, match="encoded differently"):
        join_segments(segments, source, output, info)
    segments[2].write_bytes(b"rubbish")
    with pytest.raises(UserError, match="is damaged"):
        join_segments(segments[1:], source, output, info)
    assert not output.exists() and not list(tmp_path.glob(".*part*"))
