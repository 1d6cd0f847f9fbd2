"""One step of training, whichever the family."""

from dataclasses import replace

import pytest
import torch

from faceswap_cli.networks.swap.registry import ARCHITECTURES, build_model, place_model
from faceswap_cli.training.engine.trainer import Trainer, generator_for
from faceswap_cli.training.objectives.swap import swap_batches, swap_phases
from faceswap_cli.training.runs.settings import FAMILIES, settings_for

every = pytest.mark.parametrize("family", ARCHITECTURES)
TINY = {"resolution": 32, "width": 8, "code": 16}


def one_step(family, people, checkpointing=False):
    settings = settings_for("small", architecture=family)
    network = {**settings.network, **TINY, "identities": tuple(people)}
    settings = replace(settings, network=network, batch=2, learning_rate=1e-3)
    torch.manual_seed(0)
    model = place_model(build_model(family, settings.network), torch.device("cpu"))
    model.checkpointing = checkpointing
    trainer = Trainer(model, swap_phases(model, settings, None), settings)
    before = {name: value.clone() for name, value in model.named_parameters()}
    losses = trainer.update(swap_batches(people, settings)(generator_for(0, 0, 0), 0.0), 0.0)
    return trainer, before, losses


@every
def test_a_step_moves_every_weight(family, people):
    people["b2"] = people["b"]
    trainer, before, losses = one_step(family, people)
    assert all(value.isfinite() for value in losses.values())
    for name, value in trainer.model.named_parameters():
        assert not torch.equal(value, before[name]), name


@every
def test_checkpointing_trains_to_the_same_weights(family, people):
    plain, _, _ = one_step(family, people)
    frugal, _, _ = one_step(family, people, checkpointing=True)
    for one, other in zip(plain.model.parameters(), frugal.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_every_family_has_sizes_of_its_own():
    assert FAMILIES.keys() == ARCHITECTURES.keys()
    for family, sizes in FAMILIES.items():
        assert "small" in sizes
        for settings in sizes.values():
            assert settings.architecture == family
            ARCHITECTURES[family][0](**settings.network)  # all its values are its own, and in range
