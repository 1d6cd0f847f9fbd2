"""Everything of ours that reads a file, each as: an honest file of its kind, and reading it.

`bench` makes the honest files once; each reader then gets a copy of a folder in which one was made hostile.
"""

from __future__ import annotations

import itertools
import json
import random
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from faceswap_cli import zoo
from faceswap_cli.curation.filter_rules import _listed
from faceswap_cli.curation.trash import move_to_trash, restore
from faceswap_cli.faces import geometry
from faceswap_cli.faces.identity.embeddings import EmbeddingStore
from faceswap_cli.faces.sets.crop_files import crop_files
from faceswap_cli.faces.sets.faceset import FaceSet, FaceSetWriter
from faceswap_cli.faces.sets.records import FaceRecord, Header, Source, as_stored
from faceswap_cli.media.photo import read_photo, what_is_lost, write_photo
from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.pipeline.workdir import Journal
from faceswap_cli.training.data.cache import _columns, _DamageError, _mapped, load_cached_faces
from faceswap_cli.training.engine import event_log
from faceswap_cli.training.engine.trainer import Trainer
from faceswap_cli.training.families import build_model
from faceswap_cli.training.monitor.history import History
from faceswap_cli.training.runs.export import export_run
from faceswap_cli.training.runs.family_options import settings_for
from faceswap_cli.training.runs.folder import create_run, load_trained, open_run
from faceswap_cli.training.runs.model_file import load_exported
from scripts.stress import corpus

CPU = torch.device("cpu")
SIZE = 64


@dataclass(frozen=True)
class Reader:
    """One kind of file.

    Attributes:
        name: for the table.
        file: the file that is made hostile, in a copy of `folder`.
        folder: an honest folder.
        read: reads everything that hangs on the file.
        text: it is JSON, or lines of it.
    """

    name: str
    folder: Path
    file: str
    read: Callable[[Path], object]
    text: bool = False


def bench(place: Path) -> list[Reader]:
    """The readers, with their honest files under `place`, which are made unless they are there."""
    if not place.is_dir():
        make(place)
    faces, run, card = place / "faces", place / "run", place / "card"
    found = [
        Reader(f"photo {one}", place / f"photo{one}", f"a{one}", partial(_read_photo_in, suffix=one))
        for one in corpus.PHOTOS
    ]
    found += [
        Reader(f"video {one}", place / f"video{one}", f"a{one}", partial(_read_video_in, suffix=one))
        for one in corpus.VIDEOS
    ]
    [checkpoint] = (run / "checkpoints").iterdir()
    [cache] = (faces / "cache").glob("[0-9]*")
    return [
        *found,
        Reader("face set: index", faces, "faces.jsonl", read_faces, True),
        Reader("face set: crop", faces, "crops/a_000003_0.jpg", read_faces),
        Reader("face set: bin", faces, "bin.jsonl", restore, True),
        Reader(
            "face set: identities", faces, ".identity.safetensors", lambda p: EmbeddingStore(FaceSet.open(p))
        ),
        Reader("face set: list", faces, "list.txt", lambda p: _listed(FaceSet.open(p), p / "list.txt")),
        Reader("face set: cache", faces, f"cache/{cache.name}/manifest.json", read_cache, True),
        Reader("face set: cached rows", faces, f"cache/{cache.name}/wide.npy", read_cache),
        Reader("run: card", run, "run.json", read_run, True),
        Reader("run: checkpoint", run, f"checkpoints/{checkpoint.name}", read_run),
        Reader(
            "run: log", run, "log.jsonl", lambda p: History.of(p / "log.jsonl", 100).points(("loss",)), True
        ),
        Reader("model file", run, "model.safetensors", lambda p: load_exported(p / "model.safetensors", CPU)),
        Reader("bundled card", card, "card.json", read_card, True),
        Reader("bundled weights", card, "weights.safetensors", read_card),
        Reader("unfinished work", place / "work", "faces.jsonl", read_work, True),
    ]


def make(place: Path) -> None:
    """Make the honest files."""
    for suffix in corpus.PHOTOS:
        (_folder(place / f"photo{suffix}") / f"a{suffix}").write_bytes(corpus.honest_photo(suffix))
    for suffix, codec in corpus.VIDEOS.items():
        corpus.honest_video(_folder(place / f"video{suffix}") / f"a{suffix}", codec)
    face_set(place / "faces")
    trained_run(place / "run")
    bundled(place / "card")
    work(place / "work")


def read_and_write(path: Path) -> None:
    """What a photo carries is looked at when it is written again, too."""
    photo = read_photo(path)
    for suffix in (".jpg", ".png", ".tif", ".webp"):
        output = path.with_name(f"again{suffix}")
        what_is_lost(output, photo)
        write_photo(output, photo.image, photo)


def _read_photo_in(place: Path, suffix: str) -> None:
    read_and_write(place / f"a{suffix}")


def _read_video_in(place: Path, suffix: str) -> None:
    read_video(place / f"a{suffix}")


def read_video(path: Path) -> None:
    with VideoReader(path, probe(path)) as reader:
        for _ in itertools.islice(reader, 400):
            pass


def read_faces(path: Path) -> None:
    faces = FaceSet.open(path)
    for record in faces.records:
        faces.crop(record)
    faces.tracks()
    with FaceSetWriter(path, faces.header) as writer:
        for source in writer.index.sources.values():
            writer.add_source(source)


def read_cache(path: Path) -> None:
    [place] = (path / "cache").glob("[0-9]*")
    try:
        faces = _mapped(place, _columns(SIZE, geometry.STORED_SIDE, len(FaceSet.open(path))))
    except _DamageError:
        return  # then it is made anew
    assert len(faces)


def read_log(path: Path) -> None:
    History.of(path / "log.jsonl", 100).points(("loss",))


def read_run(path: Path) -> None:
    run = open_run(path)
    load_trained(run, CPU)


def read_card(path: Path) -> None:
    zoo.tensors(str(path))  # an absolute path is a network's folder, too
    zoo.card(str(path))


def read_work(path: Path) -> None:
    for line in Journal(path / "faces.jsonl", "mark").read():
        assert isinstance(line, dict)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def face_set(path: Path) -> Path:
    """A set of 12 faces that was used for everything."""
    _folder(path)
    header = Header(SIZE, geometry.STORED_SIDE, {"every": "1", "min-size": "24"})
    landmarks = (geometry.MEAN_FACE * 40 + (200, 150)).astype(np.float32)
    matrix = geometry.crop_matrix(landmarks, SIZE, geometry.STORED_SIDE)
    box = np.array([150, 100, 250, 220], np.float32)
    with FaceSetWriter(path, header) as writer:
        source = writer.add_source(Source(-1, "a.mp4", "/films/a.mp4", "video", 640, 360, "a", 1, 1, 12))
        records = [
            as_stored(
                FaceRecord(
                    *(f"a_{k:06d}_0.jpg", 0, k, k / 25, k, box, landmarks, matrix),
                    *(0.9, -1, 0, 0.8, (0, 0, 0)),
                )
            )
            for k in range(14)
        ]
        writer.add(source, [(one, corpus.picture(SIZE, SIZE, one.frame)) for one in records])
        writer.finish(source, {record.crop: 0 for record in records})
    move_to_trash(path, {crop_files(path)["a_000013_0.jpg"]: ["blurred"]})
    faces = FaceSet.open(path)
    store = EmbeddingStore(faces)
    for record in faces.records:
        store.put(record, np.ones(128, np.float32) / 12)
    store.save()
    (path / "list.txt").write_text("a_000001_0.jpg\ncrops/a_000002_0.jpg\n", encoding="utf-8")
    load_cached_faces(faces, SIZE)
    return path


def trained_run(path: Path) -> Path:
    """A run of the smallest network, one step old, with a log and exported."""
    settings = settings_for("small", resolution=32, from_scratch=True, options=["width=8", "code=16"])
    settings = replace(settings, network={**settings.network, "identities": ("a", "b")})
    run = create_run(path, settings, {"a": "man", "b": "woman"}, np.ones((2, 128), np.float32))
    model = build_model(settings.family, settings.network)
    trainer = Trainer(model, [], settings)
    run.store.save(1, trainer.tensors(), trainer.facts())
    for step in range(1, 30):
        line = {"step": step, "seconds": step * 1.5, "losses": {"ssim": 0.5}}
        event_log.append_event(run.log, line | ({"validation": {"likeness": 0.5}} if step % 5 == 0 else {}))
    export_run(run, path / "model.safetensors")
    return path


def bundled(path: Path) -> Path:
    """A bundled network's folder."""
    zoo.write(
        _folder(path), torch.nn.Linear(3, 2), dict.fromkeys(zoo.NEEDED - {"config"}, "x") | {"config": {}}
    )
    return path


def work(path: Path) -> Path:
    """A journal of unfinished work."""
    journal_ = Journal(_folder(path) / "faces.jsonl", "mark")
    journal_.append([{"faces": [[[1.0, 2.0], 0.9]]} for _ in range(8)])
    return path


def hostile(reader: Reader, seed: int, into: Path) -> Path:
    """A copy of the reader's folder in which its file is hostile; also with checksums that fit."""
    random_ = random.Random(f"{reader.name} {seed}")
    shutil.copytree(reader.folder, into)
    file = into / reader.file
    if not reader.text:
        file.write_bytes(corpus.changed_bytes(file.read_bytes(), random_))
    else:
        file.write_bytes(hostile_text(file.read_text(encoding="utf-8"), random_))
    return into


def hostile_text(text: str, random_: random.Random) -> bytes:
    """A JSON text, or one line of several, changed."""
    try:
        json.loads(text)
    except ValueError:
        lines = text.splitlines()
        number = random_.randrange(len(lines))
        with_sum = lines[number][8:9] == " " and lines[number][9:10] == "{"
        changed = corpus.changed_json(lines[number][9:] if with_sum else lines[number], random_)
        if with_sum:  # of unfinished work: a checksum that fits, as somebody would write it
            before = int(lines[number - 1][:8], 16) if number else 0
            changed = b"%08x %s" % (zlib.crc32(changed, before), changed)
        whole = [line.encode() for line in lines]
        whole[number] = changed
        return b"\n".join(whole) + b"\n"
    return corpus.changed_json(text, random_)
