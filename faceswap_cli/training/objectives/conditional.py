"""The losses of the conditional autoencoder, and what the conditional GAN shares with it.

Every picture is rebuilt with a descriptor of its own person, in poses and expressions that it was bent to
(`training.data.pose_augmentation`), and from views that are blurred, or of another person. The latter is
the swap the other way round: what the network has drawn as somebody else is shown to it, and it has to come
back to the true picture (cycle consistency, Zhu et al., 2017, with no gradient through the way there).

Some pictures are drawn as somebody else of which no picture exists: there the frozen identity network says
how near the drawn face is to whom it should be (Chen et al., SimSwap, 2020), and the network's own encoder
whether pose and expression were kept.

What else keeps identity out of the code: noise on the code with a price on its size, which is a variational
autoencoder of fixed spread (Kingma and Welling, 2014), and a probe that tries to read the descriptor from the
code while the encoder tries to leave it with nothing to say (Lample et al., Fader networks, 2017).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceswap_cli.faces.identity.identity_encoder import CHIP, load_identity_network
from faceswap_cli.networks.swap.conditional import ConditionalAutoencoder, ConditionalModel, split_code
from faceswap_cli.networks.swap.conditions import ATTRIBUTES, LIGHT, NUMBERS, measure_light
from faceswap_cli.networks.swap.family import split_output
from faceswap_cli.networks.swap.renderer import Rendered
from faceswap_cli.training.data.augment import Samples
from faceswap_cli.training.data.conditional_batches import ConditionalSamples
from faceswap_cli.training.engine.parallel import ALONE, ProcessGroup
from faceswap_cli.training.engine.trainer import Batch, TrainingPhase
from faceswap_cli.training.objectives.losses import face_loss
from faceswap_cli.training.runs.settings import SwapSettings


@dataclass(frozen=True)
class ConditionalWeights:
    """Weights of the terms that only conditional networks have.

    Those of a swap have steep gradients: with 4 for the identity and 2 for what was asked they were two to
    five times as steep as the picture's own, and everything stayed blurred.

    Attributes:
        identity: squared distance of the swap's descriptor to whom it should be; strangers' is about 0.7.
        traits: what the encoder says of pose and expression, against the landmarks.
        looks: what it says of the swap, against the landmarks.
        kept: how much else of the code the swap changes.
        swap_mask: the swap's mask, against the picture's.
        light: the swap's light, against the picture's.
        price: mean square of the code.
        noise: standard deviation of what is added to the code.
        confusion: what the probe reads of the descriptor from the code.
    """

    identity: float = 2.5
    traits: float = 0.5
    looks: float = 0.2
    kept: float = 0.3
    swap_mask: float = 1.5
    light: float = 0.1
    price: float = 0.01
    noise: float = 0.1
    confusion: float = 0.3


WEIGHTS_OF = ConditionalWeights()

TOLD = 0.0
"""Pictures whose last number of noise is above this are drawn from the landmarks' traits instead of the
encoder's."""

SWAPPED = 4
"""Every Nth picture is drawn as somebody else: describing a face costs more than drawing one."""

DISGUISED = slice(1, None, 2)
"""Pictures that the encoder sees as somebody else."""

LEAST_SPREAD = 0.02
"""Variance that codes are taken to have at least: a few pictures of one person have next to none."""

GREY = 0.0
"""Swaps whose fourth-last number of noise is above this are described in grey: what is painted in colour to
please the descriptor network does not please it there."""


class Probe(nn.Module):
    """Reads descriptors from codes, as far as there is anything of them."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(code, 256), nn.LeakyReLU(0.1), nn.Linear(256, 256), nn.LeakyReLU(0.1),
            nn.Linear(256, NUMBERS),
        )  # fmt: skip

    def forward(self, code: Tensor) -> Tensor:
        """(B, C) to (B, NUMBERS), descriptors as part of a condition."""
        read: Tensor = self.layers(code)
        return read


@dataclass(frozen=True)
class Reconstruction:
    """Pictures that were drawn as who they are.

    Attributes:
        code: (B, C + ATTRIBUTES) that was drawn from.
        content: (B, C) what the encoder kept of the views, without noise.
        drawn: what came out.
    """

    code: Tensor
    content: Tensor
    drawn: Rendered


@dataclass(frozen=True)
class SwappedBatch:
    """Pictures drawn as somebody else.

    Attributes:
        samples: what they were.
        drawn: what they became.
        pasted: (B, 3, R, R) that, over the picture.
    """

    samples: ConditionalSamples
    drawn: Rendered
    pasted: Tensor


def conditional_phases(
    model: ConditionalModel, probe: nn.Module, settings: SwapSettings, team: ProcessGroup = ALONE
) -> list[TrainingPhase]:
    """The autoencoder's phase, and the probe's after it."""
    del team  # nothing is compared over the whole batch
    losses = ConditionalLosses(model, settings, probe)
    return [
        TrainingPhase("autoencoder", list(model.parameters()), losses.autoencoder),
        TrainingPhase("probe", list(probe.parameters()), losses.probe),
    ]


class ConditionalObjective:
    """What both conditional networks are trained by."""

    def __init__(self, model: ConditionalModel, settings: SwapSettings) -> None:
        self.model, self.settings, self.weights = model, settings, WEIGHTS_OF

    def rebuilt(self, samples: ConditionalSamples) -> tuple[Reconstruction, dict[str, Tensor]]:
        """Pictures drawn as who they are, from views that may say something else; and the terms of it."""
        noise = samples.noise.flatten(1)
        shown = blur(self._disguised(samples), noise[:, -3])
        content, read = split_code(self.model._part(self.model.encode, shown))
        true = torch.cat([samples.traits, measure_light(shown)], 1)
        attributes = torch.where(noise[:, -1:] > TOLD, true, read.detach())
        noisy = content + self.weights.noise * noise[:, : content.shape[1]]
        code = torch.cat([noisy, attributes], 1)
        drawn = split_output(self.model._part(self.model.draw, code, samples.embedding))
        terms = face_loss(drawn, samples, self.settings.loss) | self.understood(read, samples.traits)
        return Reconstruction(code, content, drawn), terms

    @torch.no_grad()
    def _disguised(self, samples: ConditionalSamples) -> Tensor:
        """The inputs with some of the people as others, as far as the network can draw them."""
        some, other = samples.input[DISGUISED], samples.other[DISGUISED]
        drawn = split_output(self.model.draw(self.model.encode(some), other))
        # In the colours that were there, as convert does it: they tell of the light, which is to be kept.
        own, its = (centre_crop(x, drawn.mask) for x in (some, drawn.image))
        result = samples.input.clone()
        result[DISGUISED] = ((drawn.image + own - its) * drawn.mask + some * (1 - drawn.mask)).clamp(0, 1)
        return result

    def understood(self, read: Tensor, traits: Tensor) -> dict[str, Tensor]:
        """The term of attributes that were read from pictures of these traits."""
        return {"traits": self.weights.traits * F.mse_loss(read[:, :-LIGHT], traits)}

    def swapped(self, samples: ConditionalSamples, code: Tensor) -> tuple[SwappedBatch, dict[str, Tensor]]:
        """Some pictures drawn as others, and the terms of it."""
        some, all_content = on_every(samples, SWAPPED), split_code(code)[0]
        content = all_content[::SWAPPED]
        # Told what rebuilt faces are told: were swaps always told the landmarks' own numbers, the decoder
        # would know a swap by them, and leave everybody as he is in use, where they are read.
        drawn = split_output(self.model._part(self.model.draw, code[::SWAPPED], some.other))
        # By the picture's own mask: through a drawn one that is faint, a swap would pass that is none.
        pasted = over_background(drawn, some)
        # The encoder is asked, not taught: it would learn to see what it should in anything.
        self.model.requires_grad_(False)
        read = self.model.encode(pasted)
        self.model.requires_grad_(True)
        was, has = content.detach(), split_code(read)[0]
        spread = all_content.detach().var(0, unbiased=False).mean() + LEAST_SPREAD
        w = self.weights
        return SwappedBatch(some, drawn, pasted), {
            "identity": w.identity * code_spread(to_grey(pasted, some.noise), some.chip, some.other),
            "looks": w.looks * F.mse_loss(read[:, -ATTRIBUTES:-LIGHT], some.traits),
            "kept": w.kept * F.mse_loss(has, was) / spread,
            "light": w.light * F.mse_loss(measure_light(drawn.image), measure_light(some.target)),
            "swap_mask": w.swap_mask * F.mse_loss(drawn.mask, some.mask),
        }


class ConditionalLosses(ConditionalObjective):
    """The losses of one step of the conditional autoencoder."""

    def __init__(self, model: ConditionalModel, settings: SwapSettings, probe: nn.Module) -> None:
        super().__init__(model, settings)
        self.reads = probe
        self.codes: deque[tuple[Tensor, Tensor]] = deque()  # from one phase to the next, part by part

    def autoencoder(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Rebuild everyone, draw some as others, and keep the code from saying what the condition says."""
        del progress
        samples = join_batches(batch)
        rebuilt, terms = self.rebuilt(samples)
        _, more = self.swapped(samples, rebuilt.code)
        return terms | more | self._kept_out(rebuilt, samples)

    def _kept_out(self, rebuilt: Reconstruction, samples: ConditionalSamples) -> dict[str, Tensor]:
        self.reads.requires_grad_(False)
        said = self.reads(rebuilt.content)
        self.reads.requires_grad_(True)
        self.codes.append((rebuilt.content.detach(), self.model.style.identity(samples.embedding)))
        return {
            "price": self.weights.price * rebuilt.content.square().mean(),
            "confusion": self.weights.confusion * said.square().mean(),
        }

    def probe(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Read from the codes who it is."""
        del batch, progress
        code, truth = self.codes.popleft()
        return {"probe": F.mse_loss(self.reads(code), truth)}


def new_probe(model: ConditionalAutoencoder, settings: SwapSettings) -> nn.Module:
    """The probe of a conditional autoencoder, on its device."""
    del settings
    return Probe(model.config.code * model.config.grid**2).to(next(model.parameters()).device)


def join_batches(batch: Batch) -> ConditionalSamples:
    """All people's parts of a batch as one."""
    parts: list[Samples] = list(batch)
    first = parts[0]
    assert isinstance(first, ConditionalSamples), "conditional networks are trained on crowds"
    tensors = [k for k, v in vars(first).items() if isinstance(v, Tensor)]
    return ConditionalSamples(
        first.identity, **{k: torch.cat([getattr(p, k) for p in parts]) for k in tensors}
    )


def on_every(samples: ConditionalSamples, step: int, first: int = 0) -> ConditionalSamples:
    """Every Nth of the samples."""
    tensors = {k: v[first::step] for k, v in vars(samples).items() if isinstance(v, Tensor)}
    return ConditionalSamples(samples.identity, **tensors)


def centre_crop(pictures: Tensor, mask: Tensor) -> Tensor:
    """Mean colours (B, 3, 1, 1) of pictures under masks (B, 1, R, R)."""
    return (pictures * mask).sum((2, 3), keepdim=True) / mask.sum((2, 3), keepdim=True).clamp(min=1)


def over_background(drawn: Rendered, samples: ConditionalSamples) -> Tensor:
    """Drawn faces (B, 3, R, R) over the pictures, by the pictures' own masks."""
    return drawn.image * samples.mask + samples.target * (1 - samples.mask)


def blur(pictures: Tensor, amount: Tensor) -> Tensor:
    """Pictures (B, 3, R, R) by `amount` (B,), clamped to 0..1, on the way to half their size: a drawn face is
    softer than a photo, and must not be known by that."""
    soft = F.interpolate(F.avg_pool2d(pictures, 2), scale_factor=2, mode="bilinear", align_corners=False)
    return torch.lerp(pictures, soft, amount.clamp(0, 1).view(-1, 1, 1, 1))


def to_grey(pictures: Tensor, noise: Tensor) -> Tensor:
    """Some of the pictures (B, 3, R, R) without their colours, see GREY."""
    grey = noise.flatten(1)[:, -4].view(-1, 1, 1, 1) > GREY
    return torch.where(grey, pictures.mean(1, keepdim=True), pictures)


def code_spread(pictures: Tensor, chips: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared distance of faces' descriptors to wanted ones, differentiable in the pictures.

    Args:
        pictures: (B, 3, R, R) in [0, 1].
        chips: (B, 2, 3) from the chip's pixels to the picture's.
        wanted: (B, NUMBERS).
    """
    network = load_identity_network(str(pictures.device))
    with torch.autocast(pictures.device.type, enabled=False):
        found: Tensor = network(cut_chips(pictures.float(), chips) * 255)
    return torch.mean((found - wanted).square().sum(1))


def cut_chips(pictures: Tensor, chips: Tensor) -> Tensor:
    """Identity chips (B, 3, CHIP, CHIP) out of pictures (B, 3, R, R); what lies outside repeats the edge."""
    axis = torch.arange(CHIP, device=pictures.device, dtype=torch.float32)
    v, u = torch.meshgrid(axis, axis, indexing="ij")
    plain = torch.stack([u, v, torch.ones_like(u)], -1).view(1, -1, 3)
    grid = (plain @ chips.transpose(1, 2)).view(-1, CHIP, CHIP, 2)
    grid = grid / (pictures.shape[-1] - 1) * 2 - 1
    return F.grid_sample(pictures, grid.clamp(-1, 1), mode="bilinear", align_corners=True)
