"""The closer look at eyes and mouth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from faceswap_cli.faces import geometry
from faceswap_cli.faces.detection.retinaface import RetinaFaceDetector
from faceswap_cli.faces.face import Points
from faceswap_cli.faces.landmarks.compact import CompactLandmarker
from faceswap_cli.faces.landmarks.dense import EXPRESSION_NAMES, GROUPS, IBUG, MIRROR_DENSE, measure_opening
from faceswap_cli.faces.landmarks.fine import PARTS, FineLandmarker, part_matrix
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.networks.perception.fine_landmarks import (
    FineLandmarkConfig,
    FineLandmarkNetwork,
    build_fine_landmark_network,
)


@pytest.fixture(scope="module")
def answer(face_picture: Image) -> Points:
    [[found]] = RetinaFaceDetector()([Frame(0, 0.0, face_picture)])
    [[points]] = CompactLandmarker()([face_picture], [[found]])
    return points


@pytest.fixture
def network() -> FineLandmarkNetwork:
    torch.manual_seed(0)
    return FineLandmarkNetwork(FineLandmarkConfig()).eval()


def scramble(network: FineLandmarkNetwork, much: float) -> None:
    """Weights as if it had learnt nonsense."""
    with torch.no_grad():
        for part in (network.eye, network.mouth):
            for layer in (part.shift, part.expression):
                layer.weight.normal_(0, much)


def test_parts_are_eyes_and_mouth_as_the_network_counts_them() -> None:
    right, left, mouth = PARTS
    config = FineLandmarkConfig()
    assert len(right.numbers) == len(left.numbers) == config.eye_points
    assert len(mouth.numbers) == config.mouth_points
    assert (
        len(right.expressions) == config.eye_expressions
        and len(mouth.expressions) == config.mouth_expressions
    )
    assert (MIRROR_DENSE[right.numbers] == left.numbers).all()
    for part in PARTS:
        assert len(set(part.numbers)) == len(part.numbers)
    names = [EXPRESSION_NAMES[i] for i in left.expressions]
    assert all(name.endswith("_left") for name in names)
    signs = dict(zip(names, left.signs, strict=True))
    assert signs["gaze_x_left"] == -1 and signs["blink_left"] == 1


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_crop_is_upright_around_its_part_whatever_the_roll(part) -> None:  # type: ignore[no-untyped-def]
    face = np.random.default_rng(0).normal(0, 0.01, (222, 2))
    face[:IBUG] += geometry.MEAN_FACE
    face[GROUPS["right_lids"]] += [-0.36, -0.3]
    face[GROUPS["left_lids"]] += [0.36, -0.3]
    face[GROUPS["lips_outer"]] += [0, 0.45]
    for angle in (0.0, 1.0, np.pi):
        turn = 50 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        there = face @ turn.T + [100, 80]
        upright = geometry.fit_similarity(there[geometry.INTERIOR], geometry.MEAN_FACE[geometry.INTERIOR])
        matrix = part_matrix(upright, there, part, 64, 0.64)
        found = geometry.transform(there[part.numbers], matrix)
        expected = face[part.numbers] * 100 * [-1 if part.mirrored else 1, 1]
        assert np.abs((found - found.mean(0)) - (expected - expected.mean(0))).max() < 8
        middle = geometry.transform(there[part.outline], matrix).mean(0)
        assert np.abs(middle - [31.5, 36.5 if part.kind == "eye" else 31.5]).max() < 0.1


def test_untrained_it_leaves_points_about_where_they_were(
    network: FineLandmarkNetwork, answer: Points, face_picture: Image
) -> None:
    """What it learns begins there: it can be no worse than the first look where it sees nothing."""
    [found] = FineLandmarker(network, torch.device("cpu"))([face_picture], [answer])
    assert found.dense is not None and answer.dense is not None
    unit = geometry.interocular(answer.landmarks)
    assert np.abs(found.dense - answer.dense).max() < 0.08 * unit
    assert np.array_equal(found.expression, answer.expression)


def test_points_of_other_parts_stay_and_none_moves_beyond_its_reach(
    network: FineLandmarkNetwork, answer: Points, face_picture: Image
) -> None:
    scramble(network, 30.0)
    [found] = FineLandmarker(network, torch.device("cpu"))([face_picture], [answer])
    assert found.dense is not None and answer.dense is not None
    moved = np.linalg.norm((found.dense - answer.dense)[:, :2], axis=1)
    others = np.setdiff1d(np.arange(222), np.concatenate([part.numbers for part in PARTS]))
    assert (moved[others] == 0).all() and (found.dense[:, 2] == answer.dense[:, 2]).all()
    upright = geometry.fit_similarity(
        answer.landmarks[geometry.INTERIOR], geometry.MEAN_FACE[geometry.INTERIOR]
    )
    moved = moved * np.hypot(*upright[0, :2])
    config = network.config
    assert 0.5 * config.eye_reach < moved[PARTS[0].numbers].max() < config.eye_reach + 1e-4
    assert 0.5 * config.mouth_reach < moved[PARTS[2].numbers].max() < config.mouth_reach + 1e-4
    assert (found.landmarks == found.dense[:IBUG, :2]).all()
    assert found.spread.shape == (68,) and (found.spread > 0).all()
    assert (found.spread[:27] == answer.spread[:27]).all()


def test_a_mirror_image_has_the_other_eye_mirrored(
    network: FineLandmarkNetwork, answer: Points, face_picture: Image
) -> None:
    scramble(network, 3.0)
    look = FineLandmarker(network, torch.device("cpu"))
    [found] = look([face_picture], [answer])
    mirrored = np.ascontiguousarray(face_picture[:, ::-1])
    assert answer.dense is not None and found.dense is not None and answer.expression is not None
    from dataclasses import replace

    from faceswap_cli.faces.landmarks.dense import MIRROR_EXPRESSION, MIRROR_SIGN

    width = face_picture.shape[1] - 1
    flip = (answer.dense * np.float32([-1, 1, 1]) + np.float32([width, 0, 0]))[MIRROR_DENSE]
    other = replace(
        answer,
        dense=flip,
        landmarks=flip[:IBUG, :2],
        expression=(answer.expression[MIRROR_EXPRESSION] * MIRROR_SIGN).astype(np.float32),
    )
    [there] = look([mirrored], [other])
    assert there.dense is not None
    back = there.dense[MIRROR_DENSE] * [-1, 1, 1] + [width, 0, 0]
    eyes = np.concatenate([PARTS[0].numbers, PARTS[1].numbers])
    assert np.abs(back - found.dense)[eyes].max() < 0.02 * geometry.interocular(answer.landmarks)


def test_no_faces_no_answer(network: FineLandmarkNetwork) -> None:
    assert FineLandmarker(network, torch.device("cpu"))([], []) == []


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        build_fine_landmark_network({"eye_size": 60})


def test_the_shipped_network_sees_an_eye_that_is_painted_shut(answer: Points, face_picture: Image) -> None:
    """Skin drawn over both eyes with a line of lashes at their lower edge: the lids come together."""
    assert answer.dense is not None
    picture = face_picture.copy()
    for side in ("right", "left"):
        lids = answer.dense[GROUPS[f"{side}_lids"], :2]
        skin = face_picture[int(lids[:, 1].min()) - 4, int(lids[:, 0].mean())].tolist()
        cv2.fillPoly(picture, [np.rint(lids).astype(np.int32)], skin)
        lower = np.rint(lids[8:]).astype(np.int32)
        cv2.polylines(picture, [lower], False, [int(0.4 * v) for v in skin], 1, cv2.LINE_AA)
    [[found]] = RetinaFaceDetector()([Frame(0, 0.0, picture)])
    [[shut]] = CompactLandmarker()([picture], [[found]])
    assert shut.dense is not None
    for side in ("right_lids", "left_lids"):
        assert measure_opening(shut.dense, side) < 0.45 * measure_opening(answer.dense, side)
