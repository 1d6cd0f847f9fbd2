"""Samples of noise, to measure batches with before any data is read."""

from __future__ import annotations

import torch

from faceswap_cli.faces.geometry import STORED_SIDE
from faceswap_cli.training.data.dataset import Faces, wide_side
from faceswap_cli.training.data.sampling import TRAITS
from faceswap_cli.training.data.state_balance import UNKNOWN


def made_up_samples(resolution: int, count: int) -> Faces:
    """Samples of noise: what is in them changes neither time nor memory."""

    def pictures(side: int, channels: int) -> torch.Tensor:
        noise = torch.Generator().manual_seed(0)
        values = torch.randint(0, 256, (count, side, side, channels), dtype=torch.uint8, generator=noise)
        return values.permute(0, 3, 1, 2)

    mask, weight, free = (pictures(resolution, 1) for _ in range(3))
    return Faces(
        wide=pictures(wide_side(resolution, STORED_SIDE), 3),
        target=pictures(resolution, 3),
        mask=mask,
        weight=weight,
        free=free,
        mean=torch.full((count, 3), 0.5),
        std=torch.full((count, 3), 0.2),
        traits=torch.rand(count, TRAITS, generator=torch.Generator().manual_seed(0)),
        in_view=torch.ones(count),
        states=torch.from_numpy(UNKNOWN).expand(count, -1),
    )
