"""Pictures that change size in the stream come out in the largest, in their own shape."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader
from tests.conftest import picture
from tests.media.joining import MEDIUM, remake, times

Size = tuple[int, int]


def changing(path: Path, codec: str, sizes: list[Size], options: dict[str, str] | None = None) -> Path:
    """Four frames of each size, one after the other in one stream, as a call's recorder writes them."""
    with av.open(str(path), "w") as container:
        stream, start = None, 0
        for size in sizes:
            encoder = av.CodecContext.create(codec, "w")
            assert isinstance(encoder, av.VideoCodecContext)
            encoder.width, encoder.height, encoder.pix_fmt = *size, "yuv420p"
            encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
            encoder.options = {"g": "4", **(options or {})}
            frames = []
            for index in range(4):
                frame = av.VideoFrame.from_ndarray(picture(index, *size), format="rgb24").reformat(
                    format="yuv420p"
                )
                frame.pts, frame.time_base = start + index, Fraction(1, 25)
                frames.append(frame)
            packets = [p for frame in [*frames, None] for p in encoder.encode(frame)]
            if stream is None:
                stream = container.add_stream(codec, rate=25, options=options or {})
                stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
                stream.time_base = Fraction(1, 25)
                container.start_encoding()
            for packet in packets:
                packet.stream = stream
                container.mux_one(packet)
            start += 4
    return path


FLAT: list[Size] = [(160, 120), (320, 240), (80, 60)]
CODECS = [
    ("a.webm", "libvpx", {}),
    ("a.webm", "libvpx-vp9", {}),
    ("a.mkv", "libx264", {"x264-params": "repeat-headers=1:annexb=1", "bf": "0"}),
    ("a.ts", "libx264", {"x264-params": "repeat-headers=1", "bf": "0"}),
    ("a.mkv", "libsvtav1", {"preset": "12"}),
]


@pytest.mark.parametrize(("name", "codec", "options"), CODECS)
def test_all_frames_come_in_the_largest_size(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    source = changing(tmp_path / name, codec, FLAT, options)
    info = probe(source)
    assert (info.width, info.height) == (320, 240) and set(info.sizes) == set(FLAT)
    assert info.note is not None and "change size (160 x 120, 320 x 240, 80 x 60)" in info.note
    with VideoReader(source, info) as reader:
        frames = [frame.image for frame in reader]
    assert len(frames) == 12
    for number, image in enumerate(frames):
        assert np.abs(picture(number % 4, 320, 240)[60:, :].astype(int) - image[60:, :]).mean() < 12
    remake(source, tmp_path / "out.mp4", MEDIUM, 5)
    assert len(times(tmp_path / "out.mp4")) == 12
    again = probe(tmp_path / "out.mp4")
    assert (again.width, again.height, again.sizes) == (320, 240, ())


def test_another_shape_is_not_stretched(tmp_path: Path) -> None:
    source = changing(tmp_path / "a.webm", "libvpx", [(160, 120), (120, 160), (160, 90)])
    with VideoReader(source) as reader:
        frames = [frame.image for frame in reader]
    assert {image.shape for image in frames} == {(120, 160, 3)}
    upright, wide = frames[5], frames[9]
    assert (
        upright[:, :32].max() < 10
        and upright[:, 127:].max() < 10
        and upright[:, 36:122].max(axis=2).min() > 10
    )
    assert wide[:13].max() < 10 and wide[107:].max() < 10 and wide[16:104].max(axis=2).min() > 10


def test_a_video_of_one_size_is_not_decoded_for_it(tmp_path: Path) -> None:
    for name, codec, options in CODECS:
        assert probe(changing(tmp_path / name, codec, [(64, 48)] * 3, options)).sizes == ()
