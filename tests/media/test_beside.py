"""Data beside the video is kept, or said to be left out: telemetry, spherical video, Dolby Vision."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.packet import Packet
from boxes import DOLBY_VISION, SPHERICAL, with_box
from test_join import MEDIUM, remake

from faceswap_cli.media.containers import check_output
from faceswap_cli.media.encoders import EncodeOptions
from faceswap_cli.media.probe import probe

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


def test_spherical_video_and_dolby_vision_are_said_to_be_left_out(tmp_path: Path, make_clip: Clip) -> None:
    for added, said in (
        (SPHERICAL, "that it is spherical (360°) video"),
        (DOLBY_VISION, "Dolby Vision's metadata"),
    ):
        source = with_box(make_clip("a.mp4"), b"avc1", added)
        assert check_output(tmp_path / "out.mp4", probe(source), EncodeOptions()) == [f"{said}: left out"]
        remake(source, tmp_path / "out.mp4", MEDIUM)
        assert added[4:8] not in (tmp_path / "out.mp4").read_bytes()
