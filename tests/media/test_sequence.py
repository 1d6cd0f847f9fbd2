"""Numbered pictures in and out, and GIF."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.media.containers import check_output
from faceswap_cli.media.encoders import EncodeOptions, encoder_for
from faceswap_cli.media.probe import only_frames, probe
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.media.sequence import find_pictures, picture_names, picture_suffix
from tests.conftest import picture
from tests.media.joining import remake, times

Clip = Callable[..., Path]


def write_pictures(
    folder: Path, numbers: range, suffix: str = ".png", size: tuple[int, int] = (64, 48)
) -> Path:
    folder.mkdir()
    for number in numbers:
        cv2.imwrite(str(folder / f"shot{number:04d}{suffix}"), picture(number, 64, 48)[..., ::-1])
    return folder


def convert(source: Path, output: Path, frames: str = "", rate: Fraction | None = None) -> None:
    options = EncodeOptions(encoder_for(output))
    remake(source, output, options, 4, frames, rate)


def test_pictures_are_found_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a10.png", "a9.png", "a11.png", "b1.png", "notes.txt", ".a3.png"):
        (folder / name).touch()
    assert [p.name for p in find_pictures(folder / "a%d.png")] == ["a9.png", "a10.png", "a11.png"]
    assert [p.name for p in find_pictures(folder)] == ["a9.png", "a10.png", "a11.png", "b1.png"]
    for nothing in (folder / "c%d.png", tmp_path / "no" / "%d.png"):
        with pytest.raises(UserError, match="names no picture"):
            find_pictures(nothing)


def test_pictures_are_a_video(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "in", range(1001, 1006))
    for source in (folder, folder / "shot%04d.png"):
        info = probe(source, Fraction(24))
        assert (info.kind, info.frames, info.average_rate, info.width) == ("video", 5, 24, 64)
        with VideoReader(source, info) as reader:
            frames = list(reader)
        assert [frame.time for frame in frames] == [n / 24 for n in range(5)]
        assert all(np.array_equal(f.image, picture(1001 + f.index, 64, 48)) for f in frames)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_numbers_and_pixels_are_kept(tmp_path: Path, suffix: str) -> None:
    source = write_pictures(tmp_path / "in", range(1001, 1011))
    convert(source, tmp_path / "out" / f"new.%05d{suffix}", "2-4,8-")
    written = sorted((tmp_path / "out").iterdir())
    assert [p.name for p in written] == [f"new.{n:05d}{suffix}" for n in (1003, 1004, 1005, 1009, 1010)]
    again = cv2.imread(str(written[0]))[..., ::-1]
    assert np.array_equal(again, picture(1003, 64, 48))


def test_a_folder_gets_the_names_of_the_source(tmp_path: Path, make_clip: Clip) -> None:
    convert(write_pictures(tmp_path / "in", range(7, 10)), tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"shot{n:04d}.png" for n in (7, 8, 9)]
    clip = make_clip()
    convert(clip, tmp_path / "frames", "2-3")
    assert sorted(p.name for p in (tmp_path / "frames").iterdir()) == ["000002.png", "000003.png"]


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["shot_0007_1080p.png", "shot_0008_1080p.png"], [7, 8]),
        (["v2_09.png", "v2_10.png"], [9, 10]),
        (["a.png", "b.png"], [0, 1]),
        (["1_1.png", "2_1.png", "2_2.png"], [0, 1, 2]),
        (["x01.png", "x1.png"], [0, 1]),
        (["portrait.png"], [0]),
    ],
)
def test_each_picture_gets_a_number_of_its_own(tmp_path: Path, names: list[str], numbers: list[int]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for place, name in enumerate(names):
        cv2.imwrite(str(folder / name), picture(place, 64, 48)[..., ::-1])
    convert(folder, tmp_path / "out" / "%04d.png")
    written = sorted((tmp_path / "out").iterdir())
    assert [p.name for p in written] == [f"{n:04d}.png" for n in numbers]
    assert len({p.read_bytes() for p in written}) == len(names)


def test_two_pictures_that_would_have_one_name_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "a.jpg", "b.png"):
        cv2.imwrite(str(folder / name), picture(0, 64, 48))
    output, options = tmp_path / "out", EncodeOptions("png pictures")
    with pytest.raises(UserError, match=r"a\.jpg and a\.png would both become .*a\.png"):
        check_output(output, probe(folder), options)
    assert check_output(output, only_frames(probe(folder), "1-"), options) == []
    link = tmp_path / "link"
    link.symlink_to(folder)
    with pytest.raises(UserError, match="is the source itself"):
        check_output(link, only_frames(probe(folder), "1-"), options)


def test_a_percent_sign_is_no_pattern_where_a_file_or_a_video_is_meant(
    tmp_path: Path, make_clip: Clip
) -> None:
    clip = make_clip("50%discount.mp4")
    assert probe(clip).frames == 6
    done = tmp_path / "100%done.mp4"
    assert encoder_for(tmp_path / "%d.png", "png") == "png pictures"
    assert encoder_for(tmp_path / "%d.jpg", "png") == encoder_for(tmp_path / "a.mov", "png") == "png"
    assert encoder_for(done) == "x264" and picture_suffix(done) is None
    convert(clip, done)
    assert len(times(done)) == 6
    photo = tmp_path / "50%d.png"
    cv2.imwrite(str(photo), picture(0, 64, 48))
    assert probe(photo).kind == "photo" and picture_suffix(photo) is None
    (tmp_path / "20%dogs").mkdir()
    assert picture_suffix(tmp_path / "20%dogs") == ".png"


def test_pictures_become_a_video_and_a_video_pictures(tmp_path: Path) -> None:
    source = write_pictures(tmp_path / "in", range(3, 9))
    convert(source, tmp_path / "out.mp4", rate=Fraction(24000, 1001))
    assert times(tmp_path / "out.mp4") == [Fraction(1001 * n, 24000) for n in range(6)]
    convert(tmp_path / "out.mp4", tmp_path / "jpegs" / "%d.jpg")
    assert sorted(p.name for p in (tmp_path / "jpegs").iterdir()) == [f"{n}.jpg" for n in range(6)]
    back = cv2.imread(str(tmp_path / "jpegs" / "3.jpg"))[..., ::-1].astype(int)
    assert np.abs(back - picture(6, 64, 48)).mean() < 4


def test_sixteen_bits_and_transparency_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    deep = (picture(0, 64, 48).astype(np.uint16) * 257 + 100).astype(np.uint16)
    clear = np.concatenate([deep, np.full((48, 64, 1), 12_345, np.uint16)], axis=2)
    for name, image in (("0.png", clear), ("1.png", clear)):
        cv2.imwrite(str(folder / name), image)
    convert(folder, tmp_path / "out" / "%d.png")
    again = cv2.imread(str(tmp_path / "out" / "1.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(again, clear)


def test_what_is_wrong_with_pictures_is_said(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "in", range(2))
    cv2.imwrite(str(folder / "shot0002.png"), picture(0, 32, 48))
    with (
        pytest.raises(UserError, match=r"is 32 x 48, shot0000\.png is 64 x 48"),
        VideoReader(folder) as reader,
    ):
        list(reader)
    (folder / "shot0002.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"shot0002.png is no picture"), VideoReader(folder) as reader:
        list(reader)
    info = probe(folder)
    cases = {
        folder / "shot%04d.png": "is the source itself",
        tmp_path / "%d.webp": "can't be written as '.webp'",
        tmp_path / "no" / "deeper" / "%d.png": "does not exist",
    }
    for output, said in cases.items():
        with pytest.raises(UserError, match=said):
            check_output(output, info, EncodeOptions(encoder_for(output)))
    with pytest.raises(UserError, match="are not x264 video"):
        check_output(tmp_path / "%d.png", info, EncodeOptions("x264"))
    with pytest.raises(UserError, match="has its own times"):
        probe(_clip(tmp_path), Fraction(25))


def _clip(folder: Path) -> Path:
    source = write_pictures(folder / "few", range(2))
    convert(source, folder / "few.mp4")
    return folder / "few.mp4"


def test_names(tmp_path: Path) -> None:
    assert picture_names(Path("o/%d.png"), [], [3, 12]) == [Path("o/3.png"), Path("o/12.png")]
    sources = [Path("in/a_0007_v2.png")]
    assert picture_names(Path("o"), sources, [0]) == [Path("o/a_0007_v2.png")]


def test_gif_in_and_out(tmp_path: Path, make_clip: Clip) -> None:
    source = make_clip(pts=[0, 512, 1536, 2048, 2560, 6144], audio="aac")
    assert any(
        "audio" in line for line in check_output(tmp_path / "a.gif", probe(source), EncodeOptions("gif"))
    )
    convert(source, tmp_path / "a.gif")
    assert times(tmp_path / "a.gif") == [Fraction(n, 25) for n in (0, 1, 3, 4, 5, 12)]
    with VideoReader(source) as before, VideoReader(tmp_path / "a.gif") as after:
        for old, new in zip(before, after, strict=True):
            assert np.abs(old.image.astype(int) - new.image).mean() < 8
    # And from a GIF: its times, its number of plays, and what is transparent.
    again = make_gif(tmp_path / "in.gif", loop=3)
    convert(again, tmp_path / "again.gif")
    assert b"NETSCAPE2.0\x03\x01\x03\x00" in (tmp_path / "again.gif").read_bytes()[:4096]
    assert times(tmp_path / "again.gif") == times(again)
    with av.open(str(again)) as given, av.open(str(tmp_path / "again.gif")) as made:
        for a, b in zip(given.decode(video=0), made.decode(video=0), strict=True):
            clear = [p.reformat(format="rgba").to_ndarray()[..., 3] for p in (a, b)]
            assert np.array_equal(*clear)
            assert clear[0].min() == 0
    convert(again, tmp_path / "out.mp4")
    assert times(tmp_path / "out.mp4") == times(again)


def make_gif(path: Path, loop: int) -> Path:
    with av.open(str(path), "w", container_options={"loop": str(loop)}) as container:
        stream = container.add_stream("gif", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "pal8"
        palette = np.zeros((256, 4), np.uint8)
        palette[:, 0], palette[1:, 1:] = 255, np.arange(255)[:, None]
        palette[0] = 0  # transparent
        for number in range(5):
            image = np.full((48, 64), 40 * number + 20, np.uint8)
            image[10:20, number * 4 : number * 4 + 10] = 0
            frame = av.VideoFrame.from_ndarray((image, palette), format="pal8")
            frame.pts, frame.time_base = number * 7, Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "outputs"),
    [
        ("a.mov", "prores_ks", "yuva444p10le", ["o.mov", "o.mkv"]),
        ("a.mov", "qtrle", "argb", ["o.mov", "o.mkv", "p.mov"]),
        ("a.mov", "png", "rgba", ["p.mov", "o.mkv"]),
        ("a.webm", "libvpx-vp9", "yuva420p", ["o.mkv", "o.mov"]),
        ("a.mkv", "ffv1", "yuva420p", ["o.mkv", "o.mov", "p.mov"]),
    ],
)
def test_transparency_is_kept(
    tmp_path: Path, name: str, codec: str, pixel_format: str, outputs: list[str]
) -> None:
    source = tmp_path / name
    alpha = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    with av.open(str(source), "w") as container:
        options = {"lossless": "1"} if codec == "libvpx-vp9" else {}
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        for number in range(3):
            rgba = np.dstack([picture(number, 64, 48), alpha])
            frame = av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format=pixel_format)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert probe(source).pixels.alpha
    for output in outputs:
        encoder = "png" if output == "p.mov" else "prores" if output == "o.mov" else "ffv1"
        options = EncodeOptions(encoder)
        assert not any(
            "transparency" in line for line in check_output(tmp_path / output, probe(source), options)
        )
        remake(source, tmp_path / output, options)
        with av.open(str(tmp_path / output)) as container:
            rgba = next(container.decode(video=0)).reformat(format="rgba").to_ndarray()
        assert np.abs(rgba[..., 3].astype(int) - alpha).max() <= 2
    told = check_output(tmp_path / "x.mp4", probe(source), EncodeOptions("x264"))
    assert any("transparency is not kept" in line for line in told)
