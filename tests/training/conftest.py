"""Small made-up people: bright blobs whose 'expression' varies, so that a tiny network can learn them."""

import cv2
import numpy as np
import pytest

from faceswap_cli.faces.geometry import STORED_SIDE, mean_face
from faceswap_cli.training.data.dataset import Faces, faces_from_columns, prepare


def made_up_crop(index: int, hue: tuple[int, int, int], size: int = 128) -> np.ndarray:
    """A face-like picture at a face set's framing; `index` opens the mouth."""
    points = mean_face(size, STORED_SIDE)
    image = np.full((size, size, 3), 60, np.uint8)
    cv2.fillConvexPoly(image, cv2.convexHull(points.astype(np.int32)), hue)
    for eye in (slice(36, 42), slice(42, 48)):
        cv2.fillConvexPoly(image, points[eye].astype(np.int32), (250, 250, 250))
    mouth = points[48:60].copy()
    mouth[6:, 1] += index % 4
    cv2.fillConvexPoly(image, mouth.astype(np.int32), (150, 30, 40))
    return image


def made_up_faces(hue: tuple[int, int, int], count: int = 6, resolution: int = 32) -> Faces:
    landmarks = mean_face(128, STORED_SIDE)
    rows = [prepare(made_up_crop(i, hue), landmarks, STORED_SIDE, resolution) for i in range(count)]
    return faces_from_columns([np.stack(column) for column in zip(*rows, strict=True)])


@pytest.fixture
def people() -> dict[str, Faces]:
    return {"a": made_up_faces((200, 150, 120)), "b": made_up_faces((120, 90, 70))}
