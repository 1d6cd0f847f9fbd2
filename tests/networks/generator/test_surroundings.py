"""What lies around an invented face: which is taken, and how it is laid on."""

import cv2
import numpy as np
import pytest
import torch

from faceswap_cli.networks.generator.surroundings import MOST_DYED, HeadSurroundings, Surroundings, read_tone

SIDE = 64


def webp(picture):
    return cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, 100])[1].tobytes()


def stock():
    """Two heads around a disc that is left to the face: one with green hair above grey skin, one all blue."""
    y, x = np.mgrid[:SIDE, :SIDE]
    cover = ((x - SIDE / 2) ** 2 + (y - SIDE / 2) ** 2 > 20**2).astype(np.uint8)
    upper = (y < SIDE / 2).astype(np.uint8)
    files, ends = bytearray(), []
    for colour, skin in ((None, 1 - upper), ((255, 0, 0), np.zeros_like(cover))):
        bgr = np.zeros((SIDE, SIDE, 3), np.uint8)
        bgr[:] = (0, 200, 0) if colour is None else colour
        if colour is None:
            bgr[upper == 0] = 100
        files += webp(np.dstack([bgr, np.full((SIDE, SIDE), 255, np.uint8)]))
        middle = len(files)
        files += webp(255 * np.hstack([cover, skin, upper if colour is None else cover]))
        ends.append([middle, len(files)])
    return Surroundings(
        {
            "pictures": torch.frombuffer(files, dtype=torch.uint8).float(),
            "ends": torch.tensor(ends).float(),
            "looks": torch.eye(9)[:1].repeat(2, 1) * torch.tensor([[-1.0], [1.0]]),
            "slope": torch.eye(9, 2) * torch.tensor([2.0, 0.0]),
            "middle": torch.zeros(9),
            "unit": torch.full((9,), 0.5),
            "tones": torch.full((2, 2, 3), 100 / 255),
            "face": 255.0 * (1 - torch.from_numpy(cover).float()),
        }
    )


def head(level=0.6):
    return torch.cat([torch.full((3, SIDE, SIDE), level), torch.ones(1, SIDE, SIDE)])


def test_the_head_that_looks_most_like_it_is_taken():
    assert len(stock()) == 2
    assert [stock().choose(torch.tensor(one)).number for one in ([-0.4, 9.0], [0.3, -9.0])] == [0, 1]
    # What is asked for counts more than what the draft tells, and chance has a say of its own.
    assert stock().choose(torch.tensor([-0.4, 0.0]), wanted={"female": 0.4, "smile": 9.0}).number == 1
    drawn = [stock().choose(torch.tensor([0.05, 0.0]), seed).number for seed in range(20)]
    assert set(drawn) == {0, 1} and drawn[0] == stock().choose(torch.tensor([0.05, 0.0]), 0).number


def test_the_face_stays_and_what_is_around_it_is_the_stocks():
    found = stock().lay_around(torch.stack([head(), head()]), [HeadSurroundings(0), HeadSurroundings(1)])
    middle = found[:, :3, SIDE // 2 - 8 : SIDE // 2 + 8, SIDE // 2 - 8 : SIDE // 2 + 8]
    assert (middle - 0.6).abs().max() < 0.02
    assert found[1, :3, 2, 2].tolist() == pytest.approx([0, 0, 1], abs=0.05)
    green = found[0, :3, 2, 2]
    assert green.tolist() == pytest.approx([0, 200 / 255, 0], abs=0.05)  # hair keeps its colour


def test_skin_around_takes_on_the_faces_tone():
    for level in (0.3, 0.6):
        [found] = stock().lay_around(head(level)[None], [HeadSurroundings(0)])
        assert found[:3, SIDE - 3, 3].tolist() == pytest.approx([level] * 3, abs=0.03)


def test_hair_is_dyed_as_it_is_asked_for_and_nothing_else():
    asked = stock().choose(torch.tensor([-1.0, 0.0]), wanted={"hair_red": 90.0, "hair_yellow": 0.0})
    assert asked.number == 0 and asked.dyed == (0.0, MOST_DYED[1], 0.0)
    plain, dyed = stock().lay_around(torch.stack([head(), head()]), [HeadSurroundings(0), asked])
    assert dyed[0, 2, 2] > plain[0, 2, 2] + 0.03 and dyed[1, 2, 2] < plain[1, 2, 2]
    assert (dyed[:, SIDE // 2 + 2 :] - plain[:, SIDE // 2 + 2 :]).abs().max() < 0.02


def test_a_tone_is_read_on_either_side():
    one = head()
    one[:3, :, : SIDE // 2] = 0.2
    left, right = read_tone(one, torch.ones(SIDE, SIDE))
    assert left.tolist() == pytest.approx([0.2] * 3) and right.tolist() == pytest.approx([0.6] * 3)
