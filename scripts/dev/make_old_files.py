"""Make tests/data/written-by-0.1: what version 0.1 left on disks, for the tests in tests/compatibility.

Run it with version 0.1's code alone (the commit before its folders were moved): files that a later version
made would prove nothing. `python scripts/dev/make_old_files.py CLIPS`, where CLIPS is the folder into which
`scripts/demo_clips.py` put the two clips.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.compatibility.described import describe, write_checkpoint  # noqa: E402
from tests.compatibility.old_files import HERE, ROW, SECONDS, block_means  # noqa: E402

TARGET = ROOT / "tests" / "data" / "written-by-0.1"
TINY = ("--from-scratch", "--resolution", 32, "--batch", 2, "--held-out", 0, "--option", "width=4")
SHARED = ("--option", "code=8", "--option", "squeeze=4", "--learning-rate", 0.01)
TOLD = ("--option", "code=2", "--option", "squeeze=4", "--option", "style=8", "--option", "blocks=0")
PLACE = ("--device", "cpu", "--threads", 1)
PLAIN = ("--device", "cpu", "--no-mark", "--adult-confirmed")


def main(clips: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        make(clips, Path(scratch) / "made")
        shutil.rmtree(TARGET, ignore_errors=True)
        shutil.copytree(Path(scratch) / "made", TARGET)


def make(clips: Path, folder: Path) -> None:
    folder.mkdir()
    man, woman = (list(frames(clips / name)) for name in ("man.mp4", "woman.mp4"))
    write_clip(folder / "clip.mp4", man[:40])
    cv2.imwrite(str(folder / "photo.jpg"), man[50][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    make_sets(folder, man, woman)
    make_swaps(folder)
    make_ageing(folder, man, woman)
    interrupt_extract(folder)
    interrupt_convert(folder)
    means = {}
    for name, command in ROW.items():
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch) / "copy"
            shutil.copytree(folder, copy)
            for about in copy.glob("*/checkpoint.json"):
                write_checkpoint(about.parent)
            faceswap(
                *(str(word).replace(HERE, str(copy)) for word in command), "-o", copy / "out.png", *PLAIN
            )
            means[name] = block_means(copy / "out.png").tolist()
    means["photo"] = block_means(folder / "photo.jpg").tolist()
    (folder / "drawn.json").write_text(json.dumps(means, separators=(",", ":")) + "\n", encoding="utf-8")


def make_sets(folder: Path, man: list[np.ndarray], woman: list[np.ndarray]) -> None:
    """Two small face sets; of man's one crop lies in the bin, and its files were sorted."""
    for name, pictures in (("man", man[::10]), ("woman", woman[20:320:40])):
        write_clip(folder / f"{name}.mp4", pictures)
        faceswap("extract", folder / f"{name}.mp4", "-o", folder / name, "--crop-size", 64, "--device", "cpu")
        set_times(folder / name)
    crops = sorted(path.name for path in (folder / "man" / "crops").iterdir())
    (folder / "list.txt").write_text(crops[-1] + "\n", encoding="utf-8")
    faceswap("faces", "filter", folder / "man", "--list", folder / "list.txt")
    faceswap("faces", "sort", folder / "man", "--by", "likeness", "--to", folder / "photo.jpg")


def make_swaps(folder: Path) -> None:
    """Runs at step 4 of 8; the shared one's end is kept as an exported model."""
    for family, options in (("shared", SHARED), ("conditional", TOLD), ("gan", TOLD)):
        run = folder / family
        people = ("-A", folder / "man", "-B", folder / "woman")
        how = ("--model", family, "--steps", 8, "--snapshot-every", 4)
        faceswap("train", *people, "-m", run, *how, *TINY, *options, *PLACE)
        if family == "shared":
            faceswap("models", "export", run, "-o", folder / "model.safetensors", "--with-reference")
        faceswap("train", "-m", run, "--rollback", 4)
        tidy(run)
        if family != "shared":
            (checkpoint,) = (run / "checkpoints").iterdir()
            describe(checkpoint, keep=("ema.",))
            (run / "checkpoints").rmdir()
    shutil.rmtree(folder / "woman" / "cache")  # one is enough
    for name in ("man", "woman"):
        (folder / f"{name}.mp4").unlink()
        forget_paths(folder / name, folder)


def make_ageing(folder: Path, man: list[np.ndarray], woman: list[np.ndarray]) -> None:
    """Ages are invented: what counts is that they are read."""
    photos = folder / "photos"
    photos.mkdir()
    for k, picture in enumerate([*man[::4], *woman[: 26 * 15 : 15]]):
        cv2.imwrite(str(photos / f"p_age{20 + k}.jpg"), picture[..., ::-1])
    run = folder / "age"
    faceswap(
        *(
            "extract",
            photos,
            "-o",
            folder / "faces",
            "--crop-size",
            64,
            "--adult-confirmed",
            "--device",
            "cpu",
        ),
        *("--max-faces", 1),
    )
    faceswap("train", "--model", "age", "-A", folder / "faces", "-m", run, "--steps", 2, "--batch", 2, *PLACE)
    tidy(run)
    (folder / "faces").rename(run / "faces")
    forget_paths(run / "faces", folder)
    describe(sorted((run / "checkpoints").iterdir())[-1])
    shutil.rmtree(run / "checkpoints")
    shutil.rmtree(photos)


def interrupt_extract(folder: Path) -> None:
    faces = folder / "extract"
    index = faces / "faces.jsonl"
    arguments = ("extract", folder / "clip.mp4", "-o", faces, "--crop-size", 64, "--device", "cpu")
    interrupt(lambda: index.exists() and '"source":0' in index.read_text() and has_faces(index), *arguments)
    forget_paths(faces, folder)


def has_faces(index: Path) -> bool:
    return sum('"crop":' in line for line in index.read_text().splitlines()) >= 8


def interrupt_convert(folder: Path) -> None:
    journal = folder / ".out.mp4.faceswap" / "segments.jsonl"
    arguments = (
        *(
            "convert",
            "video",
            folder / "clip.mp4",
            "-m",
            folder / "model.safetensors",
            "-o",
            folder / "out.mp4",
        ),
        *("--all-faces", "--segment", 6, "--workers", 1, *PLAIN),
    )
    interrupt(lambda: journal.exists() and len(journal.read_text().splitlines()) >= 3, *arguments)
    journal.parent.rename(folder / "convert")
    (folder / "convert" / ".lock").unlink(missing_ok=True)


def faceswap(*arguments: object) -> None:
    subprocess.run(command(*arguments), check=True, cwd=ROOT)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "faceswap_cli", *map(str, arguments)]


def interrupt(soon: Callable[[], bool], *arguments: object) -> None:
    """Begin a command and send it Ctrl-C once `soon` says so."""
    process = subprocess.Popen(command(*arguments), cwd=ROOT)
    while not soon():
        assert process.poll() is None, "it was done before it could be interrupted"
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130


def frames(path: Path) -> Iterator[np.ndarray]:
    """Frames at half their side: (180, 320, 3) uint8 RGB."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield cv2.resize(frame.to_ndarray(format="rgb24"), (320, 180), interpolation=cv2.INTER_AREA)


def write_clip(path: Path, pictures: list[np.ndarray]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 25, options={"crf": "24", "preset": "slow"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    os.utime(path, (SECONDS, SECONDS))


def set_times(folder: Path) -> None:
    """Crops get the time that the tests give them, too: what was measured of them is kept by it."""
    for path in folder.rglob("*"):
        os.utime(path, (SECONDS, SECONDS))


def forget_paths(faces: Path, folder: Path) -> None:
    """This machine's paths stay here; the tests put theirs in."""
    index = faces / "faces.jsonl"
    index.write_text(index.read_text(encoding="utf-8").replace(str(folder), HERE), encoding="utf-8")
    for name in ("sheet.html", "sheet.jpg", ".lock"):
        (faces / name).unlink(missing_ok=True)


def tidy(run: Path) -> None:
    """What a run folder does not need to be gone on with."""
    for name in ("previews", "set-aside", "snapshots"):
        shutil.rmtree(run / name, ignore_errors=True)
    for name in ("preview.jpg", "train.html", ".lock"):
        (run / name).unlink(missing_ok=True)
    for early in sorted((run / "checkpoints").iterdir())[:-1]:
        early.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
