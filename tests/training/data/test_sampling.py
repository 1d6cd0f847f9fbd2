"""Rare looks are drawn more often, and of the person put on those that the person in the video has."""

import numpy as np
import torch

from faceswap_cli.faces.geometry import mean_face
from faceswap_cli.training.data.augment import augment
from faceswap_cli.training.data.sampling import LIMITS, pose_and_expression, sampling_weights
from faceswap_cli.training.objectives.swap import swap_batches
from faceswap_cli.training.runs.settings import SwapSettings


def looks(mouths):
    """Traits of the mean face with mouths so far open, in pixels of a 256-pixel crop."""
    found = []
    for mouth in mouths:
        points = mean_face(256, 2.0)
        points[[65, 66, 67]] += (0, mouth)
        found.append(pose_and_expression(points))
    return np.stack(found)


def test_an_open_mouth_is_seen_at_any_scale():
    small, large = mean_face(64, 2.0), mean_face(512, 2.0)
    np.testing.assert_allclose(pose_and_expression(small), pose_and_expression(large), atol=1e-2)
    shut, open_ = looks([0, 20])
    assert np.abs(open_ - shut).argmax() == 2 and open_[2] - shut[2] > 2


def test_rare_looks_are_drawn_more_often_within_limits():
    found = sampling_weights(looks([0] * 95 + [25] * 5))
    assert found[:95].max() < 1 < found[95:].min()
    assert found.min() >= LIMITS[0] and found.max() <= LIMITS[1] * 1.01
    assert abs(found.mean() - 1) < 1e-9


def test_what_the_target_never_does_is_drawn_less():
    own = looks([0] * 50 + [25] * 50)
    evenly = sampling_weights(own)
    towards = sampling_weights(own, looks([25] * 20))
    assert abs(evenly[0] - evenly[-1]) < 1e-6
    assert towards[-1] > 1.5
    assert towards[0] < 0.5


def test_power_0_draws_evenly():
    np.testing.assert_allclose(sampling_weights(looks([0] * 9 + [25]), power=0), 1)


def test_one_persons_narrow_eyes_are_not_anothers_closed_ones():
    wide, narrow = looks([0] * 20), looks([0] * 20)
    narrow[:, 3] -= 3
    np.testing.assert_allclose(sampling_weights(wide, narrow), sampling_weights(wide, wide), rtol=1e-6)


def test_a_covered_face_is_drawn_less(people):
    faces = people["a"]
    for index, share in ((2, 0.0), (3, 0.5)):
        faces.free[index] = int(255 * share)
        faces.in_view[index] = share
    batches = swap_batches(people, SwapSettings(network={"resolution": 32}, batch=64))
    drawn = batches(torch.Generator().manual_seed(0), 0.0)[0]
    assert drawn.free.flatten(1).mean(1).min() > 0.4  # the hidden one never, the half hidden one now and then
    assert (drawn.free.flatten(1).mean(1) < 0.9).float().mean() < 0.15


def test_recolour_says_how_often_b_takes_on_the_colours_of_a(people):
    """As means over the face, which differ by a third between the two."""

    def colours(recolour):
        settings = SwapSettings(network={"resolution": 32}, batch=16, recolour=recolour)
        generator = torch.Generator().manual_seed(0)
        a, b = swap_batches(people, settings)(generator, 1.0)
        return [(s.target * s.mask).sum((0, 2, 3)) / s.mask.sum() for s in (a, b)]

    apart = {recolour: (a - b).abs().mean() for recolour in (0.0, 1.0) for a, b in [colours(recolour)]}
    assert apart[1.0] < 0.02 and apart[0.0] > 0.1


def test_chances_are_kept_when_drawing(people):
    chances = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0, 1.0], dtype=torch.float64)
    samples = augment(people["a"], "a", 20, torch.Generator().manual_seed(1), 0.0, None, chances)
    only = people["a"].mask[5].float() / 255
    for mask in samples.mask:
        assert torch.equal(mask, only) or torch.equal(mask, only.flip(-1))
