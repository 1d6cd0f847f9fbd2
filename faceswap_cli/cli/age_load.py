"""What ages faces, as the options of `faceswap age` say it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli.option_parameters import Aliases
from faceswap_cli.effects.ageing.request import AgeRequest
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.options import INPUT, LOOK, OptionGroup, option

if TYPE_CHECKING:
    from faceswap_cli.effects.ageing.effect import AgeEffect
    from faceswap_cli.effects.ageing.render import FaceAger
    from faceswap_cli.networks.ageing.ageing import Ager


AgeRunOption = Annotated[
    Path | None,
    typer.Option(
        "--run",
        "-m",
        help="Run folder of `faceswap train --family age`. [default: the bundled weights]",
        show_default=False,
        rich_help_panel=INPUT,
    ),
    Aliases(("--model",)),
]


WEIGHTS = "ageing"
"""The ageing network's folder in `models/`."""


def load_age_effect(
    wish: AgeRequest,
    method: str,
    run: Path | None,
    device: str,
    options: EffectOptions | None = None,
) -> tuple[AgeEffect, str]:
    """What ages faces, with its networks loaded, and a checksum of it.

    Args:
        wish: how old they become.
        method: how they are changed, a key of LOADERS.
        run: a run folder of `faceswap train --family age`; None: the bundled weights.
        device: a `--device` value.
        options: of all effects.

    Raises:
        UserError: weights are missing or damaged; the device is not here.
    """
    from faceswap_cli.effects.ageing.effect import AgeEffect
    from faceswap_cli.faces.age.estimator import AgeEstimator

    ager = load_face_ager(method, run, device, wish.strength)
    return AgeEffect(ager, wish, AgeEstimator(device), options or EffectOptions()), ager.cache_key


def load_face_ager(method: str, run: Path | None, device: str, strength: float) -> FaceAger:
    """What changes faces, with its networks loaded.

    Args:
        method: how they are changed, a key of LOADERS.
        run: a run folder of `faceswap train --family age`; None: the bundled weights.
        device: a `--device` value.
        strength: how much of the change is made.

    Raises:
        UserError: weights are missing or damaged; the device is not here.
    """
    from faceswap_cli.device import pick_device
    from faceswap_cli.effects.ageing.look import load_look_ager
    from faceswap_cli.effects.ageing.render import FaceAger
    from faceswap_cli.faces.parsing.face_parser import FaceParser

    where = str(pick_device(device))
    ager, mark = _of_run(run, where) if run else LOADERS[method](where)
    parser = FaceParser(where)
    parser.load()
    # The averages are measured as a floor, without what was made since.
    looks = None if method == "prototype" and not run else load_look_ager(parser, where)
    return FaceAger(ager, parser, mark + (looks.mark if looks else ""), where, strength, looks)


def _network(device: str) -> tuple[Ager, str]:
    """The bundled network, and what its answers depend on."""
    from faceswap_cli import zoo
    from faceswap_cli.networks.ageing.ageing import BothWays, build_ageing_network

    return BothWays(zoo.shared_network(WEIGHTS, build_ageing_network, device)), str(
        zoo.card(WEIGHTS).facts["sha256"]
    )


def _prototype(device: str) -> tuple[Ager, str]:
    """The averages of faces, and what depends on them."""
    from faceswap_cli import zoo
    from faceswap_cli.faces.age.prototype import WEIGHTS as AVERAGES
    from faceswap_cli.faces.age.prototype import PrototypeAger

    return PrototypeAger(device), str(zoo.card(AVERAGES).facts["sha256"])


def _of_run(path: Path, device: str) -> tuple[Ager, str]:
    """The network that was trained in a run folder, and what its answers depend on."""
    import torch

    from faceswap_cli.networks.ageing.ageing import AgeingNetwork, BothWays
    from faceswap_cli.training.runs.folder import load_network, open_run

    network = load_network(open_run(path), torch.device(device), AgeingNetwork)[0].requires_grad_(False)
    digest = hashlib.sha256()
    for tensor in network.state_dict().values():
        digest.update(tensor.cpu().numpy().tobytes())
    return BothWays(network), digest.hexdigest()


LOADERS: dict[str, Callable[[str], tuple[Ager, str]]] = {
    "network": _network,
    "prototype": _prototype,
}
"""Ways to age: a torch device's name in, what ages and what its answers depend on out."""


@dataclass(frozen=True)
class MethodOptions(OptionGroup):
    """How faces are aged."""

    method: str = option(
        "network", group=LOOK, choices=tuple(LOADERS),
        help="How the change is found: by the network, or by averages of faces of each age (prototype).",
    )  # fmt: skip
