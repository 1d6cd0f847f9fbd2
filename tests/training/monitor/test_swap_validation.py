import math
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import STORED_SIDE, align, transform
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.networks.swap.renderer import Rendered
from faceswap_cli.training.data.dataset import faces_from_columns, prepare
from faceswap_cli.training.data.train_val_split import train_val_split
from faceswap_cli.training.monitor.swap_validation import SwapValidator
from faceswap_cli.training.objectives.weights import LossWeights
from tests.training.conftest import made_up_faces


@pytest.fixture(scope="module")
def splits():
    people = {"a": made_up_faces((200, 150, 120), 24, 64), "b": made_up_faces((60, 90, 200), 24, 64)}
    return {identity: train_val_split(faces, 0.2) for identity, faces in people.items()}


@pytest.fixture(scope="module")
def validator(splits):
    return SwapValidator(splits, LossWeights())


def model(draw):
    """A model that draws what `draw` makes of (identity, pictures)."""
    return SimpleNamespace(renderer=lambda identity: lambda pictures: draw(identity, pictures))


def mask_of(splits, pictures):
    return splits["a"].held.pick(torch.arange(1)).mask.float().expand(len(pictures), -1, -1, -1) / 255


def test_a_model_that_changes_nothing(splits, validator):
    figures = validator.measure(model(lambda who, p: Rendered(p, mask_of(splits, p))))
    swap = figures.swaps["b"]
    assert figures.loss < 0.2
    assert swap.landmarks < 0.5 and swap.sharpness == pytest.approx(1, abs=0.1)
    assert math.isnan(swap.likeness) or abs(swap.likeness) < 0.1


def test_blur_costs_sharpness_and_loss(splits, validator):
    def blurred(who, pictures):
        return Rendered(torch.nn.functional.avg_pool2d(pictures, 5, 1, 2), mask_of(splits, pictures))

    figures = validator.measure(model(blurred))
    assert figures.swaps["b"].sharpness < 0.3
    assert figures.loss > 0.5 and figures.loss == pytest.approx(sum(figures.terms.values()))
    assert figures.loss == pytest.approx(sum(figures.rebuilt.values()) / 2)


def test_a_wrong_mask_is_seen(validator):
    figures = validator.measure(model(lambda who, p: Rendered(p, torch.zeros_like(p[:, :1]))))
    assert figures.swaps["b"].mask > 0.2 and figures.terms["mask"] > 0.2


@pytest.fixture
def real_people(shared):
    """Faces of two people from their clips, by identity."""
    stage, found = build_analyser(device="cpu"), {}
    for identity, name in (("a", "grid_bbaf2n.mpg"), ("b", "grid_sbwe5n.mpg")):
        rows = []
        with VideoReader(shared / "clips" / name) as frames:
            for frame in islice(frames, 0, 48, 2):
                face = stage.find([frame])[0][0]
                crop = align(frame.image, face, 192, STORED_SIDE)
                rows.append(prepare(crop.image, transform(face.landmarks, crop.matrix), STORED_SIDE, 64))
        found[identity] = train_val_split(
            faces_from_columns([np.stack(column) for column in zip(*rows, strict=True)]), 0.2
        )
    return found


def test_real_people_are_told_apart(real_people):
    """A's own pictures are at 0, and B's at 1: they are his likeness, but not A's expression."""
    validator, b = SwapValidator(real_people, LossWeights()), real_people["b"].train
    own = validator.measure(model(lambda who, p: Rendered(p, torch.ones_like(p[:, :1])))).swaps["b"]
    assert own.likeness == pytest.approx(0, abs=0.05) and own.landmarks < 0.5

    def put_on(who, pictures):
        return Rendered(b.pick(torch.arange(len(pictures))).target / 255, torch.ones_like(pictures[:, :1]))

    other = validator.measure(model(put_on)).swaps["b"]
    assert other.likeness == pytest.approx(1, abs=0.25) and other.distance < own.distance - 0.2
    assert other.landmarks > own.landmarks + 1


def test_several_people_have_a_line_each(splits):
    several = {**splits, "b2": splits["b"]}
    line = (
        SwapValidator(several, LossWeights())
        .measure(model(lambda who, p: Rendered(p, mask_of(splits, p))))
        .to_json()
    )
    assert set(line["people"]) == {"b", "b2"} and set(line["rebuilt"]) == {"a", "b", "b2"}
    assert line["sharpness"] == pytest.approx(line["people"]["b"]["sharpness"])
