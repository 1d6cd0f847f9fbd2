"""Data beside the video is kept, or said to be left out: telemetry, spherical video, Dolby Vision."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.packet import Packet

from faceswap_cli.media.containers import check_output
from faceswap_cli.media.encoders import EncodeOptions
from faceswap_cli.media.probe import SPHERICAL as IS_SPHERICAL
from faceswap_cli.media.probe import STEREOSCOPIC as IS_STEREOSCOPIC
from faceswap_cli.media.probe import probe
from faceswap_cli.media.projection import Projection, read_projection
from tests.media.boxes import (
    DOLBY_VISION,
    SPHERICAL,
    SPHERICAL_XML,
    STEREOSCOPIC,
    with_box,
    with_box_of_track,
)
from tests.media.joining import MEDIUM, remake, times

Clip = Callable[..., Path]
SAMPLES = [b"telemetry %d" % number for number in range(5)]


def with_telemetry(path: Path, chapters: bool) -> Path:
    """An MP4 as action cameras write it."""
    base = Fraction(1, 1000)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        data = container.add_data_stream("bin_data")
        data.time_base = base
        if chapters:
            ends = (0, 500, 900)
            container.set_chapters([
                {"id": n, "start": ends[n], "end": ends[n + 1], "time_base": base, "metadata": {"title": "x"}}
                for n in range(2)
            ])  # fmt: skip
        for _ in range(25):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
        container.mux(video.encode(None))
        for number, sample in enumerate(SAMPLES):
            packet = Packet(sample)
            packet.pts = packet.dts = number * 200
            packet.duration, packet.time_base, packet.stream = 200, base, data
            container.mux(packet)
    return path


def telemetry(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        streams = [s for s in container.streams if s.type == "data" and int(s.discard) != 48]
        return [bytes(p) for p in container.demux(streams) if p.size] if streams else []


@pytest.mark.parametrize("chapters", [False, True])
@pytest.mark.parametrize("output", ["out.mp4", "out.mov", "out.mkv"])
def test_telemetry_is_kept_or_said_to_be_left_out(tmp_path: Path, chapters: bool, output: str) -> None:
    source = with_telemetry(tmp_path / "a.mp4", chapters)
    assert telemetry(source) == SAMPLES
    told = check_output(tmp_path / output, probe(source), EncodeOptions())
    remake(source, tmp_path / output, MEDIUM)
    kept = telemetry(tmp_path / output)
    assert kept == (SAMPLES if output != "out.mkv" else [])
    assert ["data (stream 1): it is left out" in line for line in told] == ([True] if not kept else [])
    with av.open(str(tmp_path / output)) as container:
        assert len(container.chapters()) == (2 if chapters else 0)


PROJECTIONS = {
    "spherical": (lambda path: with_box(path, b"avc1", SPHERICAL), (SPHERICAL,), {IS_SPHERICAL}),
    "stereoscopic": (lambda path: with_box(path, b"avc1", STEREOSCOPIC), (STEREOSCOPIC,), {IS_STEREOSCOPIC}),
    "both": (
        lambda path: with_box(with_box(path, b"avc1", STEREOSCOPIC), b"avc1", SPHERICAL),
        (STEREOSCOPIC, SPHERICAL),
        {IS_SPHERICAL, IS_STEREOSCOPIC},
    ),
    "xml": (
        lambda path: with_box_of_track(path, SPHERICAL_XML),
        (SPHERICAL_XML,),
        {IS_SPHERICAL, IS_STEREOSCOPIC},
    ),
}


@pytest.mark.parametrize("kind", PROJECTIONS)
@pytest.mark.parametrize("output", ["out.mp4", "out.mov"])
def test_spherical_and_stereoscopic_video_stays_so(
    tmp_path: Path, make_clip: Clip, kind: str, output: str
) -> None:
    make, boxes, said = PROJECTIONS[kind]
    source = make(make_clip("a.mp4"))
    assert {*probe(source).said_aside} == said
    assert check_output(tmp_path / output, probe(source), EncodeOptions()) == []
    remake(source, tmp_path / output, MEDIUM)
    data = (tmp_path / output).read_bytes()
    assert [data.count(one) for one in boxes] == [1] * len(boxes)
    assert {*probe(tmp_path / output).said_aside} == said  # FFmpeg reads it
    assert times(tmp_path / output) == times(source)


def test_spherical_video_stays_so_behind_its_sound(tmp_path: Path) -> None:
    source = with_box(sound_first(tmp_path / "a.mp4"), b"avc1", SPHERICAL)
    remake(source, tmp_path / "out.mp4", MEDIUM)
    assert probe(tmp_path / "out.mp4").said_aside == (IS_SPHERICAL,)
    sounds = []
    for path in (source, tmp_path / "out.mp4"):
        with av.open(str(path)) as container:
            sounds.append([bytes(packet) for packet in container.demux(audio=0) if packet.size])
    assert sounds[0] and sounds[0] == sounds[1]


def sound_first(path: Path) -> Path:
    """An MP4 whose first track is its sound."""
    with av.open(str(path), "w") as container:
        voice = container.add_stream("aac", rate=44100)
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for number in range(10):
            samples = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
            samples.sample_rate, samples.pts = 44100, number * 1024
            container.mux(voice.encode(samples))
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
        container.mux(voice.encode(None))
        container.mux(video.encode(None))
    return path


def test_what_is_lost_of_spherical_video_and_dolby_vision_is_said(tmp_path: Path, make_clip: Clip) -> None:
    for added, said, name in (
        (SPHERICAL, IS_SPHERICAL, "out.mkv"),
        (DOLBY_VISION, "Dolby Vision's metadata", "out.mp4"),
    ):
        source = with_box(make_clip("a.mp4"), b"avc1", added)
        assert check_output(tmp_path / name, probe(source), EncodeOptions()) == [f"{said}: left out"]
        remake(source, tmp_path / name, MEDIUM)
        assert added[4:8] not in (tmp_path / name).read_bytes()


def test_damaged_boxes_say_nothing(tmp_path: Path, make_clip: Clip) -> None:
    source = with_box(make_clip("a.mp4"), b"avc1", SPHERICAL)
    data = source.read_bytes()
    assert read_projection(source, 1).said() == {IS_SPHERICAL}
    assert read_projection(source, 2) == Projection()
    for name in (b"moov", b"trak", b"tkhd", b"mdia", b"stbl", b"stsd", b"avc1", b"sv3d"):
        for size in (0, 1, 7, 1 << 31):
            place = data.index(name, data.index(b"moov")) - 4
            source.write_bytes(data[:place] + size.to_bytes(4, "big") + data[place + 4 :])
            entry = read_projection(source, 1).entry
            assert entry[4:8] in (b"", b"sv3d")
            assert int.from_bytes(entry[:4], "big") == len(entry), (name, size)
    for length in range(data.index(b"moov"), len(data), 7):
        source.write_bytes(data[:length])
        assert read_projection(source, 1) == Projection()
    for kept in (b"", b"moov", bytes(64), b"\x1aE\xdf\xa3" + bytes(64)):
        source.write_bytes(kept)
        assert read_projection(source, 1) == Projection()
