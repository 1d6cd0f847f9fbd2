"""Whose face an aligned crop shows, as a loss of ageing asks."""

from __future__ import annotations

import torch
from torch import Tensor

from faceswap_cli.faces.geometry import FACE_CENTRE
from faceswap_cli.faces.identity.identity_encoder import CHIP, CHIP_CENTRE, CHIP_SIDE, load_identity_network


class Recogniser:
    """The bundled identity network on aligned crops; descriptors of length 1, compared by their cosine.

    Args:
        side: of the crops in face units.
        device: where they are.
    """

    def __init__(self, side: float, device: torch.device) -> None:
        self.side = side
        self.network = load_identity_network(str(device))

    def __call__(self, crops: Tensor) -> Tensor:
        """(B, 3, S, S) RGB in [0, 1] to (B, 128)."""
        theta = torch.zeros(len(crops), 2, 3, device=crops.device)
        theta[:, 0, 0] = theta[:, 1, 1] = CHIP_SIDE / self.side
        centre = torch.tensor(CHIP_CENTRE) - torch.tensor(FACE_CENTRE)
        theta[:, :, 2] = (centre * 2 / self.side).to(crops)
        grid = torch.nn.functional.affine_grid(theta, [len(crops), 3, CHIP, CHIP], align_corners=False)
        chips = torch.nn.functional.grid_sample(crops, grid, padding_mode="border", align_corners=False)
        return torch.nn.functional.normalize(self.network(chips * 255))
