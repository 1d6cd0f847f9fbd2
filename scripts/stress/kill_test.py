"""Kill extract, train, convert and age at random moments, and see whether anything is lost.

Each command is killed (SIGKILL) KILLS times, each time at another random moment of its run, and then left
to finish. Its result must be the one an uninterrupted run gives:

    python -m scripts.stress.kill_test CLIP_A CLIP_B --kills 20

- extract: the same faces in the index, the same crops, byte for byte;
- train (by steps, on the CPU): the same weights, average and optimiser, bit for bit; after every kill the
  run folder opens and has lost no more than what came after its last checkpoint, and every cache of prepared
  samples that bears its name is whole; half of the times the caches are removed, so that many kills meet
  their making;
- convert (with that run, and from one photo without a model) and age: the same video, packet for packet;
  nothing under the output's name before it is done.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from faceswap_cli.training.runs.folder import open_run
from scripts.stress.commands import of_packets

FACE = Path(__file__).resolve().parents[2] / "tests" / "data" / "face.jpg"
FACESWAP = [sys.executable, "-m", "faceswap_cli"]
TRIALS = ("extract", "train", "convert", "photo", "age")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("clip_a", type=Path)
    parser.add_argument("clip_b", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=150, help="training steps of the whole run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", choices=TRIALS, help="kill this one only; what it needs of the others just runs"
    )
    parser.add_argument("--face", type=Path, default=FACE, help="the photo that is put on without a model")
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        test_all(options, Path(scratch))


def test_all(options: argparse.Namespace, scratch: Path) -> None:
    def extract(name: str, clip: Path) -> list[str]:
        return ["extract", str(clip), "-o", str(scratch / name)]

    def train(name: str) -> list[str]:
        people = ["-A", str(scratch / "a"), "-B", str(scratch / "b"), "-m", str(scratch / name)]
        size = ["--resolution", "48", "--steps", str(options.steps), "--device", "cpu"]
        return ["train", *people, *size, "--save-every", "1"]

    def video(command: list[str], name: str, *more: str) -> list[str]:
        small = ["--segment", "10", "--device", "cpu"]
        return [*command, "video", str(options.clip_a), "-o", str(scratch / name), *more, *small]

    print(f"{'command':10}{'kills':>6}  ends in the same result", flush=True)
    a, a2, run2 = (scratch / name for name in ("a", "a2", "run2"))
    if options.only not in ("photo", "age"):
        run(extract("b", options.clip_b))
        same = partial(same_files, a, a2)
        trial(options, "extract", extract("a", options.clip_a), extract("a2", options.clip_a), a2, same)
    if options.only in (None, "train", "convert"):
        same = partial(same_weights, scratch / "run", run2)
        trial(options, "train", train("run"), train("run2"), run2, same, lambda: check_run(run2, scratch))
    for name, command, more in (
        ("convert", ["convert"], ["-m", str(scratch / "run")]),
        ("photo", ["convert"], ["--face", str(options.face)]),
        ("age", ["age"], ["--to", "70"]),
    ):
        if options.only in (None, name):
            whole, broken = (scratch / f"{name}{which}.mp4" for which in ("", "2"))
            first, second = (video(command, path.name, *more) for path in (whole, broken))
            same = partial(same_packets, whole, broken)
            trial(options, name, first, second, broken, same, partial(check_absent, whole, broken))


def trial(
    options: argparse.Namespace,
    name: str,
    whole: list[str],
    broken: list[str],
    result: Path,
    same: Callable[[], bool],
    check: Callable[[], None] = lambda: None,
) -> None:
    """Run `whole` once, `broken` with kills, and print whether the results are the same.

    Where `broken` comes to its end before its moment, its result is removed and it begins anew, so that
    every kill meets work.
    """
    begun = time.monotonic()
    run(whole)
    length, kills = time.monotonic() - begun, 0
    wanted = options.kills if options.only in (None, name) else 0
    while kills < wanted:
        process = subprocess.Popen([*FACESWAP, *broken], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        begun = time.monotonic()
        try:
            _, error = process.communicate(timeout=random.uniform(0.1, length))
            if process.returncode:
                sys.exit(f"error: {name} did not go on: {error.decode()}")
            shutil.rmtree(result) if result.is_dir() else result.unlink()
            length = min(length, time.monotonic() - begun)  # or a busy start would put most kills too late
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            check()
    run(broken)
    print(f"{name:10}{kills:6}  {'yes' if same() else 'NO'}", flush=True)


def run(arguments: list[str]) -> None:
    done = subprocess.run([*FACESWAP, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: {' '.join(arguments)}: {done.stderr}")


def same_files(one: Path, other: Path) -> bool:
    """The crops are the same bytes and the index the same text."""
    names = sorted(p.name for p in (one / "crops").iterdir())
    if names != sorted(p.name for p in (other / "crops").iterdir()):
        return False
    files = [Path("faces.jsonl"), *(Path("crops") / name for name in names)]
    return all(same_bytes(one / file, other / file) for file in files)


def same_bytes(one: Path, other: Path) -> bool:
    return digest(one) == digest(other)


def same_packets(one: Path, other: Path) -> bool:
    return of_packets(one) == of_packets(other)


def same_weights(one: Path, other: Path) -> bool:
    first, second = (open_run(path).store.newest()[0] for path in (one, other))
    if first is None or second is None or first.facts["step"] != second.facts["step"]:
        return False
    return all(torch.equal(tensor, second.tensors[name]) for name, tensor in first.tensors.items())


def check_run(path: Path, scratch: Path) -> None:
    if (path / "run.json").exists():
        open_run(path).store.newest()
    for place in scratch.glob("*/cache/[0-9]*"):
        told = json.loads((place / "manifest.json").read_text())["files"]
        found = {p.name: [p.stat().st_size, zlib.crc32(p.read_bytes())] for p in place.glob("*.npy")}
        if found != told:
            sys.exit(f"error: {place} is not whole")
    if random.random() < 0.5:
        for cache in scratch.glob("*/cache"):
            shutil.rmtree(cache)


def check_absent(whole: Path, path: Path) -> None:
    if path.exists():  # only if the moment came after the last rename, while the process was leaving
        if not same_packets(whole, path):
            sys.exit(f"error: {path} stands there before it is done")
        path.unlink()
    stray = [p.name for p in path.parent.iterdir() if ".part" in p.name]
    if stray:
        sys.exit(f"error: {stray[0]} lies about")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
