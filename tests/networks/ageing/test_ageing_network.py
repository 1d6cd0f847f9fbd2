from __future__ import annotations

import pytest
import torch

from faceswap_cli.networks.ageing.ageing import (
    MOST_FLOW,
    MOST_HUE,
    AgeingConfig,
    AgeingNetwork,
    BothWays,
    age_bumps,
    build_ageing_network,
)
from faceswap_cli.networks.ageing.change import (
    BANDS,
    LUMA,
    MOST_DETAIL,
    Change,
    blur,
    carry_change,
    shift_image,
    split_bands,
)

CONFIG = AgeingConfig(size=64, widths=(8, 8, 8, 8), fine=4, ages=8)


def network(zero: bool = False) -> AgeingNetwork:
    """A small network; with last layers that say something unless `zero`."""
    torch.manual_seed(0)
    made = AgeingNetwork(CONFIG)
    if not zero:
        for layer in (*made.coarse.lasts(), made.fine.last):
            torch.nn.init.normal_(layer.weight, std=0.3)
        for name, value in made.named_parameters():
            if ".both.weight" in name:
                torch.nn.init.normal_(value, std=0.5)
    return made.eval()


def pictures(size: int = 64, count: int = 2) -> torch.Tensor:
    torch.manual_seed(1)
    small = torch.rand(count, 3, 8, 8)
    return torch.nn.functional.interpolate(small, (size, size), mode="bicubic").clamp(0, 1)


def ages(*years: float) -> torch.Tensor:
    return torch.tensor(years)


def test_a_new_network_changes_nothing() -> None:
    x = pictures()
    with torch.no_grad():
        change = network(zero=True)(x, ages(30, 60), ages(70, 20))
    assert torch.equal(
        carry_change(x, change, torch.ones(2, 1, 64, 64), 2.75), shift_image(x, 0 * change.flow, 2.75)
    )
    assert float(change.residual.abs().max()) == 0


def test_what_is_said_depends_on_both_ages() -> None:
    x, made = pictures(), network()
    with torch.no_grad():
        one = made(x, ages(30, 30), ages(70, 70)).residual
        assert not torch.allclose(one, made(x, ages(30, 30), ages(40, 40)).residual, atol=1e-3)
        assert not torch.allclose(one, made(x, ages(60, 60), ages(70, 70)).residual, atol=1e-3)


def test_bounds_hold_whatever_the_layers_say() -> None:
    made = network()
    for layer in (*made.coarse.lasts(), made.fine.last):
        torch.nn.init.normal_(layer.weight, std=100.0)
    with torch.no_grad():
        change = made(pictures(), ages(30, 60), ages(70, 20))
    assert float(change.flow.abs().max()) <= MOST_FLOW
    assert float(change.gain.min()) >= -1 and float(change.gain.max()) <= 1.5
    assert float(change.residual.abs().max()) <= 2


def test_the_coarse_part_alone_takes_half_the_size() -> None:
    made = network()
    with torch.no_grad():
        change = made(pictures(32), ages(30, 60), ages(70, 20), coarse_only=True)
    assert change.residual.shape == (2, 3, 32, 32)
    assert change.gain.shape == (2, len(BANDS), 32, 32)
    assert change.flow.shape == (2, 2, 32, 32)


def test_outside_the_mask_not_a_bit_changes() -> None:
    x = pictures()
    mask = torch.zeros(2, 1, 64, 64)
    mask[..., 16:48, 16:48] = 0.7
    change = Change(torch.full_like(x, 0.3), torch.ones(2, 3, 64, 64), torch.full((2, 2, 64, 64), 0.05))
    y = carry_change(x, change, mask, 2.75)
    outside = (mask == 0).expand_as(x)
    assert torch.equal(y[outside], x[outside])
    assert not torch.allclose(y[~outside], x[~outside], atol=0.05)


@pytest.mark.parametrize("size", [96, 256])
def test_a_change_is_carried_to_pictures_of_any_size(size: int) -> None:
    x = pictures(64)
    large = torch.nn.functional.interpolate(x, (size, size), mode="bicubic").clamp(0, 1)
    smooth = pictures(64) * 0.2 - 0.1
    flow = 0.05 * torch.ones(2, 2, 64, 64)
    change = Change(smooth, torch.zeros(2, 3, 64, 64), flow)
    there = carry_change(x, change, torch.ones(2, 1, 64, 64), 2.75)
    at_size = carry_change(large, change, torch.ones(2, 1, size, size), 2.75)
    back = torch.nn.functional.interpolate(at_size, (64, 64), mode="bilinear", antialias=True)
    assert float((back - there)[..., 6:-6, 6:-6].abs().mean()) < 0.01


def test_the_flow_moves_by_face_units() -> None:
    x = torch.zeros(1, 1, 55, 55)
    x[..., 27, 27] = 1
    flow = torch.zeros(1, 2, 55, 55)
    flow[:, 0] = 0.1  # 2 of 55 pixels, at 2.75 units
    y = shift_image(x, flow, 2.75)
    assert divmod(int(y.argmax()), 55) == (27, 25)


def test_bands_add_up_to_the_detail() -> None:
    x = pictures(64)
    found = split_bands(x, 64 / 2.75)
    assert len(found) == len(BANDS)
    flat = x - sum(found)
    assert float(flat.diff(dim=3).abs().mean()) < float(x.diff(dim=3).abs().mean())
    assert all(float(band.mean().abs()) < 0.01 for band in found)


def test_a_gain_of_minus_one_takes_a_band_away() -> None:
    x = pictures(64)
    gain = torch.full((2, 3, 64, 64), -1.0)
    y = carry_change(x, Change(0 * x, gain, torch.zeros(2, 2, 64, 64)), torch.ones(2, 1, 64, 64), 2.75)
    light = (x * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    small = [MOST_DETAIL * torch.tanh(band / MOST_DETAIL) for band in split_bands(light, 64 / 2.75)]
    assert torch.allclose(y, x - sum(small), atol=1e-5)


def test_noise_does_not_grow_with_the_lines() -> None:
    torch.manual_seed(4)
    plain, ones = torch.full((1, 3, 96, 96), 0.5), torch.ones(1, 1, 96, 96)
    noise = plain + 0.12 * torch.randn(1, 1, 96, 96)
    lines = plain.clone()
    lines[..., ::12] -= 0.08
    change = Change(0 * plain, torch.ones(1, 3, 96, 96), torch.zeros(1, 2, 96, 96))

    def grown(x: torch.Tensor, noisy: bool) -> float:
        return float(carry_change(x, change, ones, 2.75, noisy=noisy).std() / x.std())

    assert grown(noise, noisy=False) > 1.5
    assert grown(noise, noisy=True) < 1.3
    assert grown(lines, noisy=True) > 1.3


def test_marks_of_years_peak_at_their_own() -> None:
    assert age_bumps(ages(10, 50, 90)).argmax(1).tolist() == [0, 4, 8]


def test_it_is_rebuilt_from_its_card() -> None:
    config = {"size": 64, "side": 2.75, "widths": [8, 8, 8, 8], "fine": 4, "ages": 8}
    build_ageing_network(config).load_state_dict(network().state_dict())


def test_hair_goes_grey_and_nothing_turns_blue() -> None:
    """However loud the layers are, a colour keeps its hue but for a little."""
    made = network()
    for layer in (*made.coarse.lasts(), made.fine.last):
        torch.nn.init.normal_(layer.weight, std=100.0)
    brown = torch.tensor([0.45, 0.3, 0.15]).view(1, 3, 1, 1).expand(2, 3, 64, 64)
    with torch.no_grad():
        change = made(brown.contiguous(), ages(30, 60), ages(70, 20))
    colour = (brown + change.residual) - (brown + change.residual).mean(1, keepdim=True)
    assert float(colour[:, 2].max()) <= MOST_HUE + 1e-3


def test_asked_both_ways_a_mirrored_face_gets_the_mirrored_change() -> None:
    made = network()
    crops, years = torch.rand(2, 3, 64, 64), torch.tensor([30.0, 60.0])
    with torch.inference_mode():
        alone = made(crops, years, years.flip(0))
        plain = BothWays(made)(crops, years, years.flip(0))
        turned = BothWays(made)(crops.flip(3), years, years.flip(0))
    aside = torch.tensor([-1.0, 1.0]).view(1, 2, 1, 1)
    torch.testing.assert_close(turned.residual.flip(3), plain.residual, atol=5e-4, rtol=0)
    torch.testing.assert_close(turned.gain.flip(3), plain.gain, atol=5e-4, rtol=0)
    torch.testing.assert_close(turned.flow.flip(3) * aside, plain.flow, atol=5e-4, rtol=0)
    assert float((alone.residual - plain.residual).abs().max()) > 1e-3


def test_blurs_keep_their_digits_where_training_computes_with_fewer() -> None:
    pictures = torch.rand(1, 3, 24, 24, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        soft = blur(pictures, 1.2)
    assert soft.dtype == torch.float32
    torch.testing.assert_close(soft, blur(pictures, 1.2))
