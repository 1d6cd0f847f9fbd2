"""How light somebody's skin is in a photo, so that it can be told whether all are served alike.

By the individual typology angle of CIELAB (A. Chardon et al., Skin colour typology and suntanning pathways,
1991), of the skin that the face parser finds. A photo's light moves it: of single people it says little, of
many enough."""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.parsing.face_parser import FaceParser, class_share
from faceswap_cli.media.frame import Image

GROUPS = {"dark": (-np.inf, 10.0), "middle": (10.0, 41.0), "light": (41.0, np.inf)}
"""Angles in degrees, from and to: brown and darker, tan and intermediate, light."""

SURE, LEAST = 0.9, 200
"""Pixels surer than that are skin, and so many say what colour it has."""


def measure_skin_angle(parser: FaceParser, image: Image, landmarks: FloatArray) -> float:
    """The angle in degrees, about -60 of black skin to 70 of white; nan where hardly any skin is seen.

    Args:
        parser: says where skin is.
        image: (H, W, 3) uint8 RGB.
        landmarks: (68, 2) pixels.
    """
    crop = parser.crop(image, landmarks)
    skin = class_share(parser.probabilities([crop]), ("skin", "nose"))[0] > SURE
    if np.count_nonzero(skin) < LEAST:
        return float("nan")
    soft = cv2.GaussianBlur(crop, (0, 0), 1.0).astype(np.float32) / np.float32(255)
    light, _, yellow = np.median(cv2.cvtColor(soft, cv2.COLOR_RGB2Lab)[skin], axis=0)
    return float(np.degrees(np.arctan2(light - 50, yellow)))


def skin_group(angle: float) -> str | None:
    """The name of an angle's group; None of nan."""
    return next((name for name, (low, high) in GROUPS.items() if low <= angle < high), None)
