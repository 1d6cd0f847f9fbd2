"""The preview picture: how well each person is rebuilt, and how the swap looks so far."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.files import write_bytes
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.swap.family import FaceModel
from faceswap_cli.networks.swap.renderer import Rendered
from faceswap_cli.training.data.augment import apply_colour, colour_transform
from faceswap_cli.training.data.dataset import Faces, spread_indices
from faceswap_cli.training.runs.settings import TARGET

ROWS = 4
CELL = 160
"""Side of a face in the picture, pixels."""
MOST_OTHERS = 3
"""People put on that are shown."""


def write_preview(path: Path, model: FaceModel, faces: dict[str, Faces]) -> None:
    """Draw a few spread faces of both people and save the sheet.

    Raises:
        UserError: it can't be written.

    Args:
        path: a JPEG, replaced atomically.
        model: usually the averaged one.
        faces: by identity.
    """
    others = [identity for identity in faces if identity != TARGET][:MOST_OTHERS]
    columns = _columns(model, faces, TARGET, others)
    for other in others:
        columns |= _columns(model, faces, other, [TARGET])
    rows = min(len(column) for column in columns.values())
    body = np.vstack([np.hstack([column[row] for column in columns.values()]) for row in range(rows)])
    _save(path, np.vstack([_headings(list(columns), body.shape[1]), body]))


def _columns(
    model: FaceModel, faces: dict[str, Faces], own: str, others: Sequence[str]
) -> dict[str, list[Image]]:
    """A person's pictures, rebuilt, and as each of the others, by heading."""
    person = faces[own]
    index = torch.tensor(list(spread_indices(len(person), ROWS)), device=person.device)
    pictures = _lit(person.pick(index), faces[TARGET])
    name = own.upper()
    found = {name: _cells(pictures), f"{name} rebuilt": _cells(_on_grey(model.renderer(own)(pictures)))}
    for other in others:
        found[f"{name} as {other.upper()}"] = _cells(_on_grey(model.renderer(other)(pictures)))
    return found


def write_rebuilt(path: Path, model: FaceModel, faces: Faces, identity: str) -> None:
    """Save pictures (above) of `faces` and what an identity's decoder makes of them (below)."""
    index = torch.tensor(list(spread_indices(len(faces), 12)), device=faces.device)
    pictures = faces.pick(index).target.float() / 255
    columns = zip(_cells(pictures), _cells(_on_grey(model.renderer(identity)(pictures))), strict=True)
    _save(path, np.hstack([np.vstack(pair) for pair in columns]))


def _save(path: Path, sheet: Image) -> None:
    _, data = cv2.imencode(".jpg", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    write_bytes(path, data.tobytes())


def _lit(picked: Faces, target: Faces) -> Tensor:
    """Pictures (N, 3, R, R) in the target's mean light: the source is learnt in it, the target has it."""
    light = target.mean.mean(0).expand(len(picked), 3), target.std.mean(0).expand(len(picked), 3)
    return apply_colour(picked.target.float() / 255, *colour_transform(picked, light)).clamp(0, 1)


def _on_grey(drawn: Rendered) -> Tensor:
    """The drawn face on a plain ground, so that its mask can be judged."""
    return drawn.image * drawn.mask + 0.5 * (1 - drawn.mask)


def _cells(pictures: Tensor) -> list[Image]:
    values: NDArray[np.float32] = pictures.clamp(0, 1).permute(0, 2, 3, 1).float().cpu().numpy()
    images = np.rint(values * 255).astype(np.uint8)
    return [cv2.resize(image, (CELL, CELL), interpolation=cv2.INTER_CUBIC) for image in images]  # type: ignore[misc]


def _headings(texts: Sequence[str], width: int) -> Image:
    bar = np.full((24, width, 3), 32, np.uint8)
    for number, text in enumerate(texts):
        place = (number * CELL + 6, 17)
        cv2.putText(bar, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (235,) * 3, 1, cv2.LINE_AA)
    return bar
