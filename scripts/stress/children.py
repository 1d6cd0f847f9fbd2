"""Commands in forks of this process, which has loaded the libraries."""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

BESIDE = ("c2pa", "nudenet", "torch._dynamo", "torch.ao.quantization")
"""What commands load besides our own modules, and what is slow to load."""


def preload() -> None:
    """Load what the commands will: else most of their time, and most faults, would fall on that."""
    import faceswap_cli

    ours = [one.name for one in pkgutil.walk_packages(faceswap_cli.__path__, "faceswap_cli.")]
    for name in (*ours, *BESIDE):
        if not name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # of extras that are not installed
                importlib.import_module(name)


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


def log_file() -> Path:
    """What a command says goes there: not onto the disk that is full."""
    return Path(tempfile.gettempdir()) / f"stress-{os.getpid()}.txt"


def start(at: Path, arguments: Sequence[str], files: int = 0, clock_back: bool = False) -> Child:
    """Begin a command."""
    log = log_file()
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
