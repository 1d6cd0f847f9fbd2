"""Control over what is drawn: expression and turn of the head.

A network draws the pose and the expression it sees. So it is shown the face with those that are asked for,
which works with every model; a conditional one reads its attributes from that view.
"""

from __future__ import annotations

import numpy as np

from faceswap_cli.compositing.options import ConvertOptions
from faceswap_cli.faces.attributes import DEGREES, attributes
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.repose import reposed
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.conditions import EXPRESSION, TRAITS

MOST = 2.0
"""How far an attribute is moved at most: faces at rest differ too, and a factor makes much of that."""


def steered(
    image: Image, landmarks: FloatArray, matrix: FloatArray, size: int, options: ConvertOptions
) -> Image | None:
    """The crop that a network is shown under the control that is asked for; None: as it is.

    Args:
        image: (H, W, 3) uint8 RGB, the frame.
        landmarks: (68, 2) of the face.
        matrix: (2, 3) from the frame's to the crop's pixels.
        size: side of the crop.
        options: expression and yaw.
    """
    if (options.expression, options.yaw) == (1.0, 0.0):
        return None
    change = np.zeros(len(TRAITS))
    looks = attributes(landmarks @ matrix[:, :2].T)[EXPRESSION]
    change[EXPRESSION] = np.clip((options.expression - 1) * looks, -MOST, MOST)
    change[TRAITS.index("yaw")] = options.yaw / DEGREES[0]
    return reposed(image, landmarks, change, matrix, size)
