"""The network that mends a face put together from a photo."""

import numpy as np
import torch

from faceswap_cli.effects.reenact.refine import FaceChange, carry
from faceswap_cli.networks.reenact.refiner import (
    PICTURES,
    Refinement,
    RefinerConfig,
    RefinerNetwork,
    apply_refinement,
)
from scripts.data.reenact_pairs import SIGNED, pack, unpack

CONFIG = RefinerConfig(size=32, widths=(8, 8, 8, 8))


def answer():
    torch.manual_seed(0)
    pictures = torch.rand(2, PICTURES, 32, 32)
    return pictures, RefinerNetwork(CONFIG)(pictures, torch.rand(2, 2, CONFIG.expressions))


def test_untrained_it_changes_nothing():
    pictures, change = answer()
    done, share = apply_refinement(pictures[:, :3], change, torch.ones(2, 1, 32, 32))
    assert share.max() < 0.05
    assert (done - pictures[:, :3]).abs().max() < 0.01


def test_paint_is_seen_only_where_it_may_be():
    pictures, change = answer()
    red = torch.zeros(2, 3, 32, 32)
    red[:, 0] = 1
    whole = change._replace(paint=red, weight=torch.ones(2, 1, 32, 32))
    where = torch.zeros(2, 1, 32, 32)
    where[..., :16] = 1
    done, _ = apply_refinement(pictures[:, :3], whole, where)
    assert torch.allclose(done[..., :16], red[..., :16])
    assert torch.allclose(done[..., 16:], pictures[:, :3, :, 16:], atol=1e-5)


def test_a_change_lands_on_the_frames_pixels_that_it_was_said_of():
    light = torch.zeros(1, 1, 16, 16)
    light[..., 4:8, 8:12] = 0.4  # a block of the view, at half its resolution
    flat = Refinement(light, torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 32, 32), torch.zeros(1, 1, 32, 32))
    matrix = np.array([[0.5, 0, -5], [0, 0.5, 3.0]])  # from the frame to the view
    said = FaceChange(flat, np.zeros((32, 32), np.float32), matrix)
    box = (10, 0, 74, 64)
    done, painted = carry(said, np.full((64, 64, 3), 0.3, np.float32), box)
    y, x = (values.mean() for values in np.nonzero(done[..., 0] > 0.36))
    at = matrix[:, :2] @ (x + box[0], y + box[1]) + matrix[:, 2]
    assert np.abs(at - (19.5, 11.5)).max() < 0.5 and not painted.any()


def test_packed_pictures_come_back_signed_ones_too():
    pictures = np.random.default_rng(0).uniform(0, 1, (8, 8, PICTURES)).astype(np.float32)
    for channel in SIGNED:
        pictures[..., channel] = pictures[..., channel] * 0.6 - 0.3
    again = unpack(torch.from_numpy(pack(pictures.copy()))[None])[0].permute(1, 2, 0).numpy()
    assert np.abs(again - pictures).max() < 0.006
