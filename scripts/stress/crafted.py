"""Files that somebody made by hand to do harm: each with how it is read, and what must not have happened."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from faceswap_cli.curation.filter_rules import _listed
from faceswap_cli.curation.trash import restore
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.media.open import check_readable
from faceswap_cli.media.photo import read_photo
from faceswap_cli.training.monitor.history import History
from faceswap_cli.training.runs.model_file import load_exported
from scripts.stress import corpus
from scripts.stress.readers import CPU, Reader, read_card, read_faces, read_run, read_video, read_work

Read = Callable[[], object]
Case = Callable[[Path, dict[str, Reader]], Read]

BILLION = 10**9
HUGE = 10 * 2**30
"""Bytes of a file that takes no room: all holes."""


def photo(name: str, data: bytes) -> Case:
    def make(folder: Path, of: dict[str, Reader]) -> Read:
        (folder / name).write_bytes(data)
        return lambda: read_photo(folder / name)

    return make


def video(name: str, make_file: Callable[[Path, bytes], object]) -> Case:
    """A case from an honest MP4's bytes."""

    def make(folder: Path, of: dict[str, Reader]) -> Read:
        reader = of["video .mp4"]
        make_file(folder / name, (reader.folder / reader.file).read_bytes())
        return lambda: read_video(folder / name)

    return make


def inside(
    of_name: str, change: Callable[[Path], object], read: Callable[[Path], object], **only: bool
) -> Case:
    """A case in a copy of an honest folder. `refused`: reading it must fail."""

    def make(folder: Path, of: dict[str, Reader]) -> Read:
        place = folder / "copy"
        shutil.copytree(of[of_name].folder, place, symlinks=True)
        change(place)

        def look() -> object:
            found = read(place)
            assert not only.get("refused"), "it was believed"
            return found

        return look

    return make


def replaced(file: str, old: str, new: str) -> Callable[[Path], object]:
    def change(place: Path) -> None:
        path = place / file
        text = path.read_text(encoding="utf-8")
        assert old in text, (file, old)
        path.write_text(text.replace(old, new), encoding="utf-8")

    return change


def written(file: str, data: bytes) -> Callable[[Path], object]:
    return lambda place: (place / file).write_bytes(data)


def holes(file: str) -> Callable[[Path], object]:
    return lambda place: corpus.sparse(place / file, HUGE, (place / file).read_bytes()[:4000])


def instead(file: str, put: Callable[[Path], object]) -> Callable[[Path], object]:
    """Put something else in a file's place."""

    def change(place: Path) -> None:
        (place / file).unlink()
        put(place / file)

    return change


def linked_folder(place: Path) -> None:
    (place / "crops").rename(place.parent / "elsewhere")
    (place / "crops").symlink_to(place.parent / "elsewhere")


def stolen(place: Path) -> None:
    """A list of the bin that names a file which is none of its business."""
    victim = place.parent / "a_000050_0.jpg"
    victim.write_bytes(corpus.honest_photo(".jpg"))
    entry = {"crop": "a_000050_0.jpg", "file": str(victim), "why": []}
    (place / "bin.jsonl").write_text(json.dumps(entry) + "\n", encoding="utf-8")


def restored(place: Path) -> None:
    """Restoring must leave everything outside of the set where it is."""
    try:
        restore(place)
    finally:
        victim = place.parent / "a_000050_0.jpg"
        assert victim.exists() or not (place / "crops" / victim.name).exists(), "a file of others was moved"
        assert not (place.parent / "evil.jpg").exists(), "it came out of the folder"


def checkpoint(data: bytes) -> Callable[[Path], object]:
    def change(place: Path) -> None:
        [file] = (place / "checkpoints").iterdir()
        file.write_bytes(data)

    return change


def devices(place: Path) -> None:
    corpus.link(place / "zero.mp4", "/dev/zero")
    corpus.pipe(place / "pipe.mp4")


def refuse_device(name: str) -> Case:
    def make(folder: Path, of: dict[str, Reader]) -> Read:
        devices(folder)
        return lambda: check_readable(folder / name)

    return make


DEEP = b"[" * 2_000_000
LONG = b'{"crop": "' + b"x" * 3_000_000
CROP, BIN = "face set: crop", '{"crop": "%s", "file": "%s", "why": []}\n'

CRAFTED: dict[str, Case] = {
    "PNG of 2^31 x 2^31": photo("a.png", corpus.png(2**31 - 1, 2**31 - 1)),
    "PNG of 60000 x 60000": photo("a.png", corpus.png(60000, 60000, corpus.zeros(1 << 26))),
    "PNG without pixels": photo("a.png", corpus.png(0, 0)),
    "PNG with 1 GB of colour profile": photo(
        "a.png", corpus.png(64, 64, corpus.zeros(1 << 20), corpus._chunk(b"iCCP", b"x\0\0" + corpus.zeros(1 << 30)))
    ),
    "JPEG of 65500 x 65500": photo(
        "a.jpg", b"\xff\xd8\xff\xc0\0\x11\x08\xff\xdc\xff\xdc\x03\x01\x11\0\x02\x11\0\x03\x11\0\xff\xda\0\x08" + bytes(500)
    ),
    "WebP of 16384 x 16384": photo(
        "a.webp", b"RIFF\x2a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0VP8L\x08\0\0\0\x2f\xff\xff\xff\x0f" + bytes(20)
    ),
    "BMP of negative size": photo("a.bmp", b"BM" + bytes(12) + b"\x28\0\0\0\0\0\0\x80\0\0\0\x80\1\0\x18\0" + bytes(40)),
    "TIFF whose list points at itself": photo("a.tif", b"II*\0\x08\0\0\0\xff\xff" + b"\0\1\4\0\xff\xff\xff\xff\x08\0\0\0" * 90),
    "photo of 10 GB": lambda folder, of: (
        corpus.sparse(folder / "a.jpg", HUGE, corpus.honest_photo(".jpg")) and (lambda: read_photo(folder / "a.jpg"))
    ),
    "MP4 of 10^9 frames": video("a.mp4", lambda p, d: p.write_bytes(corpus.many_samples(d, BILLION))),
    "MP4 of 30 million frames": video("a.mp4", lambda p, d: p.write_bytes(corpus.many_samples(d, 3 * 10**7))),
    "fragment of 10^9 frames": video("a.mp4", lambda p, d: p.write_bytes(corpus.huge_fragment(BILLION))),
    "frame of 20000 x 20000": video("a.mov", lambda p, d: corpus.bomb_in_a_video(p, 20000)),
    "MP4 of nothing but boxes": video("a.mp4", lambda p, d: p.write_bytes(d[:32] + b"\0\0\0\x08free" * 3_000_000)),
    "boxes in boxes": video("a.mp4", lambda p, d: p.write_bytes(d[:32] + b"\0\xff\xff\xffmoov\0\xff\xff\xfftrak" * 20000)),
    "playlist that fetches": video("a.mp4", lambda p, d: p.write_bytes(b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")),
    "playlist of a device": video("a.mp4", lambda p, d: p.write_bytes(b"ffconcat version 1.0\nfile /dev/zero\n")),
    "a device": refuse_device("zero.mp4"),
    "a pipe": refuse_device("pipe.mp4"),
    "crop called ../../x": inside(CROP, replaced("faces.jsonl", '"crop":"a_000003_0', '"crop":"../../x'), read_faces, refused=True),
    "prefix that leads out": inside(CROP, replaced("faces.jsonl", '"prefix":"a"', '"prefix":"../../a"'), read_faces, refused=True),
    "NaN among landmarks": inside(CROP, replaced("faces.jsonl", '"time":0.04', '"time":NaN'), read_faces, refused=True),
    "infinite time": inside(CROP, replaced("faces.jsonl", '"time":0.04', '"time":1e999'), read_faces, refused=True),
    "negative frame": inside(CROP, replaced("faces.jsonl", '"frame":3', '"frame":-3'), read_faces, refused=True),
    "frame of 400 digits": inside(CROP, replaced("faces.jsonl", '"frame":3', '"frame":' + "9" * 400), read_faces, refused=True),
    "crops of 10^9 pixels": inside(CROP, replaced("faces.jsonl", '"crop_size":64', '"crop_size":1000000000'), read_faces, refused=True),
    "index of 10 GB": inside(CROP, holes("faces.jsonl"), read_faces, refused=True),
    "index of one long line": inside(CROP, written("faces.jsonl", LONG), read_faces, refused=True),
    "deep index": inside(CROP, written("faces.jsonl", DEEP), read_faces, refused=True),
    "crop that is a device": inside(CROP, instead("crops/a_000003_0.jpg", lambda p: corpus.link(p, "/dev/zero")), read_faces, refused=True),
    "crop that is a pipe": inside(CROP, instead("crops/a_000003_0.jpg", corpus.pipe), read_faces, refused=True),
    "crop that is /etc/passwd": inside(CROP, instead("crops/a_000003_0.jpg", lambda p: corpus.link(p, "/etc/passwd")), read_faces, refused=True),
    "crop of 20000 x 20000": inside(CROP, written("crops/a_000003_0.jpg", corpus.png(20000, 20000, corpus.zeros(1 << 28))), read_faces, refused=True),
    "crops that lie elsewhere": inside(CROP, linked_folder, read_faces, refused=True),
    "bin that steals": inside(CROP, stolen, restored, refused=True),
    "bin that leads out": inside(CROP, written("bin.jsonl", (BIN % ("../../evil.jpg", "bin/a_000013_0.jpg")).encode()), restored, refused=True),
    "bin that comes from outside": inside(CROP, written("bin.jsonl", (BIN % ("passwd.jpg", "../../../etc/passwd")).encode()), restored, refused=True),
    "list of 10 GB": inside(CROP, holes("list.txt"), lambda p: _listed(FaceSet.open(p), p / "list.txt"), refused=True),
    "run.json of 10 GB": inside("run: card", holes("run.json"), read_run, refused=True),
    "deep run.json": inside("run: card", written("run.json", DEEP), read_run, refused=True),
    "run.json that is a pipe": inside("run: card", instead("run.json", corpus.pipe), read_run, refused=True),
    "run of width 10^9": inside("run: card", replaced("run.json", '"width": 8', '"width": 1000000000'), read_run, refused=True),
    "run of width 64, not 8": inside("run: card", replaced("run.json", '"width": 8', '"width": 64'), read_run, refused=True),
    "run of code 10^6": inside("run: card", replaced("run.json", '"code": 16', '"code": 1000000'), read_run, refused=True),
    "weights whose header is 10 GB": inside("run: card", checkpoint((HUGE).to_bytes(8, "little") + b"{}"), read_run, refused=True),
    "weights whose header is deep": inside("run: card", checkpoint((10**6).to_bytes(8, "little") + b"[" * 10**6), read_run, refused=True),
    "weights of 10 GB": inside("run: card", lambda p: corpus.sparse(next((p / "checkpoints").iterdir()), HUGE), read_run, refused=True),
    "model file of 10 GB": inside("run: card", holes("model.safetensors"), lambda p: load_exported(p / "model.safetensors", CPU), refused=True),
    "model file with a deep header": inside(
        "run: card", written("model.safetensors", (10**6).to_bytes(8, "little") + b"[" * 10**6),
        lambda p: load_exported(p / "model.safetensors", CPU), refused=True,
    ),
    "log of 10 GB": inside("run: card", holes("log.jsonl"), lambda p: History.of(p / "log.jsonl", 9)),
    "deep log": inside("run: card", written("log.jsonl", DEEP), lambda p: History.of(p / "log.jsonl", 9)),
    "card of 10 GB": inside("bundled card", holes("card.json"), read_card, refused=True),
    "deep card": inside("bundled card", written("card.json", DEEP), read_card, refused=True),
    "unfinished work of one line": inside("unfinished work", written("faces.jsonl", DEEP * 20), read_work),
}  # fmt: skip
