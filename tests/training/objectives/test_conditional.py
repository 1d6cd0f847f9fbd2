"""The conditional families: who is drawn is a condition, and training keeps to it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from faceswap_cli import zoo
from faceswap_cli.faces.identity.identity_encoder import CHIP
from faceswap_cli.networks.swap.conditional import split_code
from faceswap_cli.networks.swap.conditions import ATTRIBUTES, NUMBERS, TRAITS, measure_light
from faceswap_cli.networks.swap.family import place_model, split_output
from faceswap_cli.training.data.conditional_batches import ConditionalDataset, _flipped, batches_of_datasets
from faceswap_cli.training.data.conditioning import describe_faces
from faceswap_cli.training.data.train_val_split import train_val_split
from faceswap_cli.training.engine.checkpoints import Checkpoint
from faceswap_cli.training.engine.collapse_detection import REPORTS, CollapseDetector
from faceswap_cli.training.engine.parallel import ALONE, WHOLE, Share
from faceswap_cli.training.engine.trainer import Trainer, generator_for
from faceswap_cli.training.families import FAMILIES, build_model
from faceswap_cli.training.objectives.conditional import (
    DISGUISED,
    ConditionalObjective,
    cut_chips,
    join_batches,
)
from faceswap_cli.training.runs.adapt import is_adapting
from faceswap_cli.training.runs.family_options import settings_for
from faceswap_cli.training.runs.warm_start import is_bundled, load_base
from faceswap_cli.training.runs.weight_transfer import copy_shared_weights, copy_weights
from faceswap_cli.training.task import new_trainer
from tests.families import CONDITIONAL
from tests.training.conftest import made_up_faces

TINY = {"resolution": 32, "width": 8, "code": 16, "style": 16}
every = pytest.mark.parametrize("family", CONDITIONAL)


@pytest.fixture(scope="module")
def crowd():
    """Two made-up people, three and one pictures."""
    faces = made_up_faces((200, 150, 120), 4)
    known = describe_faces(faces)
    return ConditionalDataset(faces, known, torch.tensor([0, 0, 0, 1]))


def settings_of(family):
    settings = settings_for("small", family=family)
    network = {**settings.network, **TINY, "identities": ("everybody",)}
    return replace(settings, network=network, batch=4, learning_rate=2e-3, warm_up=5)


def trainer_of(family):
    settings = settings_of(family)
    torch.manual_seed(0)
    model = place_model(build_model(family, settings.network), torch.device("cpu"))
    critic = FAMILIES[family].new_aside(model, settings)
    phases = FAMILIES[family].phases(model, critic, settings, ALONE)
    return Trainer(model, phases, settings, critic)


@every
def test_a_descriptor_decides_who_is_drawn_and_attributes_how(family):
    torch.manual_seed(0)
    model = build_model(family, TINY).eval()
    code = model.encode(torch.rand(2, 3, 32, 32))
    assert code.shape[1] == split_code(code)[0].shape[1] + ATTRIBUTES
    one, other = torch.randn(2, NUMBERS) * 0.2
    drawn = model.draw(code, one.expand(2, -1))
    assert (drawn - model.draw(code, other.expand(2, -1))).abs().mean() > 0.01
    turned = code.clone()
    turned[:, -ATTRIBUTES] += 1
    assert (drawn - model.draw(turned, one.expand(2, -1))).abs().mean() > 1e-4


def test_light_tells_sides_and_colours_apart():
    dark = torch.full((1, 3, 32, 32), 0.2)
    right, warm = dark.clone(), dark.clone()
    right[..., 16:] += 0.3
    warm[:, 0] += 0.2
    assert measure_light(right)[0, 3] > 1 > abs(measure_light(dark)[0, 3])
    assert measure_light(warm)[0, 1] > measure_light(dark)[0, 1] + 1


def test_who_goes_with_a_picture_is_read_from_another_one(crowd):
    batch = batches_of_datasets({"everybody": crowd}, replace(settings_of("conditional"), batch=64))
    samples = join_batches(batch(generator_for(0, 0, 0), 0.0))
    assert samples.embedding.shape == (64, NUMBERS) and samples.traits.shape == (64, len(TRAITS))
    again = join_batches(batch(generator_for(0, 0, 0), 0.0))
    assert torch.equal(samples.embedding, again.embedding) and torch.equal(samples.traits, again.traits)


def test_two_processes_draw_the_halves_of_one_batch(crowd):
    def drawn(share):
        return join_batches(
            batches_of_datasets({"everybody": crowd}, settings_of("gan"), share)(generator_for(0, 0, 3), 0.0)
        )

    whole, halves = drawn(WHOLE), [drawn(Share(part, 2)) for part in (0, 1)]
    for name, value in vars(whole).items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(torch.cat([getattr(half, name) for half in halves]), value, msg=name)


def test_people_with_few_pictures_are_drawn_more_often_than_their_share(crowd):
    many = replace(crowd, person=torch.tensor([0, 0, 0, 1]))
    one = float(many.chances[3])
    assert 1 / 4 < one < 1 / 2


def test_a_mirrored_picture_has_a_mirrored_chip(crowd):
    pictures, chips = crowd.faces.target.float() / 255, crowd.known.chip
    plain = cut_chips(pictures, chips)
    turned = cut_chips(pictures.flip(-1), _flipped(chips, pictures.shape[-1]))
    assert plain.shape[-1] == CHIP
    torch.testing.assert_close(turned.flip(-1), plain, atol=1e-3, rtol=0)


@every
def test_steps_rebuild_better_and_resume_to_the_same_weights(family, crowd):
    batch = batches_of_datasets({"everybody": crowd}, settings_of(family))

    def steps(trainer, first, last):
        for step in range(first, last):
            losses = trainer.update(batch(generator_for(0, 0, step), 0.1), 0.1)
            assert all(v.isfinite() for v in losses.values()), losses
        return trainer

    def error(trainer):
        pictures = crowd.faces.target.float() / 255
        with torch.inference_mode():
            model = trainer.model
            drawn = split_output(model.draw(model.encode(pictures), crowd.known.embedding[:, 1])).image
        return float(((drawn - pictures).abs() * (crowd.faces.mask / 255)).mean())

    def copied(trainer):
        return Checkpoint({k: v.clone() for k, v in trainer.tensors().items()}, trainer.facts(), Path("x"))

    whole, resumed = trainer_of(family), trainer_of(family)
    before = error(whole)
    stopped = copied(steps(whole, 0, 14))
    wanted = copied(steps(whole, 14, 20))
    assert error(steps(whole, 20, 30)) < 0.8 * before
    resumed.restore(stopped)
    steps(resumed, 14, 20)
    for (name, one), other in zip(wanted.tensors.items(), resumed.tensors().values(), strict=True):
        torch.testing.assert_close(one, other, msg=name)


@every
def test_a_new_network_draws_as_the_base_of_shared_where_it_can(family):
    settings = settings_for("small", family=family)
    model = build_model(family, settings.network)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    copy_shared_weights(model, load_base("base-small"))
    after = model.state_dict()
    taken = {k for k in after if not torch.equal(before[k], after[k])}
    assert any(k.startswith("encoder.5") for k in taken)
    assert any(k.startswith("decoder.last") for k in taken)
    base = load_base("base-small")
    assert torch.equal(after["encoder.1.weight"], base.state_dict()["encoder.1.weight"])


@every
def test_a_new_run_takes_over_another_run_s_weights(family):
    torch.manual_seed(0)
    old, new = build_model(family, {**TINY, "identities": ["x"]}), build_model(family, TINY)
    copy_weights(new, old)
    code = old.encode(torch.rand(1, 3, 32, 32))
    assert torch.equal(old.decode(code, "x"), new.decode(code, "b"))


def test_half_of_the_pictures_are_seen_as_somebody_else(crowd):
    settings = settings_of("conditional")
    torch.manual_seed(0)
    losses = ConditionalObjective(build_model("conditional", settings.network), settings)
    samples = join_batches(batches_of_datasets({"everybody": crowd}, settings)(generator_for(0, 0, 0), 0.1))
    seen = losses._disguised(samples)
    rows = torch.arange(len(samples.input))[DISGUISED]
    assert (seen != samples.input).flatten(1).any(1).nonzero()[:, 0].tolist() == rows.tolist()
    another = losses._disguised(replace(samples, other=samples.other + 1))
    assert not torch.equal(seen[rows], another[rows])


def test_a_single_picture_is_trained_and_measured_on(crowd):
    one = train_val_split(made_up_faces((200, 150, 120), 1), 0.1)
    assert len(one.train) == len(one.held) == len(one.references) == 1


def test_bundled_names_are_those_of_conditional_families():
    assert is_bundled("small") == "" and is_bundled("nonsense") == ""


def test_a_collapse_is_told_once_and_a_bad_moment_is_none():
    alike, fine = {"variety": 2.4, "critic": 0.6}, {"variety": 0.0, "critic": 0.6}
    collapse = CollapseDetector(FAMILIES["gan"].collapse_signs)
    for _ in range(REPORTS - 1):
        assert collapse(alike, 9) is None
    assert collapse(fine, 9) is None
    told = [collapse(alike, 9) for _ in range(2 * REPORTS)]
    assert sum(note is not None for note in told) == 1 and "alike" in told[REPORTS - 1]
    assert "critic" in [collapse({"variety": 0.0, "critic": 0.001}, 9) for _ in range(REPORTS)][-1]
    assert CollapseDetector(FAMILIES["gan"].collapse_signs)({"dssim": 1.0}, 9) is None


@every
def test_an_adaptation_learns_as_its_family_does(family):
    if not is_bundled(family):
        pytest.skip(f"no base of {family} is bundled")
    found, own = is_adapting(Path(family), settings_for("small")), FAMILIES[family].sizes["small"]
    assert found.family == family
    assert (found.distortion_until, found.distortion_after) == (own.distortion_until, own.distortion_after)


def test_an_adapted_gan_goes_on_with_the_critic_it_was_trained_against():
    settings = is_adapting(Path("gan"), settings_for("small"))
    settings = replace(settings, network={**settings.network, "identities": ("b",)})
    critic = new_trainer(FAMILIES["gan"], settings, torch.device("cpu")).aside
    known = zoo.tensors("critic-gan")
    assert known
    for name, value in critic.state_dict().items():
        assert torch.equal(value, known[name]), name
