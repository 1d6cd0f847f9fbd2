"""What a photo carries beside its pixels is kept, or named as lost; what the old face hides in is gone."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

from faceswap_cli.media.containers import check_output
from faceswap_cli.media.encoders import EncodeOptions, encoder_for
from faceswap_cli.media.photo import read_photo, what_is_lost, write_photo
from faceswap_cli.media.photo_metadata import with_xmp
from faceswap_cli.media.probe import probe
from faceswap_cli.media.xmp_packet import correct_packet, merge_packets
from tests.media.test_photo import ICC, exif, smooth

XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" tiff:Orientation="%d" xmp:CreatorTool="Camera">'
    b'<dc:rights>Anna Muster</dc:rights>%s</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
OURS = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" e:DigitalSourceType="made" xmp:CreatorTool="faceswap"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def resource(number: int, body: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(body)) + body + b"\0" * (len(body) % 2)


CAPTION = b"\x1c\x02\x74\x00\x0bAnna Muster"
IPTC = resource(0x0404, CAPTION)
THUMBNAIL = resource(0x040C, b"the face as it was")


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def full_jpeg(path: Path) -> Path:
    extra = segment(0xED, b"Photoshop 3.0\0" + THUMBNAIL + IPTC)
    Pillow.fromarray(smooth()).save(
        path, quality=92, exif=b"Exif\0\0" + exif(1), icc_profile=ICC, dpi=(300, 300), comment=b"hello",
        xmp=XMP % (1, b""), extra=extra,
    )  # fmt: skip
    return path


def full_png(path: Path) -> Path:
    info = PngInfo()
    info.add(b"gAMA", struct.pack(">I", 45455))
    info.add(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
    info.add_itxt("XML:com.adobe.xmp", (XMP % (1, b"")).decode())
    info.add_text("Copyright", "Anna Muster")
    info.add_itxt("Title", "Grüße")
    info.add_text("Raw profile type exif", "the face as it was")
    Pillow.fromarray(smooth()).save(path, pnginfo=info, dpi=(300, 300), exif=exif(1))
    return path


def full_tiff(path: Path) -> Path:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270], tags[315], tags[33432] = "a portrait", "Anna", "Anna Muster"
    tags[700], tags[33723], tags[34377] = XMP % (1, b""), CAPTION, THUMBNAIL + IPTC
    tags.tagtype[700] = tags.tagtype[33723] = 1
    tags.tagtype[34377] = 1
    Pillow.fromarray(smooth()).save(
        path, tiffinfo=tags, icc_profile=ICC, dpi=(300, 300), compression="tiff_lzw"
    )
    return path


@pytest.mark.parametrize("make", [full_jpeg, full_png, full_tiff])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".bmp"])
def test_what_is_not_kept_is_named(tmp_path: Path, make, suffix: str) -> None:
    own = {full_jpeg: ".jpg", full_png: ".png", full_tiff: ".tif"}[make]
    before = read_photo(make(tmp_path / f"in{own}"))
    output = tmp_path / f"out{suffix}"
    lost = what_is_lost(output, before)
    write_photo(output, before.image, before)
    after = read_photo(output).metadata
    names = {
        "exif": "EXIF", "icc": "colour profile", "xmp": "XMP", "iptc": "IPTC data",
        "dpi": "resolution (DPI)", "gamma": "gamma and primaries (gAMA, cHRM)", "texts": "texts",
        "comment": "comment",
    }  # fmt: skip
    for field, name in names.items():
        old, new = getattr(before.metadata, field), getattr(after, field)
        assert (name in lost) == bool(old and not new), field
        if old and new and field not in ("exif", "dpi"):
            assert new == old, field
        if field == "dpi" and new:
            assert new == pytest.approx((300, 300), abs=0.01)
    if own == suffix:
        assert set(lost) <= {"EXIF as text"}
    assert b"the face as it was" not in output.read_bytes()


def test_what_pictures_of_a_sequence_carry_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(2):
        full_jpeg(folder / f"{number}.jpg")
    said = "the pictures' EXIF, colour profile, XMP, IPTC data, resolution (DPI), comment: left out"
    for output in ("out/%d.png", "out.mp4"):
        (tmp_path / "out").mkdir(exist_ok=True)
        path = tmp_path / output
        assert said in check_output(path, probe(folder), EncodeOptions(encoder_for(path)))


def test_exif_gets_into_a_tiff_and_out_of_it(tmp_path: Path) -> None:
    block = Pillow.Exif()
    block[271], block[33432] = "Maker", "Anna Muster"
    block[34665] = {37510: b"a comment", 33434: 0.01}
    block[34853] = {1: "N", 2: (48.0, 8.0, 0.0)}
    Pillow.fromarray(smooth()).save(tmp_path / "a.jpg", exif=block)
    for old, new in (("a.jpg", "b.tif"), ("b.tif", "c.tif"), ("c.tif", "d.jpg"), ("d.jpg", "e.png")):
        photo = read_photo(tmp_path / old)
        assert what_is_lost(tmp_path / new, photo) == []
        write_photo(tmp_path / new, photo.image, photo)
        with Pillow.open(tmp_path / new) as image:
            again = image.getexif()
            assert (again[271], again[33432]) == ("Maker", "Anna Muster")
            assert again.get_ifd(34665)[37510] == b"a comment"
            assert again.get_ifd(34853)[1] == "N"


def test_the_old_face_and_the_old_turn_leave_xmp() -> None:
    plain = XMP % (1, b"")
    assert correct_packet(plain) == plain
    hiding = XMP % (6, b"<xmp:Thumbnails>the face as it was</xmp:Thumbnails>")
    true = correct_packet(hiding)
    assert true is not None and b"face" not in true and b'tiff:Orientation="1"' in true
    assert b"Anna Muster" in true and b"dc:rights" in true
    for bad in (b"rubbish", b"<a", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"\xff\xfe<\0a\0"):
        assert correct_packet(bad) is None


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_another_packet_joins_the_one_that_is_there(tmp_path: Path, suffix: str) -> None:
    before = read_photo(full_jpeg(tmp_path / "in.jpg"))
    path = tmp_path / f"a{suffix}"
    write_photo(path, before.image, before)
    form = {".jpg": "jpeg", ".tif": "tiff"}.get(suffix, suffix[1:])
    path.write_bytes(with_xmp(path.read_bytes(), form, OURS))
    after = read_photo(path)
    assert np.abs(after.image.astype(int) - before.image).mean() < 3
    words = after.metadata.xmp
    assert words is not None
    assert b"Anna Muster" in words and b'DigitalSourceType="made"' in words
    assert b'CreatorTool="faceswap"' in words and b"Camera" not in words
    assert path.read_bytes().count(b"DigitalSourceType") == 1
    assert after.metadata.icc == ICC and after.metadata.exif is not None
    assert merge_packets(b"rubbish", OURS) == OURS


def test_a_packet_that_fills_its_segment_leaves_room_or_goes(tmp_path: Path) -> None:
    for length, kept in ((60_000, True), (64_500, False)):
        long = XMP % (1, b"<dc:description>" + b"x" * (length - len(XMP)) + b"</dc:description>")
        Pillow.fromarray(smooth()).save(tmp_path / "a.jpg", xmp=long)
        photo = read_photo(tmp_path / "a.jpg")
        assert what_is_lost(tmp_path / "b.jpg", photo) == ([] if kept else ["XMP"])
        write_photo(tmp_path / "b.jpg", photo.image, photo)
        data = with_xmp((tmp_path / "b.jpg").read_bytes(), "jpeg", OURS)
        assert (b"Anna Muster" in data) is kept and data.count(b"DigitalSourceType") == 1


def test_texts_that_unpack_to_much_are_left_out(tmp_path: Path) -> None:
    info = PngInfo()
    for number in range(20):
        info.add_text(f"text {number}", "x" * (1 << 20), zip=True)
    Pillow.fromarray(smooth()).save(tmp_path / "a.png", pnginfo=info)
    assert (tmp_path / "a.png").stat().st_size < 100_000
    assert what_is_lost(tmp_path / "b.png", read_photo(tmp_path / "a.png")) == ["texts"]


def test_a_photo_turned_upright_says_so_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Pillow.fromarray(smooth()).save(path, exif=b"Exif\0\0" + exif(6), xmp=XMP % (6, b""), quality=95)
    photo = read_photo(path)
    assert photo.image.shape == (60, 40, 3)
    for suffix in (".jpg", ".png", ".webp", ".tif"):
        write_photo(tmp_path / f"b{suffix}", photo.image, photo)
        again = read_photo(tmp_path / f"b{suffix}")
        assert again.image.shape == (60, 40, 3)
        assert again.metadata.xmp is not None and b'Orientation="1"' in again.metadata.xmp


def test_content_credentials_and_second_pictures_are_named(tmp_path: Path) -> None:
    path = full_jpeg(tmp_path / "a.jpg")
    data = path.read_bytes()
    more = segment(0xEB, b"JP\0\1\0\0\0\1" + b"\0\0\0\x20jumb" + bytes(24))
    more += segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40))
    path.write_bytes(data[:2] + more + data[2:])
    assert what_is_lost(tmp_path / "b.jpg", read_photo(path)) == ["Content Credentials", "extended XMP"]
