"""How much arithmetic a network is: multiply-adds a picture, counted from its layers' shapes.

Only layers that multiply by weights are counted (convolutions, transposed ones, linear ones); activations,
sums and what a loss does are left out, as everywhere in the field. One multiply-add is two operations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from faceswap_cli.networks.swap.family import FaceModel

OPERATIONS = 2
"""Floating-point operations in a multiply-add."""


@dataclass(frozen=True)
class ModelCost:
    """Multiply-adds for one picture of one person, rebuilt.

    Attributes:
        forward: encoder and one drawing.
        backward: gradients of weights and, but for the first layer, of inputs.
    """

    forward: int
    backward: int

    @property
    def training(self) -> int:
        """Both, as a step of training takes them."""
        return self.forward + self.backward


def count_multiply_adds(model: FaceModel, identity: str | None = None) -> ModelCost:
    """Count by one forward pass on shapes alone: nothing is computed.

    Args:
        model: on any device.
        identity: who is drawn; by default the first.
    """
    counts: list[tuple[int, bool]] = []

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        counts.append((_of_layer(layer, inputs[0], output), inputs[0].requires_grad))

    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    size = model.config.resolution
    picture = torch.empty(1, 3, size, size, device="meta")
    weights: dict[str, Any] = {
        name: torch.empty_like(value, device="meta", requires_grad=True)
        for name, value in model.named_parameters()
    }
    weights |= {name: torch.empty_like(value, device="meta") for name, value in model.named_buffers()}
    try:
        with torch.enable_grad():
            functional_call(model, weights, ([(identity or model.config.identities[0], picture)],))
    finally:
        for hook in hooks:
            hook.remove()
    forward = sum(number for number, _ in counts)
    # Each layer costs as much again for its weights' gradient, and again for its input's, if that has one.
    return ModelCost(forward, sum(number * (2 if inner else 1) for number, inner in counts))


def _of_layer(layer: nn.Module, given: Tensor, output: Tensor) -> int:
    """Multiply-adds of one layer, from the shapes of what goes in and comes out."""
    if isinstance(layer, nn.Linear):
        return output.numel() * layer.in_features
    assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    taps = layer.kernel_size[0] * layer.kernel_size[1]
    if isinstance(layer, nn.ConvTranspose2d):  # every input pixel is spread over a kernel
        return given.numel() * taps * layer.out_channels // layer.groups
    return output.numel() * taps * layer.in_channels // layer.groups
