"""Stress everything: hostile files into every reader, faults into every command; print what was lost.

    python -m scripts.stress            # 600 hostile files, 18 kinds from the field, 160 faults
    python -m scripts.stress --files 0 --times 0             # the kinds from the field alone
    python -m scripts.stress --quick    # some of each
    python -m scripts.stress --files 0 --no-field --log faults.jsonl    # faults alone; the same again goes on

Exits with 1 if anything was lost. Linux only: it limits memory, forks, and mounts small disks if it may.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

PICTURE = Path(__file__).resolve().parents[2] / "tests" / "data" / "face.jpg"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="stress", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--files", type=int, default=600, help="hostile files, the crafted ones first")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--times", type=float, default=1.0, help="so many times the usual faults; 0: none")
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which faults come")
    parser.add_argument(
        "--only", action="append", metavar="COMMAND", help="disturb this one, as 'age photo'; may be repeated"
    )
    parser.add_argument(
        "--log", type=Path, help="lines of outcomes are added here; known ones are not repeated"
    )
    parser.add_argument(
        "--no-field", action="store_true", help="leave out the kinds of faults from the field"
    )
    parser.add_argument("--quick", action="store_true", help="80 files, one fault of some kinds")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args()
    files, times = (80, 0.0) if options.quick else (options.files, options.times)
    with tempfile.TemporaryDirectory(prefix="stress-") as scratch:
        lost = 0
        if files:
            lost += stress_files(Path(scratch) / "files", range(options.first, options.first + files))
        if not options.quick and not options.no_field:
            lost += stress_field(Path(scratch) / "field", options)
        if options.quick or times:
            lost += stress_commands(Path(scratch) / "faults", options, times)
    print(f"\nlost: {lost}")
    return 1 if lost else 0


def stress_files(scratch: Path, numbers: range) -> int:
    """Read hostile files; how many were lost."""
    from scripts.stress.files import LOST, READ, REFUSED, read_hostile

    counts: dict[str, Counter[str]] = {}
    most, longest, started = 0.0, 0.0, time.monotonic()
    for outcome in read_hostile(scratch, numbers):
        kind = outcome.case.partition(" #")[0] if "#" in outcome.case else "crafted by hand"
        counts.setdefault(kind, Counter())[outcome.what] += 1
        most, longest = max(most, outcome.megabytes), max(longest, outcome.seconds)
        if outcome.what == LOST:
            print(f"LOST {outcome.case}: {outcome.why}", flush=True)
    table("hostile files", ("read", "refused", "lost"), {
        kind: [count[READ], count[REFUSED], count[LOST]] for kind, count in counts.items()
    })  # fmt: skip
    print(f"at most {most:.0f} MB and {longest:.1f} s for one; {time.monotonic() - started:.0f} s in all")
    return sum(count[LOST] for count in counts.values())


def stress_field(scratch: Path, options: argparse.Namespace) -> int:
    """Try the kinds of faults that come from the field; how many go wrong."""
    from scripts.stress.field import FIELD, tried

    scratch.mkdir(parents=True)
    root = str(Path(__file__).resolve().parents[2])
    os.environ |= {"XDG_DATA_HOME": str(scratch / "data"), "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    started = time.monotonic()
    lost = [why for why in tried(scratch, options.picture).values() if why is not None]
    table(
        "kinds from the field",
        ("tried", "right", "lost"),
        {"all": [len(FIELD), len(FIELD) - len(lost), len(lost)]},
    )
    print(f"{time.monotonic() - started:.0f} s in all")
    return len(lost)


def stress_commands(scratch: Path, options: argparse.Namespace, times: float) -> int:
    """Disturb commands; how many lost something."""
    import cv2
    import torch

    from scripts.stress.children import log_file, preload
    from scripts.stress.commands import commands, prepare
    from scripts.stress.faults import FAULTS, Trial

    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    scratch.mkdir(parents=True)
    os.environ["XDG_DATA_HOME"] = str(scratch / "data")  # consent and key are made anew, and nobody's
    preload()
    prepare(scratch / "honest", options.picture)
    trial, rows, started = Trial(scratch / "honest", scratch), {}, time.monotonic()
    known = _logged(options.log)
    every = {command.name: command for command in commands()}
    for command in [every[name] for name in options.only or every]:
        for name, (fault, usual) in FAULTS.items():
            tried = max(1, round(times * usual)) if times else int(name in ("kill -9", "full disk"))
            for number in range(tried):
                seed = f"{options.seed} {command.name}, {name} {number + 1}"
                if seed not in known:
                    begun = time.monotonic()
                    known[seed] = trial.run(command, fault, seed)
                    survived, why = known[seed]
                    _log(options.log, seed, survived, why)
                    what = "survived" if survived else f"LOST: {why}"
                    print(f"{seed}: {what} ({time.monotonic() - begun:.0f} s)", flush=True)
                row = rows.setdefault(name, [0, 0, 0])
                row[0] += 1
                row[1 if known[seed][0] else 2] += 1
        if not times and command.name == "extract":
            break
    log_file().unlink(missing_ok=True)
    table("faults", ("tried", "survived", "lost"), {name: row for name, row in rows.items() if row[0]})
    print(f"{time.monotonic() - started:.0f} s in all")
    return sum(row[2] for row in rows.values())


def _logged(log: Path | None) -> dict[str, tuple[bool, str]]:
    """Outcomes of earlier runs."""
    if log is None or not log.exists():
        return {}
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return {line["fault"]: (line["survived"], line["why"]) for line in lines}


def _log(log: Path | None, fault: str, survived: bool, why: str) -> None:
    if log is not None:
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"fault": fault, "survived": survived, "why": why}) + "\n")


def table(title: str, headings: tuple[str, ...], rows: dict[str, list[int]]) -> None:
    """Print counts, and their sums."""
    print(f"\n{title:26}" + "".join(f"{one:>10}" for one in headings))
    for name, counts in rows.items():
        print(f"{name:26}" + "".join(f"{one:10}" for one in counts))
    print(
        f"{'all':26}" + "".join(f"{sum(column):10}" for column in zip(*rows.values(), strict=True)),
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
