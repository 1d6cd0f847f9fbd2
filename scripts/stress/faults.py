"""Faults: commands are killed, stopped, and robbed of disk, files and clock. Afterwards what was there before
must be as it was, and the same command must come to the result that an undisturbed one has.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from scripts.stress.children import finished, run, start
from scripts.stress.commands import Command, of_file

Outcome = tuple[bool, str]
"""Whether it survived, and if not, what was lost."""


class Trial:
    """Commands and faults in a folder; every command's undisturbed result is known."""

    def __init__(self, honest: Path, scratch: Path) -> None:
        self.honest, self.scratch = honest, scratch
        self.random = random.Random(0)
        self.whole: dict[str, tuple[str, float]] = {}

    def run(self, command: Command, fault: Callable[[Trial, Command, Path], Outcome], seed: str) -> Outcome:
        """One fault; the folder is a fresh copy, and `seed` says when it comes."""
        self.random.seed(seed)
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
    "kill -9": (stopped_by(signal.SIGKILL), 5),
    "SIGTERM": (stopped_by(signal.SIGTERM), 4),
    "Ctrl-C": (stopped_by(signal.SIGINT), 3),
    "full disk": (full_disk, 4),
    "read-only disk": (read_only, 1),
    "file vanishes": (vanishing, 2),
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
