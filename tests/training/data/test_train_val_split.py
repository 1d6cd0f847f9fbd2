import numpy as np
import pytest
import torch

from faceswap_cli.training.data.dataset import LEAST_FACES
from faceswap_cli.training.data.train_val_split import TINY, describe_split, held_out_indices, train_val_split
from tests.training.conftest import made_up_faces


def blocks(kept):
    return int((np.diff(np.concatenate([[0], kept.astype(int), [0]])) == 1).sum())


@pytest.mark.parametrize(
    ("count", "number", "parts"), [(20, 2, 1), (75, 8, 2), (300, 30, 3), (1000, 100, 8), (6000, 600, 8)]
)
def test_a_tenth_in_blocks_spread_over_the_set(count, number, parts):
    kept = held_out_indices(count, 0.1)
    assert (kept.sum(), blocks(kept)) == (number, parts)
    places = np.flatnonzero(kept)
    assert places.mean() == pytest.approx((count - 1) / 2, rel=0.03)
    assert (held_out_indices(count, 0.1) == kept).all()


@pytest.mark.parametrize("count", [*range(TINY, 60), 599])
@pytest.mark.parametrize("share", [0.001, 0.1, 0.33, 0.5, 0.99])
def test_something_is_held_out_and_enough_is_left(count, share):
    kept = held_out_indices(count, share)
    assert kept.sum() == min(max(1, round(count * share)), count - LEAST_FACES)


def test_nothing_is_held_out_of_a_tiny_set_or_when_not_wanted():
    assert not held_out_indices(TINY - 1, 0.1).any()
    assert not held_out_indices(500, 0).any()


def test_parts_hold_what_they_should_and_have_nothing_in_common():
    faces = made_up_faces((200, 150, 120), count=24)
    faces.mean[:, 0] = torch.arange(24)
    parts = train_val_split(faces, 0.25)
    assert not parts.seen and (len(parts.train), len(parts.held)) == (18, 6)
    seen = [part.pick(torch.arange(len(part))).mean[:, 0].tolist() for part in (parts.train, parts.held)]
    assert sorted(seen[0] + seen[1]) == list(range(24))
    assert parts.train.traits.shape[0] == 18 and parts.held.mean[:, 0].tolist() == seen[1]
    assert seen[1] == np.flatnonzero(held_out_indices(24, 0.25)).tolist()
    index = torch.tensor([3, 0])
    assert torch.equal(parts.held.pick_colours(index)[0], parts.held.pick(index).mean)
    assert torch.equal(
        parts.held.to(torch.device("cpu")).pick(index).wide, faces.wide[[seen[1][3], seen[1][0]]]
    )


def test_a_tiny_set_is_trained_whole_and_told():
    faces = made_up_faces((200, 150, 120), count=7)
    parts = train_val_split(faces, 0.1)
    assert parts.seen and parts.train is faces
    assert len(parts.held) + len(parts.references) == 7
    assert "A is trained whole" in describe_split({"a": parts}, 0.1)
    assert "nothing is held out" in describe_split({"a": parts}, 0)
