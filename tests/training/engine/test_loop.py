import json

import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.networks.swap.family import place_model
from faceswap_cli.training.engine import loop
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from faceswap_cli.training.engine.loop import Budget, fit
from faceswap_cli.training.engine.trainer import Trainer, TrainingPhase
from faceswap_cli.training.families import build_model
from faceswap_cli.training.objectives.swap import swap_batches, swap_phases
from faceswap_cli.training.runs.settings import SwapSettings

SETTINGS = SwapSettings(
    family="shared",
    network={"resolution": 32, "width": 8, "code": 16},
    batch=2,
    warm_up=2,
    learning_rate=2e-3,
)


@pytest.fixture(autouse=True)
def report_every_step(monkeypatch):
    monkeypatch.setattr(loop, "REPORT_SECONDS", 0.0)


def new_trainer(settings=SETTINGS):
    torch.manual_seed(settings.seed)
    model = place_model(build_model(settings.family, settings.network), torch.device("cpu"))
    return Trainer(model, swap_phases(model, None, settings), settings)


def run(trainer, people, folder, **options):
    store = CheckpointStore(folder)
    options.setdefault("budget", Budget(steps=12))
    return list(fit(trainer, swap_batches(people, trainer.settings), store=store, **options))


def test_resumed_equals_uninterrupted_bit_for_bit(people, tmp_path):
    whole = new_trainer()
    run(whole, people, tmp_path / "whole")

    first = new_trainer()
    stopped = run(first, people, tmp_path / "parts", stop=lambda: first.step >= 5)
    assert stopped[-1].step == 5 and stopped[-1].saved is not None

    second = new_trainer()
    checkpoint, _ = CheckpointStore(tmp_path / "parts").newest()
    second.restore(checkpoint)
    run(second, people, tmp_path / "parts")

    assert second.step == whole.step == 12
    for name, tensor in whole.tensors().items():
        resumed = second.tensors()[name]
        assert torch.equal(tensor, resumed), name
        # The fused optimiser walks memory: equal values in another layout would be other values to it.
        assert tensor.stride() == resumed.stride(), name


def test_the_same_seed_gives_the_same_weights_and_another_does_not(people, tmp_path):
    ends = []
    for number, seed in enumerate((3, 3, 4)):
        trainer = new_trainer(SwapSettings(**{**SETTINGS.to_json(), "seed": seed, "loss": SETTINGS.loss}))
        run(trainer, people, tmp_path / str(number), budget=Budget(steps=4))
        ends.append(torch.cat([p.flatten() for p in trainer.model.parameters()]))
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


def test_it_learns(people, tmp_path):
    ticks = run(new_trainer(), people, tmp_path, budget=Budget(steps=150))
    first, last = sum(ticks[0].losses.values()), sum(ticks[-2].losses.values())
    assert last < 0.5 * first


def poison(trainer, step):
    """Make the loss of one step NaN, once."""
    healthy, poisoned = trainer.phases[0].loss, []

    def sick(batch, progress):
        losses = healthy(batch, progress)
        if trainer.step == step and not poisoned:
            poisoned.append(True)
            losses = {k: v * float("nan") for k, v in losses.items()}
        return losses

    trainer.phases = [TrainingPhase("autoencoder", trainer.phases[0].parameters, sick)]


def test_nan_rolls_back_and_goes_on(people, tmp_path):
    trainer = new_trainer()
    poison(trainer, step=6)
    ticks = run(trainer, people, tmp_path, save_seconds=0.0)
    notes = [t.note for t in ticks if t.note]
    assert len(notes) == 1 and "NaN" in notes[0] and "back to step 6" in notes[0]
    assert trainer.step == 12 and trainer.is_finite()
    assert trainer.attempt == 1


def test_nan_in_the_last_step_is_made_good(people, tmp_path):
    trainer = new_trainer()
    poison(trainer, step=11)
    ticks = run(trainer, people, tmp_path)
    assert any(t.note for t in ticks)
    assert trainer.step == 12 and trainer.is_finite()
    assert CheckpointStore(tmp_path).newest()[0].facts["step"] == 12


def test_a_log_that_cannot_be_written_is_told_and_no_more(people, tmp_path):
    ticks = run(new_trainer(), people, tmp_path / "c", log=tmp_path / "missing" / "log.jsonl")
    assert ticks[-1].step == 12
    assert "can't be written" in ticks[0].note


def test_nan_for_ever_ends_in_a_plain_error_and_good_checkpoints(people, tmp_path):
    trainer = new_trainer()
    healthy = trainer.phases[0].loss
    trainer.phases = [
        TrainingPhase(
            "x",
            trainer.phases[0].parameters,
            lambda b, p: {k: v * float("nan") for k, v in healthy(b, p).items()},
        )
    ]
    with pytest.raises(UserError, match="NaN"):
        run(trainer, people, tmp_path)
    checkpoint, _ = CheckpointStore(tmp_path).newest()
    assert all(t.isfinite().all() for t in checkpoint.tensors.values())


def test_ticks_report_and_are_logged(people, tmp_path):
    log = tmp_path / "log.jsonl"
    ticks = run(new_trainer(), people, tmp_path / "c", log=log)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 13))
    assert set(lines[0]["losses"]) == {"dssim", "pixel", "edge", "mask", "match"}
    tick = ticks[3]
    assert tick.progress == pytest.approx(4 / 12)
    assert tick.images_per_second > 0 and 0 <= tick.data_wait <= 1


def test_minutes_count_earlier_starts(people, tmp_path):
    trainer = new_trainer()
    trainer.seconds = 59.9
    ticks = run(trainer, people, tmp_path, budget=Budget(minutes=1.0))
    assert trainer.seconds < 75
    assert ticks[-1].progress == 1.0


def test_a_spent_budget_trains_no_further(people, tmp_path):
    trainer = new_trainer()
    run(trainer, people, tmp_path)
    ticks = run(trainer, people, tmp_path)
    assert trainer.step == 12 and ticks == []


def without_room(trainer, most):
    """Let the trainer's device have room for `most` samples of each person."""
    [phase] = trainer.phases
    whole = phase.loss

    def loss(batch, progress):
        if len(batch[0].input) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return whole(batch, progress)

    trainer.phases = [TrainingPhase(phase.name, phase.parameters, loss)]


def test_a_batch_too_large_for_the_device_is_halved_once_and_told(people, tmp_path):
    trainer, said = new_trainer(), []
    trainer.compilation.say = said.append
    without_room(trainer, 1)
    ticks = run(trainer, people, tmp_path)
    assert trainer.step == 12 and ticks[-1].step == 12
    assert trainer.settings.accumulate == 2 and len(said) == 1 and "2 parts" in said[0]


def test_where_halves_are_too_large_it_ends_in_a_plain_error_and_keeps_what_was_saved(people, tmp_path):
    trainer = new_trainer()
    without_room(trainer, 0)
    with pytest.raises(UserError, match="memory of cpu is too small"):
        run(trainer, people, tmp_path)
    found, _ = CheckpointStore(tmp_path).newest()
    assert found is not None and found.facts["step"] == 0
