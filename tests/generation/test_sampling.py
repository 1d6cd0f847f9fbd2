"""Pictures from a generator: by seed, mixed, and along a closed way."""

import numpy as np
import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.generation.sampling import PictureGenerator, StyleMix, layers_of, parse_mix, walk_styles
from faceswap_cli.networks.generator.style import GeneratorConfig, StyleGenerator


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    network = StyleGenerator(GeneratorConfig(resolution=32, width=8, most_width=16, noise=16, style=16))
    return PictureGenerator(network.eval(), "")


def test_a_picture_depends_on_its_seed_alone(generator):
    several = generator.draw([3, 4, 5])
    assert np.array_equal(several[1], generator.draw([4])[0])
    assert not np.array_equal(several[0], several[1])


def test_layers_come_from_the_other_seed(generator):
    whole = generator.draw([1], mix=StyleMix(2, ("coarse", "middle", "fine")))
    part = generator.draw([1], mix=StyleMix(2, ("fine",)))
    plain = generator.draw([1])
    assert not np.array_equal(whole, plain)
    assert not np.array_equal(part, plain)
    assert np.abs(part.astype(int) - plain).mean() < np.abs(whole.astype(int) - plain).mean()


def test_layer_groups_are_all_layers_once(generator):
    groups = [layers_of(generator.network, [name]) for name in ("coarse", "middle", "fine")]
    assert sorted(layer for group in groups for layer in group) == list(range(generator.network.layers))


@pytest.mark.parametrize("text", ["7", "x:coarse", "7:", ":coarse"])
def test_a_mix_that_cannot_be_read_is_told(text):
    with pytest.raises(UserError, match="SEED:LAYERS"):
        parse_mix(text)


def test_a_way_is_closed_and_goes_through_its_keys():
    keys = torch.randn(4, 8)
    way = walk_styles(keys, 40)
    assert torch.allclose(way[::10], keys, atol=1e-5)
    steps = (way - way.roll(1, 0)).norm(dim=1)
    assert steps.max() < 6 * steps.mean()
