"""The network families by name. A new family is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import torch
from torch import nn

from faceswap_cli.errors import UserError
from faceswap_cli.networks.swap.conditional import ConditionalAutoencoder, ConditionalConfig, ConditionalModel
from faceswap_cli.networks.swap.family import FaceModel, FamilyConfig
from faceswap_cli.networks.swap.gan import ConditionalGan, GanConfig
from faceswap_cli.networks.swap.liae import LiaeAutoencoder, LiaeConfig
from faceswap_cli.networks.swap.original import OriginalAutoencoder, OriginalConfig
from faceswap_cli.networks.swap.shared import SharedAutoencoder, SharedConfig

__all__ = [
    "ARCHITECTURES",
    "FaceModel",
    "build_model",
    "describe_model",
    "outline_model",
    "parameter_count",
    "place_model",
]

ARCHITECTURES: dict[str, tuple[type[FamilyConfig], type[FaceModel]]] = {
    "shared": (SharedConfig, SharedAutoencoder),
    "liae": (LiaeConfig, LiaeAutoencoder),
    "original": (OriginalConfig, OriginalAutoencoder),
    "conditional": (ConditionalConfig, ConditionalAutoencoder),
    "gan": (GanConfig, ConditionalGan),
}

CONDITIONAL = tuple(name for name, (_, model) in ARCHITECTURES.items() if issubclass(model, ConditionalModel))
"""Families that are told by a descriptor whom to draw."""


def build_model(name: str, config: Mapping[str, Any]) -> FaceModel:
    """The network of a family, freshly initialised, from its name and its JSON configuration.

    Raises:
        UserError: the family or an option of it is unknown: the run comes from another version.
    """
    if name not in ARCHITECTURES:
        raise UserError(
            f"the architecture {name!r} is unknown to this version", f"Known: {', '.join(ARCHITECTURES)}"
        )
    config_type, model_type = ARCHITECTURES[name]
    known = {f.name for f in fields(config_type)}
    if unknown := sorted(set(config) - known):
        raise UserError(f"the architecture {name!r} has no option {unknown[0]!r} in this version")
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
    try:
        return model_type(config_type(**values))
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"the architecture {name!r} can't be built: {error}", "Restore run.json") from error


def outline_model(name: str, config: Mapping[str, Any]) -> FaceModel:
    """The network of a family without its weights: what can be told of it at no cost."""
    with torch.device("meta"):
        return build_model(name, config)


def describe_model(model: FaceModel) -> dict[str, Any]:
    """The JSON configuration that rebuilds a model."""
    return asdict(model.config)


def place_model(model: FaceModel, device: torch.device) -> FaceModel:
    """The model on a device, its convolutions channels-last, which is faster on CPUs."""
    model.layout = torch.channels_last
    return model.to(device).to(memory_format=model.layout)  # type: ignore[call-overload, no-any-return]


def parameter_count(model: nn.Module) -> int:
    """Learnt numbers of a model."""
    return sum(p.numel() for p in model.parameters())
