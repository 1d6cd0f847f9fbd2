"""Pictures and GIFs can't say how they are turned or how wide pixels are: they stand up and are square."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from faceswap_cli.media.containers import check_output
from faceswap_cli.media.encoders import EncodeOptions, encoder_for
from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader
from tests.conftest import picture
from tests.media.joining import ONE, TURNS, remake
from tests.media.test_photo import exif

Clip = Callable[..., Path]
ALL_TURNS = {
    **TURNS,
    "flipped": (ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30),
    "transposed": (0, ONE, 0, ONE, 0, 0, 0, 0, 1 << 30),
    "across": (0, -ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30),
}


def frames_of(path: Path) -> list[np.ndarray]:
    with VideoReader(path) as reader:
        return [frame.image for frame in reader]


def convert(source: Path, output: Path) -> list[str]:
    options = EncodeOptions(encoder_for(output))
    told = check_output(output, probe(source), options)
    remake(source, output, options, 4)
    return told


@pytest.mark.parametrize("output", ["out/%03d.png", "out/%03d.tif", "out/%03d.jpg", "out.gif"])
@pytest.mark.parametrize("turn", ALL_TURNS)
def test_a_turned_clip_stands_up(tmp_path: Path, make_clip: Clip, turn: str, output: str) -> None:
    clip = make_clip(matrix=ALL_TURNS[turn])
    before = frames_of(clip)
    assert convert(clip, tmp_path / output) == []
    result = tmp_path / output
    after = frames_of(result.parent if "%" in output else result)
    assert len(after) == len(before)
    for old, new in zip(before, after, strict=True):
        assert old.shape == new.shape
        assert np.abs(old.astype(int) - new).mean() < (0.01 if "png" in output or "tif" in output else 6)


def test_a_jpeg_of_coarse_colour_is_turned_without_loss_of_it(tmp_path: Path, make_clip: Clip) -> None:
    clip = make_clip("a.mp4", matrix=TURNS["90"], pixel_format="yuvj422p", tags=(1, 1, 1, 2))
    assert convert(clip, tmp_path / "out" / "%d.jpg") == []
    info = probe(tmp_path / "out")
    assert (info.width, info.height, info.pixels.chroma) == (48, 64, "444")


def write_jpeg(path: Path, image: np.ndarray, orientation: int) -> None:
    data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    block = b"Exif\0\0" + exif(orientation)
    path.write_bytes(data[:2] + struct.pack(">BBH", 0xFF, 0xE1, len(block) + 2) + block + data[2:])


def test_pictures_each_turned_in_its_own_way(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    # As a telephone writes them that is turned from one side to the other: upright they are alike.
    upright = [picture(n, 48, 64) for n in range(3)]
    write_jpeg(folder / "0.jpg", np.rot90(upright[0]), 6)
    write_jpeg(folder / "1.jpg", np.rot90(upright[1], -1), 8)
    write_jpeg(folder / "2.jpg", upright[2], 1)
    for source, output in ((folder, tmp_path / "out" / "%d.png"), (folder, tmp_path / "out.mkv")):
        for image, new in zip(upright, frames_of(source), strict=True):
            assert np.abs(image.astype(int) - new).mean() < 3
        convert(source, output)
        result = output.parent if output.suffix == ".png" else output
        for image, new in zip(upright, frames_of(result), strict=True):
            assert np.abs(image.astype(int) - new).mean() < 4


def wide_clip(path: Path, aspect: Fraction, matrix: tuple[int, ...] | None = None) -> Path:
    """Three pictures of 64 x 48 whose pixels are not square."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        stream.set_display_matrix(matrix)
        for index in range(3):
            frame = av.VideoFrame.from_ndarray(picture(index, 64, 48), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("aspect", "matrix", "size"),
    [
        (Fraction(3, 2), None, (96, 48)),
        (Fraction(2, 3), None, (64, 72)),
        (Fraction(3, 2), TURNS["90"], (48, 96)),
    ],
)
@pytest.mark.parametrize("output", ["out/%d.png", "out.gif"])
def test_pixels_become_square(
    tmp_path: Path, aspect: Fraction, matrix: tuple[int, ...] | None, size: tuple[int, int], output: str
) -> None:
    clip = wide_clip(tmp_path / "wide.mp4", aspect, matrix)
    [told] = convert(clip, tmp_path / output)
    assert told.endswith(f"becomes {size[0]} x {size[1]}")
    result = tmp_path / output
    info = probe(result.parent if "%" in output else result)
    assert (info.width, info.height, info.sample_aspect or 1) == (*size, 1)
    wide = cv2.resize(frames_of(clip)[1], size, interpolation=cv2.INTER_LANCZOS4)
    assert np.abs(wide.astype(int) - frames_of(info.path)[1]).mean() < 4


@pytest.mark.parametrize(
    ("output", "encoder", "kept"),
    [("a.mkv", "x264", True), ("a.mkv", "x265", True), ("a.mov", "prores", True), ("a.mkv", "ffv1", False)],
)
def test_a_shape_of_pixels_is_kept_or_told(
    tmp_path: Path, make_clip: Clip, output: str, encoder: str, kept: bool
) -> None:
    clip = wide_clip(tmp_path / "wide.mp4", Fraction(3, 2))
    told = check_output(tmp_path / output, probe(clip), EncodeOptions(encoder))
    assert any("players may show 64 x 48 in place of 96 x 48" in line for line in told) is not kept
    remake(clip, tmp_path / output, EncodeOptions(encoder))
    assert (probe(tmp_path / output).sample_aspect == Fraction(3, 2)) is kept
