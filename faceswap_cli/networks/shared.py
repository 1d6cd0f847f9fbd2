"""The shared-encoder autoencoder: one encoder for all, one decoder for each person.

The encoder learns what every face has in common (pose, expression, light), each decoder how one person
looks. Person A's picture through person B's decoder is the swap. The design is deepfakes' of 2018, in
DeepFaceLab's words "df"; here with a mask output, strided and transposed convolutions instead of 5x5
ones, and the last doubling done by depth-to-space, because most of the time goes into full-size layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from faceswap_cli.networks.blocks import Down, Residual, Up, activation, initialise
from faceswap_cli.networks.renderer import Rendered

MULTIPLE = 16
"""The resolution must be a multiple of this: four halvings."""


@dataclass(frozen=True)
class SharedConfig:
    """What rebuilds a SharedAutoencoder.

    Attributes:
        resolution: side of the pictures, a multiple of 16.
        width: channels at half resolution; every halving doubles them.
        code: length of the vector between encoder and decoders.
        squeeze: channels of the grid that is flattened into the code and unfolded from it. The two linear
            layers would hold most of the weights if they met all 8 * width channels.
        residuals: residual blocks after each doubling of a decoder.
        identities: names of the people, one decoder each.
        side: side of the pictures in face units, see `faces.geometry`.
    """

    resolution: int = 128
    width: int = 32
    code: int = 256
    squeeze: int = 64
    residuals: int = 0
    identities: tuple[str, ...] = ("a", "b")
    side: float = 2.0


class SharedAutoencoder(nn.Module):
    """Encoder, inter and a decoder per identity."""

    def __init__(self, config: SharedConfig) -> None:
        super().__init__()
        if config.resolution % MULTIPLE or config.resolution < MULTIPLE:
            raise ValueError(f"resolution {config.resolution} is not a multiple of {MULTIPLE}")
        self.config = config
        w = config.width
        self.grid = config.resolution // MULTIPLE
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(12, w, 3, padding=1),
            activation(),
            Down(w, 2 * w),
            Down(2 * w, 4 * w),
            Down(4 * w, 8 * w),
            nn.Conv2d(8 * w, config.squeeze, 1),
            activation(),
            nn.Flatten(),
            nn.Linear(self.grid**2 * config.squeeze, config.code),
        )
        self.unfold = nn.Linear(config.code, self.grid**2 * config.squeeze)
        self.inter = nn.Sequential(activation(), nn.Conv2d(config.squeeze, 8 * w, 1), activation())
        self.decoders = nn.ModuleDict({name: _decoder(w, config.residuals) for name in config.identities})
        initialise(self)

    def encode(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, R, R) in [0, 1] to codes (B, code)."""
        code: Tensor = self.encoder(x * 2 - 1)
        return code

    def decode(self, code: Tensor, identity: str) -> Tensor:
        """Codes to logits (B, 4, R, R): RGB and mask."""
        grid = self.unfold(code).unflatten(1, (self.config.squeeze, self.grid, self.grid))
        grid = self.inter(grid.contiguous(memory_format=torch.channels_last))
        logits: Tensor = self.decoders[identity](grid)
        return logits

    def renderer(self, identity: str) -> SwapRenderer:
        """Draws every face it is given as `identity`."""
        if identity not in self.config.identities:
            raise KeyError(identity)
        return SwapRenderer(self, identity)

    def forward(self, sides: Sequence[tuple[str, Tensor]]) -> list[Rendered]:
        """Rebuild each (identity, pictures) pair; all pictures go through the encoder in one batch."""
        codes = self.encode(torch.cat([pictures for _, pictures in sides]))
        parts = torch.split(codes, [len(pictures) for _, pictures in sides])
        return [rendered(self.decode(code, name)) for (name, _), code in zip(sides, parts, strict=True)]


@dataclass(frozen=True)
class SwapRenderer:
    """A Renderer: the shared encoder, then one person's decoder."""

    model: SharedAutoencoder
    identity: str

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        return self.model.config.resolution

    @property
    def side(self) -> float:
        """Side of the crops in face units."""
        return self.model.config.side

    @torch.inference_mode()
    def __call__(self, crops: Tensor) -> Rendered:
        """(B, 3, R, R) in [0, 1] on any device in; the drawn faces on the CPU, float32, out."""
        parameter = next(self.model.parameters())
        crops = crops.to(parameter.device, memory_format=torch.channels_last)
        drawn = rendered(self.model.decode(self.model.encode(crops), self.identity))
        return Rendered(drawn.image.float().cpu(), drawn.mask.float().cpu())


def rendered(logits: Tensor) -> Rendered:
    """(B, 4, R, R) logits to picture and mask."""
    values = torch.sigmoid(logits)
    return Rendered(values[:, :3], values[:, 3:])


def _decoder(w: int, residuals: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (8 * w, 4 * w, 2 * w):
        layers.append(Up(channels, channels // 2))
        layers += [Residual(channels // 2) for _ in range(residuals)]
    return nn.Sequential(*layers, nn.Conv2d(w, 16, 3, padding=1), nn.PixelShuffle(2))
