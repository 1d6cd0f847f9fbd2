from dataclasses import replace

import pytest
import torch

from faceswap_cli.networks.swap.renderer import Rendered
from faceswap_cli.training.data.augment import Samples
from faceswap_cli.training.objectives.losses import dssim, face_loss, structure
from faceswap_cli.training.objectives.weights import LossWeights


@pytest.fixture
def samples():
    torch.manual_seed(0)
    picture = torch.nn.functional.interpolate(torch.rand(2, 3, 8, 8), size=32, mode="bicubic").clamp(0, 1)
    mask = torch.zeros(2, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    weight = torch.zeros_like(mask)
    weight[..., 10:14, 10:22] = 1
    return Samples("a", picture, picture, mask, weight, torch.ones_like(mask))


def test_dssim_is_zero_for_the_same_and_grows_with_blur(samples):
    picture = samples.target
    assert dssim(picture, picture) < 1e-6
    slight = torch.nn.functional.avg_pool2d(picture, 3, 1, 1)
    strong = torch.nn.functional.avg_pool2d(picture, 7, 1, 3)
    assert 0 < dssim(slight, picture) < dssim(strong, picture) <= 1


def test_dssim_is_the_papers_formula_on_every_second_pixel(samples):
    torch.manual_seed(1)
    a, b = samples.target, (samples.target + 0.1 * torch.randn_like(samples.target)).clamp(0, 1)
    line = torch.exp(-((torch.arange(9.0) - 4) ** 2) / (2 * 1.5**2))
    window = (line[:, None] * line / line.sum() ** 2).expand(3, 1, 9, 9)

    def mean(x):
        return torch.nn.functional.conv2d(x, window, groups=3)[..., ::2, ::2]

    var_a, var_b = mean(a * a) - mean(a) ** 2, mean(b * b) - mean(b) ** 2
    covariance = mean(a * b) - mean(a) * mean(b)
    top = (2 * mean(a) * mean(b) + 1e-4) * (2 * covariance + 9e-4)
    ssim = top / ((mean(a) ** 2 + mean(b) ** 2 + 1e-4) * (var_a + var_b + 9e-4))
    torch.testing.assert_close(dssim(a, b), (1 - ssim.mean()) / 2, atol=1e-6, rtol=1e-4)


def test_large_pictures_are_compared_at_two_sizes():
    torch.manual_seed(1)
    coarse = torch.nn.functional.interpolate(torch.rand(1, 3, 12, 12), size=256, mode="bicubic").clamp(0, 1)
    other = coarse.flip(-1)
    assert structure(other, coarse) != dssim(other, coarse)
    small = (other[..., :128, :128], coarse[..., :128, :128])
    assert structure(*small) == dssim(*small)
    assert structure(coarse, coarse) < 1e-6


def test_a_perfect_drawing_costs_nothing(samples):
    terms = face_loss(Rendered(samples.target, samples.mask), samples, LossWeights())
    assert sum(terms.values()) < 1e-5


def test_what_is_outside_the_mask_does_not_count(samples):
    drawn = samples.target.clone()
    drawn[..., :8, :] = 0.5
    terms = face_loss(Rendered(drawn, samples.mask), samples, LossWeights())
    assert terms["pixel"] == 0
    assert terms["dssim"] < 1e-5


def test_eyes_and_mouth_count_more(samples):
    def cost(rows):
        drawn = samples.target.clone()
        drawn[..., rows, 10:22] += 0.1
        return face_loss(Rendered(drawn, samples.mask), samples, LossWeights())["pixel"]

    assert cost(slice(10, 14)) > 2.5 * cost(slice(18, 22))


def test_what_stands_before_the_face_counts_for_the_mask_alone(samples):
    free = torch.ones_like(samples.mask)
    free[..., 8:16, 8:24] = 0
    covered = replace(samples, free=free)
    drawn = samples.target.clone()
    drawn[..., 8:14, 8:24] = 0.5
    terms = face_loss(Rendered(drawn, samples.mask), covered, LossWeights())
    assert sum(terms.values()) < 1e-5
    terms = face_loss(Rendered(drawn, samples.mask * free), covered, LossWeights())
    assert terms["mask"] > 0.1
