"""Read hostile files, many in one process, under limits of memory and time; a worker that dies is replaced.

    python -m scripts.stress.files PLACE FIRST LAST

is such a worker: it tells of every case on a line of JSON, before it reads it and after.
"""

from __future__ import annotations

import gc
import json
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

MEMORY = 2**30
"""Bytes that a file may take while it is read, beyond what the process has already."""

SECONDS, PATIENCE = 60, 400
"""Longest processor time for one file, and longest time by the clock, of a machine that has other work."""

AGAIN = 3
"""Exit code of a worker after a lost file: the next one goes on in a fresh process."""

READ, REFUSED, LOST = "read", "refused", "lost"


@dataclass(frozen=True)
class Outcome:
    """What came of one file: READ, REFUSED in one line, or LOST, and why; seconds of processor time."""

    case: str
    what: str
    why: str
    megabytes: float
    seconds: float


def read_hostile(place: Path, numbers: range) -> Iterator[Outcome]:
    """Read the cases of these numbers, in as many workers as it takes."""
    first = numbers.start
    while first < numbers.stop:
        command = [sys.executable, "-m", "scripts.stress.files", str(place), str(first), str(numbers.stop)]
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as worker,
        ):
            lines: Queue[str | None] = Queue()
            listener = threading.Thread(target=_listen, args=(worker, lines), daemon=True)
            listener.start()
            begun = ""
            while True:
                try:
                    line = lines.get(timeout=2 * PATIENCE)
                except Empty:
                    worker.kill()
                    line = None
                if line is None:
                    break
                said = json.loads(line)
                if "begin" in said:
                    begun, first = said["begin"], said["number"] + 1
                else:
                    begun = ""
                    yield Outcome(**said)
            code = worker.wait()
            listener.join()
            if begun:
                yield Outcome(begun, LOST, f"the process ended with {code}", 0, 0)
            elif code not in (0, AGAIN):
                errors.seek(0)
                raise RuntimeError(f"a worker ended with {code}: {errors.read()[-2000:]}")
            elif code == 0:
                return


def _listen(worker: subprocess.Popen[str], lines: Queue[str | None]) -> None:
    assert worker.stdout is not None
    for line in worker.stdout:
        lines.put(line)
    lines.put(None)


def work(place: Path, first: int, last: int) -> None:
    """Be a worker."""
    import cv2
    import torch

    from scripts.stress.cases import case_of, warm
    from scripts.stress.readers import bench

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    readers = bench(place)
    scratch = place.with_name(f"{place.name}-{first}")
    warm(readers)
    begin = _resident()
    limit = _virtual() + 2 * MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, _too_long)
    for number in range(first, last):
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        name, read = case_of(number, readers, scratch)
        print(json.dumps({"begin": name, "number": number}), flush=True)
        before, started = max(begin, _peak()), time.process_time()
        signal.alarm(PATIENCE)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        what, why = judged(read)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        seconds, more = time.process_time() - started, (_peak() - before) / 2**20
        if what != LOST and _peak() - begin > MEMORY:
            what, why = LOST, f"it took {more:.0f} MB"
        told: dict[str, object] = {"case": name, "what": what, "why": why}
        told |= {"megabytes": round(more, 1), "seconds": round(seconds, 2)}
        print(json.dumps(told), flush=True)
        if number % 50 == 0:
            gc.collect()
        if what == LOST:
            sys.exit(AGAIN if number + 1 < last else 0)
    shutil.rmtree(scratch, ignore_errors=True)


def judged(read) -> tuple[str, str]:
    """Read, and say what came of it."""
    from faceswap_cli.errors import UserError

    try:
        read()
    except UserError as error:
        return REFUSED, str(error)[:300]
    except BaseException as error:
        return LOST, f"{type(error).__name__}: {str(error)[:300]}"
    return READ, ""


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError("it took too long")


def _peak() -> int:
    # getrusage's figure would begin with the memory of whoever started this process.
    return int(_status("VmHWM")) * 1024


def _resident() -> int:
    return int(_status("VmRSS")) * 1024


def _virtual() -> int:
    return int(_status("VmSize")) * 1024


def _status(name: str) -> str:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return line.split()[1]
    raise KeyError(name)


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
