"""Parts of faces, as a parser tells them and as they are."""

import numpy as np

from faceswap_cli.effects.edit.parts import fill_dents


def test_a_crown_has_no_dent_and_what_may_not_be_filled_stays() -> None:
    y, x = np.mgrid[:80, :80]
    crown = np.hypot(x - 40, y - 40) < 25
    dented = (crown & ~(np.hypot(x - 40, y - 15) < 8)).astype(np.float32)
    above = y < 45
    filled = np.maximum(dented, fill_dents(dented, above))
    assert (filled[above & crown] > 0.5).mean() > 0.98 and dented[above & crown].mean() < 0.95
    assert not fill_dents(dented, above)[~above].any() and filled[np.hypot(x - 40, y - 40) > 28].max() < 0.01
    assert not fill_dents(np.zeros((8, 8), np.float32), np.ones((8, 8), bool)).any()
