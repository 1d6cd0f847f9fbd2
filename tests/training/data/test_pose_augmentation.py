"""Views of another pose or expression are what they say, and what was not changed is not bent."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from faceswap_cli.faces.geometry import STORED_SIDE, invert, mean_face, transform
from faceswap_cli.faces.identity.identity_encoder import chip_matrix
from faceswap_cli.faces.landmarks.attributes import change_attributes, measure_attributes
from faceswap_cli.networks.swap.conditions import TRAITS
from faceswap_cli.training.data.conditioning import Conditioning
from faceswap_cli.training.data.pose_augmentation import REPOSED, bend, draw_changes

SIZE, WIDE = 64, 88
POINTS = torch.from_numpy(mean_face(WIDE, STORED_SIDE)).float()[None]
TOLD = torch.from_numpy(measure_attributes(POINTS[0]))[None]
CHIP_AT = torch.from_numpy(invert(chip_matrix(POINTS[0].numpy() - (WIDE - SIZE) / 2))).float()[None]
KNOWN = Conditioning(torch.zeros(1, 2, 128), TOLD, CHIP_AT, POINTS)


def view(picture, change):
    found = bend(KNOWN, torch.tensor([change], dtype=torch.float32), SIZE, WIDE)
    return F.grid_sample(picture, found.grid, align_corners=True), found


def spot(point):
    """A wide picture of one bright spot."""
    axis = torch.arange(WIDE, dtype=torch.float32)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / 4)[None, None]


def centre(picture):
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    total = picture.sum()
    return float((picture[0, 0] * columns).sum() / total), float((picture[0, 0] * rows).sum() / total)


def test_unchanged_pictures_are_shown_as_they_are():
    picture = torch.rand(1, 3, WIDE, WIDE)
    shown, found = view(picture, [0.0] * len(TRAITS))
    margin = (WIDE - SIZE) // 2
    torch.testing.assert_close(shown, picture[..., margin:-margin, margin:-margin], atol=1e-4, rtol=0)
    assert torch.equal(found.traits, TOLD) and torch.equal(found.chip, CHIP_AT)


@pytest.mark.parametrize(("name", "landmark"), [("yaw", 30), ("mouth", 57), ("smile", 54), ("brows", 19)])
def test_a_point_of_the_face_goes_where_its_landmark_would(name, landmark):
    change = [0.8 * (name == trait) for trait in TRAITS]
    new = change_attributes(POINTS[0].numpy(), change)
    # Alignment moves the whole face: so one point against another.
    ends = [np.array(centre(view(spot(POINTS[0, n]), change)[0])) for n in (landmark, 27)]
    expected = new[landmark] - new[27]
    assert np.abs(expected - np.subtract(*POINTS[0, [landmark, 27]].numpy())).max() > 1
    np.testing.assert_allclose(ends[0] - ends[1], expected, atol=1.5)
    found = view(spot(POINTS[0, 27]), change)[1]
    number = TRAITS.index(name)
    assert float(found.traits[0, number] - TOLD[0, number]) == pytest.approx(0.8, abs=0.1)
    # The chip goes with the face: the bridge of the nose stays about where it is in it.
    bridge = transform(ends[1][None], invert(found.chip[0].numpy()))[0]
    before = transform(POINTS[0, [27]].numpy() - (WIDE - SIZE) / 2, invert(CHIP_AT[0].numpy()))[0]
    np.testing.assert_allclose(bridge, before, atol=12)


def test_most_pictures_are_bent_and_no_head_is_turned_too_far():
    traits = torch.randn(2000, len(TRAITS), generator=torch.Generator().manual_seed(0))
    drawn = draw_changes(traits, torch.Generator().manual_seed(1))
    share = float(drawn.any(1).float().mean())
    assert abs(share - REPOSED) < 0.05
    turned = (traits + drawn)[:, :2].abs()
    assert (turned <= traits[:, :2].abs().clamp(min=1.2) + 1e-5).all()
    assert torch.equal(drawn, draw_changes(traits, torch.Generator().manual_seed(1)))
