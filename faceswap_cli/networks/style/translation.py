"""Translators between two kinds of pictures, and the discriminators they are trained against.

J.-Y. Zhu et al., Unpaired image-to-image translation using cycle-consistent adversarial networks, ICCV 2017:
a residual network each way, and PatchGANs of 70 pixels. T. Park et al., Contrastive learning for unpaired
image-to-image translation, ECCV 2020 (CUT): one way alone, whose features of a place must be told from those
of other places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.options import option

MULTIPLE = 4
"""Sides of pictures are multiples of this: two halvings."""

POOL = 50
"""Translated pictures that a discriminator is shown again."""

PROJECTED = 64
"""Length of the features that are compared."""


@dataclass(frozen=True)
class StyleConfig:
    """What rebuilds a StyleModel.

    Attributes:
        resolution: side of the pictures that it is trained on, a multiple of 16.
        width: channels at the full side; four times as many at a quarter.
        blocks: residual blocks at a quarter of the side.
        method: "cycle", both ways; "cut", from A to B only.
        classes: names of the classes that labels.csv names; empty: none.
    """

    resolution: int = 128
    width: int = option(24, 4, 256)
    blocks: int = option(6, 1, 32)
    method: str = option("cycle", choices=("cycle", "cut"))
    classes: tuple[str, ...] = ()


class NormalisedResidual(nn.Module):
    """x + f(x), two 3x3 convolutions with instance norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for last in (False, True):
            layers += [nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False)]
            layers += [nn.InstanceNorm2d(channels, affine=True)]
            layers += [] if last else [nn.ReLU(inplace=True)]
        self.change = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) in and out."""
        found: Tensor = x + self.change(x)
        return found


class Translator(nn.Module):
    """Pictures of one kind to the same pictures of another. It says what changes.

    Args:
        config: its sizes.
    """

    def __init__(self, config: StyleConfig) -> None:
        super().__init__()
        w = config.width
        self.enter = nn.Sequential(
            nn.Conv2d(3, w, 7, padding=3, padding_mode="reflect", bias=False),
            nn.InstanceNorm2d(w, affine=True),
            nn.ReLU(inplace=True),
        )
        self.down = nn.ModuleList(_half(w * k) for k in (1, 2))
        self.blocks = nn.ModuleList(NormalisedResidual(4 * w) for _ in range(config.blocks))
        self.up = nn.Sequential(_twice(4 * w), _twice(2 * w))
        self.leave = nn.Conv2d(w, 3, 7, padding=3, padding_mode="reflect")

    def features(self, pictures: Tensor) -> list[Tensor]:
        """Of the encoding half: at the full side, a half, a quarter, and amid the blocks."""
        found = [self.enter(pictures)]
        for down in self.down:
            found.append(down(found[-1]))
        x = found[-1]
        for block in self.blocks[: len(self.blocks) // 2]:
            x = block(x)
        return [*found, x]

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] to the same of the other kind."""
        x = self.features(pictures)[-1]
        for block in self.blocks[len(self.blocks) // 2 :]:
            x = block(x)
        change: Tensor = self.leave(self.up(x))
        return (pictures + 2 * torch.tanh(change)).clamp(-1.05, 1.05)


def _half(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1, bias=False),
        nn.InstanceNorm2d(2 * channels, affine=True),
        nn.ReLU(inplace=True),
    )


def _twice(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(channels, channels // 2, 4, stride=2, padding=1, bias=False),
        nn.InstanceNorm2d(channels // 2, affine=True),
        nn.ReLU(inplace=True),
    )


class StyleModel(nn.Module):
    """The translator from A to B, and by the method "cycle" that from B to A.

    Args:
        config: its sizes.
    """

    def __init__(self, config: StyleConfig) -> None:
        super().__init__()
        self.config = config
        self.to_b = Translator(config)
        self.to_a = Translator(config) if config.method == "cycle" else None
        self.heads = _projection_heads(config) if config.method == "cut" else None

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures of A as B's."""
        found: Tensor = self.to_b(pictures)
        return found

    def project(self, features: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """Features at places, of length 1: for each layer (B, P, PROJECTED).

        Args:
            features: of `Translator.features`.
            places: (P,) of each layer's flattened grid.
        """
        assert self.heads is not None
        found = []
        for feature, at, head in zip(features, places, self.heads, strict=True):
            taken = feature.flatten(2)[..., at].permute(0, 2, 1)
            found.append(F.normalize(head(taken), dim=-1))
        return found


def _projection_heads(config: StyleConfig) -> nn.ModuleList:
    widths = [config.width * k for k in (1, 2, 4, 4)]
    return nn.ModuleList(
        nn.Sequential(nn.Linear(width, PROJECTED), nn.ReLU(), nn.Linear(PROJECTED, PROJECTED))
        for width in widths
    )


class StyleVerdict(NamedTuple):
    """Of a discriminator.

    Attributes:
        patches: (B, 1, h, w) higher where a patch looks real.
        classes: (B, K) logits, K 0 without classes.
    """

    patches: Tensor
    classes: Tensor


class PatchJudge(nn.Module):
    """A PatchGAN, which may also tell classes, and the pool of what it was shown before.

    Args:
        config: of the translators.
    """

    pool: Tensor
    pooled: Tensor

    def __init__(self, config: StyleConfig) -> None:
        super().__init__()
        w = 2 * config.width
        layers: list[nn.Module] = [nn.Conv2d(3, w, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        for channels in (w, 2 * w):
            layers += [nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1, bias=False)]
            layers += [nn.InstanceNorm2d(2 * channels, affine=True), nn.LeakyReLU(0.2, inplace=True)]
        self.trunk = nn.Sequential(*layers)
        self.patches = nn.Conv2d(4 * w, 1, 4, padding=1)
        self.classes = nn.Linear(4 * w, len(config.classes)) if config.classes else None
        side = config.resolution
        # In the checkpoint, so that a run that is gone on with sees the same.
        self.register_buffer("pool", torch.zeros(POOL, 3, side, side, dtype=torch.float16))
        self.register_buffer("pooled", torch.zeros((), dtype=torch.int64))

    def forward(self, pictures: Tensor) -> StyleVerdict:
        """(B, 3, H, W) in [-1, 1]."""
        x = self.trunk(pictures)
        classes = self.classes(x.mean((2, 3))) if self.classes is not None else x.new_zeros(len(x), 0)
        return StyleVerdict(self.patches(x), classes)

    @torch.no_grad()
    def exchange(self, pictures: Tensor, random: torch.Generator) -> Tensor:
        """Put pictures into the pool, and take half of the time an older one out instead (section 4)."""
        shown = []
        for picture in pictures:
            count = int(self.pooled)
            if count < POOL:
                self.pool[count] = picture.half()
                self.pooled += 1
                shown.append(picture)
            elif torch.rand((), generator=random) < 0.5:
                place = int(torch.randint(POOL, (), generator=random))
                shown.append(self.pool[place].to(picture))
                self.pool[place] = picture.half()
            else:
                shown.append(picture)
        return torch.stack(shown)
