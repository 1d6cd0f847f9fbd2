"""The losses of the conditional autoencoder, and what the conditional GAN shares with it.

Every picture is rebuilt with a descriptor of its own person, and half of them are drawn as somebody else, of
which no picture exists: there the frozen identity network says how near the drawn face is to whom it should
be (Chen et al., SimSwap, 2020), and the network's own encoder whether pose and expression were kept, or
became what was asked for.

What keeps identity, pose and expression out of the code: noise on the code with a price on its size, which is
a variational autoencoder of fixed spread (Kingma and Welling, 2014), and a probe that tries to read the
descriptor and the traits from the code while the encoder tries to leave it with nothing to say (Lample et
al., Fader networks, 2017). And some pictures are shown to the encoder mirrored and asked for as they are:
which way a head is turned can then be known from the traits alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceswap_cli import zoo
from faceswap_cli.faces.attributes import MIRRORED
from faceswap_cli.faces.identity import CHIP, WEIGHTS
from faceswap_cli.networks.conditional import ConditionalAutoencoder, ConditionalModel, split_code
from faceswap_cli.networks.conditions import ATTRIBUTES, LIGHT, NUMBERS, TRAITS, light
from faceswap_cli.networks.family import rendered
from faceswap_cli.networks.identity import IdentityNetwork, build
from faceswap_cli.networks.renderer import Rendered
from faceswap_cli.training.augment import Samples
from faceswap_cli.training.crowd import Pictured
from faceswap_cli.training.losses import face_loss
from faceswap_cli.training.settings import TrainSettings
from faceswap_cli.training.trainer import Batch, Phase


@dataclass(frozen=True)
class Weights:
    """Weights of the terms that only conditional networks have.

    Those of a swap have steep gradients: with 4 for the identity and 2 for what was asked they were two to
    five times as steep as the picture's own, and everything stayed blurred.

    Attributes:
        identity: squared distance of the swap's descriptor to whom it should be; strangers' is about 0.7.
        traits: what the encoder says of pose and expression, against the landmarks.
        asked: what it says of the swap, against what was asked for.
        kept: how much else of the code the swap changes.
        swap_mask: the swap's mask, against the picture's.
        light: the swap's light, against the picture's.
        price: mean square of the code.
        noise: standard deviation of what is added to the code.
        confusion: what the probe reads of the descriptor from the code.
        unposed: what it reads of the traits.
    """

    identity: float = 2.5
    traits: float = 0.5
    asked: float = 0.2
    kept: float = 0.3
    swap_mask: float = 1.5
    light: float = 0.1
    price: float = 0.01
    noise: float = 0.1
    confusion: float = 0.3
    unposed: float = 0.1


WEIGHTS_OF = Weights()

TURNED, TOLD = 1.28, 0.0
"""Pictures whose last two numbers of noise are above these are shown mirrored (a tenth), and drawn from the
landmarks' traits instead of the encoder's (a half, and all mirrored ones)."""

SWAPPED = 2
"""Every so-manieth picture is drawn as somebody else: describing a face costs more than drawing one."""


class Probe(nn.Module):
    """Reads descriptor and traits from codes, as far as there is anything of them."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(code, 256), nn.LeakyReLU(0.1), nn.Linear(256, 256), nn.LeakyReLU(0.1),
            nn.Linear(256, NUMBERS + len(TRAITS)),
        )  # fmt: skip

    def forward(self, code: Tensor) -> Tensor:
        """(B, C) to (B, NUMBERS + len(TRAITS)), a condition but for the light."""
        read: Tensor = self.layers(code)
        return read


@dataclass(frozen=True)
class Swap:
    """Pictures drawn as somebody else.

    Attributes:
        samples: what they were.
        drawn: what they became.
        pasted: (B, 3, R, R) that, over the picture.
    """

    samples: Pictured
    drawn: Rendered
    pasted: Tensor


def conditional_phases(model: ConditionalModel, settings: TrainSettings, probe: nn.Module) -> list[Phase]:
    """The autoencoder's phase, and the probe's after it."""
    losses = ConditionalLosses(model, settings, probe)
    return [
        Phase("autoencoder", list(model.parameters()), losses.autoencoder),
        Phase("probe", list(probe.parameters()), losses.probe),
    ]


class Common:
    """What both conditional networks are trained by."""

    def __init__(self, model: ConditionalModel, settings: TrainSettings) -> None:
        self.model, self.settings, self.weights = model, settings, WEIGHTS_OF

    def rebuilt(self, samples: Pictured, code: Tensor) -> dict[str, Tensor]:
        """The terms of pictures drawn as who they are."""
        drawn = rendered(self.model._part(self.model.draw, code, samples.embedding))
        return face_loss(drawn, samples, self.settings.loss)

    def understood(self, read: Tensor, traits: Tensor) -> dict[str, Tensor]:
        """The term of attributes that were read from pictures of these traits."""
        return {"traits": self.weights.traits * F.mse_loss(read[:, :-LIGHT], traits)}

    def swapped(self, samples: Pictured, code: Tensor) -> tuple[Swap, dict[str, Tensor]]:
        """Some pictures drawn as others, and the terms of it."""
        some, content = every(samples, SWAPPED), split_code(code)[0][::SWAPPED]
        # As read, plus the change that is asked for: were swaps always told the landmarks' own numbers, the
        # decoder would know a swap by them, and leave everybody as he is in use, where they are read.
        change = F.pad(some.asked - some.traits, (0, LIGHT))
        wanted = torch.cat([content, split_code(code)[1][::SWAPPED] + change], 1)
        drawn = rendered(self.model._part(self.model.draw, wanted, some.other))
        # By the picture's own mask: through a drawn one that is faint, a swap would pass that is none.
        pasted = drawn.image * some.mask + some.target * (1 - some.mask)
        # The encoder is asked, not taught: it would learn to see what it should in anything.
        self.model.requires_grad_(False)
        read = self.model.encode(pasted)
        self.model.requires_grad_(True)
        was, has = content.detach(), split_code(read)[0]
        spread = was.var(0, unbiased=False).mean() + 1e-3
        w = self.weights
        return Swap(some, drawn, pasted), {
            "identity": w.identity * apart(pasted, some.chip, some.other),
            "asked": w.asked * F.mse_loss(read[:, -ATTRIBUTES:-LIGHT], some.asked),
            "kept": w.kept * F.mse_loss(has, was) / spread,
            "light": w.light * F.mse_loss(light(drawn.image), light(some.target)),
            "swap_mask": w.swap_mask * F.mse_loss(drawn.mask, some.mask),
        }


class ConditionalLosses(Common):
    """The losses of one step of the conditional autoencoder."""

    def __init__(self, model: ConditionalModel, settings: TrainSettings, probe: nn.Module) -> None:
        super().__init__(model, settings)
        self.reads = probe
        self.codes: deque[tuple[Tensor, Tensor]] = deque()  # from one phase to the next, part by part

    def autoencoder(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Rebuild everyone, draw some as others, and keep the code from saying what the condition says."""
        del progress
        samples, w = together(batch), self.weights
        noise = samples.noise.flatten(1)
        turned, told = noise[:, -1:] > TURNED, noise[:, -2:-1] > TOLD
        shown = torch.where(turned[..., None, None], samples.input.flip(-1), samples.input)
        content, read = split_code(self.model._part(self.model.encode, shown))
        mirrored = torch.from_numpy(MIRRORED).to(samples.traits)
        seen = torch.where(turned, samples.traits * mirrored, samples.traits)
        true = torch.cat([samples.traits, light(samples.input)], 1)
        attributes = torch.where(turned | told, true, read.detach())
        noisy = torch.cat([content + w.noise * noise[:, : content.shape[1]], attributes], 1)
        terms = self.rebuilt(samples, noisy) | self.understood(read, seen)
        _, more = self.swapped(samples, noisy)
        return terms | more | self._kept_out(content, samples, seen)

    def _kept_out(self, content: Tensor, samples: Pictured, traits: Tensor) -> dict[str, Tensor]:
        self.reads.requires_grad_(False)
        said = self.reads(content)
        self.reads.requires_grad_(True)
        truth = torch.cat([self.model.style.identity(samples.embedding), traits], 1)
        self.codes.append((content.detach(), truth))
        return {
            "price": self.weights.price * content.square().mean(),
            "confusion": self.weights.confusion * said[:, :NUMBERS].square().mean(),
            "unposed": self.weights.unposed * said[:, NUMBERS:].square().mean(),
        }

    def probe(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Read from the codes who it is, how turned, and with which expression."""
        del batch, progress
        code, truth = self.codes.popleft()
        off = (self.reads(code) - truth).square()
        return {"probe": off[:, :NUMBERS].mean() + off[:, NUMBERS:].mean()}


def new_probe(model: ConditionalModel) -> nn.Module:
    """The probe of a conditional autoencoder."""
    assert isinstance(model, ConditionalAutoencoder)
    return Probe(model.config.code)


def together(batch: Batch) -> Pictured:
    """All people's parts of a batch as one."""
    parts: list[Samples] = list(batch)
    first = parts[0]
    assert isinstance(first, Pictured), "conditional networks are trained on crowds"
    tensors = [k for k, v in vars(first).items() if isinstance(v, Tensor)]
    return Pictured(first.identity, **{k: torch.cat([getattr(p, k) for p in parts]) for k in tensors})


def every(samples: Pictured, step: int) -> Pictured:
    """Every so-manieth of the samples."""
    tensors = {k: v[::step] for k, v in vars(samples).items() if isinstance(v, Tensor)}
    return Pictured(samples.identity, **tensors)


def apart(pictures: Tensor, chips: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared distance of faces' descriptors to wanted ones, differentiable in the pictures.

    Args:
        pictures: (B, 3, R, R) in [0, 1].
        chips: (B, 2, 3) from the chip's pixels to the picture's.
        wanted: (B, NUMBERS).
    """
    network: IdentityNetwork = zoo.shared_network(WEIGHTS, build, str(pictures.device))
    with torch.autocast(pictures.device.type, enabled=False):
        found: Tensor = network(cut(pictures.float(), chips) * 255)
    return torch.mean((found - wanted).square().sum(1))


def cut(pictures: Tensor, chips: Tensor) -> Tensor:
    """Identity chips (B, 3, CHIP, CHIP) out of pictures (B, 3, R, R); what lies outside repeats the edge."""
    axis = torch.arange(CHIP, device=pictures.device, dtype=torch.float32)
    v, u = torch.meshgrid(axis, axis, indexing="ij")
    plain = torch.stack([u, v, torch.ones_like(u)], -1).view(1, -1, 3)
    grid = (plain @ chips.transpose(1, 2)).view(-1, CHIP, CHIP, 2)
    grid = grid / (pictures.shape[-1] - 1) * 2 - 1
    return F.grid_sample(pictures, grid.clamp(-1, 1), mode="bilinear", align_corners=True)
