"""Faces at several ages, as a sheet, while an ageing network is trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.files import write_bytes
from faceswap_cli.networks.ageing.ageing import AgeingNetwork
from faceswap_cli.networks.ageing.change import carry_change
from faceswap_cli.training.data.ageing_batches import AgedFaces

AGES = (20.0, 35.0, 50.0, 65.0, 80.0)
ROWS = 6


def spread_over(ages: NDArray[np.float64], rows: int = ROWS) -> list[int]:
    """Numbers of faces from the youngest to the oldest."""
    order = np.argsort(ages, kind="stable")
    return [int(order[i]) for i in np.linspace(0, len(order) - 1, rows + 2)[1:-1].astype(int)]


@torch.inference_mode()
def write_ageing_preview(
    path: Path, network: AgeingNetwork, faces: AgedFaces, chosen: Sequence[int], coarse: bool = False
) -> None:
    """A row for each chosen face: as it is, then at AGES.

    Args:
        path: a JPEG or PNG, replaced atomically.
        network: usually the averaged one.
        faces: where they are taken from.
        chosen: their numbers.
        coarse: whether only the coarse part is trained yet.

    Raises:
        UserError: it can't be written.
    """
    size = network.size // 2 if coarse else network.size
    device = next(network.parameters()).device
    rows = []
    for index in chosen:
        x = resize(faces.crop(index), faces.side, network.side, size)[None].to(device)
        mask = resize(faces.mask(index), faces.mask_side, network.side, size)[None].to(device)
        age = torch.full((len(AGES),), float(faces.age[index]), device=device)
        many = x.expand(len(AGES), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        change = network(many, age, torch.tensor(AGES, device=device), coarse)
        aged = carry_change(many, change, mask.expand(len(AGES), -1, -1, -1), network.side).clamp(0, 1)
        rows.append(torch.cat([x[0], *aged], 2))
    sheet = (torch.cat(rows, 1).permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8)
    done, data = cv2.imencode(path.suffix, np.ascontiguousarray(sheet[..., ::-1]))
    assert done
    write_bytes(path, data.tobytes())


def resize(image: NDArray[np.uint8], side: float, wanted: float, size: int) -> Tensor:
    """A square picture (S, S) or (S, S, C) of `side` face units as (C, size, size) in [0, 1] of `wanted`."""
    scale = size / image.shape[0] * side / wanted
    shift = (size - 1) / 2 - scale * (image.shape[0] - 1) / 2
    soft = cv2.GaussianBlur(image, (0, 0), 0.4 / scale) if scale < 0.7 else image
    view = cv2.warpAffine(soft, np.array([[scale, 0, shift], [0, scale, shift]]), (size, size))
    return torch.from_numpy(view.reshape(size, size, -1)).permute(2, 0, 1).float() / 255
