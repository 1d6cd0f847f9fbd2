"""The preview picture: how well each person is rebuilt, and how the swap looks so far."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.files import write_bytes
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.registry import FaceModel
from faceswap_cli.networks.renderer import Rendered
from faceswap_cli.training.augment import mapped, recolouring
from faceswap_cli.training.dataset import Faces, spread
from faceswap_cli.training.settings import SOURCE, TARGET

ROWS = 4
CELL = 160
"""Side of a face in the picture, pixels."""
HEADINGS = ("A", "A rebuilt", "A as B", "B", "B rebuilt", "B as A")


def write_preview(path: Path, model: FaceModel, faces: dict[str, Faces]) -> None:
    """Draw a few spread faces of both people and save the sheet.

    Raises:
        UserError: it can't be written.

    Args:
        path: a JPEG, replaced atomically.
        model: usually the averaged one.
        faces: by identity.
    """
    columns: list[list[Image]] = []
    for own, other in ((TARGET, SOURCE), (SOURCE, TARGET)):
        person = faces[own]
        index = torch.tensor(list(spread(len(person), ROWS)), device=person.device)
        pictures = _lit(person.pick(index), faces[TARGET])
        rebuilt = model.renderer(own)(pictures)
        swapped = model.renderer(other)(pictures)
        columns += [_cells(pictures), _cells(_on_grey(rebuilt)), _cells(_on_grey(swapped))]
    rows = min(len(column) for column in columns)
    body = np.vstack([np.hstack([column[row] for column in columns]) for row in range(rows)])
    _save(path, np.vstack([_headings(body.shape[1]), body]))


def write_rebuilt(path: Path, model: FaceModel, faces: Faces, identity: str) -> None:
    """Save pictures (above) of `faces` and what an identity's decoder makes of them (below)."""
    index = torch.tensor(list(spread(len(faces), 12)), device=faces.device)
    pictures = faces.pick(index).target.float() / 255
    columns = zip(_cells(pictures), _cells(_on_grey(model.renderer(identity)(pictures))), strict=True)
    _save(path, np.hstack([np.vstack(pair) for pair in columns]))


def _save(path: Path, sheet: Image) -> None:
    _, data = cv2.imencode(".jpg", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    write_bytes(path, data.tobytes())


def _lit(picked: Faces, target: Faces) -> Tensor:
    """Pictures (N, 3, R, R) in the target's mean light: the source is learnt in it, the target has it."""
    light = target.mean.mean(0).expand(len(picked), 3), target.std.mean(0).expand(len(picked), 3)
    return mapped(picked.target.float() / 255, *recolouring(picked, light)).clamp(0, 1)


def _on_grey(drawn: Rendered) -> Tensor:
    """The drawn face on a plain ground, so that its mask can be judged."""
    return drawn.image * drawn.mask + 0.5 * (1 - drawn.mask)


def _cells(pictures: Tensor) -> list[Image]:
    values: NDArray[np.float32] = pictures.clamp(0, 1).permute(0, 2, 3, 1).float().cpu().numpy()
    images = np.rint(values * 255).astype(np.uint8)
    return [cv2.resize(image, (CELL, CELL), interpolation=cv2.INTER_CUBIC) for image in images]  # type: ignore[misc]


def _headings(width: int) -> Image:
    bar = np.full((24, width, 3), 32, np.uint8)
    for number, text in enumerate(HEADINGS):
        place = (number * CELL + 6, 17)
        cv2.putText(bar, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (235,) * 3, 1, cv2.LINE_AA)
    return bar
