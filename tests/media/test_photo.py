"""Photos come back as they were, but for the pixels that were changed."""

from __future__ import annotations

import contextlib
import struct
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from faceswap_cli.errors import UserError
from faceswap_cli.media.exif import correct_exif, read_orientation
from faceswap_cli.media.photo import Photo, read_photo, what_is_lost, write_photo
from faceswap_cli.media.photo_metadata import Metadata

SUFFIXES = [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"]
ICC = struct.pack(">I", 200) + b"test" + bytes(8) + b"RGB " + bytes(180)


def exif(orientation: int, order: str = "<", thumbnail: bytes = b"") -> bytes:
    """An EXIF block with an orientation, a maker's name and, if asked, a thumbnail."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    link = 8 + 2 + 2 * 12 + 4 if thumbnail else 0
    block = start + struct.pack(f"{order}IH", 8, 2)
    block += struct.pack(f"{order}HHI4s", 0x010F, 2, 4, b"abc\0")
    block += struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0) + struct.pack(f"{order}I", link)
    if thumbnail:
        place = link + 2 + 2 * 12 + 4
        block += struct.pack(f"{order}H", 2) + struct.pack(f"{order}HHII", 0x0201, 4, 1, place)
        block += struct.pack(f"{order}HHII", 0x0202, 4, 1, len(thumbnail)) + bytes(4) + thumbnail
    return block


def smooth(height: int = 40, width: int = 60) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 4, y * 6, 255 - x * 2 - y * 2], axis=2).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_colours_come_back(tmp_path: Path, suffix: str) -> None:
    path, image = tmp_path / f"a{suffix}", smooth()
    write_photo(path, image)
    photo = read_photo(path)
    assert np.abs(photo.image.astype(int) - image).mean() < (
        3 if suffix in (".jpg", ".jpeg", ".webp") else 1e-9
    )
    assert (photo.alpha, photo.grey, photo.bit_depth, photo.note) == (None, False, 8, "")
    assert photo.image.flags.writeable and photo.image.flags.c_contiguous


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_grey_stays_grey(tmp_path: Path, suffix: str) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), smooth()[:, :, 0])
    source = read_photo(tmp_path / "grey.png")
    assert source.grey and source.image.shape == (40, 60, 3)
    write_photo(tmp_path / f"a{suffix}", source.image, source)
    again = read_photo(tmp_path / f"a{suffix}")
    # WebP and BMP as OpenCV writes them have no grey; the picture is grey all the same.
    assert again.grey or suffix in (".webp", ".bmp")
    assert np.abs(again.image.astype(int) - source.image).mean() < 3


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_transparency_is_kept(tmp_path: Path, suffix: str) -> None:
    alpha = np.tile(np.arange(60, dtype=np.uint8) * 4, (40, 1))
    write_photo(tmp_path / f"a{suffix}", smooth(), Photo(smooth(), alpha))
    again = read_photo(tmp_path / f"a{suffix}").alpha
    assert again is not None and np.abs(again.astype(int) - alpha).max() <= 1
    write_photo(tmp_path / "a.jpg", smooth(), Photo(smooth(), alpha))
    assert read_photo(tmp_path / "a.jpg").alpha is None


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_and_profile_are_kept_and_the_picture_stands_upright(
    tmp_path: Path, suffix: str, order: str
) -> None:
    stored, path = smooth(), tmp_path / f"a{suffix}"
    Pillow.fromarray(stored).save(
        path, quality=95, lossless=True, exif=b"Exif\0\0" + exif(6, order), icc_profile=ICC
    )
    photo = read_photo(path)
    assert photo.image.shape == (60, 40, 3)
    assert np.abs(photo.image.astype(int) - np.rot90(stored, -1)).mean() < 3
    write_photo(tmp_path / f"b{suffix}", photo.image, photo)
    again = read_photo(tmp_path / f"b{suffix}")
    assert again.image.shape == (60, 40, 3)
    assert again.metadata.exif == exif(1, order) and again.metadata.icc == ICC


def test_a_long_profile_is_split_over_jpeg_segments(tmp_path: Path) -> None:
    icc = struct.pack(">I", 200_000) + b"test" + bytes(8) + b"RGB " + bytes(range(256)) * 780
    write_photo(tmp_path / "a.jpg", smooth(), Photo(smooth(), metadata=Metadata(icc=icc)))
    assert read_photo(tmp_path / "a.jpg").metadata.icc == icc


def test_a_profile_for_other_channels_is_left_out(tmp_path: Path) -> None:
    write_photo(
        tmp_path / "a.png", smooth(), Photo(smooth(), metadata=Metadata(icc=ICC.replace(b"RGB ", b"CMYK")))
    )
    assert read_photo(tmp_path / "a.png").metadata.icc is None


def test_what_a_format_can_t_keep_is_named(tmp_path: Path) -> None:
    clear = np.full((40, 60), 9, np.uint8)
    full = Photo(smooth(), clear, metadata=Metadata(exif=exif(1), icc=ICC))
    lost = {
        ".png": [],
        ".webp": [],
        ".jpg": ["transparency"],
        ".tif": [],
        ".bmp": ["transparency", "EXIF", "colour profile"],
    }
    for suffix, names in lost.items():
        path = tmp_path / f"a{suffix}"
        assert what_is_lost(path, full) == names
        write_photo(path, smooth(), full)
        again = read_photo(path)
        assert [again.alpha is None, again.metadata.exif is None, again.metadata.icc is None] == [
            name in names for name in ("transparency", "EXIF", "colour profile")
        ]
        assert what_is_lost(path, Photo(smooth())) == []
    assert what_is_lost(tmp_path / "a.jpg", Photo(smooth(), np.full((40, 60), 255, np.uint8))) == []
    assert what_is_lost(tmp_path / "a.png", Photo(smooth(), metadata=Metadata(exif=b"rubbish"))) == ["EXIF"]


def test_the_old_thumbnail_is_gone() -> None:
    block = exif(8, thumbnail=b"the face as it was")
    assert read_orientation(block) == 8
    true = correct_exif(block)
    assert true is not None and len(true) == len(block)
    assert read_orientation(true) == 1 and b"abc" in true and b"face" not in true
    assert correct_exif(b"II*\0\xff\xff\xff\xff") is None and correct_exif(b"rubbish") is None
    assert read_orientation(b"rubbish") == 1


def test_sixteen_bits_are_reduced_and_told(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), smooth().astype(np.uint16)[:, :, ::-1] * 257)
    photo = read_photo(tmp_path / "a.png")
    assert np.array_equal(photo.image, smooth())
    assert photo.bit_depth == 16 and "16 bits" in photo.note


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 20_000)])
def test_extreme_shapes(tmp_path: Path, shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 99, np.uint8)
    for suffix in (".png", ".jpg", ".tif", ".bmp"):
        write_photo(tmp_path / f"a{suffix}", image)
        assert np.abs(read_photo(tmp_path / f"a{suffix}").image.astype(int) - image).max() <= 1
    if max(shape) > 16383:
        with pytest.raises(UserError, match=r"can't be written as \.webp"):
            write_photo(tmp_path / "a.webp", image)


def test_bad_photos_are_said_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for suffix in SUFFIXES:
        rng = np.random.default_rng(1)
        write_photo(tmp_path / f"whole{suffix}", rng.integers(0, 255, (64, 64, 3), np.uint8))
        data = (tmp_path / f"whole{suffix}").read_bytes()
        for number, cut in enumerate((4, 20, 60)):
            (tmp_path / f"{number}{suffix}").write_bytes(data[:cut])
            with pytest.raises(UserError) as caught:
                read_photo(tmp_path / f"{number}{suffix}")
            assert "\n" not in str(caught.value)
    broken = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(broken[: len(broken) // 2])
    flipped = bytearray(broken)
    flipped[len(broken) // 2] ^= 0xFF
    (tmp_path / "flipped.png").write_bytes(flipped)
    jpeg = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(jpeg[: len(jpeg) * 3 // 4])
    marred = bytearray(jpeg)
    for place in range(len(jpeg) // 2, len(jpeg) // 2 + 40):
        marred[place] = place % 7
    (tmp_path / "marred.jpg").write_bytes(marred)
    with contextlib.suppress(UserError):  # libjpeg reads on after damage, but not without a word
        read_photo(tmp_path / "marred.jpg")
    (tmp_path / "text.jpg").write_text("no photo")
    for name in ("half.png", "half.jpg", "flipped.png", "text.jpg", "missing.jpg"):
        with pytest.raises(UserError) as caught:
            read_photo(tmp_path / name)
        assert "\n" not in str(caught.value)
    out, err = capfd.readouterr()
    assert out == err == ""


def test_a_photo_too_large_is_refused_before_decoding(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in chunks:
        data += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(UserError, match=r"30000 x 30000 pixels: more than 150,000,000"):
        read_photo(tmp_path / "a.png")


def test_an_unknown_suffix_names_those_that_work(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.png"):
        write_photo(tmp_path / "a.gif", smooth())
    assert not list(tmp_path.iterdir())


def test_heic_is_named_where_its_package_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    with pytest.raises(UserError, match=r"broken off|\[heic\]"):
        read_photo(tmp_path / "a.heic")
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(UserError, match=r"HEIC.*\[heic\]"):
        read_photo(tmp_path / "a.heic")
