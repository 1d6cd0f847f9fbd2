"""Faults: commands are killed, stopped, and robbed of disk, files and clock. Afterwards what was there before
must be as it was, and the same command must come to the result that an undisturbed one has.

A command is one entry in `commands`. They run in forks of this process, which has loaded the libraries.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import torch

from faceswap_cli.training.run_folder import open_run

FRAMES = 8
"""Of the clips: short, so that many faults fit into a few minutes."""

Outcome = tuple[bool, str]
"""Whether it survived, and if not, what was lost."""


@dataclass(frozen=True)
class Command:
    """A command under torture.

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
    """All that are tortured. Another one is one more entry here."""

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

    return [
        Command("extract", extract, "faces", of_faces, "a.mp4"),
        Command("train", train, "trained", of_run, "man/crops/a_000003_0.jpg"),
        Command("convert video", convert, "out.mp4", of_file, "a.mp4"),
        Command("convert photo", photo, "out.png", of_file, "a.jpg"),
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


class Trial:
    """Commands and faults in a folder; every command's undisturbed result is known."""

    def __init__(self, honest: Path, scratch: Path, seed: int) -> None:
        self.honest, self.scratch = honest, scratch
        self.random = random.Random(seed)
        self.whole: dict[str, tuple[str, float]] = {}

    def run(self, command: Command, fault: Callable[[Trial, Command, Path], Outcome]) -> Outcome:
        """One fault; the folder is a fresh copy."""
        if command.name not in self.whole:
            at, begun = self.fresh(), time.monotonic()
            finished(at, command.arguments(at))
            self.whole[command.name] = command.digest(at / command.result), time.monotonic() - begun
        return fault(self, command, self.fresh())

    def fresh(self) -> Path:
        at = self.scratch / "at"
        shutil.rmtree(at, ignore_errors=True)
        shutil.copytree(self.honest, at)
        return at

    def goes_on(self, command: Command, at: Path) -> Outcome:
        """Whether the same command now comes to the same result and leaves nothing about."""
        code, error = run(at, command.arguments(at))
        if code:
            return False, f"it did not go on: {error[-200:]}"
        if command.digest(at / command.result) != self.whole[command.name][0]:
            return False, "it came to another result"
        stray = [
            path.name for path in at.iterdir() if ".part" in path.name or path.name.endswith(".faceswap")
        ]
        return not stray, f"{stray} lies about" if stray else ""


def stopped_by(which: int) -> Callable[[Trial, Command, Path], Outcome]:
    """A signal at a random moment."""

    def fault(trial: Trial, command: Command, at: Path) -> Outcome:
        before = state(at, command)
        child = start(at, command.arguments(at))
        ended = child.wait(trial.random.uniform(0.02, 1.1) * trial.whole[command.name][1])
        if ended is None:
            child.signal(which)
            code = child.wait(60)
            if code is None:
                child.signal(signal.SIGKILL)
                return False, "it did not end"
            if code not in (0, 130, -which):  # a signal may come before anybody listens
                return False, f"it ended with {code}: {child.error()[-200:]}"
        if (changed := state(at, command)) != before:
            return False, f"what was there was changed: {set(changed) ^ set(before)}"
        return trial.goes_on(command, at)

    return fault


def full_disk(trial: Trial, command: Command, at: Path) -> Outcome:
    """A disk with little room left; then there is room again."""
    with small_disk(at) as disk:
        if disk is None:
            return limited_files(trial, command, at)
        ballast = disk / "ballast"
        state_ = os.statvfs(disk)
        room = trial.random.choice((0, 4096, 20_000, 60_000))
        ballast.write_bytes(bytes(max(state_.f_bavail * state_.f_frsize - room, 0)))
        before = state(disk, command)
        code, error = run(disk, command.arguments(disk))
        ballast.unlink()
        if said := unspoken(code, error, allowed=(0, 1)):
            return False, said
        if code and state(disk, command) != before:
            return False, "what was there was changed"
        return trial.goes_on(command, disk)


def limited_files(trial: Trial, command: Command, at: Path) -> Outcome:
    """Where no disk can be mounted: no file may grow beyond a few bytes."""
    code, error = run(at, command.arguments(at), files=trial.random.choice((100, 5000, 30_000)))
    said = unspoken(code, error, allowed=(0, 1))
    return (False, said) if said else trial.goes_on(command, at)


def read_only(trial: Trial, command: Command, at: Path) -> Outcome:
    """A disk that nothing can be written to."""
    with small_disk(at) as disk:
        if disk is None:
            return True, ""
        subprocess.run(["mount", "-o", "remount,ro", str(disk.parent)], check=True)
        before = state(disk, command)
        code, error = run(disk, command.arguments(disk))
        if said := unspoken(code, error, allowed=(1,)):
            return False, said
        if state(disk, command) != before:
            return False, "what was there was changed"
        subprocess.run(["mount", "-o", "remount,rw", str(disk.parent)], check=True)
        return trial.goes_on(command, disk)


def vanishing(trial: Trial, command: Command, at: Path) -> Outcome:
    """A file goes away, or loses its end, while it is read; then it comes back."""
    source, kept = at / command.source, (at / command.source).read_bytes()
    times = source.stat()
    child = start(at, command.arguments(at))
    child.wait(trial.random.uniform(0, 0.8) * trial.whole[command.name][1])
    if trial.random.random() < 0.5:
        source.unlink()
    else:
        os.truncate(source, len(kept) // 2)
    code = child.wait(120)
    if code is None:
        return False, "it did not end"
    if said := unspoken(code, child.error(), allowed=(0, 1)):
        return False, said
    source.write_bytes(kept)
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    if code == 0:  # what could be read was used; that is told, and not the whole
        path = at / command.result
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return trial.goes_on(command, at)


def clock_back(trial: Trial, command: Command, at: Path) -> Outcome:
    """The clock goes a day back while it runs."""
    code, error = run(at, command.arguments(at), clock_back=True)
    if code:
        return False, f"exit code {code}: {error[-200:]}"
    if command.digest(at / command.result) != trial.whole[command.name][0]:
        return False, "it came to another result"
    return True, ""


FAULTS: dict[str, tuple[Callable[[Trial, Command, Path], Outcome], int]] = {
    "kill -9": (stopped_by(signal.SIGKILL), 8),
    "SIGTERM": (stopped_by(signal.SIGTERM), 6),
    "Ctrl-C": (stopped_by(signal.SIGINT), 4),
    "full disk": (full_disk, 4),
    "read-only disk": (read_only, 1),
    "file vanishes": (vanishing, 3),
    "clock goes back": (clock_back, 1),
}
"""Each fault, and how often it comes in a full run for each command."""


def unspoken(code: int | None, error: str, allowed: Sequence[int]) -> str:
    """What is wrong with how a command ended; "" if nothing is."""
    if code not in allowed:
        return f"exit code {code}: {error[-300:]}"
    if "Traceback" in error:
        return error[-300:]
    lines = [line for line in error.splitlines() if line.startswith("error:")]
    return "" if code == 0 or len(lines) == 1 else f"{len(lines)} lines of error: {error[-300:]}"


class Child:
    """A command in a fork of this process."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid, self.log = pid, log
        self.code: int | None = None

    def wait(self, seconds: float) -> int | None:
        """Its exit code, negative for a signal; None if it is still at work after so long."""
        end = time.monotonic() + seconds
        while self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                return None
            else:
                time.sleep(0.005)
        return self.code

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
        if number == signal.SIGKILL:
            self.wait(60)

    def error(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


def start(at: Path, arguments: Sequence[str], files: int = 0, clock_back: bool = False) -> Child:
    """Begin a command."""
    log = Path(tempfile.gettempdir()) / f"torture-{os.getpid()}.txt"  # not on the disk that is full
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return Child(pid, log)
    code = 70
    try:
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(target, 1)
        os.dup2(target, 2)
        code = _be(arguments, files, clock_back)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _be(arguments: Sequence[str], files: int, clock_back: bool) -> int:
    import resource

    from faceswap_cli.cli import app

    if files:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (files, files))
    if clock_back:
        true, begun = time.time, time.monotonic()
        time.time = lambda: true() - (86400 if time.monotonic() - begun > 0.2 else 0)
    try:
        app(list(arguments), prog_name="faceswap")
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def run(at: Path, arguments: Sequence[str], **how: int) -> tuple[int, str]:
    """Run a command to its end: exit code and what it said."""
    child = start(at, arguments, **how)
    code = child.wait(300)
    if code is None:
        child.signal(signal.SIGKILL)
        return -1, "it did not end within five minutes"
    return code, child.error()


def finished(at: Path, arguments: Sequence[str]) -> None:
    code, error = run(at, arguments)
    if code:
        raise RuntimeError(f"{' '.join(arguments)} ended with {code}: {error}")


@contextlib.contextmanager
def small_disk(at: Path) -> Iterator[Path | None]:
    """A small file system that holds what `at` does; None where none can be mounted."""
    disk = at.with_name("disk")
    disk.mkdir(exist_ok=True)
    size = 2 * sum(one.stat().st_size for one in at.rglob("*") if one.is_file()) + 8 * 2**20
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        yield None
        return
    try:
        shutil.copytree(at, disk / "at")
        yield disk / "at"
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def state(at: Path, command: Command) -> dict[str, str]:
    """Digests of everything that the command must not touch."""
    own = (command.result, f".{command.result}", "ballast", "man/cache", "woman/cache")
    found = {}
    for path in sorted(at.rglob("*")):
        name = str(path.relative_to(at))
        mine = name.startswith(own) or ".part" in name or name.endswith(".lock")
        if path.is_file() and not mine and name != command.source:
            found[name] = of_file(path)
    return found


def of_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
