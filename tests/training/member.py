"""One of the processes that test_parallel.py starts: trains as a member of a team, tells what came of it.

python -m tests.training.member FOLDER
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch

from faceswap_cli.device import processes
from faceswap_cli.errors import UserError
from faceswap_cli.training.engine import loop
from faceswap_cli.training.engine import trainer as trainer_module
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from faceswap_cli.training.engine.loop import Budget, fit
from faceswap_cli.training.engine.parallel import ALONE, PeerEndedError, ProcessGroup, join_process_group
from faceswap_cli.training.engine.trainer import Trainer
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.objectives.swap import swap_batches
from faceswap_cli.training.runs.settings import SwapSettings
from faceswap_cli.training.task import new_trainer
from tests.training.conftest import made_up_faces

# With a critic from the third step on: a second phase, which trains other weights.
SETTINGS = SwapSettings(
    family="shared",
    network={"resolution": 32, "width": 8, "code": 16},
    batch=8,  # a multiple of what two processes show the critic at a time
    warm_up=2,
    learning_rate=2e-3,
    adversarial=0.1,
    adversarial_from=0.4,
)
CPU = torch.device("cpu")


def compute_in_float32() -> None:
    """Some processors would train in bfloat16, whose 8 bits hide whether sums are the same."""
    trainer_module.reduced_precision = lambda device: None  # type: ignore[attr-defined]


def trained(folder: Path, steps: int, team: ProcessGroup = ALONE, stop_at: int | None = None) -> Trainer:
    """A run of some steps, gone on with if it is there, with a log line for each step."""
    loop.REPORT_SECONDS = 0.0
    faces = {"a": made_up_faces((200, 150, 120)), "b": made_up_faces((120, 90, 70))}
    trainer = new_trainer(FAMILIES["shared"], SETTINGS, CPU, team)
    store = CheckpointStore(folder / "checkpoints")
    if (checkpoint := store.newest()[0]) is not None:
        trainer.restore(checkpoint)
    team.check_shared(trainer.step)
    team.wait()  # or the leader might save before the others have looked
    batches = swap_batches(faces, SETTINGS, team.share)
    folder.mkdir(exist_ok=True)

    def stop() -> bool:
        return stop_at is not None and trainer.step >= stop_at

    for _ in fit(trainer, batches, Budget(steps=steps), store, stop, log=folder / "log.jsonl"):
        pass
    return trainer


def poison(team: ProcessGroup) -> Trainer:
    """A run in which one step's loss is NaN in the second process only."""
    trainer = new_trainer(FAMILIES["shared"], SETTINGS, CPU, team)
    healthy, done = trainer.phases[0].loss, []

    def sick(batch, progress):
        losses = healthy(batch, progress)
        if not team.leads and trainer.step == 2 and not done:
            done.append(True)
            return {name: value * float("nan") for name, value in losses.items()}
        return losses

    trainer.phases = [replace(trainer.phases[0], loss=sick), *trainer.phases[1:]]
    return trainer


def main(folder: Path) -> None:
    compute_in_float32()
    which = processes()
    told: dict[str, object] = {}
    try:
        with join_process_group(which, CPU) as team:
            trained(folder / "whole", 6, team)
            # Only the second process is asked to stop, and a fresh pair goes on.
            told["stopped"] = trained(folder / "parts", 6, team, None if team.leads else 3).step
            told["went on"] = trained(folder / "parts", 6, team).step

            sick = poison(team)
            faces = {"a": made_up_faces((200, 150, 120)), "b": made_up_faces((120, 90, 70))}
            store = CheckpointStore(folder / "sick")
            batches = swap_batches(faces, SETTINGS, team.share)
            notes = [t.note for t in fit(sick, batches, Budget(steps=4), store, save_seconds=0.0) if t.note]
            told["attempt"], told["notes"], told["sum"] = sick.attempt, notes, checksum(sick)
            if not team.leads:
                raise UserError("this process has had enough", "Let it rest")
            team.wait()
    except PeerEndedError:
        told["end"] = "another failed"
    except UserError as error:
        told["end"] = str(error)
    (folder / f"told-{which.rank}.json").write_text(json.dumps(told))


def checksum(trainer: Trainer) -> float:
    return float(torch.cat([w.detach().double().flatten() for w in trainer.weights()]).sum())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
