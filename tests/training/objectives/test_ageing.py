from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from faceswap_cli.networks.ageing.age_discriminator import TAPS, AgeDiscriminator
from faceswap_cli.networks.ageing.ageing import LEAST_AGE, MOST_AGE, AgeingConfig, AgeingNetwork
from faceswap_cli.networks.perception.age_estimator import AgeConfig, AgeNetwork
from faceswap_cli.training.data.ageing_batches import (
    FAR,
    NEAR,
    AgedFacesPart,
    AgeingBatches,
    balance_ages,
    draw_target_age,
    hold_out_ages,
)
from faceswap_cli.training.engine.parallel import Share
from faceswap_cli.training.engine.settings import TrainerSettings
from faceswap_cli.training.engine.trainer import Trainer, generator_for
from faceswap_cli.training.objectives.ageing import AgeingLosses
from faceswap_cli.training.objectives.weights import AgeingWeights

CONFIG = AgeingConfig(size=64, widths=(8, 8, 8, 8), fine=4, ages=8)


class Drawn:
    """Faces that are nothing but a colour: the older, the brighter."""

    side, mask_side = 2.8, 2.75

    def __init__(self, count: int = 60) -> None:
        self.age = np.linspace(18, 90, count)
        self.female = np.arange(count) % 2 / 1.0
        self.share = np.ones(count)

    def crop(self, index: int) -> np.ndarray:
        crop = np.full((48, 48, 3), int(self.age[index]), np.uint8)
        crop[:, :24, 0] = 200
        return crop

    def mask(self, index: int) -> np.ndarray:
        mask = np.zeros((32, 32), np.uint8)
        mask[8:24, 8:24] = 255
        return mask


@pytest.fixture
def batches() -> Iterator[AgeingBatches]:
    with ThreadPoolExecutor(1) as pool:
        yield AgeingBatches(pool, Drawn(), 8, 2.75, ((0.5, 32), (2.0, 64)), torch.device("cpu"))


def estimator() -> AgeNetwork:
    torch.manual_seed(3)
    return AgeNetwork(AgeConfig(size=64)).eval().requires_grad_(False)


def losses(weights: AgeingWeights | None = None) -> AgeingLosses:
    torch.manual_seed(2)
    model = AgeingNetwork(CONFIG)

    def recognise(crops: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(torch.nn.functional.adaptive_avg_pool2d(crops, 4).flatten(1))

    return AgeingLosses(model, AgeDiscriminator(), estimator(), recognise, weights or AgeingWeights())


def trainer(own: AgeingLosses) -> Trainer:
    return Trainer(own.model, own.phases(), TrainerSettings(batch=8, warm_up=1), own.critic)


def test_a_step_draws_the_same_however_often(batches: AgeingBatches) -> None:
    one = batches(generator_for(0, 0, 5), 0.1)[0]
    batches(generator_for(0, 0, 6), 0.1)
    again = batches(generator_for(0, 0, 5), 0.1)[0]
    assert torch.equal(one.input, again.input) and torch.equal(one.target, again.target)
    other = batches(generator_for(0, 0, 7), 0.1)[0]
    assert not torch.equal(one.target, other.target)


def test_pictures_grow_when_it_is_time(batches: AgeingBatches) -> None:
    assert batches(generator_for(0, 0, 1), 0.49)[0].input.shape == (8, 3, 32, 32)
    assert batches(generator_for(0, 0, 1), 0.51)[0].mask.shape == (8, 1, 64, 64)


def test_real_faces_are_of_the_age_and_sex_that_is_wanted(batches: AgeingBatches) -> None:
    for seed in range(5):
        batch = batches.made(seed, 32)
        assert torch.equal(batch.female, batch.real_female)
        assert float((batch.target - batch.real_age).abs().max()) <= NEAR
        shown = batch.real[:, 1].float().amax((1, 2))  # the colour is the age
        assert torch.allclose(shown, batch.real_age.floor(), atol=1.5)


def test_every_other_new_age_is_far_away() -> None:
    random = np.random.default_rng(0)
    for age in (18.0, 45.0, 80.0):
        far = [draw_target_age(random, age, 0) for _ in range(50)]
        assert min(abs(one - age) for one in far) >= FAR
        assert all(LEAST_AGE <= one <= MOST_AGE for one in far)
    assert min(abs(draw_target_age(random, 45.0, 1) - 45) for _ in range(50)) < FAR


def test_rare_ages_come_up_more_often_than_they_are() -> None:
    faces = Drawn(100)
    faces.age, faces.female = np.array([20.0] * 90 + [70.0] * 10), np.zeros(100)
    chance = balance_ages(faces)
    assert chance[-1] / chance[0] == pytest.approx(3)
    assert chance.sum() == pytest.approx(1)
    faces.share[0] = 5.0
    assert balance_ages(faces)[0] / balance_ages(faces)[1] == pytest.approx(5)


def test_nobody_under_18_is_learnt_from() -> None:
    faces = Drawn()
    faces.age = np.linspace(10, 90, len(faces.age))
    for share, given in ((0.0, None), (0.2, None), (0.2, Drawn())):
        train, kept, _ = hold_out_ages(faces, share, given)
        assert train.age.min() >= 18 and int(train.crop(0)[0, -1, 1]) >= 18  # the colour is the age
        learnt = len(train.age) + (len(kept.age) if share and given is None else 0)
        assert learnt == np.count_nonzero(faces.age >= 18)


def test_held_out_faces_are_of_all_ages_and_are_not_trained_on() -> None:
    faces = Drawn()
    train, kept, said = hold_out_ages(faces, 0.1)
    assert isinstance(train, AgedFacesPart) and isinstance(kept, AgedFacesPart)
    count = len(faces.age)
    assert sorted([*train.rows, *kept.rows]) == list(range(count)) and len(kept.rows) == round(count / 10)
    assert f"{len(kept.rows)} of {count} faces" in said
    third = np.quantile(faces.age, [1 / 3, 2 / 3])
    assert kept.age.min() < third[0] and kept.age.max() > third[1]
    assert np.array_equal(kept.crop(1), faces.crop(int(kept.rows[1])))
    assert hold_out_ages(faces, 0.0)[:2] == (faces, faces)
    assert hold_out_ages(faces, 0.5, kept)[:2] == (faces, kept)


def test_two_processes_get_the_halves_of_one_batch(batches: AgeingBatches) -> None:
    whole = batches(generator_for(0, 0, 3), 0.1)[0]
    for part in range(2):
        batches.share, batches.coming = Share(part, 2), {}
        half = batches(generator_for(0, 0, 3), 0.1)[0]
        assert torch.equal(half.input, whole.input[4 * part : 4 * part + 4])


def test_a_batch_is_cut_into_equal_parts(batches: AgeingBatches) -> None:
    batch = batches.made(1, 32)
    assert torch.equal(batch.part(Share(1, 2)).age, batch.age[4:])


def test_each_phase_moves_its_own_weights_only(batches: AgeingBatches) -> None:
    own = losses()
    made = trainer(own)
    before = {name: value.clone() for name, value in own.critic.named_parameters()}
    frozen = {name: value.clone() for name, value in own.estimator.named_parameters()}
    for step in range(2):
        made.update(batches(generator_for(0, 0, step), 0.9), 0.9)
    assert any(not torch.equal(before[name], value) for name, value in own.critic.named_parameters())
    assert float(own.model.fine.last.weight.detach().abs().max()) > 0
    assert all(torch.equal(frozen[name], value) for name, value in own.estimator.named_parameters())


def test_the_same_steps_end_in_the_same_weights(batches: AgeingBatches) -> None:
    ended = []
    for _ in range(2):
        own = losses()
        made = trainer(own)
        for step in range(3):
            made.update(batches(generator_for(0, 0, step), 0.1), 0.1)
        ended.append([value.detach().clone() for value in own.model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*ended, strict=True))


def test_keeping_the_picture_alone_leaves_it(batches: AgeingBatches) -> None:
    """With only the terms that want the picture as it was, a disturbed network learns to be still."""
    terms = {"adversarial": 0, "age": 0, "sex": 0, "identity": 0, "fine": 0, "mirror": 0}
    alone = AgeingWeights(**terms, cycle=10, own=10, plain=1, flow=1)
    own = losses(alone)
    torch.nn.init.normal_(own.model.coarse.last.weight, std=0.03)  # more, and its bounds are all it says
    made = trainer(own)
    found = [made.update(batches(generator_for(0, 0, step), 0.1), 0.1) for step in range(21)]
    assert float(found[-1]["again"]) < 0.7 * float(found[0]["again"])


def test_the_critic_learns_ages_from_real_faces(batches: AgeingBatches) -> None:
    """Faces whose brightness is their age: what is said to be 40 years off is soon believed less."""
    own = losses()
    made = trainer(own)
    batch = batches.made(1, 32)
    with torch.no_grad():
        view = own.view(batch.real.float() / 255, torch.Generator().manual_seed(0))
        features, small = own.estimator.seen(view, TAPS)[1], torch.nn.functional.avg_pool2d(view, 2)
    own.critic.measure(features)
    for step in range(12):
        made.update(batches(generator_for(0, 0, step), 0.1), 0.1)
    with torch.no_grad():
        right = own.critic(small, features, batch.real_age, batch.female)
        wrong = own.critic(small, features, 106 - batch.real_age, batch.female)
    far = (batch.real_age - 53).abs() > 15
    better = torch.stack([(a - b).mean((1, 2, 3))[far] for a, b in zip(right, wrong, strict=True)])
    assert float(better.mean()) > 0.05


def test_a_change_that_is_not_mirrored_with_the_face_costs(batches: AgeingBatches) -> None:
    own = losses()
    batch = batches.made(1, 64)
    unlike = lambda: float(own.ageing(batch, 1.0)["mirror"].detach())  # noqa: E731
    assert unlike() == 0  # nothing is changed yet
    torch.nn.init.normal_(own.model.coarse.last.weight, std=0.1)
    assert unlike() > 0
    torch.nn.init.zeros_(own.model.coarse.last.weight)
    with torch.no_grad():  # the same change everywhere is its own mirror image
        own.model.coarse.last.bias.fill_(0.2)
    assert unlike() < 1e-3  # but for the saturation's, which is as unlike as the pictures' halves
