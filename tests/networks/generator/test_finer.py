"""The second stage of invented heads."""

import pytest
import torch
import torch.nn.functional as F

from faceswap_cli.networks.generator.appearance import AppearanceConfig, AppearanceGenerator
from faceswap_cli.networks.generator.finer import FinerConfig, FinerNetwork, build_finer
from faceswap_cli.networks.generator.finer_critic import FinerCritic

CONFIG = FinerConfig(side=64, widths=(4, 6, 8, 8))


@pytest.fixture
def finer():
    """Whose answers are not yet nothing."""
    torch.manual_seed(0)
    found = FinerNetwork(CONFIG)
    torch.nn.init.normal_(found.leave.weight, std=0.1)
    return found.eval()


@pytest.fixture
def model(finer):
    """Grey heads that fill the picture; the first shape moves them to the right."""
    torch.manual_seed(0)
    found = AppearanceGenerator(
        AppearanceConfig(
            resolution=64, side=32, nodes=9, textures=3, coarse_textures=1, shapes=2, points=5, view=1.0,
            lift=0.0,
        )
    )  # fmt: skip
    found.mean[:3], found.mean[3] = 0.5, 1.0
    found.move[0, 0] = 0.25
    found.finer = finer
    return found.eval()


def test_a_new_network_answers_with_the_draft():
    draft = torch.rand(1, 4, 64, 64)
    draft[:, 3] = 0.5
    draft[:, :3] *= 0.5
    found = FinerNetwork(CONFIG)(draft, torch.randn(1, 1, 64, 64))
    assert torch.allclose(found[:, :3], draft[:, :3] / 0.5, atol=1e-5)
    assert torch.allclose(found[:, 3:], torch.full((1, 1, 64, 64), 0.5), atol=1e-5)


def test_noise_and_place_change_the_answer(finer):
    draft = torch.full((2, 4, 32, 32), 0.5)
    noise = torch.randn(2, 1, 32, 32)
    found = finer(draft, noise)
    assert not torch.allclose(found[0], found[1])
    assert not torch.allclose(finer(draft, noise, at=(16, 0)), found)
    assert torch.equal(finer(draft, noise), found)


def test_it_learns_what_is_where():
    torch.manual_seed(0)
    network = FinerNetwork(CONFIG)
    draft, wanted = torch.full((1, 4, 64, 64), 0.5), torch.zeros(1, 3, 64, 64)
    draft[:, 3] = 1
    wanted[..., 32:] = 1
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(60):
        loss = F.l1_loss(network(draft, torch.randn(1, 1, 64, 64))[:, :3], wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1  # .5 at first


def test_detail_is_how_much_of_it_is_drawn(model):
    styles = torch.zeros(1, 5)
    draft, half, whole = (
        model.draw(styles, torch.Generator().manual_seed(3), detail) for detail in (0.0, 0.5, 1.0)
    )
    assert not torch.allclose(draft, whole)
    assert torch.allclose(half, (draft + whole) / 2, atol=1e-5)
    assert torch.equal(whole, model.draw(styles, torch.Generator().manual_seed(3)))
    assert not torch.equal(whole, model.draw(styles, torch.Generator().manual_seed(4)))


def test_fine_detail_moves_with_the_face(model):
    still, moved = torch.zeros(1, 5), torch.zeros(1, 5)
    moved[0, 3] = 1.0  # a quarter of half a side: 8 pixels
    first, second = (model.draw(styles, torch.Generator().manual_seed(3)) for styles in (still, moved))
    inner = (..., slice(8, 56), slice(24, 56))
    earlier = (..., slice(8, 56), slice(16, 48))
    assert torch.allclose(second[inner], first[earlier], atol=0.02)
    assert (second[inner] - first[inner]).abs().mean() > 0.05


def test_a_card_rebuilds_it():
    assert build_finer({"side": 64, "widths": [4, 6, 8, 8]}).config == CONFIG


def test_the_critic_judges_pixels_and_features_by_place():
    torch.manual_seed(0)
    critic = FinerCritic((5, 7), (1, 0)).eval()
    pictures, place = torch.rand(2, 3, 64, 64), torch.zeros(2, 2, 8, 8)
    features = [torch.randn(2, 5, 16, 16), torch.randn(2, 7, 8, 8)]
    found = critic(pictures, features, place)
    assert [one.shape for one in found] == [(2, 16), (2, 64), (2, 64)]
    elsewhere = critic(pictures, features, place + 1)
    assert not any(torch.allclose(a, b) for a, b in zip(found, elsewhere, strict=True))


def test_what_the_second_stage_is_given_keeps_colours_and_calms_outlines(model):
    model.mean[:3], model.mean[3] = 0.3, 0.5
    model.texture.zero_()
    model.texture[2, 3] = 100
    model.texture_scale[:] = 2e-3
    loud, calm = (
        draw(torch.tensor([[0.0, 0.0, 1.0]])) for draw in (model.draw_texture, model.draw_calm_texture)
    )
    assert torch.allclose(loud[:, 3:], torch.full((1, 1, 32, 32), 0.7))
    assert torch.allclose(calm[:, 3:], torch.full((1, 1, 32, 32), 0.7))  # one of the first directions
    assert torch.allclose(calm[:, :3] / calm[:, 3:], loud[:, :3] / loud[:, 3:], atol=1e-5)
