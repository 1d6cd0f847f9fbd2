"""The losses of the conditional GAN: a generator and a projection critic, each a phase.

The critic compares real with drawn faces, each under the condition it should fulfil, and real faces under
their own condition with the same under another's: a picture that is fine but of the wrong person counts as a
fake. Relativistic pairs with R1 and R2 (Huang et al., The GAN is dead; long live the GAN, 2024), the slopes
on a part of the batch, which is what "lazy" is on a CPU.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceswap_cli.networks.swap.conditional import ConditionalModel
from faceswap_cli.networks.swap.gan import DiscriminatorOutput, ProjectionDiscriminator
from faceswap_cli.networks.swap.renderer import Rendered
from faceswap_cli.training.data.conditional_batches import ConditionalSamples
from faceswap_cli.training.engine.collapse_detection import CollapseSign
from faceswap_cli.training.engine.parallel import ALONE, ProcessGroup
from faceswap_cli.training.engine.trainer import Batch, TrainingPhase
from faceswap_cli.training.objectives.adversarial import relativistic_pair_loss, squared_slopes
from faceswap_cli.training.objectives.conditional import (
    ConditionalObjective,
    SwappedBatch,
    join_batches,
    on_every,
    over_background,
)
from faceswap_cli.training.runs.settings import SwapSettings

JUDGED = 4
"""Every Nth rebuilt picture is judged: the network must not be sharp for swaps and soft for others."""

ADVERSARIAL, MATCHED, WRONG = 0.6, 1.0, 0.5
"""Weights of fooling the critic, of its features being those of the picture, and of wrong conditions."""

SLOPE, SLOPED = 1.0, 4
"""Weight of R1 and R2, and every Nth sample has its slope taken."""

VARIETY, LEAST_VARIETY = 5.0, 0.5
"""Weight of too little variety, and how much of the real faces' the drawn ones have to have."""

OVERWHELMED = CollapseSign(
    "critic",
    "the critic tells every drawn face, and the generator learns nothing from it any more. Go back by "
    "--rollback, and go on at half the --learning-rate",
    below=0.02,
)
"""A relativistic critic that is hardly ever wrong; its loss is 0.69 for one that guesses."""

MODE_COLLAPSE = CollapseSign(
    "variety",
    "the generator has collapsed: it draws everybody alike. Go back by --rollback, go on at half the "
    "--learning-rate",
    above=VARIETY * LEAST_VARIETY / 2,
)
"""Drawn faces have less than a quarter of the real ones' variety."""


@dataclass(frozen=True)
class _Shown:
    """What one phase drew and the next judges: pictures with their conditions."""

    real: Tensor
    real_told: Tensor
    fake: Tensor
    fake_told: Tensor


def gan_phases(
    model: ConditionalModel,
    critic: ProjectionDiscriminator,
    settings: SwapSettings,
    team: ProcessGroup = ALONE,
) -> list[TrainingPhase]:
    """The generator's phase, and the critic's after it."""
    del team  # nothing is compared over the whole batch
    losses = GanLosses(model, settings, critic)
    return [
        TrainingPhase("generator", list(model.parameters()), losses.generator),
        TrainingPhase("critic", list(critic.parameters()), losses.critic),
    ]


def new_projection_discriminator(model: ConditionalModel, settings: SwapSettings) -> nn.Module:
    """The critic of a conditional GAN, on its device."""
    del settings
    return ProjectionDiscriminator().to(next(model.parameters()).device)


class GanLosses(ConditionalObjective):
    """The losses of one step of the conditional GAN."""

    def __init__(
        self, model: ConditionalModel, settings: SwapSettings, judge: ProjectionDiscriminator
    ) -> None:
        super().__init__(model, settings)
        self.judge = judge
        self.shown: deque[_Shown] = deque()

    def generator(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Rebuild everyone, draw some as others, and pass for real."""
        del progress
        samples = join_batches(batch)
        rebuilt, terms = self.rebuilt(samples)
        swap, more = self.swapped(samples, rebuilt.code)
        more["price"] = self.weights.price * rebuilt.content.square().mean()
        return terms | more | self._fooling(swap, rebuilt.drawn, samples)

    def _fooling(self, swap: SwappedBatch, drawn: Rendered, samples: ConditionalSamples) -> dict[str, Tensor]:
        self.judge.requires_grad_(False)  # its own turn comes
        own = on_every(samples, JUDGED, 1)
        rebuilt = over_background(Rendered(drawn.image[1::JUDGED], drawn.mask[1::JUDGED]), own)
        some = swap.samples
        told = self._told(torch.cat([some.embedding, own.embedding]), torch.cat([some.traits, own.traits]))
        asked = self._told(torch.cat([some.other, own.embedding]), torch.cat([some.traits, own.traits]))
        shown = _Shown(torch.cat([some.target, own.target]), told, torch.cat([swap.pasted, rebuilt]), asked)
        with torch.no_grad():
            real = self.judge(shown.real, shown.real_told)
        fake = self.judge(shown.fake, shown.fake_told)
        self.judge.requires_grad_(True)
        self.shown.append(_Shown(shown.real, shown.real_told, shown.fake.detach(), shown.fake_told))
        ratio = code_deviation(swap.pasted) / (code_deviation(some.target).detach() + 1e-6)
        return {
            "adversarial": ADVERSARIAL * relativistic_loss(fake, real),
            "matched": MATCHED * F.l1_loss(fake.features, real.features),
            "variety": VARIETY * F.relu(LEAST_VARIETY - ratio),
        }

    def critic(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Tell real from drawn, and right conditions from wrong ones."""
        del batch, progress
        shown, judge = self.shown.popleft(), self.judge
        real, fake = judge(shown.real, shown.real_told), judge(shown.fake, shown.fake_told)
        wrong = judge(shown.real, shown.real_told.roll(1, 0))
        slopes = [
            gradient_penalty(judge, pictures[::SLOPED], told[::SLOPED])
            for pictures, told in ((shown.real, shown.real_told), (shown.fake, shown.fake_told))
        ]
        return {
            "critic": relativistic_loss(real, fake),
            "wrong": WRONG * relativistic_pair_loss(real.logits, wrong.logits),
            "slope": SLOPE * torch.stack(slopes).sum(),
        }

    def _told(self, embedding: Tensor, traits: Tensor) -> Tensor:
        """The condition that a picture should fulfil."""
        return torch.cat([self.model.style.identity(embedding), traits], 1)


def relativistic_loss(better: DiscriminatorOutput, worse: DiscriminatorOutput) -> Tensor:
    """softplus(-(better - worse)) of pictures and of patches, a mean: small when `better` looks real."""
    whole = relativistic_pair_loss(better.logits, worse.logits)
    return (whole + relativistic_pair_loss(better.patches, worse.patches)) / 2


def gradient_penalty(judge: ProjectionDiscriminator, pictures: Tensor, told: Tensor) -> Tensor:
    """Half the squared gradient of the critic's logits by the picture, a mean over samples."""
    pictures = pictures.detach().requires_grad_(True)
    found = judge(pictures, told)
    total = found.logits.sum() + found.patches.flatten(1).mean(1).sum()
    return squared_slopes(total, pictures).mean()


def code_deviation(pictures: Tensor) -> Tensor:
    """How much pictures differ from each other: standard deviation over them, a mean over the face."""
    side = pictures.shape[-1]
    middle = pictures[..., side // 4 : -side // 4, side // 4 : -side // 4]
    return (middle.var(0, unbiased=False) + 1e-6).sqrt().mean()
