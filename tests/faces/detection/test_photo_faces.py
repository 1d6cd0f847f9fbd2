"""Portraits are told by a quick look; every other photo is searched as closely as it can be."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from faceswap_cli.faces.detection import photo_faces
from faceswap_cli.faces.detection.photo_faces import find_in_photo
from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.faces.geometry import interocular
from faceswap_cli.media.frame import Image
from tests.dense_faces import with_dense
from tests.faces.face_pictures import load, one, shared_file


def stage() -> FaceAnalyser:
    return build_analyser(thorough=True)


def test_a_large_portrait_is_found_where_the_small_one_is(face_picture: Image) -> None:
    [known] = stage().find(one(face_picture))[0]
    factor = 1 + 4 * photo_faces.LOOKED_AT // max(face_picture.shape[:2])
    large = cv2.resize(face_picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    [face] = find_in_photo(np.asarray(large, np.uint8), stage())
    expected = (known.landmarks + 0.5) * factor - 0.5
    apart = np.linalg.norm(face.landmarks - expected, axis=1).mean()
    assert apart < 0.05 * interocular(expected)
    assert abs(face.box[2] - factor * known.box[2]) < 0.2 * factor * (known.box[2] - known.box[0])


def test_smaller_faces_beside_a_large_one_are_found(face_picture: Image) -> None:
    height, width = face_picture.shape[:2]
    factor = 1600 // max(height, width)
    canvas = np.full((factor * height, factor * width + 400, 3), 120, np.uint8)
    canvas[:, : factor * width] = cv2.resize(face_picture, (factor * width, factor * height))
    small = cv2.resize(face_picture, None, fx=100 / height, fy=100 / height, interpolation=cv2.INTER_AREA)
    canvas[200 : 200 + small.shape[0], -200 : -200 + small.shape[1]] = small
    assert len(find_in_photo(canvas, stage())) == 2


def test_a_crowd_is_looked_at_closely() -> None:
    picture = load(shared_file("samples", "stills", "solvay1927.jpg"))
    assert len(find_in_photo(picture, stage())) == 29


def test_dense_points_of_a_large_portrait_are_in_its_own_pixels(face_picture: Image) -> None:
    factor = 1 + 4 * photo_faces.LOOKED_AT // max(face_picture.shape[:2])
    large = cv2.resize(face_picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    [face] = find_in_photo(np.asarray(large, np.uint8), with_dense(stage()))
    assert face.dense is not None and face.expression is not None
    assert np.allclose(face.dense[:68, :2], face.landmarks, atol=0.01)
    depth, width = (float(np.ptp(face.dense[:, axis])) for axis in (2, 0))
    assert depth == pytest.approx(0.3 * width, rel=0.5)
