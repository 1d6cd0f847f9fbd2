"""Hostile files: honest ones to begin with, what is changed in them, and crafted ones.

Everything is a function of a seed and a number, so that a case that did harm can be made again.
"""

from __future__ import annotations

import io
import json
import os
import random
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image as Pillow

VALUES = (
    *(
        "null",
        "-1",
        "0",
        "1e308",
        "1e999",
        "NaN",
        "-Infinity",
        "1" + "0" * 400,
        '""',
        '"../../x.jpg"',
        "[]",
        "{}",
    ),
    *("true", '"\\u0000"', '"/etc/passwd"', "9223372036854775808", "-9223372036854775809", "0.5", '"a"'),
    *("[" * 100000 + "]" * 100000, '{"a":' * 5000 + "1" + "}" * 5000, '"' + "x" * 2_000_000 + '"'),
)
"""What is put in the place of a value of an honest JSON text."""

PHOTOS = (".jpg", ".png", ".webp", ".tif", ".bmp", ".avif")
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:rights>x</dc:rights>'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)
RESOURCES = b"Photoshop 3.0\0" + b"8BIM" + struct.pack(">HHI", 0x0404, 0, 8) + b"\x1c\x02\x74\0\x03abc"
VIDEOS = {
    ".mp4": "libx264",
    ".mkv": "libx264",
    ".mov": "mjpeg",
    ".avi": "mpeg4",
    ".webm": "libvpx",
    ".gif": "gif",
}


def picture(width: int = 64, height: int = 48, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8: smooth, with a little noise."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([x * 3, y * 4, (x + y) * 2], 2) % 200
    return (image + np.random.default_rng(seed).integers(0, 30, image.shape)).astype(np.uint8)


def honest_photo(suffix: str) -> bytes:
    """A small photo with all that it can carry."""
    exif = Pillow.Exif()
    exif[271], exif[34665], exif[34853] = (
        "Maker",
        {37510: b"a comment", 33434: 0.01},
        {1: "N", 2: (48.0, 8.0, 0.0)},
    )
    told = {} if suffix == ".bmp" else {"exif": exif}
    if suffix in (".jpg", ".webp"):
        told["xmp"] = XMP
    if suffix == ".jpg":
        told["extra"] = b"\xff\xed" + struct.pack(">H", 2 + len(RESOURCES)) + RESOURCES
    if suffix == ".tif":
        told |= {"compression": "tiff_lzw", "dpi": (300, 300), "exif": None, "tiffinfo": {270: "a", 315: "b"}}
    data = io.BytesIO()
    form = {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper())
    Pillow.fromarray(picture()).save(
        data, form, **{name: one for name, one in told.items() if one is not None}
    )
    return data.getvalue()


def honest_video(path: Path, codec: str, frames: int = 6) -> Path:
    """A small video."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, 25)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = {"gif": "rgb8", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(seed=number), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def changed_bytes(data: bytes, random_: random.Random) -> bytes:
    """The same bytes, damaged in one of the ways in which files are damaged, or by somebody."""
    found = bytearray(data)
    kind = random_.randrange(6)
    if kind == 0:
        return bytes(found[: random_.randrange(len(found))])
    if kind == 1:  # a few bits, as disks do
        for _ in range(random_.randint(1, 12)):
            found[random_.randrange(len(found))] ^= 1 << random_.randrange(8)
    elif kind == 2:  # a number in a header becomes an extreme one
        place = random_.randrange(max(1, min(len(found), 600) - 4))
        found[place : place + 4] = random_.choice(
            (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\x80" + bytes(3))
        )
    elif kind == 3:  # a stretch is lost, or comes twice
        a, b = sorted(random_.randrange(len(found)) for _ in range(2))
        found[a:b] = b"" if random_.random() < 0.5 else found[a:b] * 2
    elif kind == 4:
        place = random_.randrange(len(found))
        found[place : place + 64] = random_.randbytes(64)
    else:  # beginning as one thing, going on as noise
        found[random_.randrange(4, len(found)) :] = random_.randbytes(2000)
    return bytes(found)


def changed_json(text: str, random_: random.Random) -> bytes:
    """A JSON text with one value replaced, removed or made a key's, or with damaged bytes."""
    if random_.random() < 0.25:
        return changed_bytes(text.encode(), random_)
    value = json.loads(text)
    places = list(_places(value))
    holder, key = random_.choice(places)
    if random_.random() < 0.2 and isinstance(holder, dict):
        del holder[key]
        return json.dumps(value).encode()
    mark = "@@here@@"
    holder[key] = mark
    return json.dumps(value).replace(f'"{mark}"', random_.choice(VALUES)).encode()


def _places(value: object) -> list[tuple[dict | list, object]]:
    """Every place in a JSON value where another could stand; of long lists the first few."""
    found: list = []
    items = (
        value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    )
    for key, inner in items:
        found.append((value, key))
        found += _places(inner)
    return found


def png(width: int, height: int, body: bytes = b"", extra: bytes = b"") -> bytes:
    """A PNG that claims a size, with whatever body."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), extra, _chunk(b"IDAT", body),
         _chunk(b"IEND", b""))
    )  # fmt: skip


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def zeros(count: int) -> bytes:
    """So many zero bytes, deflated."""
    packer, block = zlib.compressobj(9), bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(count >> 20)) + packer.flush()


def sparse(path: Path, size: int, start: bytes = b"") -> Path:
    """A file of `size` bytes that takes no room on the disk."""
    with path.open("wb") as file:
        file.write(start)
        file.truncate(max(size, len(start)))
    return path


def many_samples(data: bytes, count: int) -> bytes:
    """An MP4 whose sample table claims `count` samples of one byte."""
    found = bytearray(data)
    place = data.index(b"stsz")
    found[place + 8 : place + 16] = struct.pack(">II", 1, count)
    for name, offset in ((b"stts", 12), (b"stsc", 16)):
        start = data.index(name) + offset
        found[start : start + 4] = struct.pack(">I", count)
    return bytes(found)


def huge_fragment(count: int) -> bytes:
    """A fragment whose one run claims `count` samples that have no fields of their own."""

    def box(name: bytes, *parts: bytes) -> bytes:
        body = b"".join(parts)
        return struct.pack(">I4s", 8 + len(body), name) + body

    header = box(b"tfhd", struct.pack(">II", 0x020000, 1))
    run = box(b"trun", struct.pack(">II", 0, count))
    return box(b"ftyp", b"isom\0\0\0\0isom") + box(b"moof", box(b"mfhd", bytes(8)), box(b"traf", header, run))


def link(path: Path, target: str) -> Path:
    """A symbolic link."""
    path.symlink_to(target)
    return path


def pipe(path: Path) -> Path:
    """A named pipe that nobody writes to: opening it waits for ever."""
    os.mkfifo(path)
    return path


def bomb_in_a_video(path: Path, side: int) -> Path:
    """A video of a few hundred kilobytes whose one picture is `side` x `side`."""
    row = side * 3 + 1
    data = png(side, side, zeros((row * side + (1 << 20)) & ~((1 << 20) - 1)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", 25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        packet = av.Packet(data)
        packet.pts = packet.dts = 0
        packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 25), stream, True
        container.mux(packet)
    return path
