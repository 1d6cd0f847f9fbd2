from __future__ import annotations

import numpy as np
import pytest
import torch

from faceswap_cli.faces.age.estimator import AgeEstimator
from faceswap_cli.faces.age.prototype import PrototypeAger, is_broad
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.geometry import crop_matrix, warp
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.ageing.ageing import Ager
from faceswap_cli.networks.ageing.change import BANDS, carry_change
from tests.faces.face_pictures import one


@pytest.fixture(scope="module")
def ager() -> PrototypeAger:
    return PrototypeAger()


@pytest.fixture(scope="module")
def crop(ager: Ager, stage: FaceAnalyser, face_picture: Image) -> torch.Tensor:
    [[face]] = stage.find(one(face_picture))
    image = warp(face_picture, crop_matrix(face.landmarks, ager.size, ager.side), ager.size)
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


def test_a_face_looks_as_old_as_it_was_made(ager: Ager, crop: torch.Tensor) -> None:
    targets = torch.tensor([20.0, 40.0, 60.0, 80.0])
    crops = crop.expand(4, -1, -1, -1)
    change = ager(crops, torch.full((4,), 35.0), targets)
    assert change.residual.shape == crops.shape and change.flow.shape == (4, 2, ager.size, ager.size)
    assert change.gain.shape == (4, len(BANDS), ager.size, ager.size)
    made = carry_change(crops, change, torch.ones(4, 1, ager.size, ager.size), ager.side).clamp(0, 1)
    said = AgeEstimator().look(made, ager.side).age.detach().numpy()
    assert (np.diff(said) > 0).all() and said[-1] - said[0] > 15, said


def test_faces_in_a_batch_do_not_touch_each_other(ager: Ager, crop: torch.Tensor) -> None:
    both = torch.cat([crop, crop.flip(-1)])
    ages = torch.tensor([30.0, 70.0]), torch.tensor([70.0, 20.0])
    together = ager(both, *ages)
    alone = ager(both[1:], ages[0][1:], ages[1][1:])
    for one_by_one, part in zip(alone, together, strict=True):
        assert torch.allclose(one_by_one[0], part[1], atol=1e-4)


def test_only_broad_hair_counts() -> None:
    hair = torch.zeros(1, 1, 160, 160)
    hair[..., :60, :] = 1
    hair[..., 100:, 80:82] = 1
    seen = is_broad(hair)
    assert seen[..., :40, :].min() == 1 and seen[..., 100:, :].max() < 0.01
