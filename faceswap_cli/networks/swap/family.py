"""What every network family is: one encoder for all people, and a way to draw each of them from its code.

A family writes its configuration, `encode` and `decode`. Everything else (rebuilding, drawing a swap, saving
memory) is here, once. Training, previews and compositing know a network only by this interface.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import Field, asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from faceswap_cli.networks.swap.renderer import Rendered, Renderer
from faceswap_cli.options import declaration_of, describe_allowed, is_allowed, option

MULTIPLE = 16
"""The resolution must be a multiple of this: four halvings."""
LEAST_RESOLUTION, MOST_RESOLUTION = 32, 512
"""Sides that are built, in pixels. Below 64 a network is good for tests only."""

COMMON = ("resolution", "identities", "side")
"""Fields of a configuration that every family has; the others are the family's own options."""

KINDS = {int: "whole number", bool: "true or false", float: "number", tuple: "list"}


@dataclass(frozen=True)
class FamilyConfig:
    """What rebuilds a network; a family adds its own options.

    Attributes:
        resolution: side of the pictures, a multiple of 16 from 32 to 512. Every layer's size follows from it.
        identities: names of the people, at least one, each once. By custom the first is the person in the
            video, the others are put on.
        side: side of the pictures in face units, see `faces.geometry`.

    Raises:
        ValueError: a value is out of its range.
    """

    resolution: int = 128
    identities: tuple[str, ...] = ("a", "b")
    side: float = 2.0

    def __post_init__(self) -> None:
        for own in fields(self):
            _check(own, getattr(self, own.name))
        r = self.resolution
        if r % MULTIPLE or not LEAST_RESOLUTION <= r <= MOST_RESOLUTION:
            raise ValueError(
                f"resolution {r} is not a multiple of {MULTIPLE} from {LEAST_RESOLUTION} to {MOST_RESOLUTION}"
            )
        names = self.identities
        if not names or "" in names or len(set(names)) < len(names):
            raise ValueError(f"identities {list(names)} are not one or more different names")

    @property
    def grid(self) -> int:
        """Side of the smallest feature map: the picture after four halvings."""
        return self.resolution // MULTIPLE


@dataclass(frozen=True)
class BottleneckConfig(FamilyConfig):
    """Of networks whose encoder and decoder meet in a narrow vector.

    Attributes:
        width: channels at half resolution; every halving doubles them.
        code: length of the vector in the middle.
        squeeze: channels of the grids that are flattened into the vector and unfolded from it. The linear
            layers there would hold most of the weights if they met all 8 * width channels.
        residuals: residual blocks after each doubling of a decoder.
        pixel_norm: what the encoder gives is scaled to a mean square of 1, so that no face has a fainter one.
        depth_to_space: the last doubling rearranges channels into pixels; if not, it is a transposed
            convolution and a layer at full size, which is slower.
    """

    width: int = option(32, 4, 256)
    code: int = option(256, 8, 4096)
    squeeze: int = option(64, 4, 1024)
    residuals: int = option(0, 0, 4)
    pixel_norm: bool = False
    depth_to_space: bool = True


def _check(own: Field[Any], value: Any) -> None:
    """Raise a ValueError for a value that is not of its default's kind or out of its range."""
    like: Any = own.default
    kind = type(like)
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise ValueError(f"{own.name} {value!r} is no {KINDS[kind]}")
    if isinstance(value, tuple) and any(type(one) is not type(like[0]) for one in value):
        raise ValueError(f"{own.name} {list(value)} are not all text")
    declaration = declaration_of(own)
    if declaration is not None and not is_allowed(declaration, value):
        raise ValueError(f"{own.name} {value} can't be: it takes {describe_allowed(declaration)}")


class FaceModel(nn.Module):
    """A network that swaps faces; what a run folder holds.

    Attributes:
        config: rebuilds it.
        layout: memory format of its convolutions' activations, set by `place_model`.
        checkpointing: recompute the activations of each part in the backward pass instead of keeping them
            (Chen et al., Training deep nets with sublinear memory cost, 2016): one more forward pass for
            less memory, the same gradients. A switch of the running process, no part of the network.
    """

    def __init__(self, config: FamilyConfig) -> None:
        super().__init__()
        self.config = config
        self.layout = torch.contiguous_format
        self.checkpointing = False

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, R, R) in [0, 1], of anybody, to codes (B, C)."""

    @abstractmethod
    def decode(self, code: Tensor, identity: str) -> Tensor:
        """Codes (B, C) to logits (B, 4, R, R), RGB and mask, of the face as `identity`'s."""

    def renderer(self, identity: str) -> Renderer:
        """Draws every face it is given as `identity`.

        Raises:
            KeyError: nobody here is called so.
        """
        if identity not in self.config.identities:
            raise KeyError(identity)
        return SwapRenderer(self, identity)

    def forward(self, sides: Sequence[tuple[str, Tensor]]) -> list[Rendered]:
        """Rebuild each (identity, pictures) pair; all pictures go through the encoder in one batch."""
        codes = self.codes([pictures for _, pictures in sides])
        return [self.drawn(code, name) for (name, _), code in zip(sides, codes, strict=True)]

    def codes(self, parts: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The codes (B, C) of several batches of pictures; all go through the encoder at once."""
        together = self._part(self.encode, torch.cat(list(parts)))
        return torch.split(together, [len(pictures) for pictures in parts])

    def drawn(self, code: Tensor, identity: str) -> Rendered:
        """Codes (B, C) drawn as `identity`."""
        return split_output(self._part(self.decode, code, identity))

    def as_map(self, vector: Tensor, channels: int) -> Tensor:
        """(B, channels * G * G) to the smallest feature map (B, channels, G, G), in the network's layout."""
        side = self.config.grid
        return vector.view(-1, channels, side, side).contiguous(memory_format=self.layout)

    def _part(self, part: Callable[..., Tensor], *arguments: Any) -> Tensor:
        """A part of the network, its activations kept or, with `checkpointing`, recomputed later."""
        if not (self.checkpointing and torch.is_grad_enabled()):
            return part(*arguments)
        # Nothing is drawn at random in a forward pass: its generators' states need not be kept.
        result: Tensor = checkpoint(part, *arguments, use_reentrant=False, preserve_rng_state=False)
        return result


@dataclass(frozen=True)
class SwapRenderer:
    """A Renderer: the shared encoder, then one person's drawing."""

    model: FaceModel
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
        crops = crops.to(parameter.device, memory_format=self.model.layout)
        drawn = split_output(self.model.decode(self.model.encode(crops), self.identity))
        return Rendered(drawn.image.float().cpu(), drawn.mask.float().cpu())


def split_output(logits: Tensor) -> Rendered:
    """(B, 4, R, R) logits to picture and mask."""
    values = torch.sigmoid(logits)
    return Rendered(values[:, :3], values[:, 3:])


class ByIdentity(nn.ModuleDict):
    """Modules by people's names, which may hold anything: dots, spaces, the names of methods.

    Simple names are the keys as they are, and so in the weights' names; in others a dot becomes %2E and so
    on, and a name that torch keeps for itself gets a % before it. No two names get the same key.
    """

    def __init__(self, names: Sequence[str], make: Callable[[], nn.Module]) -> None:
        super().__init__()
        for name in names:
            self[self.key(name)] = make()

    def of(self, name: str) -> nn.Module:
        """The module of a person."""
        return self[self.key(name)]

    @staticmethod
    def key(name: str) -> str:
        """A person's name as torch takes it for a module's."""
        escaped = name.replace("%", "%25").replace(".", "%2E")
        return f"%{escaped}" if hasattr(_NOBODY, escaped) else escaped


_NOBODY = nn.ModuleDict()


def describe_model(model: FaceModel) -> dict[str, Any]:
    """The JSON configuration that rebuilds a model."""
    return asdict(model.config)


def place_model(model: FaceModel, device: torch.device) -> FaceModel:
    """The model on a device, its convolutions channels-last, which is faster on CPUs."""
    model.layout = torch.channels_last
    return model.to(device).to(memory_format=model.layout)  # type: ignore[call-overload, no-any-return]


def parameter_count(model: nn.Module) -> int:
    """Learnt numbers of a model."""
    return sum(p.numel() for p in model.parameters())
