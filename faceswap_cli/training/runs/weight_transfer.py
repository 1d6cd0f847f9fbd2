"""A network's weights for another of its kind: more people, another resolution, conditions besides."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from faceswap_cli.networks.swap.family import ByIdentity, FaceModel

QUIET = 0.1
"""What is left of a condition's first weights when a network begins with those of a base without any."""


def copy_weights(model: FaceModel, base: FaceModel) -> None:
    """Give a new network the weights of another of its family and options, with one identity at least.

    Everybody begins as the base's first identity, which is EVERYBODY in a bundled one.
    """
    own, grids = base.state_dict(), (base.config.grid, model.config.grid)
    people = {ByIdentity.key(identity) for identity in model.config.identities}

    first = ByIdentity.key(base.config.identities[0])

    def of_base(key: str) -> str:
        """The base's name for a weight: its first person's where the network has a person's."""
        return ".".join(first if part in people else part for part in key.split("."))

    wanted = model.state_dict()
    model.load_state_dict(
        {key: resize_weights(own[of_base(key)], wanted[key].shape, grids) for key in wanted}
    )


def resize_weights(weight: Tensor, shape: torch.Size, grids: tuple[int, int]) -> Tensor:
    """A base's weight for a network of another resolution.

    Only the layers between code and flattened grid differ. Their weights are pictures of the grid and are
    resampled like pictures; what sums over the grid is scaled by the number of its cells.

    Args:
        weight: the base's.
        shape: what it should have.
        grids: sides of the base's and of the wanted network's smallest feature map.
    """
    if weight.shape == shape:
        return weight
    old, new = grids
    if weight.shape[0] == shape[0]:  # (code, channels * cells): from the grid to the code
        pictures = _resampled(weight.reshape(-1, 1, old, old), new)
        return pictures.reshape(shape) * (old / new) ** 2
    columns = weight[0].numel()  # (channels * cells, code) or a bias: from the code to the grid
    pictures = weight.reshape(-1, old * old, columns).transpose(1, 2).reshape(-1, 1, old, old)
    moved = _resampled(pictures, new).reshape(-1, columns, new * new)
    return moved.transpose(1, 2).reshape(shape)


def _resampled(pictures: Tensor, side: int) -> Tensor:
    return F.interpolate(pictures, size=(side, side), mode="bilinear", align_corners=False)


def copy_shared_weights(model: FaceModel, base: FaceModel) -> None:
    """Give a new conditional network what a base of the family shared knows: all but the conditions.

    Args:
        model: freshly built, with the base's widths; its films and what places the condition are quietened,
            so that it begins as the base draws.
        base: draws one person, or everybody.
    """
    own, grids = base.state_dict(), (base.config.grid, model.config.grid)
    one = ByIdentity.key(base.config.identities[0])
    renamed = {"decoder.last.0.": f"decoders.{one}.3."}
    renamed |= {f"decoder.ups.{n}.": f"decoders.{one}.{n}." for n in range(3)}
    wanted = model.state_dict()
    for key, value in wanted.items():
        begins = next((k for k in renamed if key.startswith(k)), "")
        known = own.get(renamed.get(begins, "") + key.removeprefix(begins))
        if known is not None and known.dim() == value.dim():
            wanted[key] = resize_weights(known, value.shape, grids)
        elif key.endswith("told.weight") or key.startswith("place."):
            wanted[key] = value * QUIET
    model.load_state_dict(wanted)
