"""Pictures as the latents of `models/codec`, which a generator may learn in place of pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli import zoo
from faceswap_cli.networks.generator.appearance import AppearanceGenerator
from faceswap_cli.networks.generator.codec import CodecConfig, CodecNetwork
from faceswap_cli.networks.generator.style import StyleGenerator
from faceswap_cli.training.data.picture_set import to_tensor

WEIGHTS = "codec"
"""The codec's folder in `models/`."""

BATCH = 16


@dataclass(frozen=True)
class LatentSet:
    """Latents of pictures and of their mirror images.

    Attributes:
        latents: (2, N, C, S, S) float16 of unit variance.
        shift, scale: (C, 1, 1) what brings them back to the codec's own.
    """

    latents: Tensor
    shift: Tensor
    scale: Tensor

    def pick(self, rows: Tensor, mirrored: Tensor) -> Tensor:
        """(B, C, S, S) some of them."""
        return self.latents[mirrored.long(), rows].float()


def build_codec(config: Mapping[str, Any]) -> CodecNetwork:
    """The codec of a card's configuration."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
    return CodecNetwork(CodecConfig(**values))


def load_codec(device: torch.device) -> CodecNetwork:
    """The bundled codec.

    Raises:
        UserError: its weights are missing or damaged.
    """
    codec: CodecNetwork = zoo.shared_network(WEIGHTS, build_codec, str(device))
    return codec


def encode_pictures(pictures: NDArray[np.uint8], device: torch.device) -> LatentSet:
    """The latents of pictures (N, S, S, 3)."""
    codec, found = load_codec(device), []
    with torch.inference_mode():
        for way in (pictures, pictures[:, :, ::-1]):
            parts = [np.ascontiguousarray(way[k : k + BATCH]) for k in range(0, len(way), BATCH)]
            encoded = [codec.encode((to_tensor(part).to(device) + 1) / 2).cpu() for part in parts]
            found.append(torch.cat(encoded))
    latents = torch.stack(found).clone()
    shift = latents.mean((0, 1, 3, 4))[:, None, None]
    scale = latents.std((0, 1, 3, 4))[:, None, None].clamp(min=1e-3)
    return LatentSet(((latents - shift) / scale).half(), shift, scale)


def decode_drawn(model: StyleGenerator | AppearanceGenerator, drawn: Tensor) -> Tensor:
    """What a generator draws as pictures (B, C, S, S) in [-1, 1], or a little beyond."""
    if isinstance(model, AppearanceGenerator) or model.config.domain == "pixels":
        return drawn
    return load_codec(drawn.device).decode(drawn * model.scale + model.shift) * 2 - 1
