"""Pictures from a generator: by seed, mixed, and along a closed way."""

import numpy as np
import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.generation.sampling import (
    PictureGenerator,
    StyleMix,
    layers_of,
    parse_mix,
    turn_between,
    walk_noise,
)
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


def test_a_way_is_closed_passes_its_keys_and_stays_on_the_sphere():
    keys = torch.nn.functional.normalize(torch.randn(4, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    way = torch.stack(list(walk_noise(keys, 40)))
    assert torch.allclose(way[::10], keys, atol=1e-5)
    assert torch.allclose(way.norm(dim=1), torch.ones(40), atol=1e-5)
    steps = (way - way.roll(1, 0)).norm(dim=1)
    assert steps[0] < 0.1 and steps.max() < 0.5
    assert torch.equal(turn_between(keys[0], keys[0], 0.5), keys[0])


def test_a_walk_draws_the_pictures_of_its_seeds(generator):
    pictures = list(generator.walk([3, 9], 8))
    assert np.array_equal(pictures[0], generator.draw([3])[0])
    assert not np.array_equal(pictures[4], pictures[0])
    assert (
        np.abs(pictures[7].astype(int) - pictures[0]).mean()
        < np.abs(pictures[4].astype(int) - pictures[0]).mean()
    )
