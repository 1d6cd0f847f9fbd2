"""What nobody drew on is written as it was decoded, to the bit; what was drawn has the source's depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from faceswap_cli.media.colour import Converter
from faceswap_cli.media.encode import SegmentWriter
from faceswap_cli.media.encoders import ENCODERS, EncodeOptions, target_format, target_tags
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.planes import planes
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.reader import VideoReader

Clip = Callable[..., Path]
LOSSLESS = EncodeOptions("ffv1")
TURN_90 = (0, -(1 << 16), 0, 1 << 16, 0, 0, 0, 0, 1 << 30)
FORMATS = {
    "yuv420p": "libx264",
    "yuvj420p": "mjpeg",
    "yuv422p": "libx264",
    "yuv420p10le": "libx264",
    "yuv444p12le": "libx265",
    "yuv411p": "ffv1",
    "yuva420p": "ffv1",
    "yuva444p10le": "ffv1",
    "gray": "ffv1",
    "gray10le": "ffv1",
    "bgr0": "ffv1",
    "bgra": "ffv1",
    "gbrp10le": "ffv1",
    "rgb24": "png",
}


def read(path: Path) -> tuple[MediaInfo, list[Frame]]:
    with VideoReader(path) as reader:
        return reader.info, list(reader)


def decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def written(path: Path, info: MediaInfo, frames: list[Frame]) -> list[av.VideoFrame]:
    with SegmentWriter(path, info, LOSSLESS) as writer:
        for frame in frames:
            writer.write(frame)
    return decoded(path)


def samples(picture: av.VideoFrame) -> list[np.ndarray]:
    """Every plane, transparency too."""
    found = list(planes(picture))
    if picture.format.name == "bgra":
        found.append(np.frombuffer(memoryview(picture.planes[0]), np.uint8)[3::4])
    elif len(picture.planes) == 4:
        found.append(np.frombuffer(memoryview(picture.planes[3]), np.uint8))
    return found


def in_written_order(picture: av.VideoFrame) -> av.VideoFrame:
    """FFV1 has RGB in another order than PNG."""
    return picture.reformat(format="bgr0") if picture.format.name == "rgb24" else picture


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_what_nobody_drew_on_is_the_same_to_the_bit(
    tmp_path: Path, make_clip: Clip, pixel_format: str, turned: bool
) -> None:
    matrix = TURN_90 if turned else None
    clip = make_clip(
        "a.mov" if FORMATS[pixel_format] in ("png", "mjpeg") else "a.mkv",
        pixel_format=pixel_format, codec=FORMATS[pixel_format], matrix=matrix, size=(66, 50), pts=[0, 40, 80],
    )  # fmt: skip
    before = decoded(clip)
    info, frames = read(clip)
    for old, new in zip(before, written(tmp_path / "a.nut", info, frames), strict=True):
        for a, b in zip(samples(in_written_order(old)), samples(new), strict=True):
            assert np.array_equal(a, b)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_only_what_was_drawn_changes(
    tmp_path: Path, make_clip: Clip, pixel_format: str, turned: bool
) -> None:
    clip = make_clip(
        "a.mov" if FORMATS[pixel_format] in ("png", "mjpeg") else "a.mkv",
        pixel_format=pixel_format, codec=FORMATS[pixel_format],
        matrix=TURN_90 if turned else None, size=(66, 50), pts=[0, 40],
    )  # fmt: skip
    info, frames = read(clip)
    before = decoded(clip)
    rows, columns = slice(21, 34), slice(17, 30)
    touched = np.zeros(frames[0].image.shape[:2], bool)
    touched[rows, columns] = True
    drawn = []
    for frame in frames:
        canvas = frame.canvas()
        canvas[rows, columns] = (200, 120, 90)
        drawn.append(frame.drawn(canvas))
    after = written(tmp_path / "a.nut", info, drawn)
    stored = info.orientation.undo(touched)
    for old, new in zip(before, after, strict=True):
        for a, b in zip(planes(in_written_order(old)), planes(new), strict=True):
            down, across = -(-stored.shape[0] // a.shape[0]), -(-stored.shape[1] // a.shape[1])
            coarse = np.zeros(a.shape[:2], bool)
            y, x = np.nonzero(stored)
            coarse[y // down, x // across] = True
            assert np.array_equal(a[~coarse], b[~coarse])
        if pixel_format in ("bgra", "yuva420p", "yuva444p10le"):  # transparency is not drawn on
            assert np.array_equal(samples(old)[-1], samples(new)[-1])
    name = target_format(info, LOSSLESS)
    again = Converter(
        target_tags(info, name, ENCODERS["ffv1"]), info.stored_width, info.stored_height
    ).to_rgb(after[0])
    inside = info.orientation.apply(again)[rows, columns][4:-4, 4:-4].reshape(-1, 3).astype(int)
    grey = round(0.299 * 200 + 0.587 * 120 + 0.114 * 90)
    wanted = [grey] * 3 if pixel_format.startswith("gray") else [200, 120, 90]
    assert np.abs(np.median(inside, axis=0) - wanted).max() <= 3


def test_ten_bits_are_drawn_with_ten_bits(tmp_path: Path, make_clip: Clip) -> None:
    clip = make_clip("a.mkv", pixel_format="yuv420p10le", codec="ffv1", size=(640, 64), pts=[0, 40])
    info, frames = read(clip)
    assert target_format(info, LOSSLESS) == "yuv420p10le"
    canvas = frames[0].canvas()
    assert canvas.dtype == np.float32
    assert np.abs(canvas - frames[0].image).max() <= 1.01
    canvas[16:48] = np.linspace(60, 120, 640, dtype=np.float32)[None, :, None]
    picture = written(tmp_path / "a.nut", info, [frames[0].drawn(canvas)])[0]
    luma = planes(picture)[0][32, :, 0]
    assert len(np.unique(luma)) > 190  # 60 levels of 8 bits
    assert np.all(np.diff(luma.astype(int)) >= 0)


def test_an_image_put_in_place_of_the_decoded_one_is_written(tmp_path: Path, make_clip: Clip) -> None:
    info, frames = read(make_clip())
    white = replace(frames[0], image=np.full_like(frames[0].image, 255))
    picture = written(tmp_path / "a.nut", info, [white])[0]
    assert np.all(planes(picture)[0] == 235)


def test_a_frame_drawn_as_it_was_is_the_same_to_the_bit(tmp_path: Path, make_clip: Clip) -> None:
    for pixel_format in ("yuv420p", "yuv422p10le"):
        clip = make_clip(f"{pixel_format}.mkv", pixel_format=pixel_format)
        info, frames = read(clip)
        again = written(tmp_path / "a.nut", info, [frame.drawn(frame.canvas()) for frame in frames])
        for old, new in zip(decoded(clip), again, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(planes(old), planes(new), strict=True))
