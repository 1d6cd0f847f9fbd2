"""The count from shapes against torch's own, which watches what is really computed."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from faceswap_cli.networks.flops import OPERATIONS, count_multiply_adds
from faceswap_cli.training.families import build_model, outline_model
from tests.families import SWAPS

SMALL = {"resolution": 32, "width": 8, "code": 16}
PLAIN_TAIL = {"residuals": 1, "depth_to_space": False}


@pytest.mark.parametrize(
    ("name", "options"),
    [*((name, {}) for name in SWAPS), ("shared", PLAIN_TAIL), ("liae", PLAIN_TAIL)],
)
def test_counts_what_torch_counts(name, options):
    model = build_model(name, {**SMALL, **options})
    work = count_multiply_adds(model)
    pictures = torch.rand(3, 3, 32, 32)
    with FlopCounterMode(display=False) as forward:
        drawn = model([("a", pictures)])[0]
    with FlopCounterMode(display=False) as backward:
        (drawn.image.mean() + drawn.mask.mean()).backward()
    assert forward.get_total_flops() == 3 * OPERATIONS * work.forward
    assert backward.get_total_flops() == 3 * OPERATIONS * work.backward
    assert work.training == work.forward + work.backward


def test_counting_leaves_the_network_as_it_was():
    model = build_model("liae", SMALL)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    count_multiply_adds(model, "b")
    assert not any(m._forward_hooks for m in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_originals_arithmetic_by_hand():
    work = count_multiply_adds(outline_model("original", {}))
    encoder = 25 * (3 * 128 * 32**2 + 128 * 256 * 16**2 + 256 * 512 * 8**2 + 512 * 1024 * 4**2)
    dense = 2 * 1024 * 16 * 1024
    upscales = 9 * 4 * (1024 * 512 * 4**2 + 512 * 256 * 8**2 + 256 * 128 * 16**2 + 128 * 64 * 32**2)
    assert work.forward == encoder + dense + upscales + 25 * 64 * 4 * 64**2
