"""What a phase of training may ask for: a rate of its own, several updates in a step, being trained alone."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from faceswap_cli.training.engine.settings import TrainerSettings
from faceswap_cli.training.engine.trainer import Trainer, TrainingPhase

PLAIN = TrainerSettings(batch=4, learning_rate=0.1, warm_up=0, clip=1e9, ema=0.0)


@dataclass(frozen=True)
class Numbers:
    input: torch.Tensor

    def part(self, share):
        return Numbers(share.of(self.input))


def sgd(parameters, learning_rate):
    return torch.optim.SGD(parameters, lr=learning_rate)


def trained(values, *, only="", settings=PLAIN, **asked):
    """The weights of two phases after one step, each with the loss weight x mean of values; what they saw."""
    model, aside = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    for one in (model, aside):
        nn.init.zeros_(one.weight)
    seen = []

    def loss(of):
        def term(batch, progress):
            seen.append(batch[0].input.tolist())
            return {"loss": (of.weight * batch[0].input.mean()).sum()}

        return term

    phases = [
        TrainingPhase("own", [model.weight], loss(model), optimiser=sgd, **asked),
        TrainingPhase("other", [aside.weight], loss(aside), optimiser=sgd),
    ]
    trainer = Trainer(model, phases, settings, aside)
    trainer.only = only
    trainer.update([Numbers(torch.tensor(values))], 0.0)
    return model.weight.item(), aside.weight.item(), seen


def test_a_phase_has_a_rate_of_its_own():
    own, other, _ = trained([1.0, 1.0, 1.0, 1.0], rate=3.0)
    assert (own, other) == (pytest.approx(-0.3), pytest.approx(-0.1))


def test_several_updates_go_through_the_batch_part_by_part():
    own, other, seen = trained([1.0, 1.0, 3.0, 3.0], updates=2)
    assert seen == [[1.0, 1.0], [3.0, 3.0], [1.0, 1.0, 3.0, 3.0]]
    assert (own, other) == (pytest.approx(-0.4), pytest.approx(-0.2))


def test_updates_and_accumulated_parts_go_together():
    _, _, seen = trained([1.0, 2.0, 3.0, 4.0], updates=2, settings=replace(PLAIN, accumulate=2))
    assert seen[:4] == [[1.0], [2.0], [3.0], [4.0]]


@pytest.mark.parametrize(
    ("only", "moved"), [("own", (True, False)), ("other", (False, True)), ("", (True, True))]
)
def test_one_phase_can_be_trained_alone(only, moved):
    own, other, _ = trained([1.0, 1.0, 1.0, 1.0], only=only)
    assert (own != 0, other != 0) == moved
