"""Control over what is drawn: expression and turn of the head.

A network draws the pose and the expression it sees. So it is shown the face with those that are asked for,
which works with every model; a conditional one reads its attributes from that view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import crop_matrix
from faceswap_cli.faces.landmarks.attributes import DEGREES
from faceswap_cli.faces.landmarks.dense import IBUG
from faceswap_cli.faces.landmarks.head_attributes import change_points, measure_points
from faceswap_cli.faces.landmarks.repose import repose
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.swap.conditions import EXPRESSION, TRAITS
from faceswap_cli.networks.swap.renderer import Renderer

REST = np.array([0.0, 0.5, 1.5, 1.5])
"""How far mouth, smile, brows and eyes of faces at rest lie from the mean: what is beyond is expression.
Narrow eyes are no smile, and must not be closed by a stronger one."""

MOST = 2.0
"""How far an attribute is moved at most."""

Faces = Sequence[tuple[Image, PlannedFace]]
"""Faces, each with the frame it is in."""


def steer_faces(faces: Faces, renderer: Renderer, options: SwapOptions) -> tuple[Faces, list[Image] | None]:
    """The faces where they are to be drawn, and the crops that the network is shown.

    Args:
        faces: with the landmarks that were found.
        renderer: its size and side are the crops'.
        options: expression and yaw.

    Returns:
        the faces, their landmarks moved as is asked for, and (S, S, 3) crops aligned by those; None: the
        faces' own crops, for nothing is asked for.
    """
    if (options.expression, options.yaw) == (1.0, 0.0):
        return faces, None
    moved, crops = [], []
    for image, face in faces:
        points = face.landmarks if face.dense is None else face.dense
        change = _change(points, options)
        places = change_points(points, change).astype(np.float32)
        landmarks, dense = places[:IBUG, :2], None if face.dense is None else places
        moved.append((image, replace(face, landmarks=landmarks, dense=dense, expression=None)))
        matrix = crop_matrix(landmarks, renderer.size, renderer.side)
        crops.append(repose(image, points, change, matrix, renderer.size))
    return moved, crops


def _change(points: FloatArray, options: SwapOptions) -> NDArray[np.float64]:
    """What is added to a face's attributes."""
    change = np.zeros(len(TRAITS))
    looks = measure_points(points)[EXPRESSION]
    beyond = looks - np.clip(looks, -REST, REST)
    change[EXPRESSION] = np.clip((options.expression - 1) * beyond, -MOST, MOST)
    change[TRAITS.index("yaw")] = options.yaw / DEGREES[0]
    return change
