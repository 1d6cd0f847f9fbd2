"""One step of training, whichever the family."""

import json
from dataclasses import replace

import pytest
import torch

from faceswap_cli.networks.swap.family import place_model
from faceswap_cli.training.engine.parallel import ALONE
from faceswap_cli.training.engine.trainer import Trainer, generator_for
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.families.conditional import ConditionalData
from faceswap_cli.training.families.swap import SwapData
from faceswap_cli.training.runs.family_options import settings_for
from tests.families import CONDITIONAL, SWAPS

every = pytest.mark.parametrize("family", SWAPS)
TINY = {"resolution": 32, "width": 8, "code": 16}


def one_step(family, people, checkpointing=False):
    settings = settings_for("small", family=family)
    network = {**settings.network, **TINY, "identities": tuple(people)}
    settings = replace(settings, network=network, batch=2, learning_rate=1e-3)
    torch.manual_seed(0)
    record = FAMILIES[family]
    model = place_model(record.build(settings.network), torch.device("cpu"))
    model.checkpointing = checkpointing
    aside = record.new_aside(model, settings)
    trainer = Trainer(model, record.phases(model, aside, settings, ALONE), settings, aside)
    before = {name: value.clone() for name, value in model.named_parameters()}
    kind = ConditionalData if family in CONDITIONAL else SwapData
    batches = kind(people, replace(settings, held_out=0.0), {}).batches(settings)
    losses = trainer.update(batches(generator_for(0, 0, 0), 0.0), 0.0)
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


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_sizes_of_its_own(name):
    family = FAMILIES[name]
    assert family.name == name and next(iter(family.sizes)) == "small"
    for settings in family.sizes.values():
        assert settings.family == name
        plain = json.loads(json.dumps(settings.to_json()))
        assert json.loads(json.dumps(family.settings.from_json(plain).to_json())) == plain
        family.config(**settings.network)  # all its values are its own, and in range
        side = family.resolution(family.outline(settings.network))
        assert side >= 64 or (name == "points" and not side)


@pytest.mark.parametrize("name", FAMILIES)
def test_what_a_family_measures_begins_with_its_loss(name):
    assert FAMILIES[name].figures[0].name == "loss" and FAMILIES[name].figures[0].gain


def test_base_is_another_word_for_medium():
    assert settings_for("base") == settings_for("medium")
