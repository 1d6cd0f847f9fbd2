"""Warm starts: a new run begins with a base that already knows faces, not with random weights.

A base (`models/`, made by `scripts/train/base.py`) is a network of the same family with one identity that
draws everybody. Its encoder is taken over as it is, and everyone's decoder begins as a copy of its one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from faceswap_cli import zoo
from faceswap_cli.networks.swap.family import COMMON, ByIdentity, FaceModel
from faceswap_cli.networks.swap.registry import CONDITIONAL, build_model

EVERYBODY = "everybody"
"""The one identity of a base."""

PREFIX = "base-"
"""Of the names of bases among the bundled weights."""

CRITIC = "critic-"
"""Of the names of bundled weights that judge what a base of that name draws."""

QUIET = 0.1
"""What is left of a condition's first weights when a network begins with those of a base without any."""


def base_for(architecture: str, network: Mapping[str, Any]) -> str:
    """The name of the bundled base that fits a network, or "" when there is none.

    It has to be of the same family with the same options; the resolution may be another.
    """
    for name in zoo.names():
        if name.startswith(PREFIX):
            config = zoo.card(name).facts["config"]
            if config["architecture"] == architecture and _options(config["network"]) == _options(network):
                return name
    return ""


def _options(network: Mapping[str, Any]) -> dict[str, Any]:
    """A network's own options, without those every family has."""
    return {key: value for key, value in network.items() if key not in COMMON}


def is_bundled(family: str) -> str:
    """The name of the bundled base of a conditional family, or "" when there is none."""
    name = f"{PREFIX}{family}"
    return name if family in CONDITIONAL and name in zoo.names() else ""


def load_base(name: str) -> FaceModel:
    """A bundled base, which draws EVERYBODY.

    Raises:
        UserError: the weights are missing or damaged, see `zoo.tensors`.
    """
    config = zoo.card(name).facts["config"]
    base = build_model(config["architecture"], {**config["network"], "identities": [EVERYBODY]})
    base.load_state_dict(zoo.tensors(name))
    return base


def warm_start(model: FaceModel, name: str) -> None:
    """Give a new network the weights of a bundled base of its family and options.

    Raises:
        UserError: the weights are missing or damaged, see `zoo.tensors`.
    """
    copy_weights(model, load_base(name))


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


def warm_from_shared(model: FaceModel, name: str) -> None:
    """Give a new conditional network what a base of the family shared knows: all but the conditions.

    Args:
        model: freshly built, with the base's widths; its films and what places the condition are quietened,
            so that it begins as the base draws.
        name: of the bundled weights.
    """
    base = load_base(name)
    own, grids = base.state_dict(), (base.config.grid, model.config.grid)
    renamed = {"decoder.last.0.": f"decoders.{EVERYBODY}.3."}
    renamed |= {f"decoder.ups.{n}.": f"decoders.{EVERYBODY}.{n}." for n in range(3)}
    wanted = model.state_dict()
    for key, value in wanted.items():
        begins = next((k for k in renamed if key.startswith(k)), "")
        known = own.get(renamed.get(begins, "") + key.removeprefix(begins))
        if known is not None and known.dim() == value.dim():
            wanted[key] = resize_weights(known, value.shape, grids)
        elif key.endswith("told.weight") or key.startswith("place."):
            wanted[key] = value * QUIET
    model.load_state_dict(wanted)
