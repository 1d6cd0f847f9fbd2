"""A photo that is made ready."""

import numpy as np

from faceswap_cli.effects.reenact.head import fit_head
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.source import _filled_from_mirror

LAYOUT = face_layout()
SIZE = 160


def test_where_the_other_side_fills_in_nothing_of_what_covers_this_one_is_left():
    points = LAYOUT.head.mean * SIZE / 2.6 + [SIZE / 2, SIZE / 2, 0]
    colour = np.full((SIZE, SIZE, 3), 0.7, np.float32)
    x = np.arange(SIZE, dtype=np.float32)
    colour[:, 110:] = 0.05  # hair over one side, whose edge is told softly
    bare = np.broadcast_to(np.clip((108 - x) / 12, 0, 1), (SIZE, SIZE)).astype(np.float32)
    inside = np.zeros((SIZE, SIZE), np.float32)
    inside[30:130, 30:130] = 1
    filled, seen = _filled_from_mirror(colour, bare, inside, points, LAYOUT, fit_head(points, LAYOUT))
    face = filled[85:110, 60:126]
    assert seen[85:110, 60:126].min() > 0.95  # no line in which neither side counts
    assert face.min() > 0.6  # and none in which the hair shows through
