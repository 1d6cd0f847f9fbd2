"""Pictures from a trained generator: each from its own seed, whatever else is drawn beside it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.errors import UserError
from faceswap_cli.networks.generator.style import StyleGenerator
from faceswap_cli.training.data.latents import decode_drawn
from faceswap_cli.training.data.picture_set import to_pictures

BATCH = 16

LAYERS = {"coarse": (0, 8), "middle": (8, 32), "fine": (32, 1 << 20)}
"""Groups of layers by the sides of their features: from the first of the two, and below the second."""


@dataclass(frozen=True)
class StyleMix:
    """Layers that take another picture's style.

    Attributes:
        seed: of that picture.
        groups: of LAYERS.
    """

    seed: int
    groups: tuple[str, ...]


@dataclass(frozen=True)
class PictureGenerator:
    """A trained generator.

    Attributes:
        network: in eval mode.
        cache_key: what its pictures depend on.
        people: (K, 128) embeddings of the faces that it learned from; none if they are no faces.
    """

    network: StyleGenerator
    cache_key: str
    people: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 128), np.float32))

    def styles(self, seeds: Sequence[int], truncation: float = 1.0) -> Tensor:
        """(N, S) styles of seeds."""
        return self.styles_of(self.noise(seeds), truncation)

    def noise(self, seeds: Sequence[int]) -> Tensor:
        """(N, length) noise of seeds."""
        return torch.stack([_noise(seed, self.network.config.noise) for seed in seeds])

    def styles_of(self, noise: Tensor, truncation: float = 1.0) -> Tensor:
        """(N, S) styles of noise."""
        with torch.inference_mode():
            return self.network.styles(noise.to(self._device), truncation)

    def walk(self, seeds: Sequence[int], frames: int, truncation: float = 1.0) -> Iterator[NDArray[np.uint8]]:
        """Pictures along a closed way past seeds, see `walk_noise`; the noise of single pixels stands still.

        Args:
            seeds: two or more.
            frames: how many pictures.
            truncation: as in `draw`.
        """
        for noise in walk_noise(self.noise(seeds), frames):
            [picture] = self.draw_styles(self.styles_of(noise[None], truncation), [seeds[0]])
            yield picture

    def draw(
        self, seeds: Sequence[int], truncation: float = 1.0, mix: StyleMix | None = None
    ) -> NDArray[np.uint8]:
        """Pictures of seeds.

        Args:
            seeds: one for each picture.
            truncation: below 1 pictures are more usual and differ less (Karras et al., CVPR 2019).
            mix: layers that take another picture's style.

        Returns:
            (N, H, W, 3) RGB, or 4 with transparency.
        """
        styles = self.styles(seeds, truncation)[:, None].expand(-1, self.network.layers, -1).clone()
        if mix is not None:
            other = self.styles([mix.seed], truncation)[0]
            styles[:, layers_of(self.network, mix.groups)] = other
        return self.draw_styles(styles, seeds)

    def draw_styles(self, styles: Tensor, seeds: Sequence[int]) -> NDArray[np.uint8]:
        """Pictures of styles (N, S) or (N, layers, S), their single pixels' noise by seeds; see `draw`."""
        found = []
        with torch.inference_mode():
            for style, seed in zip(styles, seeds, strict=True):
                random = torch.Generator().manual_seed(seed)
                found.append(decode_drawn(self.network, self.network.draw(style[None], noise=random)))
        return to_pictures(torch.cat(found))

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device


def _noise(seed: int, length: int) -> Tensor:
    return torch.randn(length, generator=torch.Generator().manual_seed(seed))


def layers_of(network: StyleGenerator, groups: Sequence[str]) -> list[int]:
    """The layers in groups of LAYERS.

    Raises:
        UserError: there is no such group.
    """
    for group in groups:
        if group not in LAYERS:
            raise UserError(f"there are no layers {group!r}", f"Use {', '.join(LAYERS)}")
    sides = [side for side in network.config.sides for _ in range(2)]
    bounds = [LAYERS[group] for group in groups]
    return [k for k, side in enumerate(sides) if any(low <= side < high for low, high in bounds)]


def parse_mix(text: str) -> StyleMix:
    """`SEED:GROUP,GROUP` as a StyleMix.

    Raises:
        UserError: it can't be read.
    """
    seed, colon, groups = text.partition(":")
    if not (colon and groups and seed.isdecimal()):
        raise UserError(f"--mix {text} is not SEED:LAYERS", f"For example --mix 7:{next(iter(LAYERS))}")
    return StyleMix(int(seed), tuple(part.strip() for part in groups.split(",")))


def load_generator(run: Path, device: str) -> PictureGenerator:
    """The generator of a run folder.

    Args:
        run: folder of `faceswap train --family generator`.
        device: a `--device` value.

    Raises:
        UserError: it holds no generator, or nothing was trained yet; the device is not here.
    """
    from faceswap_cli.device import pick_device
    from faceswap_cli.training.runs.folder import load_network, open_run

    opened = open_run(run)
    network, checkpoint, _ = load_network(opened, pick_device(device), StyleGenerator)
    digest = hashlib.sha256(f"{checkpoint.path.name}".encode()).hexdigest()
    return PictureGenerator(network.requires_grad_(False), digest, opened.reference)


def walk_noise(keys: Tensor, frames: int) -> Iterator[Tensor]:
    """A closed way through noise, on the sphere that styles are made of: each step turns, and none shortens.

    From each key to the next the angle is shared out (K. Shoemake, Animating rotation with quaternion curves,
    SIGGRAPH 1985), slowly at both ends, so that the way stands still for a moment at each.

    Args:
        keys: (K, N) noise that is passed, two or more of them.
        frames: steps of the whole way; the one after the last is the first.

    Yields:
        (N,) noise.
    """
    for frame in range(frames):
        place = frame * len(keys) / frames
        number = int(place)
        t = 0.5 - 0.5 * math.cos(math.pi * (place - number))
        yield turn_between(keys[number], keys[(number + 1) % len(keys)], t)


def turn_between(a: Tensor, b: Tensor, t: float) -> Tensor:
    """(N,) what lies a share t of the angle from one vector to another, its length likewise."""
    length_a, length_b = a.norm(), b.norm()
    angle = torch.acos(((a / length_a) @ (b / length_b)).clamp(-1, 1))
    if angle < 1e-4:
        return a + t * (b - a)
    turned: Tensor = (
        torch.sin((1 - t) * angle) * a / length_a + torch.sin(t * angle) * b / length_b
    ) / angle.sin()
    whole: Tensor = turned * (length_a + t * (length_b - length_a))
    return whole
