"""The way back to an earlier step.

```
RUN/
  set-aside/step-400-back-to-200/    what came after the step that was gone back to
    checkpoints/ snapshots/ log.jsonl
```
Going back loses nothing: what is later is moved aside, and can be moved back by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faceswap_cli.errors import UserError
from faceswap_cli.files import locked, make_folder, said_plainly, write_text
from faceswap_cli.limits import parse_json, read_limited
from faceswap_cli.training.engine.checkpoints import Checkpoint, read_checkpoint, step_of
from faceswap_cli.training.engine.snapshots import link_snapshot
from faceswap_cli.training.runs.folder import Run, amend_run

ASIDE = "set-aside"


@dataclass(frozen=True)
class RolledBack:
    """What came of going back.

    Attributes:
        step: where the run stands now.
        minutes: trained until there.
        aside: where later checkpoints and log lines are; None: there were none.
        notes: a word on each damaged checkpoint that was passed over.
    """

    step: int
    minutes: float
    aside: Path | None
    notes: list[str]


def roll_back(run: Run, step: int) -> RolledBack:
    """Let a run stand at its newest whole checkpoint or snapshot at or before `step`.

    Killed at any moment, the run stands at one of its checkpoints; the same call does the rest.

    Raises:
        UserError: there is none that old, another process works in the run, or the disk is full.
    """
    with locked(run.path):
        checkpoint, notes = _newest(run, step)
        kept = int(checkpoint.facts["step"])
        everything = [*run.store.paths(), *run.snapshots.paths()]
        later = sorted((p for p in everything if step_of(p) > kept), key=step_of, reverse=True)
        early_lines, late_lines = _split_log(run.log, kept)
        aside = None
        if checkpoint.path.parent != run.store.folder:
            make_folder(run.store.folder)
            link_snapshot(checkpoint.path, run.store.folder / checkpoint.path.name)
        if later or late_lines:
            latest = step_of(later[0]) if later else kept
            aside = _new_folder(run.path / ASIDE, f"step-{latest}-back-to-{kept}")
            if late_lines:
                write_text(aside / run.log.name, "".join(late_lines))
            if later:
                amend_run(run, {"step": kept, "rolled back from": latest})
            _move(later, aside)  # the newest first: in between the run stands at an older one
            if late_lines:
                write_text(run.log, "".join(early_lines))
        return RolledBack(kept, checkpoint.facts["seconds"] / 60, aside, notes)


def _newest(run: Run, step: int) -> tuple[Checkpoint, list[str]]:
    everything = sorted([*run.store.paths(), *run.snapshots.paths()], key=step_of)
    notes: list[str] = []
    for path in reversed([p for p in everything if step_of(p) <= step]):
        try:
            return read_checkpoint(path), notes
        except UserError as error:
            notes.append(f"passed over {path.name}: {error.message}")
    there = ", ".join(str(number) for number in sorted({step_of(p) for p in everything}))
    damaged = f" that is whole ({len(notes)} damaged)" if notes else ""
    raise UserError(
        f"{run.path} has no checkpoint or snapshot at or before step {step}{damaged}",
        f"It has those of step {there}" if there else "Nothing was trained yet",
    )


def _split_log(log: Path, step: int) -> tuple[list[str], list[str]]:
    """The log's lines up to a step, and those after it."""
    if not log.is_file():
        return [], []
    early: list[str] = []
    late: list[str] = []
    with said_plainly(log):
        text = read_limited(log, "log_bytes").decode("utf-8", errors="replace")
        lines = text.splitlines(keepends=True)
    for line in lines:
        (late if _step_told(line) > step else early).append(line)
    return early, late


def _step_told(line: str) -> int:
    """The step of a log line; of a torn one 0, so that it stays where it is."""
    try:
        return int(parse_json(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 0


def _new_folder(parent: Path, name: str) -> Path:
    """A folder that was not there, its name numbered where it is taken."""
    number, folder = 1, parent / name
    while folder.exists():
        number += 1
        folder = parent / f"{name}-{number}"
    make_folder(folder)
    return folder


def _move(paths: list[Path], aside: Path) -> None:
    for path in paths:
        folder = aside / path.parent.name
        make_folder(folder)
        with said_plainly(folder):
            path.rename(folder / path.name)
