"""Warm starts: a new run begins with weights that already know faces, not with random ones.

A base (`models/`, made by `scripts/train/base.py`) is a network of the same family with one identity that
draws everybody. Its encoder is taken over as it is, and everyone's decoder begins as a copy of its one. A run
that adapts another begins with that run's weights, whose folder is then the base.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from faceswap_cli import zoo
from faceswap_cli.networks.swap.family import FaceModel
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.families.swap import BASE, EVERYBODY
from faceswap_cli.training.family import Family
from faceswap_cli.training.runs.folder import load_network, open_run

__all__ = ["EVERYBODY", "is_bundled", "load_aside", "load_base", "load_start"]

CRITIC = "critic-"
"""Of the names of bundled weights that judge what a base of that name draws."""


def is_bundled(family: str) -> str:
    """The name of the bundled base of a family that can draw anybody, or "" when there is none."""
    name = f"{BASE}{family}"
    adaptable = family in FAMILIES and FAMILIES[family].adaptable
    return name if adaptable and name in zoo.names() else ""


def load_base(name: str) -> FaceModel:
    """A bundled base, which draws EVERYBODY.

    Raises:
        UserError: the weights are missing or damaged, see `zoo.tensors`.
    """
    family = FAMILIES[zoo.card(name).facts["config"]["architecture"]]
    model = load_start(family, name)
    assert isinstance(model, FaceModel)
    return model


def load_start(family: Family, base: str) -> nn.Module:
    """The network that a base names: bundled weights, or the run folder at an absolute path.

    Raises:
        UserError: the weights are missing or damaged.
    """
    if Path(base).is_absolute():
        return load_network(open_run(Path(base)), torch.device("cpu"), nn.Module)[0]
    assert family.load_bundled is not None
    return family.load_bundled(family, base)


def load_aside(base: str) -> Mapping[str, Tensor]:
    """What was trained beside a base, where that is kept; empty where it isn't.

    A critic that has seen nobody misguides the first thousand steps: an adaptation has no more.
    """
    if not Path(base).is_absolute():
        name = f"{CRITIC}{base.removeprefix(BASE)}"
        return zoo.tensors(name) if name in zoo.names() else {}
    checkpoint, _ = open_run(Path(base)).store.newest()
    assert checkpoint is not None, "load_start has read it"
    return {k.removeprefix("aside."): v for k, v in checkpoint.tensors.items() if k.startswith("aside.")}
