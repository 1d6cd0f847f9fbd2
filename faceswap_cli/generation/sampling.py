"""Pictures from a trained generator: each from its own seed, whatever else is drawn beside it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.errors import UserError
from faceswap_cli.networks.generator.appearance import AppearanceGenerator, build_appearance
from faceswap_cli.networks.generator.finer import build_finer
from faceswap_cli.networks.generator.style import StyleGenerator
from faceswap_cli.networks.generator.surroundings import HeadSurroundings, Surroundings
from faceswap_cli.training.data.latents import decode_drawn
from faceswap_cli.training.data.picture_set import to_pictures

BATCH = 16

BUNDLED, FINER, AROUND = "faces", "faces-finer", "faces-surroundings"
"""The generator that comes with the tool, in `models/`, its second stage, and what lies around its faces."""


@dataclass(frozen=True)
class StyleMix:
    """Layers that take another picture's style.

    Attributes:
        seed: of that picture.
        groups: names of groups of layers.
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
        finish: of the faces that come with the tool, how much of their second stage is drawn, 0..1.
    """

    network: StyleGenerator | AppearanceGenerator
    cache_key: str
    people: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 128), np.float32))
    finish: float = 1.0

    def styles(self, seeds: Sequence[int], truncation: float = 1.0) -> Tensor:
        """(N, S) styles of seeds."""
        return self.styles_of(self.noise(seeds), truncation)

    def noise(self, seeds: Sequence[int]) -> Tensor:
        """(N, length) noise of seeds."""
        return torch.stack([_noise(seed, self.network.config.inputs) for seed in seeds])

    def styles_of(self, noise: Tensor, truncation: float = 1.0) -> Tensor:
        """(N, S) styles of noise."""
        with torch.inference_mode():
            return self.network.styles(noise.to(self.device), truncation)

    def walk(self, seeds: Sequence[int], frames: int, truncation: float = 1.0) -> Iterator[NDArray[np.uint8]]:
        """Pictures along a closed way past seeds, see `walk_noise`; the noise of single pixels stands still.

        Args:
            seeds: two or more.
            frames: how many pictures.
            truncation: as in `draw`.
        """
        keys = self.noise(seeds)
        # Hair that changed between two frames would jump: it is the first picture's on the whole way.
        around = self.choose_around(self.styles_of(keys[:1], truncation)[0], seeds[0])
        for noise in walk_noise(keys, frames):
            [picture] = self.draw_styles(self.styles_of(noise[None], truncation), [seeds[0]], around)
            yield picture

    def choose_around(
        self, style: Tensor, seed: int, wanted: Mapping[str, float] = {}
    ) -> HeadSurroundings | None:
        """The surroundings of a style (S,) or (layers, S), see `Surroundings.choose`; None: it has none."""
        if not isinstance(self.network, AppearanceGenerator) or self.surroundings is None:
            return None
        [whole] = self.network.joined_layers(style[None])
        return self.surroundings.choose(whole[: self.network.config.textures], seed, wanted)

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

    def draw_styles(
        self, styles: Tensor, seeds: Sequence[int], around: HeadSurroundings | None = None
    ) -> NDArray[np.uint8]:
        """Pictures of styles (N, S) or (N, layers, S), their single pixels' noise by seeds; see `draw`.

        Args:
            around: which of the surroundings all have; None: each by its style and its seed.
        """
        found = []
        with torch.inference_mode():
            for style, seed in zip(styles, seeds, strict=True):
                random = torch.Generator().manual_seed(seed)
                drawn = self._draw(
                    style[None], random, self.choose_around(style, seed) if around is None else around
                )
                found.append(decode_drawn(self.network, drawn))
        return to_pictures(torch.cat(found))

    def _draw(self, style: Tensor, random: torch.Generator, around: HeadSurroundings | None) -> Tensor:
        if isinstance(self.network, AppearanceGenerator):
            return self.network.draw(style, random, self.finish, None if around is None else [around])
        return self.network.draw(style, noise=random)

    @property
    def surroundings(self) -> Surroundings | None:
        """The stock that hair and clothes come from, if they do."""
        return self.network.surroundings if isinstance(self.network, AppearanceGenerator) else None

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.buffers()).device


def _noise(seed: int, length: int) -> Tensor:
    return torch.randn(length, generator=torch.Generator().manual_seed(seed))


def layers_of(network: StyleGenerator | AppearanceGenerator, groups: Sequence[str]) -> list[int]:
    """The layers in groups.

    Raises:
        UserError: there is no such group.
    """
    known = network.layer_groups()
    for group in groups:
        if group not in known:
            raise UserError(f"there are no layers {group!r}", f"Use {', '.join(known)}")
    return sorted(layer for group in groups for layer in known[group])


def parse_mix(text: str) -> StyleMix:
    """`SEED:GROUP,GROUP` as a StyleMix.

    Raises:
        UserError: it can't be read.
    """
    seed, colon, groups = text.partition(":")
    if not (colon and groups and seed.isdecimal()):
        raise UserError(f"--mix {text} is not SEED:LAYERS", "For example --mix 7:coarse")
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


def load_bundled(device: str, finer: bool = True) -> PictureGenerator:
    """The generator of faces that comes with the tool.

    Args:
        device: a `--device` value.
        finer: with its second stage.

    Raises:
        UserError: it is missing or damaged; the device is not here.
    """
    from faceswap_cli import zoo
    from faceswap_cli.device import pick_device

    weights = zoo.tensors(BUNDLED)
    network = build_appearance(zoo.card(BUNDLED).facts["config"])
    network.load_state_dict({name: weights[name] for name in network.state_dict()})
    digest = str(zoo.card(BUNDLED).facts["sha256"])
    if finer:
        network.finer = zoo.load_network(FINER, build_finer)
        network.surroundings = Surroundings(zoo.tensors(AROUND))
        digest += "".join(str(zoo.card(name).facts["sha256"]) for name in (FINER, AROUND))
    placed = network.eval().requires_grad_(False).to(pick_device(device))
    return PictureGenerator(placed, digest, weights["people"].numpy())


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
