"""File systems that are really full, or really can't be written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of `size` (such as "256k") at `folder`; the test is skipped where none can be made."""
    folder.mkdir(exist_ok=True)
    if (
        sys.platform != "linux"
        or os.geteuid()
        or not _done("mount", "-t", "tmpfs", "-o", f"size={size}", folder)
    ):
        pytest.skip("a small file system can't be mounted here")
    try:
        yield folder
    finally:
        _done("umount", "-l", folder)


def make_read_only(folder: Path) -> None:
    """Let nothing more be written to a `small_disk`."""
    assert _done("mount", "-o", "remount,ro", folder)


def fill(folder: Path, free: int) -> Path:
    """Leave about `free` bytes on a `small_disk`."""
    state = os.statvfs(folder)
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(max(state.f_bavail * state.f_frsize - free, 0)))
    return ballast


def _done(command: str, *arguments: object) -> bool:
    if "tmpfs" in arguments:
        arguments = (*arguments[:-1], "tmpfs", arguments[-1])
    done = subprocess.run([command, *map(str, arguments)], capture_output=True, check=False)
    return done.returncode == 0
