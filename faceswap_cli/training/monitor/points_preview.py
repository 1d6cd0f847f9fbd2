"""Real and generated points as a picture, while a generator of points is trained."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from faceswap_cli.files import write_bytes
from faceswap_cli.training.monitor.points_validation import WINDOW

SIDE = 512
"""Of the picture in pixels."""

PAPER, REAL, FAKE = (255, 255, 255), (60, 150, 40), (190, 40, 150)
"""Colours, RGB: those of the laboratory's page."""


def write_points_preview(path: Path, real: Tensor, fake: Tensor) -> None:
    """Draw points (N, 2) of both kinds.

    Raises:
        UserError: it can't be written.
    """
    picture = np.full((SIDE, SIDE, 3), PAPER, np.uint8)
    for points, colour in ((real, REAL), (fake, FAKE)):
        places = (points / torch.tensor([WINDOW, -WINDOW]) + 1) * SIDE / 2
        for x, y in places.clamp(0, SIDE - 1).round().int().tolist():
            cv2.circle(picture, (x, y), 2, colour[::-1], -1, cv2.LINE_AA)
    done, data = cv2.imencode(path.suffix, picture)
    assert done
    write_bytes(path, data.tobytes())
