"""A style-based generator: noise to a style, and a style to a picture, from 4x4 upwards.

T. Karras et al., Analyzing and improving the image quality of StyleGAN, CVPR 2020: a mapping network, layers
whose weights the style scales, a picture that is the sum of those of all sides. Because it is a sum, it can
be grown by stages with a fade-in (T. Karras et al., Progressive growing of GANs, ICLR 2018): of a stage that
is not yet there nothing is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.networks.generator.captions import CaptionEncoder
from faceswap_cli.networks.generator.codec import DOWNSCALE, LATENTS
from faceswap_cli.networks.swap.blocks import PixelNorm, activation
from faceswap_cli.options import option

SMALLEST = 4
"""Side of the learnt constant that all pictures begin with."""

LAYERS = {"coarse": (0, 8), "middle": (8, 32), "fine": (32, 1 << 20)}
"""Groups of layers by the sides of their features: from the first of the two, and below the second."""

MEAN_DECAY = 0.995
"""Of the running mean of styles, by which samples are truncated."""


@dataclass(frozen=True)
class GeneratorConfig:
    """What rebuilds a StyleGenerator.

    Attributes:
        resolution: side of the pictures, a power of two times 4.
        channels: of a picture: 3, or 4 with transparency.
        domain: "pixels", or "codec": what it draws is the latents of `models/codec`.
        noise: length of the noise that is put in.
        style: length of a style.
        mapping: layers from one to the other.
        width: channels at the largest side; twice as many at half of it, up to most_width.
        most_width: channels at small sides.
        words: that captions of the pictures are made of; none if there are no captions.
        caption: length of what a caption is told by.
    """

    resolution: int = 64
    channels: int = 3
    domain: str = option("pixels", choices=("pixels", "codec"))
    noise: int = option(128, 2, 1024)
    style: int = option(160, 2, 1024)
    mapping: int = option(4, 1, 16)
    width: int = option(32, 4, 512)
    most_width: int = option(192, 4, 1024)
    words: tuple[str, ...] = ()
    caption: int = option(48, 2, 512)

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(self.words))
        side = self.drawn_side
        if side < SMALLEST or side & (side - 1) or self.resolution % DOWNSCALE:
            raise ValueError(f"resolution {self.resolution} is no power of two that is large enough")

    @property
    def inputs(self) -> int:
        """Length of what a style is made of: noise, and after it what a caption says, if there are any."""
        return self.noise + (self.caption if self.words else 0)

    @property
    def drawn_side(self) -> int:
        """Side of what is drawn: of the picture, or of its latents."""
        return self.resolution // DOWNSCALE if self.domain == "codec" else self.resolution

    @property
    def drawn_channels(self) -> int:
        """Channels of what is drawn."""
        return LATENTS if self.domain == "codec" else self.channels

    @property
    def sides(self) -> list[int]:
        """Sides of the stages, from 4 to that of what is drawn."""
        found = [SMALLEST]
        while found[-1] < self.drawn_side:
            found.append(2 * found[-1])
        return found

    def width_at(self, side: int) -> int:
        """Channels of the features at a side."""
        return min(self.most_width, self.width * self.drawn_side // side)


class EqualConv(nn.Module):
    """A convolution whose weights are kept at unit variance and scaled when used (ICLR 2018, section 4.1)."""

    def __init__(self, channels: int, out: int, kernel: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out, channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out)) if bias else None
        self.scale = (channels * kernel * kernel) ** -0.5
        self.padding = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, H, W)."""
        return F.conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)


class StyledConv(nn.Module):
    """A 3x3 convolution whose inputs the style scales, its outputs brought back to unit variance."""

    def __init__(self, channels: int, out: int, style: int) -> None:
        super().__init__()
        self.conv = EqualConv(channels, out, 3, bias=False)
        self.style = nn.Linear(style, channels)
        nn.init.normal_(self.style.weight, std=style**-0.5)
        nn.init.ones_(self.style.bias)
        self.bias = nn.Parameter(torch.zeros(1, out, 1, 1))
        self.noise = nn.Parameter(torch.zeros(1))
        self.act = activation()

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        """(B, C, H, W), (B, S) and noise (B, 1, H, W) or None to (B, out, H, W)."""
        scale: Tensor = self.style(style)
        weight = (self.conv.weight * self.conv.scale).square().sum((2, 3))
        back = (scale.square() @ weight.T + 1e-6).rsqrt()
        x = self.conv(x * scale[..., None, None]) * back[..., None, None]
        if noise is not None:
            x = x + self.noise * noise
        found: Tensor = self.act(x + self.bias) * 2**0.5
        return found


class Stage(nn.Module):
    """Two styled convolutions at one side, and the picture at it; the first side has one convolution."""

    def __init__(self, config: GeneratorConfig, side: int) -> None:
        super().__init__()
        width = config.width_at(side)
        before = width if side == SMALLEST else config.width_at(side // 2)
        count = 1 if side == SMALLEST else 2
        self.convs = nn.ModuleList(
            StyledConv(before if k == 0 else width, width, config.style) for k in range(count)
        )
        self.scale = nn.Linear(config.style, width)
        nn.init.normal_(self.scale.weight, std=config.style**-0.5)
        nn.init.ones_(self.scale.bias)
        self.picture = EqualConv(width, config.drawn_channels, 1)

    def forward(
        self, x: Tensor, styles: Sequence[Tensor], noises: Sequence[Tensor | None]
    ) -> tuple[Tensor, Tensor]:
        """Features, a style for each convolution and one for the picture, to features and picture."""
        for conv, style, noise in zip(self.convs, styles[:-1], noises, strict=True):
            x = conv(x, style, noise)
        drawn: Tensor = self.picture(x * self.scale(styles[-1])[..., None, None])
        return x, drawn


class StyleGenerator(nn.Module):
    """Noise to pictures; see the module.

    Args:
        config: its sizes.
    """

    mean_style: Tensor
    shift: Tensor
    scale: Tensor

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = [PixelNorm()]
        width = config.inputs
        for _ in range(config.mapping):
            layers += [nn.Linear(width, config.style), nn.LeakyReLU(0.2)]
            width = config.style
        self.mapping = nn.Sequential(*layers)
        self.captions = CaptionEncoder(len(config.words), config.caption) if config.words else None
        self.constant = nn.Parameter(torch.randn(1, config.width_at(SMALLEST), SMALLEST, SMALLEST))
        self.stages = nn.ModuleList(Stage(config, side) for side in config.sides)
        self.register_buffer("mean_style", torch.zeros(config.style))
        # What is drawn has unit variance; these bring latents back to the codec's own.
        self.register_buffer("shift", torch.zeros(config.drawn_channels, 1, 1))
        self.register_buffer("scale", torch.ones(config.drawn_channels, 1, 1))

    @property
    def layers(self) -> int:
        """Styles that a whole picture takes: one for each convolution and one for the last picture."""
        return 2 * len(self.stages)

    def layer_groups(self) -> dict[str, list[int]]:
        """The layers of each of LAYERS."""
        sides = [side for side in self.config.sides for _ in range(2)]
        return {
            name: [layer for layer, side in enumerate(sides) if low <= side < high]
            for name, (low, high) in LAYERS.items()
        }

    def styles(self, noise: Tensor, truncation: float = 1.0) -> Tensor:
        """Noise (B, inputs) to styles (B, S), drawn towards their mean by a truncation below 1.

        Where there are captions the end of the noise is what one says; normal noise there is no caption in
        particular.
        """
        found: Tensor = self.mapping(noise)
        if self.training:
            with torch.no_grad():
                self.mean_style.lerp_(found.detach().float().mean(0), 1 - MEAN_DECAY)
        return self.mean_style + truncation * (found - self.mean_style) if truncation != 1 else found

    def draw(
        self,
        styles: Tensor,
        side: int | None = None,
        fade: float = 1.0,
        noise: torch.Generator | None = None,
    ) -> Tensor:
        """Styles to pictures.

        Args:
            styles: (B, S), or (B, layers, S): one for each layer.
            side: of the last stage that is used; None: all.
            fade: how much of that last stage is seen, 0..1.
            noise: of the single pixels; None: PyTorch's own generator.

        Returns:
            (B, C, side, side), unbounded; pixels lie in [-1, 1].
        """
        if styles.ndim == 2:
            styles = styles[:, None].expand(-1, self.layers, -1)
        sides = [s for s in self.config.sides if side is None or s <= side]
        x = self.constant.expand(len(styles), -1, -1, -1)
        picture: Tensor | None = None
        for place, (module, at) in enumerate(zip(self.stages, sides, strict=False)):
            assert isinstance(module, Stage)
            if place:
                x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            taken = range(max(0, 2 * place - 1), 2 * place + 2)
            noises = [_grain(x, at, noise) for _ in module.convs]
            x, drawn = module(x, [styles[:, k] for k in taken], noises)
            if picture is None:
                picture = drawn
                continue
            larger = F.interpolate(picture, scale_factor=2, mode="bilinear", align_corners=False)
            picture = larger + (fade if at == sides[-1] else 1.0) * drawn
        assert picture is not None
        return picture

    def forward(self, noise: Tensor, side: int | None = None, fade: float = 1.0) -> Tensor:
        """Noise (B, N) to pictures; see `draw`."""
        return self.draw(self.styles(noise), side, fade)


def _grain(x: Tensor, side: int, generator: torch.Generator | None) -> Tensor:
    """(B, 1, side, side) normal noise."""
    shape = (len(x), 1, side, side)
    return torch.randn(shape, generator=generator, device=x.device if generator is None else None).to(
        x.device
    )
