"""Embeddings of the faces on many pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.photo import read_photo

LEAST_SIDE = 160
"""Smaller pictures are enlarged before faces are looked for, in pixels."""


def embed_faces(paths: Sequence[Path]) -> NDArray[np.float32]:
    """(K, 128) embeddings of the largest face of each picture that shows one and can be read."""
    analyser, encoder = build_analyser(), IdentityEncoder()
    found = []
    for path in paths:
        try:
            image = enlarge_picture(read_photo(path).image)
        except UserError:
            continue
        faces = analyser.find([Frame(0, 0.0, image)])[0]
        if faces:
            largest = max(faces, key=lambda face: float(face.box[3] - face.box[1]))
            found.append(encoder.embed(image, [largest.landmarks])[0])
    return np.array(found, np.float32).reshape(-1, 128)


def enlarge_picture(image: Image) -> Image:
    """A picture (H, W, 3), by a whole number larger if it is too small to find a face in."""
    factor = max(1, -(-LEAST_SIDE // min(image.shape[:2])))
    if factor == 1:
        return np.ascontiguousarray(image)
    size = (image.shape[1] * factor, image.shape[0] * factor)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)
