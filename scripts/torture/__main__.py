"""Torture everything: hostile files into every reader, faults into every command; print what was lost.

    python scripts/torture            # 600 hostile files, 108 faults; a quarter of an hour
    python scripts/torture --quick    # some of each, in seconds

Exits with 1 if anything was lost. Linux only: it limits memory, forks, and mounts small disks if it may.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="torture", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--files", type=int, default=600, help="hostile files, the crafted ones first")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--times", type=float, default=1.0, help="so many times the usual faults; 0: none")
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which faults come")
    parser.add_argument("--quick", action="store_true", help="80 files, one fault of some kinds")
    parser.add_argument("--picture", type=Path, default=HERE.parents[1] / "tests" / "data" / "face.jpg")
    options = parser.parse_args()
    files, times = (80, 0.0) if options.quick else (options.files, options.times)
    with tempfile.TemporaryDirectory(prefix="torture-") as scratch:
        lost = 0
        if files:
            lost += torture_files(Path(scratch) / "files", range(options.first, options.first + files))
        if options.quick or times:
            lost += torture_commands(Path(scratch) / "faults", options, times)
    print(f"\nlost: {lost}")
    return 1 if lost else 0


def torture_files(scratch: Path, numbers: range) -> int:
    """Read hostile files; how many were lost."""
    from files import LOST, READ, REFUSED, tortured

    counts: dict[str, Counter[str]] = {}
    most, longest, started = 0.0, 0.0, time.monotonic()
    for outcome in tortured(scratch, numbers):
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


def torture_commands(scratch: Path, options: argparse.Namespace, times: float) -> int:
    """Disturb commands; how many lost something."""
    import cv2
    import torch
    from faults import FAULTS, Trial, commands, prepare

    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    scratch.mkdir(parents=True)
    prepare(scratch / "honest", options.picture)
    trial, rows, lost, started = Trial(scratch / "honest", scratch, options.seed), {}, 0, time.monotonic()
    for command in commands():
        for name, (fault, usual) in FAULTS.items():
            tried = max(1, round(times * usual)) if times else int(name in ("kill -9", "full disk"))
            row = rows.setdefault(name, [0, 0, 0])
            for _ in range(tried):
                survived, why = trial.run(command, fault)
                row[0] += 1
                row[1 if survived else 2] += 1
                if not survived:
                    lost += 1
                    print(f"LOST {command.name}, {name}: {why}", flush=True)
        if not times and command.name == "extract":
            break
    table("faults", ("tried", "survived", "lost"), {name: row for name, row in rows.items() if row[0]})
    print(f"{time.monotonic() - started:.0f} s in all")
    return lost


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
