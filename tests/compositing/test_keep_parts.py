"""Parts of the target's face that stay."""

import numpy as np
import pytest

from faceswap_cli.compositing.keep_parts import PARTS, kept_share
from faceswap_cli.effects.options import BlendOptions
from faceswap_cli.faces.geometry import mean_face
from faceswap_cli.options import declared_options

SIZE = 160
POINTS = mean_face(SIZE, 2.25)


def share_at(part, *points):
    mask = kept_share(POINTS, (part,), SIZE)
    places = np.rint(POINTS[list(points)]).astype(int)
    return mask[places[:, 1], places[:, 0]]


@pytest.mark.parametrize(
    ("part", "inside", "outside"),
    [
        ("mouth", (51, 57, 62, 48, 54), (33, 8, 36, 4)),
        ("eyes", (37, 40, 43, 46), (30, 48, 8, 28)),
        ("brows", (18, 20, 23, 25), (30, 8, 41, 47)),
        ("beard", (7, 9, 33), (30, 62, 36, 45)),
    ],
)
def test_a_part_is_kept_and_the_rest_is_not(part, inside, outside):
    inner = share_at(part, *inside)
    assert inner.min() > 0.4 and inner.mean() > 0.6
    assert share_at(part, *outside).max() < 0.1


def test_several_parts_are_kept_together():
    both = kept_share(POINTS, ("mouth", "eyes"), SIZE)
    assert np.array_equal(
        both, np.maximum(kept_share(POINTS, ("mouth",), SIZE), kept_share(POINTS, ("eyes",), SIZE))
    )
    assert not kept_share(POINTS, (), SIZE).any()


def test_edges_are_soft_and_move_with_the_landmarks():
    mask = kept_share(POINTS, ("eyes",), SIZE)
    assert ((mask > 0.05) & (mask < 0.95)).sum() > 100
    moved = kept_share(POINTS + np.array([7, 5]), ("eyes",), SIZE)
    assert np.abs(np.roll(mask, (5, 7), (0, 1)) - moved).mean() < 0.002


def test_every_part_can_be_asked_for():
    choices = {own.name: declaration.choices for own, declaration in declared_options(BlendOptions)}
    assert choices["keep"] == tuple(PARTS)
