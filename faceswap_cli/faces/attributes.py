"""How a face looks at the moment, as the conditional networks are told it: `networks.conditions.TRAITS`.

Each number is about 0 for a resting face that looks ahead and of about unit spread. A person's brows and eyes
at rest are his own: what is read here is against everybody's mean.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.geometry import interocular
from faceswap_cli.faces.pose import pose

_REST, _UNIT = (0.05, 0.64, 0.03, 0.23, 0.09), (0.08, 0.07, 0.04, 0.04, 0.025)
"""Mean and spread of the mouth's opening and width, the lift of its corners, brows' height and eyes' opening,
in face units."""

MIRRORED = np.array([-1, 1, -1, 1, 1, 1, 1], np.float32)
"""What a picture's mirror image makes of the traits."""


def attributes(landmarks: ArrayLike) -> NDArray[np.float32]:
    """(len(TRAITS),) of an upright face.

    Args:
        landmarks: (68, 2), in any upright pixels.
    """
    p = np.asarray(landmarks, np.float64)
    unit = max(interocular(p), 1e-6)
    yaw, pitch, roll = pose(p)

    def apart(*pairs: tuple[int, int]) -> float:
        return float(np.mean([np.linalg.norm(p[a] - p[b]) for a, b in pairs])) / unit

    mouth, width = apart((61, 67), (62, 66), (63, 65)), apart((48, 54))
    lift = float((p[[51, 57], 1].mean() - p[[48, 54], 1].mean()) / unit)
    brows = apart((19, 37), (24, 44))
    eyes = apart((37, 41), (38, 40), (43, 47), (44, 46))
    values = (
        (v - rest) / one for v, rest, one in zip((mouth, width, lift, brows, eyes), _REST, _UNIT, strict=True)
    )
    opened, wide, lifted, raised, open_eyes = values
    found = yaw / 30, pitch / 20, roll / 10, opened, (wide + lifted) / 2, raised, open_eyes
    return np.clip(np.array(found, np.float32), -5, 5)
