from dataclasses import replace

import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.training.engine.autobatch import (
    LADDER,
    BatchTrial,
    choose_batch,
    scale_settings,
    with_measured_batch,
)
from faceswap_cli.training.engine.parallel import ALONE
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.families.swap import made_up_data
from faceswap_cli.training.task import new_trainer
from tests.training.member import CPU, SETTINGS


def machine(knee=10**9, memory=None, seconds=0.001, breaks_at=10**9):
    """A made-up machine: faster with the batch up to a knee, 100 bytes and 50 a sample."""
    tried = []

    def trial(batch):
        tried.append(batch)
        if batch >= breaks_at:
            raise UserError("no memory")
        peak = None if memory is None else 100 + 50 * batch
        return BatchTrial(100.0 * min(batch, knee), peak, seconds * batch)

    return trial, tried


def test_grows_until_it_is_no_faster():
    trial, tried = machine(knee=8)
    assert choose_batch(trial, None) == 8 and tried == [2, 4, 8, 16]


def test_a_step_that_will_not_fit_is_never_tried():
    trial, tried = machine(memory=True)
    assert choose_batch(trial, 100 + 50 * 20) == 16 and tried == [2, 4, 8, 16]


def test_ends_at_the_last_that_fitted_when_reckoning_failed():
    trial, _ = machine(breaks_at=32)
    assert choose_batch(trial, None) == 16
    with pytest.raises(UserError):
        choose_batch(machine(breaks_at=2)[0], None)


def test_slow_machines_are_not_measured_for_minutes():
    trial, tried = machine(seconds=0.5)
    assert choose_batch(trial, None) == 4 and tried == [2, 4]


def test_the_learning_rate_goes_with_the_root_of_the_batch():
    settings = replace(SETTINGS, batch=8, learning_rate=1e-3)
    assert scale_settings(settings, 16).learning_rate == pytest.approx(1.41e-3)
    assert scale_settings(settings, 8).learning_rate == 1e-3
    assert scale_settings(settings, 512).learning_rate == 2e-3
    assert scale_settings(settings, 16).batch == 16


def test_measured_here_it_finds_one_and_leaves_no_trace():
    state = torch.random.get_rng_state()
    settings = replace(SETTINGS, network={**SETTINGS.network, "identities": ("a", "b")})
    data = made_up_data(settings, CPU)

    def make(wanted):
        return new_trainer(FAMILIES["shared"], wanted, CPU), data.batches(wanted)

    found = with_measured_batch(settings, make, CPU, ALONE, 100)
    assert found.batch in LADDER
    torch.random.set_rng_state(state)
