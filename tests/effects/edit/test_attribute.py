"""The other sex's look, as a change that a network finds."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from faceswap_cli.effects.edit.attribute_road import (
    apply_attribute,
    ask_network,
    load_attributes,
    move_crop,
    read_attribute,
    shape_step,
)
from faceswap_cli.effects.edit.features import FEATURES
from faceswap_cli.effects.reenact.layout import face_layout, select_points
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Frame
from faceswap_cli.networks.ageing.attributes import AttributeConfig, AttributeNetwork

PICTURE = Path(__file__).resolve().parents[2] / "data" / "face.jpg"


@pytest.fixture(scope="module")
def seen():
    image = np.ascontiguousarray(cv2.imread(str(PICTURE))[..., ::-1])
    return image, build_analyser(thorough=True).find([Frame(0, 0.0, image)])[0][0]


def change(seen, step):
    image, face = seen
    points = select_points(face.dense)[:, :2]
    [found] = ask_network(FaceParser(), [(image, face.landmarks, points, points, step)])
    return found


def test_every_attribute_is_the_networks() -> None:
    names = {name for name, feature in FEATURES.items() if feature.road == "attribute"}
    assert names == set(load_attributes().attributes.names)


def test_half_a_step_is_half_the_change_and_none_is_none(seen) -> None:
    whole, half, none = (change(seen, step)[..., :8] for step in (1.0, 0.5, 0.0))
    assert np.abs(whole).max() > 0.02
    assert np.allclose(half, whole / 2, atol=1e-4) and not none.any()


def test_a_change_is_carried_inside_the_face_alone(seen) -> None:
    image, face = seen
    canvas = image.copy()
    made = apply_attribute(canvas, face.landmarks, change(seen, 1.0))
    changed = (canvas != image).any(-1)
    assert changed.any() and not (changed & ~made).any() and made.mean() < 0.4


def test_it_is_read_as_a_share(seen) -> None:
    image, face = seen
    assert 0 <= read_attribute("sex", image, face.landmarks) <= 1


def test_womens_chins_are_nearer_to_their_eyes() -> None:
    layout, step = face_layout(), shape_step("sex", 1.0)
    lids = [place for eye in layout.eyes for place in eye.outline]
    chin = int(np.argmax(layout.head.mean[:, 1]))
    assert step[chin, 1] < step[lids, 1].mean() - 0.01
    assert np.allclose(shape_step("sex", -0.5), -0.5 * step)


def test_points_that_stay_move_no_pixel(seen) -> None:
    crop = np.random.default_rng(0).integers(0, 255, (160, 160, 3)).astype(np.uint8)
    points = face_layout().head.mean[:, :2] * 50 + 80
    assert np.array_equal(move_crop(crop, points, points), crop)


def test_a_network_is_asked_for_a_difference() -> None:
    torch.manual_seed(0)
    network = AttributeNetwork(AttributeConfig(size=64, widths=(8, 8, 8, 8), fine=4, vector=8))
    for layer in (*network.coarse.lasts(), network.fine.last):
        torch.nn.init.normal_(layer.weight, std=0.1)
    for part in network.modules():
        if hasattr(part, "both"):
            torch.nn.init.normal_(part.both.weight, std=0.5)
    crops = torch.rand(2, 3, 64, 64)
    there, back = (network.change(crops, torch.full((2, 1), step)).residual for step in (1.0, -1.0))
    assert there.abs().max() > 1e-3 and not torch.allclose(there, back, atol=1e-4)
    assert network.read(torch.zeros(3, 128)).tolist() == [[0.5]] * 3
