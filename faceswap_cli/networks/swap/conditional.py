"""One network for many people: who is drawn is a condition, not a decoder.

The encoder reads from a picture a code and the attributes (`networks.swap.conditions`); the decoder draws
from code, attributes and an identity descriptor. The descriptor of a new person comes from a photo, so that
nobody needs weights of his own. People who are named in the configuration have their descriptors kept with
the weights, so that a run, a preview and an exported file work as with every other family.

The code is to hold what the condition does not; training keeps identity out of it, see
`training.objectives.conditional`. Sohn, Lee and Yan, Learning structured output representation using deep
conditional generative models, 2015; conditioning by FiLM.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from faceswap_cli.networks.swap.blocks import SLOPE, Up, activation, build_encoder_blocks, initialise_weights
from faceswap_cli.networks.swap.conditions import (
    ATTRIBUTES,
    NUMBERS,
    TRAITS,
    Film,
    IdentityEmbedding,
    Style,
    measure_light,
)
from faceswap_cli.networks.swap.family import ByIdentity, FaceModel, FamilyConfig, split_output
from faceswap_cli.networks.swap.renderer import Rendered
from faceswap_cli.options import option


@dataclass(frozen=True)
class ConditionalConfig(FamilyConfig):
    """What rebuilds a ConditionalAutoencoder; see FamilyConfig for the rest.

    Attributes:
        width: channels at half resolution; every halving doubles them.
        code: channels of the map between encoder and decoder, at a sixteenth of the picture's side.
        squeeze: channels of the encoder's last map, and of that which the condition is added to.
        blocks: residual blocks that are steered by the condition.
        style: length of the vector that the condition is made into.
        traits: what its pose and expression mean: 1, as 68 flat points tell them (`attributes`), as ever; 2,
            as dense points and the 3-D head do (`head_attributes`).
    """

    resolution: int = 128
    width: int = option(32, 4, 256)
    code: int = option(16, 2, 128)
    squeeze: int = option(64, 4, 1024)
    blocks: int = option(1, 0, 12)
    style: int = option(256, 8, 1024)
    traits: int = option(1, 1, 2)


class ConditionalModel(FaceModel):
    """A FaceModel that is told whom to draw by a descriptor.

    Its codes are (B, C + ATTRIBUTES): what the encoder keeps, then the attributes it has read. A family
    writes `content`, (B, C) and the traits from a picture, and `paint`.
    """

    def __init__(self, config: FamilyConfig, style: int) -> None:
        super().__init__(config)
        self.people = ByIdentity(config.identities, IdentityEmbedding)
        self.style = Style(style)

    @abstractmethod
    def content(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (B, 3, R, R) in [0, 1] to what is kept of them (B, C), and traits (B, len(TRAITS))."""

    @abstractmethod
    def paint(self, content: Tensor, style: Tensor) -> Tensor:
        """What was kept (B, C) and styles to logits (B, 4, R, R)."""

    def encode(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, R, R) in [0, 1] to codes (B, C + ATTRIBUTES)."""
        return torch.cat([*self.content(x), measure_light(x)], 1)

    def decode(self, code: Tensor, identity: str) -> Tensor:
        """Codes to logits (B, 4, R, R) of the face as that of somebody who is named in the configuration."""
        return self.draw(code, self.embedding(identity).expand(len(code), NUMBERS))

    def draw(self, code: Tensor, embedding: Tensor) -> Tensor:
        """Codes and descriptors (B, NUMBERS) to logits (B, 4, R, R)."""
        content, attributes = split_code(code)
        return self.paint(content, self.style(embedding, attributes))

    def embedding(self, identity: str) -> Tensor:
        """The descriptor (NUMBERS,) of a named person."""
        person = self.people.of(identity)
        assert isinstance(person, IdentityEmbedding)
        return person.embedding

    def renderer(self, identity: str) -> ConditionalRenderer:
        """Draws every face it is given as somebody named; see FaceModel."""
        if identity not in self.config.identities:
            raise KeyError(identity)
        return self.renderer_of(self.embedding(identity))

    def renderer_of(self, embedding: Tensor) -> ConditionalRenderer:
        """Draws every face it is given as whoever has this descriptor (NUMBERS,)."""
        return ConditionalRenderer(self, embedding)


def split_code(code: Tensor) -> tuple[Tensor, Tensor]:
    """Codes (B, C + ATTRIBUTES) as (B, C) and (B, ATTRIBUTES)."""
    return code[:, :-ATTRIBUTES], code[:, -ATTRIBUTES:]


@dataclass(frozen=True)
class ConditionalRenderer:
    """A Renderer: encoder, then the decoder with one person's descriptor.

    Attributes:
        model: draws.
        embedding: (NUMBERS,) who is drawn.
    """

    model: ConditionalModel
    embedding: Tensor

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
        where = next(self.model.parameters()).device
        code = self.model.encode(crops.to(where, memory_format=self.model.layout))
        drawn = split_output(self.model.draw(code, self.embedding.to(where).expand(len(code), NUMBERS)))
        return Rendered(drawn.image.float().cpu(), drawn.mask.float().cpu())


class ConditionalDecoder(nn.Module):
    """Doublings, each steered by a style, and the picture: (B, C, S, S) to logits (B, 4, 2^n S, 2^n S).

    Args:
        channels: of the features; each doubling but the last halves them.
        doublings: n.
        style: length of the style.
    """

    def __init__(self, channels: int, doublings: int, style: int) -> None:
        super().__init__()
        sizes = [channels // 2**number for number in range(doublings)]
        self.ups = nn.ModuleList(Up(size, size // 2) for size in sizes[:-1])
        self.films = nn.ModuleList(Film(style, size // 2) for size in sizes[:-1])
        self.last = nn.Sequential(nn.Conv2d(sizes[-1], 16, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Features and styles (B, style) to logits."""
        for up, film in zip(self.ups, self.films, strict=True):
            x = film(up(x), style)
        logits: Tensor = self.last(x)
        return logits


class ConditionalAutoencoder(ConditionalModel):
    """One encoder and one decoder for all people, told by a descriptor whom to draw ("conditional").

    The code is a map, which keeps the picture's layout and with it pose, expression and what is before the
    face; a vector of 256 numbers kept 13 of 30 degrees of a head's turn. It is coarse, of few channels, and
    noisy: that leaves to the condition what the condition says.
    """

    config: ConditionalConfig

    def __init__(self, config: ConditionalConfig) -> None:
        super().__init__(config, config.style)
        w, flat = config.width, config.grid**2 * config.squeeze
        self.encoder = nn.Sequential(*build_encoder_blocks(w, config.squeeze))
        self.narrow = nn.Conv2d(config.squeeze, config.code, 1)
        self.traits = nn.Linear(flat, len(TRAITS))
        self.widen = nn.Conv2d(config.code, config.squeeze, 1)
        self.place = nn.Linear(config.style, flat)
        self.inter = nn.Sequential(activation(), nn.Conv2d(config.squeeze, 8 * w, 1), activation())
        self.blocks = nn.ModuleList(ConditionedBlock(8 * w, config.style) for _ in range(config.blocks))
        self.decoder = ConditionalDecoder(8 * w, 4, config.style)
        init_small(self)

    def content(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures to maps (B, code * (R / 16)^2), flattened, and traits."""
        features = self.encoder(x * 2 - 1)
        return self.narrow(features).flatten(1), self.traits(features.flatten(1))

    def paint(self, content: Tensor, style: Tensor) -> Tensor:
        """Flattened maps and styles to logits; the condition joins at map, blocks and doublings."""
        grid = self.widen(self.as_map(content, self.config.code))
        x = self.inter(grid + self.as_map(self.place(style), self.config.squeeze))
        for block in self.blocks:
            x = block(x, style)
        logits: Tensor = self.decoder(x, style)
        return logits


class ConditionedBlock(nn.Module):
    """x + f(x): two convolutions, each after the style's gain and shift."""

    STRENGTH = 0.1
    """Of the second one's first weights against He's: it begins as next to nothing."""

    def __init__(self, channels: int, style: int) -> None:
        super().__init__()
        self.films = nn.ModuleList(Film(style, channels) for _ in range(2))
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(B, C, H, W) and (B, style) to (B, C, H, W)."""
        change = self.first(nn.functional.leaky_relu(self.films[0](x, style), SLOPE))
        result: Tensor = x + self.second(nn.functional.leaky_relu(self.films[1](change, style), SLOPE))
        return result

    def calm(self) -> None:
        """Make its first change small."""
        with torch.no_grad():
            self.second.weight.mul_(self.STRENGTH)


def init_small(model: nn.Module) -> None:
    """First weights: He's, the films' calmed."""
    initialise_weights(model)
    for part in model.modules():
        if isinstance(part, Film | ConditionedBlock):
            part.calm()
