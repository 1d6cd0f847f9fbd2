"""The weights that come with the tool: `models/NAME/weights.safetensors` and the card beside it.

Nothing is downloaded and nothing is unpickled. A card is JSON: what the network is, the configuration that
rebuilds it, the data and its licence, steps, figures, how to remake it, and the SHA-256 of the weights.
Weights whose checksum is not the card's are refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from faceswap_cli.errors import UserError
from faceswap_cli.files import make_folder, write_bytes, write_text
from faceswap_cli.limits import read_json, read_limited

if TYPE_CHECKING:
    import torch
    from torch import nn

    Network = TypeVar("Network", bound=nn.Module)

NEEDED = {"config", "sha256", "licence", "data", "figures", "remake"}

CARD, WEIGHTS = "card.json", "weights.safetensors"

REINSTALL = "Install faceswap anew: pip install --force-reinstall --no-deps faceswap-cli"


@dataclass(frozen=True)
class Card:
    """What is known of a bundled network.

    Attributes:
        name: its folder's name.
        folder: where it lies.
        facts: everything in `card.json`; NEEDED is always there, `config` being what rebuilds the network.
    """

    name: str
    folder: Path
    facts: Mapping[str, Any]

    @property
    def weights(self) -> Path:
        """The file of weights."""
        return self.folder / WEIGHTS


def models_folder() -> Path:
    """`models/` of a checkout, or the copy of it inside an installed package."""
    package = Path(__file__).resolve().parent
    installed = package / "_models"
    return installed if installed.is_dir() else package.parent / "models"


def names() -> list[str]:
    """The bundled networks."""
    return sorted(card.parent.name for card in models_folder().glob(f"*/{CARD}"))


def card(name: str) -> Card:
    """The card of a bundled network.

    Raises:
        UserError: there is no such network, or its card is damaged.
    """
    folder = models_folder() / name
    try:
        facts = read_json(folder / CARD)
        if missing := sorted(NEEDED - facts.keys()):
            raise KeyError(missing[0])
    except FileNotFoundError as error:
        raise UserError(f"the weights {name} are not in {models_folder()}", REINSTALL) from error
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise UserError(f"{folder / CARD} is damaged ({error})", REINSTALL) from error
    return Card(name, folder, facts)


def tensors(name: str) -> dict[str, torch.Tensor]:
    """A bundled network's weights as float32 on the CPU.

    Raises:
        UserError: they are missing, or not those that the card tells of.
    """
    from safetensors.torch import load

    known = card(name)
    try:
        data = read_limited(known.weights, "weights_bytes")
    except OSError as error:
        raise UserError(f"the weights {known.weights} can't be read ({error.strerror})", REINSTALL) from error
    found = hashlib.sha256(data).hexdigest()
    if found != known.facts["sha256"]:
        raise UserError(
            f"{known.weights} is damaged: its checksum is {found[:12]}..., "
            f"its card says {str(known.facts['sha256'])[:12]}...",
            REINSTALL,
        )
    return {key: value.float() for key, value in load(data).items()}


def load_network(name: str, build: Callable[[Mapping[str, Any]], Network]) -> Network:
    """A bundled network, ready to run on the CPU: evaluation mode, no gradients, channels-last.

    Args:
        name: its folder's name.
        build: makes the network from the card's `config`.

    Raises:
        UserError: see `card` and `tensors`; or the weights don't fit the network.
    """
    import torch

    network = build(card(name).facts["config"])
    try:
        network.load_state_dict(tensors(name))
    except RuntimeError as error:
        raise UserError(f"the weights {name} don't fit this version", REINSTALL) from error
    network.requires_grad_(False)
    _fold(network.eval())
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _fold(network: nn.Module) -> None:
    """Fold batch normalisations into the convolutions before them: a quarter of the face parser's time."""
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for layers in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for place, (first, second) in enumerate(pairwise(list(layers))):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                layers[place], layers[place + 1] = fuse_conv_bn_eval(first, second), nn.Identity()


@cache
def shared_network(name: str, build: Callable[[Mapping[str, Any]], Network], device: str) -> Network:
    """`load_network`, once for every device however many ask for it; see there."""
    import torch

    # Whoever asks first may be in inference mode; gradients may have to flow through it for another.
    with torch.inference_mode(False):
        return load_network(name, build).to(device)


def write(folder: Path, network: nn.Module | Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> Card:
    """Write a network's weights as fp16 and its card; what `scripts/train` ends with.

    Args:
        folder: `models/NAME`.
        network: its state_dict, or tensors by name; floating point numbers are written as fp16.
        facts: the card without `sha256` and `bytes`, which are added.
    """
    from safetensors.torch import save

    weights = network if isinstance(network, Mapping) else network.state_dict()
    state = {
        key: (value.half() if value.is_floating_point() else value).detach().cpu().contiguous()
        for key, value in weights.items()
    }
    data = save(state)
    make_folder(folder)
    write_bytes(folder / WEIGHTS, data)
    whole = {**facts, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    write_text(folder / CARD, json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    return Card(folder.name, folder, whole)
