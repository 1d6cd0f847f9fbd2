"""Pictures of a generator in training: always of the same noise, so that one sees them grow."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from faceswap_cli.files import write_bytes
from faceswap_cli.networks.generator.style import StyleGenerator
from faceswap_cli.training.data.latents import decode_drawn
from faceswap_cli.training.data.picture_set import to_pictures

ROWS, COLUMNS = 4, 8
LEAST_CELL = 64
"""Side of a small picture on the sheet, in pixels."""

CHECKS = np.array([200, 235], np.float32)
"""Grey levels of the ground that shows through transparent pictures."""


def write_generator_preview(path: Path, model: StyleGenerator, side: int, fade: float) -> None:
    """Save a sheet of generated pictures."""
    random = torch.Generator().manual_seed(0)
    noise = torch.randn(ROWS * COLUMNS, model.config.inputs, generator=random)
    device = next(model.parameters()).device
    with torch.inference_mode():
        drawn = decode_drawn(model, model.draw(model.styles(noise.to(device)), side, fade, random))
    sheet = lay_out(to_pictures(drawn), COLUMNS)
    encoded = cv2.imencode(path.suffix, np.ascontiguousarray(sheet[..., ::-1]))[1]
    write_bytes(path, encoded.tobytes())


def lay_out(pictures: NDArray[np.uint8], columns: int, least: int = LEAST_CELL) -> NDArray[np.uint8]:
    """A sheet (H, W, 3) of pictures (N, S, S, 3 or 4), small ones enlarged by whole numbers."""
    factor = max(1, least // pictures.shape[1])
    cells = [np.kron(on_checks(picture), np.ones((factor, factor, 1), np.uint8)) for picture in pictures]
    blank = np.full_like(cells[0], 255)
    cells += [blank] * (-len(cells) % columns)
    rows = [np.hstack(cells[k : k + columns]) for k in range(0, len(cells), columns)]
    return np.vstack(rows)


def on_checks(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture (S, S, 3 or 4), a transparent one on a chequered ground."""
    if picture.shape[-1] == 3:
        return picture
    y, x = np.indices(picture.shape[:2]) * 8 // picture.shape[0]
    ground = CHECKS[(x + y) % 2][..., None]
    alpha = picture[..., 3:].astype(np.float32) / 255
    found: NDArray[np.uint8] = np.rint(picture[..., :3] * alpha + ground * (1 - alpha)).astype(np.uint8)
    return found
