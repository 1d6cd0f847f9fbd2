"""Heads as means and directions."""

import pytest
import torch

from faceswap_cli.networks.generator.appearance import (
    STRAYED,
    AppearanceConfig,
    AppearanceGenerator,
    correlate,
    hold_colours,
    joined,
    lay_on_ground,
    learn_directions,
)

CONFIG = AppearanceConfig(
    resolution=48, side=32, nodes=9, textures=3, coarse_textures=1, shapes=2, points=5, view=1.0, lift=0.0,
    sharpen=0.0,
)  # fmt: skip


@pytest.fixture
def model():
    """A dark disc on the left; the first shape moves everything to the right, the second downwards."""
    torch.manual_seed(0)
    found = AppearanceGenerator(CONFIG)
    y, x = torch.meshgrid(torch.linspace(-1, 1, 32), torch.linspace(-1, 1, 32), indexing="ij")
    found.mean[:] = 1
    found.mean[:3, ((x + 0.4) ** 2 + y**2) < 0.1] = 0
    found.texture.copy_(torch.randint(-100, 100, found.texture.shape))
    found.texture_scale[:] = 1e-3
    bump = (1 - torch.linspace(-1, 1, 9)[:, None] ** 2) * (1 - torch.linspace(-1, 1, 9)[None] ** 2)
    found.move[0, 0], found.move[1, 1] = 0.3 * bump, 0.3 * bump
    found.point_moves.copy_(torch.randn(found.point_moves.shape))
    return found.eval()


def darkest(pictures):
    """Mean place (x, y) of the dark pixels of a picture, -1..1."""
    dark = (pictures[0].mean(0) < -0.5).nonzero().float()
    return ((dark.mean(0) + 0.5) / 24 - 1).flip(0)


def test_a_shape_moves_what_is_drawn(model):
    styles = torch.zeros(1, 5)
    still = darkest(model.draw(styles))
    styles[0, 3] = 1.0
    right = darkest(model.draw(styles))
    styles[0, 3:] = torch.tensor([0.0, 1.0])
    down = darkest(model.draw(styles))
    # At the disc the field says 0.3 x 0.84.
    assert right - still == pytest.approx(torch.tensor([0.25, 0.0]), abs=0.04)
    assert down - still == pytest.approx(torch.tensor([0.0, 0.25]), abs=0.04)


def test_layers_are_shape_and_two_parts_of_the_texture(model):
    one, other = torch.randn(2, 1, 5)
    layers = torch.stack([one, one, other], 1)
    told = torch.cat([one[:, :1], other[:, 1:3], one[:, 3:]], 1)
    assert torch.allclose(model.draw(layers), model.draw(told))
    assert sorted(layer for group in model.layer_groups().values() for layer in group) == [0, 1, 2]


def test_coefficients_are_read_back(model):
    coefficients = torch.randn(2, 3)
    assert torch.allclose(model.read_texture(model.draw_texture(coefficients)), coefficients, atol=1e-3)
    shape = torch.randn(2, 2)
    points = model.points + torch.einsum("bs,spc->bpc", shape, model.point_moves)
    assert torch.allclose(model.read_shape(points), shape, atol=1e-4)


def test_statistics_are_learnt_and_drawn_again():
    random = torch.Generator().manual_seed(0)
    spread = torch.tensor([3.0, 1.0, 0.2])
    rows = torch.randn(400, 3, generator=random) * spread @ torch.randn(3, 500, generator=random) + 2
    mean, directions, coefficients = learn_directions(rows, 3)
    assert torch.allclose(mean + coefficients @ directions, rows, atol=1e-2)
    assert torch.allclose(coefficients.std(0), torch.ones(3), atol=0.05)
    joint = correlate([coefficients[:, :2], coefficients[:, :1]])
    drawn = torch.randn(4000, 3, generator=random) @ joint.T
    assert float(torch.corrcoef(drawn.T)[0, 2]) > 0.99
    assert abs(float(torch.corrcoef(drawn.T)[0, 1])) < 0.1


def test_a_head_is_laid_on_a_plain_ground():
    drawn = torch.zeros(1, 4, 8, 8)
    drawn[:, :, :, :4] = 0.25
    drawn[:, 3, :, :4] = 1.0
    found = lay_on_ground(drawn)
    assert torch.allclose(found[..., :4], torch.full((1, 3, 8, 4), 0.25))
    assert (found[..., 4:] > 0.4).all()


def test_scraps_beside_a_head_are_left_out():
    share = torch.zeros(1, 1, 64, 64)
    share[..., 16:64, 20:44] = 1
    share[..., 40:52, 44:60] = 1  # an ear
    share[..., 4:12, 52:60] = 1  # a scrap
    found = joined(share)
    assert (found[..., 4:12, 52:60] == 0).all()
    assert (found[share * (torch.arange(64)[:, None] >= 16) > 0] == 1).all()


def test_a_second_stage_keeps_its_drafts_broad_colours():
    draft = torch.full((1, 4, 40, 40), 0.5)
    draft[:, 3] = 1
    finer = draft.clone()
    finer[:, 0, 10:30, 10:30] += 0.4  # a spot
    finer[:, 1, ::2] += 0.3  # lines of one pixel
    finer[:, 1, 1::2] -= 0.3
    held = hold_colours(finer, draft)
    assert (held[:, 0, 18:22, 18:22] - 0.5).abs().max() <= STRAYED + 1e-5
    torch.testing.assert_close(held[:, 1:, 6:-6], finer[:, 1:, 6:-6], atol=0.03, rtol=0)
