"""The style-based generator and its discriminator."""

import pytest
import torch

from faceswap_cli.networks.generator.codec import CodecConfig, CodecNetwork
from faceswap_cli.networks.generator.discriminator import GrownDiscriminator
from faceswap_cli.networks.generator.style import GeneratorConfig, StyleGenerator

CONFIG = GeneratorConfig(resolution=32, width=8, most_width=16, noise=16, style=16)


@pytest.fixture
def networks():
    torch.manual_seed(0)
    return StyleGenerator(CONFIG).eval(), GrownDiscriminator(CONFIG)


def test_a_picture_of_every_side_can_be_drawn_and_judged(networks):
    generator, discriminator = networks
    styles = generator.styles(torch.randn(4, 16))
    for side in (4, 8, 16, 32):
        drawn = generator.draw(styles, side, noise=torch.Generator().manual_seed(0))
        assert drawn.shape == (4, 3, side, side)
        assert discriminator(drawn).shape == (4,)


def test_a_stage_that_fades_in_begins_as_the_stage_before(networks):
    generator, _ = networks
    styles = generator.styles(torch.randn(2, 16))
    drawn = [generator.draw(styles, 16, fade, torch.Generator().manual_seed(3)) for fade in (0.0, 1.0)]
    before = generator.draw(styles, 8, 1.0, torch.Generator().manual_seed(3))
    enlarged = torch.nn.functional.interpolate(before, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(drawn[0], enlarged, atol=1e-5)
    assert not torch.allclose(drawn[1], enlarged, atol=1e-2)


def test_a_discriminator_at_no_fade_sees_the_smaller_picture_alone(networks):
    _, discriminator = networks
    pictures = torch.randn(4, 3, 16, 16)
    blurred = torch.nn.functional.avg_pool2d(pictures, 2).repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.allclose(discriminator(pictures, 0.0), discriminator(blurred, 0.0), atol=1e-5)
    assert not torch.allclose(discriminator(pictures), discriminator(blurred), atol=1e-4)


def test_truncation_to_nothing_gives_one_style(networks):
    generator, _ = networks
    generator.train()
    for _ in range(3):
        generator.styles(torch.randn(8, 16))
    assert generator.mean_style.abs().sum() > 0
    styles = generator.eval().styles(torch.randn(3, 16), truncation=0.0)
    assert torch.allclose(styles, generator.mean_style.expand(3, -1))


def test_a_codec_takes_pictures_of_any_size():
    codec = CodecNetwork(CodecConfig(widths=(8, 16, 24)))
    latents = codec.encode(torch.rand(2, 3, 48, 64))
    assert latents.shape == (2, 32, 6, 8)
    assert codec.decode(latents).shape == (2, 3, 48, 64)
