"""The options of two small networks on points of the plane. The command line reads them without torch."""

from __future__ import annotations

from dataclasses import dataclass

from faceswap_cli.options import NETWORK, option

ACTIVATIONS = ("leaky-relu", "relu", "silu", "tanh")


@dataclass(frozen=True)
class PointsConfig:
    """What rebuilds a PointGenerator and the discriminator that it is trained against.

    Attributes:
        noise_dimensions: of what the generator is given.
        generator_layers, discriminator_layers: hidden ones.
        generator_width, discriminator_width: units in each of them.
        generator_activation, discriminator_activation: after each of them.
    """

    noise_dimensions: int = option(
        2, 1, 2, group=NETWORK,
        help="Dimensions of the noise that the generator bends into the data: 1, a thread; 2, a sheet.",
    )  # fmt: skip
    generator_layers: int = option(2, 1, 8, group=NETWORK, help="Hidden layers of the generator.")
    generator_width: int = option(64, 1, 512, group=NETWORK, help="Units in each of them.")
    generator_activation: str = option(
        "silu", group=NETWORK, choices=ACTIVATIONS, help="Activation after each of them."
    )
    discriminator_layers: int = option(2, 1, 8, group=NETWORK, help="Hidden layers of the discriminator.")
    discriminator_width: int = option(64, 1, 512, group=NETWORK, help="Units in each of them.")
    discriminator_activation: str = option(
        "leaky-relu", group=NETWORK, choices=ACTIVATIONS, help="Activation after each of them."
    )
