"""Two fields become one whole picture at its time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from faceswap_cli.media.encode import SegmentWriter
from faceswap_cli.media.encoders import EncodeOptions
from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader

COUNT = 8


def scene(field: int) -> np.ndarray:
    """(96, 128) luma at one moment: smooth, with a bar that moves 4 pixels from field to field."""
    y, x = np.mgrid[0:96, 0:128]
    return (60 + x / 2 + y / 4 + 90 * (np.abs(x - 20 - 4 * field) < 8)).astype(np.uint8)


def interlaced_clip(path: Path, top_first: bool) -> Path:
    """Each picture's two fields were taken one after the other."""
    options = {"x264-params": f"{'tff' if top_first else 'bff'}=1", "crf": "1"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for index in range(COUNT):
            luma = scene(2 * index + 1)
            luma[0 if top_first else 1 :: 2] = scene(2 * index)[0 if top_first else 1 :: 2]
            planes = np.full((144, 128), 128, np.uint8)
            planes[:96] = luma
            picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def combing(luma: np.ndarray) -> float:
    """How much more lines differ from their neighbours than from the next but one."""
    lines = luma.astype(float)
    near = np.abs(lines[1:-1] - lines[:-2]).mean()
    return float(near - np.abs(lines[2:] - lines[:-2]).mean())


@pytest.mark.parametrize("top_first", [True, False])
def test_fields_become_whole_pictures_at_the_same_times(tmp_path: Path, top_first: bool) -> None:
    source = interlaced_clip(tmp_path / "in.mp4", top_first)
    info = probe(source)
    assert info.interlaced
    with av.open(str(source)) as container:
        raw = list(container.decode(video=0))
    assert combing(raw[3].to_ndarray(format="gray")) > 2
    with VideoReader(source, info) as reader:
        frames = list(reader)
    assert [frame.pts for frame in frames] == [picture.pts for picture in raw]
    for index, frame in enumerate(frames[1:-1], 1):
        assert combing(frame.image[..., 1]) < 0.5
        # The earlier field's moment is shown, whichever field that is.
        bar = frame.image[..., 1].astype(float) - scene(999)
        assert abs(np.average(np.arange(128), weights=bar.mean(0).clip(20)) - _middle(2 * index)) < 1.5


def test_interlacing_that_comes_later_is_seen(tmp_path: Path) -> None:
    """A programme that begins with a film and goes on with a studio's pictures, in one stream."""
    path = tmp_path / "a.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.time_base = Fraction(1, 25)
        container.start_encoding()
        for part, fields in enumerate(("", ":tff=1")):
            encoder = av.CodecContext.create("libx264", "w")
            encoder.width, encoder.height, encoder.pix_fmt = 128, 96, "yuv420p"
            encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
            encoder.options = {"crf": "1", "bf": "0", "x264-params": f"repeat-headers=1{fields}"}
            pictures = []
            for index in range(COUNT):
                planes = np.full((144, 128), 128, np.uint8)
                planes[:96] = scene(2 * index)
                if part:
                    planes[1:96:2] = scene(2 * index + 1)[1::2]
                picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
                picture.pts, picture.time_base = part * COUNT + index, Fraction(1, 25)
                pictures.append(picture)
            for packet in [p for one in (*pictures, None) for p in encoder.encode(one)]:
                packet.stream = stream
                container.mux_one(packet)
    with av.open(str(path)) as container:
        raw = list(container.decode(video=0))
    assert [p.interlaced_frame for p in raw] == [False] * COUNT + [True] * COUNT
    assert combing(raw[COUNT + 3].to_ndarray(format="gray")) > 2
    with VideoReader(path) as reader:
        assert not reader.info.interlaced
        frames = list(reader)
    assert [frame.pts for frame in frames] == [picture.pts for picture in raw]
    assert all(combing(frame.image[..., 1]) < 0.7 for frame in frames)
    for frame, picture in zip(frames[:COUNT], raw, strict=False):
        assert frame.picture is not None
        same = frame.picture.stored.to_ndarray() == picture.to_ndarray()
        assert same.all()


def _middle(field: int) -> float:
    bar = scene(field).astype(float) - scene(999)
    return float(np.average(np.arange(128), weights=bar.mean(0).clip(20)))


def test_what_is_written_says_it_is_progressive(tmp_path: Path) -> None:
    source, path = interlaced_clip(tmp_path / "in.mp4", True), tmp_path / "a.nut"
    with (
        VideoReader(source) as reader,
        SegmentWriter(path, reader.info, EncodeOptions(preset="ultrafast")) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    with av.open(str(path)) as container:
        assert not any(picture.interlaced_frame for picture in container.decode(video=0))
