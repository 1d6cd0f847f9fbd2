"""Pixels that nobody drew on come out as they went in, in the sampling and the quality that they had."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from PIL import JpegImagePlugin

from faceswap_cli.errors import UserError
from faceswap_cli.media.photo import read_photo, what_is_lost, write_photo
from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader
from tests.media.test_photo import smooth

COLOUR = [222, 211, 194, 51]


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_straight_alpha_does_not_darken(tmp_path: Path, depth: type) -> None:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (20, 30, 4)).astype(np.uint8)
    pixels[0, 0], pixels[0, 1] = COLOUR, [200, 100, 50, 0]
    stored = pixels.astype(depth) * (257 if depth is np.uint16 else 1)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["unassalpha"])
    photo = read_photo(tmp_path / "a.tif")
    assert photo.alpha is not None and np.array_equal(np.dstack([photo.image, photo.alpha]), pixels)
    for suffix in (".tif", ".png", ".webp"):
        write_photo(tmp_path / f"b{suffix}", photo.image, photo)
        again = read_photo(tmp_path / f"b{suffix}")
        assert again.alpha is not None and np.array_equal(np.dstack([again.image, again.alpha]), pixels)


def test_sixteen_bits_are_rounded(tmp_path: Path) -> None:
    deep = np.arange(0, 65536, 11, dtype=np.uint16)[:5400].reshape(30, 60, 3)
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb")
    photo = read_photo(tmp_path / "a.tif")
    assert photo.bit_depth == 16 and np.array_equal(photo.image, np.rint(deep / 257).astype(np.uint8))


def noisy() -> np.ndarray:
    rng = np.random.default_rng(5)
    return (smooth(64, 96) * 0.7 + rng.integers(0, 60, (64, 96, 3))).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("sampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [60, 90, 99])
def test_a_jpeg_keeps_sampling_and_quality(tmp_path: Path, sampling: int, quality: int) -> None:
    Pillow.fromarray(noisy()).save(tmp_path / "a.jpg", quality=quality, subsampling=sampling)
    photo = read_photo(tmp_path / "a.jpg")
    write_photo(tmp_path / "b.jpg", photo.image, photo)
    with Pillow.open(tmp_path / "a.jpg") as old, Pillow.open(tmp_path / "b.jpg") as new:
        assert JpegImagePlugin.get_sampling(new) == sampling
        assert isinstance(new, JpegImagePlugin.JpegImageFile) and isinstance(
            old, JpegImagePlugin.JpegImageFile
        )
        assert new.quantization == old.quantization
    again = read_photo(tmp_path / "b.jpg").image.astype(int)
    # Encoded anew with the same steps almost nothing moves; at 4:2:0 the colour is shrunk once more.
    assert np.abs(again - photo.image).mean() < (0.6 if sampling == 0 else 3)
    assert what_is_lost(tmp_path / "b.jpg", photo) == []
    told = what_is_lost(tmp_path / "b.webp", photo)
    assert told == ([] if sampling == 2 else ["colour of full resolution"])


def test_a_png_becomes_a_jpeg_of_full_colour(tmp_path: Path) -> None:
    Pillow.fromarray(noisy()).save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    write_photo(tmp_path / "b.jpg", photo.image, photo)
    with Pillow.open(tmp_path / "b.jpg") as image:
        assert JpegImagePlugin.get_sampling(image) == 0


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".bmp"])
def test_what_is_without_loss_stays_so(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"a{suffix}"
    Pillow.fromarray(noisy()).save(source, **({"lossless": True} if suffix == ".webp" else {}))
    photo = read_photo(source)
    for other in (".png", ".tif", ".webp", ".bmp"):
        write_photo(tmp_path / f"b{other}", photo.image, photo)
        assert np.array_equal(read_photo(tmp_path / f"b{other}").image, noisy()), other
    Pillow.fromarray(noisy()).save(tmp_path / "lossy.webp", quality=80)
    lossy = read_photo(tmp_path / "lossy.webp")
    write_photo(tmp_path / "c.webp", lossy.image, lossy)
    assert b"VP8L" not in (tmp_path / "c.webp").read_bytes()[:64]


def test_grey_with_transparency_stays_grey(tmp_path: Path) -> None:
    grey = np.dstack([noisy()[..., 0], noisy()[..., 1]])
    Pillow.fromarray(grey, "LA").save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    assert photo.grey and photo.alpha is not None
    write_photo(tmp_path / "b.png", photo.image, photo)
    with Pillow.open(tmp_path / "b.png") as image:
        assert image.mode == "LA" and np.array_equal(np.asarray(image), grey)


def several(path: Path, **how: object) -> Path:
    first, second = (Pillow.fromarray(np.roll(noisy(), n * 9, 1)) for n in range(2))
    first.save(path, save_all=True, append_images=[second, first], **how)
    return path


@pytest.mark.parametrize(
    ("name", "said"), [("a.webp", "3 pictures"), ("a.tif", "3 pages"), ("a.avif", "3 pictures")]
)
def test_more_pictures_than_one_are_refused_by_name(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(UserError, match=rf"{name} holds {said}, not one"):
        read_photo(several(tmp_path / name))
    if name == "a.tif":
        with pytest.raises(UserError, match=rf"{name} holds {said}"), VideoReader(tmp_path) as reader:
            list(reader)


def test_views_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    several(path, format="MPO")
    data = path.read_bytes()
    if b"MPF\0" not in data:
        pytest.fail("Pillow wrote no MPO")
    place = data.index(b"MPF\0") + 4
    entries = bytearray(data)
    # Pillow calls them undefined; 2 is what stereo cameras write.
    order = "little" if data[place : place + 2] == b"II" else "big"
    start = _mp_entries(data, place, order)
    for number in range(3):
        entries[start + 16 * number : start + 16 * number + 4] = (0x020002).to_bytes(4, order)  # type: ignore[arg-type]
    path.write_bytes(entries)
    with pytest.raises(UserError, match=r"a\.jpg holds 3 views, not one"):
        read_photo(path)


def _mp_entries(data: bytes, place: int, order: str) -> int:
    """Where the list of pictures (tag B002) is."""

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)  # type: ignore[arg-type]

    directory = place + number(place + 4, 4)
    for entry in range(directory + 2, directory + 2 + 12 * number(directory, 2), 12):
        if number(entry, 2) == 0xB002:
            return place + number(entry + 8, 4)
    raise AssertionError("no list of pictures")


def test_a_tiffs_small_copy_of_itself_is_no_second_picture(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(noisy(), photometric="rgb")
        writer.write(noisy()[::4, ::4], photometric="rgb", subfiletype=1)
    assert read_photo(tmp_path / "a.tif").image.shape == (64, 96, 3)


def test_a_cameras_raw_is_no_small_photo(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.dng") as writer:
        small, raw = noisy()[::4, ::4], noisy()[..., 0].astype(np.uint16)
        writer.write(small, photometric="rgb", subfiletype=1, subifds=1)
        writer.write(raw, photometric=32803, extratags=[(33421, 3, 2, (2, 2)), (33422, 1, 4, (0, 1, 1, 2))])
    for name in ("a.dng", "a.tif"):
        path = (tmp_path / "a.dng").rename(tmp_path / name)
        with pytest.raises(UserError, match="raw file, not yet a picture"):
            read_photo(path)
        path.rename(tmp_path / "a.dng")


@pytest.mark.parametrize(
    "start",
    [b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", b"IIRO\x08\0\0\0", b"IIU\0\x18\0\0\0", b"FUJIFILMCCD-RAW 0201"],
)
def test_other_raw_files_are_known_by_how_they_begin(tmp_path: Path, start: bytes) -> None:
    (tmp_path / "a.raw").write_bytes(start + bytes(200))
    for read in (read_photo, probe):
        with pytest.raises(UserError, match="raw file, not yet a picture"):
            read(tmp_path / "a.raw")


def test_an_animated_png_is_a_video(tmp_path: Path) -> None:
    path = several(tmp_path / "a.png", duration=80)
    assert probe(path).kind == "video"
    with VideoReader(path) as reader:
        frames = list(reader)
    assert len(frames) == 3 and np.array_equal(frames[1].image, np.roll(noisy(), 9, 1))
    assert frames[1].time == pytest.approx(0.08)
    with pytest.raises(UserError, match="Use `convert video`"):
        read_photo(path)


@pytest.mark.parametrize("turn", [1, 6])
def test_avif_is_read(tmp_path: Path, turn: int) -> None:
    block = Pillow.Exif()
    block[274] = turn
    Pillow.fromarray(smooth()).save(tmp_path / "a.avif", quality=95, exif=block)
    photo = read_photo(tmp_path / "a.avif")
    wanted = smooth() if turn == 1 else np.rot90(smooth(), -1)
    assert photo.format == "avif" and np.abs(photo.image.astype(int) - wanted).mean() < 3
    info = probe(tmp_path / "a.avif")
    assert (info.kind, info.width, info.height) == ("photo", wanted.shape[1], wanted.shape[0])
    write_photo(tmp_path / "b.jpg", photo.image, photo)
    assert read_photo(tmp_path / "b.jpg").image.shape == wanted.shape


def box(name: bytes, *parts: bytes, version: int | None = None) -> bytes:
    body = b"".join(parts) if version is None else struct.pack(">I", version << 24) + b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, name) + body


def write_heic(path: Path, image: np.ndarray) -> None:
    """One HEVC keyframe as a photo (ISO/IEC 23008-12), which no wheel without GPL writes."""
    with av.open(str(path.with_suffix(".mp4")), "w") as container:
        options = {"x265-params": "log-level=none:info=0:qp=4:pools=none:frame-threads=1", "tag": "hvc1"}
        stream = container.add_stream("libx265", rate=25, options=options)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.codec_tag = "hvc1"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    film = path.with_suffix(".mp4").read_bytes()
    at = film.index(b"hvcC") - 4
    settings = film[at : at + int.from_bytes(film[at : at + 4], "big")]
    with av.open(str(path.with_suffix(".mp4"))) as written:
        data = next(bytes(packet) for packet in written.demux(video=0) if packet.size)
    size = box(b"ispe", struct.pack(">II", image.shape[1], image.shape[0]), version=0)
    item = box(b"infe", struct.pack(">HH4s", 1, 0, b"hvc1"), b"\0", version=2)
    links = box(b"ipma", struct.pack(">IHBBB", 1, 1, 2, 1, 0x82), version=0)

    def meta(start: int) -> bytes:
        place = struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, start, len(data))
        return box(
            b"meta",
            box(b"hdlr", bytes(4), b"pict", bytes(13), version=0),
            box(b"pitm", struct.pack(">H", 1), version=0),
            box(b"iloc", place, version=0),
            box(b"iinf", struct.pack(">H", 1), item, version=0),
            box(b"iprp", box(b"ipco", size, settings), links),
            version=0,
        )

    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    start = len(head) + len(meta(0)) + 8
    path.write_bytes(head + meta(start) + box(b"mdat", data))


def test_heic_is_read_where_its_package_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("pi_heif", reason="the extra [heic] is not installed")
    write_heic(tmp_path / "a.heic", smooth(64, 96))
    photo = read_photo(tmp_path / "a.heic")
    assert photo.format == "heif" and np.abs(photo.image.astype(int) - smooth(64, 96)).mean() < 4
    assert probe(tmp_path / "a.heic").kind == "photo"
    write_photo(tmp_path / "b.jpg", photo.image, photo)
    assert read_photo(tmp_path / "b.jpg").image.shape == (64, 96, 3)


def test_bytes_are_the_same_each_time(tmp_path: Path) -> None:
    Pillow.fromarray(noisy()).save(tmp_path / "a.jpg", quality=90)
    photo = read_photo(tmp_path / "a.jpg")
    for suffix in (".jpg", ".png", ".tif", ".webp"):
        written = []
        for _ in range(2):
            write_photo(tmp_path / f"b{suffix}", photo.image, photo)
            written.append((tmp_path / f"b{suffix}").read_bytes())
        assert written[0] == written[1]
