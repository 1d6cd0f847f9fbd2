"""Whose face a crop shows, as losses ask."""

from pathlib import Path

import cv2
import numpy as np
import torch

from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import crop_matrix, warp
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
from faceswap_cli.media.frame import Frame
from faceswap_cli.training.objectives.age_identity import Recogniser

PICTURE = Path(__file__).resolve().parents[2] / "data" / "face.jpg"


def test_it_says_what_the_encoder_says_and_something_else_of_another_picture() -> None:
    image = np.ascontiguousarray(cv2.imread(str(PICTURE))[..., ::-1])
    face = build_analyser(thorough=True).find([Frame(0, 0.0, image)])[0][0]
    crop = warp(image, crop_matrix(face.landmarks, 256, 2.75), 256)
    x = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255
    recogniser = Recogniser(2.75, torch.device("cpu"))
    with torch.no_grad():
        own, other = recogniser(x)[0].numpy(), recogniser(x.flip(2))[0].numpy()
    known = IdentityEncoder().embed(image, [face.landmarks])[0]
    assert own @ (known / np.linalg.norm(known)) > 0.97
    assert own @ other < 0.95
