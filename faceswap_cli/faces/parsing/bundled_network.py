"""A network that comes with the tool and is loaded on first use: what all parsers have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Generic, TypeVar

from torch import nn

from faceswap_cli import zoo

Network = TypeVar("Network", bound=nn.Module)


class BundledNetwork(Generic[Network]):
    """Give `weights` and `build` in the class, and use `_network`.

    Args:
        device: a torch device's name.

    Attributes:
        weights: their name in the zoo.
        build: makes the network from its card's `config`.

    Raises:
        UserError: (on first use) the weights are missing or damaged, see `zoo.load_network`.
    """

    weights: str
    build: Callable[[Mapping[str, Any]], Network]

    def __init__(self, device: str = "cpu") -> None:
        self.device = device

    @cached_property
    def _network(self) -> Network:
        network: Network = zoo.shared_network(self.weights, type(self).build, self.device)
        return network

    def load(self) -> None:
        """Load the network now, so that damaged weights are told of before any work is done."""
        _ = self._network

    @property
    def mark(self) -> str:
        """What its answers depend on: the checksum of the weights."""
        return str(zoo.card(self.weights).facts["sha256"])
