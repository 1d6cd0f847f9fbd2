"""Which device the networks run on. A device that was asked for and is missing is an error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    import torch


def available_devices() -> list[str]:
    """Names of the devices torch can use here, best first; always ends with "cpu"."""
    import torch

    found = []
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def pick_device(name: str = "auto") -> torch.device:
    """The torch device for a `--device` value.

    Args:
        name: auto (the best there is), cpu, cuda, cuda:N or mps.

    Raises:
        UserError: the device was asked for and is not here. There is no silent fallback to the CPU.
    """
    import torch

    there = available_devices()
    if name == "auto":
        return torch.device(there[0])
    kind, _, number = name.partition(":")
    if not re.fullmatch(r"cpu|mps|cuda(:[0-9]{1,3})?", name):
        raise UserError(f"--device {name} is no device this tool knows", "Use auto, cpu, cuda, cuda:N or mps")
    if kind not in there:
        raise UserError(
            f"--device {name} was asked for, but torch {torch.__version__} finds no {kind} device",
            f"Devices here: {', '.join(there)}. `faceswap doctor` says more",
        )
    if kind == "cuda" and number and int(number) >= torch.cuda.device_count():
        raise UserError(f"--device {name} was asked for, but there are {torch.cuda.device_count()} cards")
    return torch.device(name)
