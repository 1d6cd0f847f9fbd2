"""The watermark is faint, is found after what is usually done to pictures, and nowhere else."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from faceswap_cli.media.frame import Image
from faceswap_cli.media.orientation import Orientation, from_exif
from faceswap_cli.media.planes import planes
from faceswap_cli.provenance import watermark
from faceswap_cli.provenance.pixels import PixelMarks
from faceswap_cli.provenance.watermark_search import find

MESSAGE = 0x1A5C
MARKS = PixelMarks(MESSAGE, False)


@pytest.fixture(scope="module")
def photo() -> Image:
    path = Path(__file__).parents[1] / "data" / "face.jpg"
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


@pytest.fixture(scope="module")
def marked(photo: Image) -> Image:
    return MARKS.on_photo(photo)


def jpeg(image: Image) -> Image:
    data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 50])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def half(image: Image) -> Image:
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


CHANGES: dict[str, Callable[[Image], Image]] = {
    "nothing": lambda image: image,
    "JPEG 50": jpeg,
    "half size": half,
    "twice the size": lambda image: cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC),
    "cropped": lambda image: image[11:-7, 9:-23],
    "turned": np.rot90,
    "upside down": lambda image: np.rot90(image, 2),
    "mirrored": lambda image: image[:, ::-1],
    "turned and mirrored": lambda image: np.rot90(image)[:, ::-1],
    "darker": lambda image: (image * 0.7).astype(np.uint8),
    "grey": lambda image: np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8),
}


@pytest.mark.parametrize("name", CHANGES)
def test_it_is_found_after(marked: Image, name: str) -> None:
    found = find([np.ascontiguousarray(CHANGES[name](marked))])
    assert found is not None and found.message == MESSAGE


def test_it_is_faint(photo: Image, marked: Image) -> None:
    difference = marked.astype(int) - photo
    assert 10 * np.log10(255**2 / np.mean(difference**2)) > 42
    assert np.abs(difference).max() < 16
    smooth = np.full((400, 400, 3), 90, np.uint8)
    assert 0.1 < np.std(MARKS.on_photo(smooth).astype(int)) < 0.5


def test_it_is_not_found_where_it_is_not(photo: Image) -> None:
    assert find([photo]) is None
    rng = np.random.default_rng(1)
    for scale in (1, 3, 9):
        noise = rng.integers(0, 255, (300 // scale + 1, 400 // scale + 1, 3), np.uint8)
        assert find([cv2.resize(noise, (400, 300))]) is None
    assert find([np.zeros((64, 64, 3), np.uint8)]) is None


def test_a_small_picture_stays_as_it_is(photo: Image) -> None:
    small = cv2.resize(photo, (96, 80), interpolation=cv2.INTER_AREA)
    assert np.array_equal(MARKS.on_photo(small), small)


def test_a_second_mark_may_hide_the_firsts_message_but_not_that_there_is_one(marked: Image) -> None:
    found = find([PixelMarks(0x2A3, False).on_photo(marked)])
    assert found is not None and found.message in (None, MESSAGE, 0x2A3)


def test_a_few_wrong_bits_are_mended_and_many_are_noticed() -> None:
    sums = watermark.coded(MESSAGE).astype(float) * 5
    sums[[3, 20]] *= -0.01
    assert watermark.decoded(sums) == MESSAGE
    sums[[5, 9, 30]] *= -1
    assert watermark.decoded(sums) is None


@pytest.mark.parametrize(
    "form", ["yuv420p", "yuv422p10le", "nv12", "p010le", "rgb24", "bgra", "gbrp10le", "rgb48be", "gray16le"]
)
def test_it_is_put_into_luma_of_every_kind_and_depth(photo: Image, form: str) -> None:
    before = av.VideoFrame.from_ndarray(photo, "rgb24").reformat(format=form)
    after = av.VideoFrame.from_ndarray(photo, "rgb24").reformat(format=form)
    MARKS.on_picture(after, Orientation())
    old, new = planes(before), planes(after)
    assert not np.array_equal(old[0], new[0])
    if form.startswith(("yuv", "nv12", "p010")):
        assert all(np.array_equal(a, b) for a, b in zip(old[1:], new[1:], strict=True))
    looked = after.reformat(format="rgb24").to_ndarray()
    assert np.abs(looked.astype(int) - before.reformat(format="rgb24").to_ndarray()).mean() < 3
    found = find([looked])
    assert found is not None and found.message == MESSAGE


def test_in_video_it_survives_strong_compression(photo: Image) -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", 25, options={"crf": "30", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for number in range(12):
            moved = np.ascontiguousarray(
                np.roll(photo, 2 * number, axis=1)
            )  # all of it, as of a turning camera
            frame = av.VideoFrame.from_ndarray(moved, "rgb24").reformat(format="yuv420p")
            MARKS.on_picture(frame, Orientation())
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    found = find(frames[::3])
    assert found is not None and found.message == MESSAGE


@pytest.mark.parametrize("turn", [1, 6, 8, 3])
def test_the_label_stands_upright_in_the_lower_right_corner(photo: Image, turn: int) -> None:
    orientation = from_exif(turn)
    stored = np.ascontiguousarray(orientation.undo(photo))
    picture = av.VideoFrame.from_ndarray(stored, "rgb24").reformat(format="yuv420p")
    before = orientation.apply(picture.reformat(format="rgb24").to_ndarray()).astype(int)
    PixelMarks(None, True).on_picture(picture, orientation)
    after = orientation.apply(picture.reformat(format="rgb24").to_ndarray())
    rows, columns = np.nonzero(np.abs(after - before).max(axis=2) > 2)
    assert rows.min() > 325 and rows.max() < 356
    assert columns.min() > 540 and columns.max() < 638
    assert after[rows.min() :, columns.min() :].max() > 200  # its letters
    straight = PixelMarks(None, True).on_photo(photo)
    assert np.abs(straight[320:, 500:].astype(int) - after[320:, 500:]).mean() < 6
