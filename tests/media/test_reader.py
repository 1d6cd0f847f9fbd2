"""Frames come upright, in the right colours, at their own times, and stop when told."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import Clock, VideoReader

Clip = Callable[..., Path]
LOSSLESS = {"crf": "0"}


def read(path: Path) -> list[Frame]:
    with VideoReader(path) as reader:
        return list(reader)


def decoders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("decode ")]


def test_uneven_times_are_the_streams_own(make_clip: Clip) -> None:
    pts = [0, 100, 612, 613, 2000, 9000]
    frames = read(make_clip(pts=pts))
    assert [frame.pts for frame in frames] == pts
    assert [frame.index for frame in frames] == list(range(6))
    assert [frame.time for frame in frames] == [ticks / 12800 for ticks in pts]


def test_a_late_start_is_kept(make_clip: Clip) -> None:
    assert [frame.pts for frame in read(make_clip(pts=[6400, 6912, 7424]))] == [6400, 6912, 7424]


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_frames_are_upright(make_clip: Clip, turns: int) -> None:
    one = 1 << 16
    matrix = [(one, 0, 0, one), (0, -one, one, 0), (-one, 0, 0, -one), (0, one, -one, 0)][turns]
    a, b, c, d = matrix
    plain = read(make_clip("plain.mp4"))[0].image
    turned = read(make_clip("turned.mp4", matrix=(a, b, 0, c, d, 0, 0, 0, 1 << 30)))[0].image
    assert np.array_equal(turned, np.rot90(plain, turns))


@pytest.mark.parametrize(
    ("pixel_format", "codec", "name", "tags"),
    [
        ("yuv420p", "libx264", "a.mp4", (2, 2, 2, 0)),
        ("yuv444p", "libx264", "a.mp4", (2, 2, 2, 2)),
        ("yuv422p10le", "libx264", "a.mp4", (2, 2, 2, 1)),
        ("gray", "ffv1", "a.mkv", (2, 2, 2, 0)),
        ("gray", "ffv1", "a.mkv", (2, 2, 2, 1)),
        ("gray16le", "ffv1", "a.mkv", (2, 2, 2, 0)),
        ("yuva420p", "ffv1", "a.mkv", (2, 2, 2, 0)),
        ("bgra", "ffv1", "a.mkv", (2, 2, 2, 0)),
        ("rgb24", "png", "a.mov", (2, 2, 2, 0)),
    ],
)
def test_any_pixel_format_becomes_the_same_rgb(
    make_clip: Clip, pixel_format: str, codec: str, name: str, tags: tuple[int, int, int, int]
) -> None:
    options = LOSSLESS if codec == "libx264" else {}
    grey = pixel_format.startswith("gray")
    clip = make_clip(name, pixel_format=pixel_format, codec=codec, tags=tags, options=options)
    image = read(clip)[0].image.astype(int)
    height, width = 48, 64
    y, x = np.mgrid[0:height, 0:width]
    wanted = np.stack([x * 200 // width, y * 200 // height, (x + y) * 100 // (width + height)], axis=2) + 20
    wanted[2:14, 0:8] = (240, 220, 60)
    if grey:
        wanted = np.repeat((wanted @ [0.299, 0.587, 0.114])[:, :, None], 3, axis=2)
        if tags[3] == 1:  # the fixture stores full-range samples; as limited ones they are stretched
            wanted = np.clip((wanted - 16) * 255 / 219, 0, 255)
    # Chroma is coarser than luma at the square's edges, so the mean is what counts.
    assert np.abs(image - wanted).mean() < 2.5


def test_the_matrix_follows_tags_and_size(make_clip: Clip) -> None:
    """The same stored samples, read as BT.601 and as BT.709, give different colours."""
    plain = read(make_clip("sd.mp4", options=LOSSLESS))[0].image.astype(int)
    as_601 = read(make_clip("601.mp4", options=LOSSLESS, tags=(6, 6, 6, 1)))[0].image.astype(int)
    as_709 = read(make_clip("709.mp4", options=LOSSLESS, tags=(1, 1, 1, 1)))[0].image.astype(int)
    assert np.array_equal(plain, as_601)
    assert np.abs(plain - as_709).mean() > 2


def test_an_odd_size(make_clip: Clip) -> None:
    frames = read(make_clip(size=(63, 47), pixel_format="yuv444p"))
    assert frames[0].image.shape == (47, 63, 3)


def test_a_broken_off_file_gives_what_can_be_read(make_clip: Clip) -> None:
    clip = make_clip(
        pts=range(0, 60 * 512, 512), size=(160, 120), movflags="faststart", options={"crf": "5", "g": "10"}
    )
    whole = clip.read_bytes()
    clip.write_bytes(whole[: len(whole) * 6 // 10])
    with VideoReader(clip) as reader:
        count = sum(1 for _ in reader)
        assert 5 < count < 60
        assert reader.damage is not None
        assert "breaks off" in reader.damage and f"{count} of 60 frames" in reader.damage
    assert not decoders()


def test_a_broken_off_file_whose_index_is_missing(make_clip: Clip) -> None:
    clip = make_clip()
    clip.write_bytes(clip.read_bytes()[:1500])
    with pytest.raises(UserError, match="breaks off"):
        VideoReader(clip)


def test_a_damaged_file_says_so_and_a_whole_one_does_not(make_clip: Clip) -> None:
    clip = make_clip(pts=range(0, 30 * 512, 512), size=(160, 120), options={"crf": "5"})
    with VideoReader(clip) as reader:
        assert len(list(reader)) == 30 and reader.damage is None
    data = bytearray(clip.read_bytes())
    for place in range(len(data) // 3, len(data) // 2):
        data[place] = place * 7 % 251
    clip.write_bytes(data)
    with VideoReader(clip) as reader:
        assert list(reader) and reader.damage is not None


def test_nothing_readable_is_an_error(make_clip: Clip) -> None:
    clip = make_clip()
    info = probe(clip)
    data = clip.read_bytes()
    start = data.index(b"mdat") + 4
    clip.write_bytes(data[:start] + bytes(data.index(b"moov") - 4 - start) + data[data.index(b"moov") - 4 :])
    with pytest.raises(UserError, match="not one"), VideoReader(clip, info) as reader:
        list(reader)
    assert not decoders()


def test_closing_early_ends_the_thread_at_once(make_clip: Clip) -> None:
    clip = make_clip(pts=range(0, 200 * 512, 512))
    with VideoReader(clip) as reader:
        assert len(list(itertools.islice(reader, 3))) == 3
        started = time.perf_counter()
    assert time.perf_counter() - started < 1
    assert not decoders()
    for frame in VideoReader(clip):  # without a `with`: leaving the loop is enough
        assert frame.index == 0
        break
    deadline = time.perf_counter() + 2
    while decoders() and time.perf_counter() < deadline:
        time.sleep(0.01)
    assert not decoders()


def test_a_photo_is_no_video(tmp_path: Path) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(UserError, match="is a photo"):
        VideoReader(tmp_path / "a.png")


def test_missing_and_backward_times_are_mended(make_clip: Clip) -> None:
    clock = Clock(probe(make_clip()))
    assert [clock.next(pts) for pts in (None, 600, None, 500, 500, 5000)] == [0, 600, 1112, 1113, 1114, 5000]


def test_real_clips_are_read_whole(shared: Path) -> None:
    clips = shared / "clips"
    wanted = {
        "grid_bbaf2n.mpg": (75, (288, 360)),
        "rot90_metadata.mp4": (120, (480, 640)),
        "vfr.mp4": (204, (480, 640)),
    }
    for name, (count, shape) in wanted.items():
        with VideoReader(clips / name) as reader:
            frames = [(frame.pts, frame.image.shape[:2]) for frame in reader]
            assert reader.damage is None
        assert len(frames) == count and {shape_ for _, shape_ in frames} == {shape}
        steps = {b - a for (a, _), (b, _) in itertools.pairwise(frames) if a is not None and b is not None}
        assert min(steps) > 0 and (len(steps) > 1) == (name == "vfr.mp4")
    assert Fraction(1, 15360) == probe(clips / "vfr.mp4").time_base
