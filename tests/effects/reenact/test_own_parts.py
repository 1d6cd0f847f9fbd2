"""The target's own lids in a drawn face."""

import numpy as np
import pytest

from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.own_parts import lay_lids, shut_eyes, shut_share

UNIT, BOX = 120.0, (0, 0, 200, 160)
EYE = face_layout().eyes[0]


def points(opening):
    """All points, of which those of one eye are open by so many pixels."""
    found = np.full((len(face_layout().mirror), 2), -500.0)
    found[list(EYE.corners)] = (70, 80), (130, 80)
    for edge, sign in ((EYE.upper, -1), (EYE.lower, 1)):
        along = np.linspace(0, 1, len(edge) + 2)[1:-1]
        height = 4 * along * (1 - along) * opening / 2
        found[list(edge)] = np.column_stack([70 + 60 * along, 80 + sign * height])
    return found


def test_lids_are_the_targets_where_only_the_photo_is_open():
    assert shut_share(points(1.0), points(24), EYE) == 1
    assert shut_share(points(22), points(24), EYE) == 0
    assert 0 < shut_share(points(9.6), points(24), EYE) < 1
    assert shut_share(points(0.5), points(1.0), EYE) == 0  # a photo with shut eyes has lids


def test_they_lie_on_the_drawn_eye_and_nowhere_else():
    image = np.full((160, 200, 3), 90, np.uint8)
    image[78:82, 70:130] = 10  # lashes
    lids = shut_eyes(image, BOX, [EYE], points(1.0), points(1.0), points(24), UNIT)
    assert lids.shape == (160, 200, 4)
    assert lids[80, 100, 3] == 1 and lids[72, 100, 3] == 1
    assert not lids[40, 100, 3] and not lids[80, 30, 3]
    assert lids[80, 100, 0] < 0.1 < lids[72, 100, 0]
    assert shut_eyes(image, BOX, [EYE], points(24), points(24), points(24), UNIT) is None


@pytest.mark.parametrize("tone", [0.3, 0.7])
def test_they_take_on_the_tone_of_the_drawn_skin(tone):
    image = np.full((160, 200, 3), 128, np.uint8)
    lids = shut_eyes(image, BOX, [EYE], points(1.0), points(1.0), points(24), UNIT)
    drawn = np.full((160, 200, 3), tone, np.float32)
    drawn[60:100, 60:140] = 0.05  # a smear
    laid = lay_lids(drawn, lids, np.ones((160, 200), np.float32) - (drawn[..., 0] < 0.1), UNIT)
    assert laid[80, 100] == pytest.approx([tone] * 3, abs=0.03)
    assert (laid[:50] == drawn[:50]).all()
