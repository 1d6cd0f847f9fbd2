"""How attributes go with noise."""

import numpy as np
import pytest
import torch

from faceswap_cli.generation.attributes import (
    FAR,
    READ,
    AttributeDirections,
    AttributeReader,
    learn_directions_of,
    shorten,
)
from faceswap_cli.media.photo import read_photo
from tests.cli.conftest import PICTURE


@pytest.fixture(scope="module")
def directions():
    """Attributes that are made of noise of 40, some of them of the same parts of it."""
    random = torch.Generator().manual_seed(0)
    slope = torch.randn(len(READ), 40, generator=random)
    slope[READ.index("smile")] += slope[READ.index("age")]
    return AttributeDirections(
        torch.arange(len(READ)).float(), slope.norm(dim=1), slope, torch.ones(len(READ))
    )


def test_a_step_changes_what_is_asked_for_and_hardly_anything_else(directions):
    noise = torch.randn(40, generator=torch.Generator().manual_seed(1))
    before = directions.predict(noise)
    wanted = 1.5 * float(directions.spread[READ.index("age")])
    change = (directions.predict(noise + directions.step({"age": wanted})) - before) / directions.spread
    assert change[READ.index("age")] == pytest.approx(1.5, abs=0.5)
    others = [float(change[k]) for k, name in enumerate(READ) if name != "age"]
    # Along the slope of age alone, smile would go along by .7 of it, which is 1.
    assert max(map(abs, others)) < 0.6
    assert float(directions.step({}).norm()) == 0


def test_directions_are_found_again(directions):
    random = torch.Generator().manual_seed(2)
    noise = torch.randn(600, 40, generator=random)
    values = directions.middle + noise @ directions.slope.T
    values[:, READ.index("glasses")] = torch.randn(600, generator=random)
    found = learn_directions_of(noise, values)
    assert torch.allclose(found.slope[0], directions.slope[0], atol=0.3)
    assert found.explained[0] > 0.95
    assert found.explained[READ.index("glasses")] < 0.2
    assert set(found.tensors()) == {"middle", "spread", "slope", "explained"}


def test_noise_is_kept_near_what_is_usual():
    usual = torch.randn(100, generator=torch.Generator().manual_seed(0))
    assert torch.equal(shorten(0.5 * usual), 0.5 * usual)
    assert float(shorten(5 * usual).norm()) == pytest.approx(FAR * 10, rel=0.01)


def test_a_photo_is_read():
    image = read_photo(PICTURE).image
    reader = AttributeReader()
    found = dict(zip(READ, reader(image), strict=True))
    assert 18 < found["age"] < 90
    mirrored = dict(zip(READ, reader(np.ascontiguousarray(image[:, ::-1])), strict=True))
    assert found["yaw"] == pytest.approx(-mirrored["yaw"], abs=6)
    assert np.sign(found["light"]) == -np.sign(mirrored["light"])
    assert reader(np.full((64, 64, 3), 128, np.uint8)) is None
