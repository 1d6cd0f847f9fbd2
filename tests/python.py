"""Python processes that a test starts, kills and waits for, each as good as one of its own.

Where the system can fork they come from one process that has loaded torch and the package once
(`tests.preloaded`): two seconds of processor time less for each.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class Python:
    """`python -c CODE` or `python -m MODULE WORDS...`, begun; its returncode is as subprocess gives it.

    Args:
        *words: as after `python`.
        env: variables that it gets besides this process's own.
    """

    def __init__(self, *words: object, env: Mapping[str, object] | None = None) -> None:
        forks = "forkserver" in multiprocessing.get_all_start_methods()
        context: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
        before = os.environ.get("PYTHONPATH")
        # The process that forks is begun now, and it does not know pytest's own path.
        os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *([before] if before else [])])
        try:
            context.set_forkserver_preload(["tests.preloaded"])
            self._said = Path(tempfile.mkdtemp(prefix="python-"))
            own = {**os.environ, **{name: str(value) for name, value in (env or {}).items()}}
            self._process = context.Process(
                target=_begin, args=([str(word) for word in words], own, str(self._said))
            )
            self._process.start()
        finally:
            if before is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = before

    @property
    def stdout(self) -> str:
        """What it has said so far."""
        return self._read("stdout")

    @property
    def stderr(self) -> str:
        """What it has complained of so far."""
        return self._read("stderr")

    @property
    def returncode(self) -> int | None:
        """Its exit code, minus the signal's number where one ended it; None: it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it is there."""
        if self.returncode is None:
            assert self._process.pid is not None
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it as a loss of power would."""
        self.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)

    def wait(self, seconds: float = 240) -> int:
        """Its exit code, once it has ended."""
        self._process.join(seconds)
        if self.returncode is None:
            self.kill()
            raise TimeoutError(f"it has not ended; it said:\n{self.stdout}{self.stderr}")
        return self.returncode

    def wait_for(self, text: str, seconds: float = 240) -> None:
        """Until it has said this."""
        until = time.monotonic() + seconds
        while text not in self.stdout:
            if self.returncode is not None or time.monotonic() > until:
                raise TimeoutError(f"it never said {text!r}, but:\n{self.stdout}{self.stderr}")
            time.sleep(0.01)

    def _read(self, name: str) -> str:
        path = self._said / name
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _begin(words: list[str], environment: dict[str, str], said: str) -> None:
    """The life of such a process."""
    os.environ.clear()
    os.environ.update(environment)
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(f"{said}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)
    how, what, *rest = words
    sys.argv = [what, *rest]
    if how == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<a test's code>", "exec"), {"__name__": "__main__"})
