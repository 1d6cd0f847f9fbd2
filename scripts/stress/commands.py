"""The commands that are put under stress, what they start from, and how their results are compared.

A command is one entry in `commands`.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import torch

from faceswap_cli.training.runs.folder import open_run
from scripts.stress.children import finished

FRAMES = 8
"""Of the clips: short, so that many faults fit into a few minutes."""


@dataclass(frozen=True)
class Command:
    """A command under stress.

    Attributes:
        name: for the table.
        arguments: of the command line, for a folder to work in.
        result: what it makes, in that folder.
        digest: of the result: the same for the same result.
        source: a file that it reads, in that folder; it may vanish on the way.
    """

    name: str
    arguments: Callable[[Path], list[str]]
    result: str
    digest: Callable[[Path], str]
    source: str


def commands() -> list[Command]:
    """All that are put under stress. Another one is one more entry here."""

    def extract(at: Path) -> list[str]:
        return ["extract", str(at / "a.mp4"), "-o", str(at / "faces")]

    def train(at: Path) -> list[str]:
        people = ["-A", str(at / "man"), "-B", str(at / "woman"), "-m", str(at / "trained")]
        small = ["--resolution", "32", "--batch", "2", "--steps", "6", "--held-out", "0", "--from-scratch"]
        small += ["--option", "width=4", "--option", "code=8", "--measure-every", "0"]
        return ["train", *people, *small, "--device", "cpu", "--save-every", "1"]

    def convert(at: Path) -> list[str]:
        files = [str(at / "a.mp4"), "-m", str(at / "run"), "-o", str(at / "out.mp4")]
        return ["convert", "video", *files, "--segment", "4", "--device", "cpu", "--all-faces"]

    def photo(at: Path) -> list[str]:
        files = [str(at / "a.jpg"), "-m", str(at / "run"), "-o", str(at / "out.png")]
        return ["convert", "photo", *files, "--device", "cpu", "--all-faces"]

    def age(at: Path) -> list[str]:
        return [
            "age",
            "video",
            str(at / "a.mp4"),
            "--to",
            "70",
            "-o",
            str(at / "old.mp4"),
            "--segment",
            "4",
            *cpu,
        ]

    def age_photo(at: Path) -> list[str]:
        return ["age", "photo", str(at / "a.jpg"), "--to", "70", "-o", str(at / "old.png"), *cpu]

    def reenact(at: Path) -> list[str]:
        files = [str(at / "a.mp4"), "--face", str(at / "a.jpg"), "-o", str(at / "put.mp4")]
        return ["convert", "video", *files, "--segment", "4", *cpu]

    def reenact_photo(at: Path) -> list[str]:
        return [
            "convert",
            "photo",
            str(at / "a.jpg"),
            "--face",
            str(at / "a.jpg"),
            "-o",
            str(at / "put.png"),
            *cpu,
        ]

    cpu = ["--device", "cpu"]
    return [
        Command("extract", extract, "faces", of_faces, "a.mp4"),
        Command("train", train, "trained", of_run, "man/crops/a_000003_0.jpg"),
        Command("convert video", convert, "out.mp4", of_packets, "a.mp4"),
        Command("convert photo", photo, "out.png", of_picture, "a.jpg"),
        Command("age video", age, "old.mp4", of_packets, "a.mp4"),
        Command("age photo", age_photo, "old.png", of_picture, "a.jpg"),
        Command("reenact video", reenact, "put.mp4", of_packets, "a.mp4"),
        Command("reenact photo", reenact_photo, "put.png", of_picture, "a.jpg"),
    ]


def prepare(place: Path, picture: Path) -> None:
    """What the commands start from: clips, a photo, face sets and a run, made by the commands themselves."""
    place.mkdir(parents=True)
    image = cv2.imread(str(picture))
    assert image is not None
    image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    for name, turned in (("a", image), ("b", image[:, ::-1])):
        with av.open(str(place / f"{name}.mp4"), "w") as container:
            stream = container.add_stream("libx264", 25, options={"preset": "ultrafast"})
            stream.height, stream.width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
            for number in range(FRAMES):
                moved = np.ascontiguousarray(
                    np.roll(turned, number, 1)[: stream.height, : stream.width, ::-1]
                )
                container.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")))
            container.mux(stream.encode(None))
    cv2.imwrite(str(place / "a.jpg"), image)
    finished(place, ["extract", str(place / "a.mp4"), "-o", str(place / "man")])
    finished(place, ["extract", str(place / "b.mp4"), "-o", str(place / "woman")])
    train = next(one for one in commands() if one.name == "train").arguments(place)
    finished(place, [str(place / "run") if one == str(place / "trained") else one for one in train])
    for name in ("man", "woman"):
        shutil.rmtree(place / name / "cache")


def of_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def of_packets(path: Path) -> str:
    """Of a video: its packets. A signature, which says when it was made, is none."""
    found = hashlib.sha256()
    with av.open(str(path)) as container:
        for packet in container.demux():
            found.update(f"{packet.stream_index} {packet.pts} {packet.dts} {packet.size}".encode())
            found.update(bytes(packet))
    return found.hexdigest()


def of_picture(path: Path) -> str:
    """Of a photo: its pixels."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None, f"{path} can't be read"
    return hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).hexdigest()


def of_faces(path: Path) -> str:
    """Of a face set: its index but for the path of its source, and its crops."""
    crops = [f"{one.name} {of_file(one)}" for one in sorted((path / "crops").iterdir())]
    lines = [one for one in (path / "faces.jsonl").read_text("utf-8").splitlines() if '"source"' not in one]
    return hashlib.sha256("\n".join(crops + lines).encode()).hexdigest()


def of_run(path: Path) -> str:
    """Of a run: its newest weights, average and optimiser."""
    checkpoint, _ = open_run(path).store.newest()
    assert checkpoint is not None
    found = hashlib.sha256(str(checkpoint.facts["step"]).encode())
    for name in sorted(checkpoint.tensors):
        found.update(checkpoint.tensors[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
