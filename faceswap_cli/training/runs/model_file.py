"""Reading the files that `export` writes: safetensors with a card in the header's metadata."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.errors import UserError
from faceswap_cli.limits import parse_json, read_limited
from faceswap_cli.networks.swap.family import FaceModel, place_model
from faceswap_cli.training.families import build_model, outline_model
from faceswap_cli.training.runs.folder import identity_by_name

FORMAT, VERSION = "faceswap-model", 1
REFERENCE = "reference"
"""Name of the embeddings among the tensors; no network has a tensor of that name."""

MAKE_ONE = "Give a run folder, or a file that `faceswap models export` made"


@dataclass(frozen=True)
class ModelFile:
    """An exported file, opened.

    Attributes:
        path: the file.
        model: ready to draw.
        card: see `export.card_of`.
        reference: (K, 128) embeddings of the person to be replaced; empty when there are none.
    """

    path: Path
    model: FaceModel
    card: Mapping[str, Any]
    reference: NDArray[np.float32]

    def identity(self, person: str) -> str:
        """The identity that is meant by itself or by its person's name.

        Raises:
            UserError: there is none of that name.
        """
        names = self.card["names"]
        return identity_by_name(person, self.model.config.identities, names, self.path)


def read_card(path: Path) -> Mapping[str, Any]:
    """The card of an exported file; the weights are not looked at.

    Raises:
        UserError: it is damaged, or no such file.
    """
    return _card(path, _read(path))


def load_exported(path: Path, device: torch.device) -> ModelFile:
    """Open an exported file for drawing.

    Raises:
        UserError: it is damaged, of another version, or no such file.
    """
    data = _read(path)
    card = _card(path, data)
    tensors = safetensors.torch.load(data)
    if digest(tensors) != card["sha256"]:
        raise UserError(f"{path} is damaged: its checksum does not match its card", "Get it again")
    reference = tensors.pop(REFERENCE, torch.zeros(0, 128)).float().numpy()
    try:
        model = rebuild_model(str(card["family"]), dict(card["config"]), tensors)
    except (RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"{path}: its weights do not fit its card", "Get it again") from error
    if reference.ndim != 2 or reference.shape[1] != 128:
        raise UserError(f"{path}: its reference is none", "Get it again")
    return ModelFile(path, place_model(model, device).eval(), card, reference)


def _read(path: Path) -> bytes:
    try:
        return read_limited(path, "weights_bytes")
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror})", MAKE_ONE) from error


def _card(path: Path, data: bytes) -> Mapping[str, Any]:
    try:
        safetensors.torch.load(data)
    except safetensors.SafetensorError as error:
        cut = "cut off or damaged" if path.suffix == ".safetensors" else "no model of this tool"
        raise UserError(f"{path} is {cut}", MAKE_ONE) from error
    try:
        length = int.from_bytes(data[:8], "little")
        metadata = parse_json(data[8 : 8 + length]).get("__metadata__") or {}
        if metadata.get("format") != FORMAT:
            raise UserError(f"{path} is no model of this tool", MAKE_ONE)
        if metadata.get("version") != str(VERSION):
            raise UserError(
                f"{path} was made by another version of this tool", "Use that, or export it again"
            )
        card: dict[str, Any] = parse_json(metadata["card"])
        if missing := sorted({"family", "config", "identities", "sha256"} - card.keys()):
            raise KeyError(missing[0])
        card["names"] = {str(one): str(name) for one, name in (card.get("names") or {}).items()}
        card["config"] = dict(card["config"])
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise UserError(f"the card of {path} is damaged ({error})", "Get it again") from error
    return card


def rebuild_model(family: str, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> FaceModel:
    """The network of a card's `config` with given weights, on the CPU.

    Raises:
        RuntimeError: the weights are another network's.
        UserError: see `Family.build`.
    """
    if {n: v.shape for n, v in outline_model(family, config).state_dict().items()} != {
        name: tensor.shape for name, tensor in tensors.items()
    }:
        raise RuntimeError("the weights are another network's")  # before one of any size is built
    model = build_model(family, config)
    if not isinstance(model, FaceModel):
        raise RuntimeError("the network draws nobody")
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
    return place_model(model.requires_grad_(False), torch.device("cpu")).eval()


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and values, in the order of the names."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        found.update(tensor.numpy().tobytes())
    return found.hexdigest()
