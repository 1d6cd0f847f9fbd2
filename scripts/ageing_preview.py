"""Kept faces at several ages, as a sheet, while the ageing network is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from faceswap_cli.networks.ageing import AgeingNetwork, carried

AGES = (20.0, 35.0, 50.0, 65.0, 80.0)


@torch.inference_mode()
def write_preview(path: Path, network: AgeingNetwork, faces: tuple[Any, list[int]], coarse: bool) -> None:
    """A row for each face: as it is, then at AGES."""
    own, chosen = faces
    size = network.size // 2 if coarse else network.size
    rows = []
    for index in chosen:
        x = tensor(own.crop(index), own.side, network.side, size)[None]
        mask = tensor(own.mask(index)[..., None], own.mask_side, network.side, size)[None]
        many = len(AGES)
        age, target = torch.full((many,), float(own.age[index])), torch.tensor(AGES)
        x = x.expand(many, -1, -1, -1).contiguous(memory_format=torch.channels_last)
        change = network(x, age, target, coarse)
        aged = carried(x, change, mask.expand(many, -1, -1, -1), network.side).clamp(0, 1)
        rows.append(torch.cat([x[0], *aged], 2))
    sheet = (torch.cat(rows, 1).permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    cv2.imwrite(str(path), np.ascontiguousarray(sheet[..., ::-1]))


def tensor(image: np.ndarray, side: float, wanted: float, size: int) -> torch.Tensor:
    """A square picture (S, S, C) of `side` face units as (C, size, size) in [0, 1] of `wanted` ones."""
    scale = size / image.shape[0] * side / wanted
    shift = (size - 1) / 2 - scale * (image.shape[0] - 1) / 2
    soft = cv2.GaussianBlur(image, (0, 0), 0.4 / scale) if scale < 0.7 else image
    view = cv2.warpAffine(soft, np.array([[scale, 0, shift], [0, scale, shift]]), (size, size))
    return torch.from_numpy(view.reshape(size, size, -1)).permute(2, 0, 1).float() / 255
