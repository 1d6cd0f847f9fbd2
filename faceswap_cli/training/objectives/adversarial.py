"""Losses of adversarial training, on scores alone: what a discriminator gives real and generated samples.

    gan      Goodfellow et al., Generative adversarial nets, 2014; the generator's loss is the one that does
             not saturate
    ls       Mao et al., Least squares generative adversarial networks, 2017, with targets 1 and -1
    wgan-gp  Gulrajani et al., Improved training of Wasserstein GANs, 2017
    hinge    Lim and Ye, Geometric GAN, 2017
    r3       Huang et al., The GAN is dead; long live the GAN! A modern GAN baseline, 2024: relativistic
             pairs (Jolicoeur-Martineau, 2018) with R1 (Mescheder et al., 2018) on real and R2 on generated
             samples

Penalties on the discriminator's slope are apart, because any of them can be put on any loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

Scores = Callable[[Tensor], Tensor]
"""Samples (B, ...) to scores (B,)."""


def relativistic_pair_loss(better: Tensor, worse: Tensor) -> Tensor:
    """softplus(-(better - worse)), a mean over pairs of scores: small when `better` looks more real."""
    return F.softplus(worse - better).mean()


def squared_slopes(total: Tensor, samples: Tensor) -> Tensor:
    """(B,) half the squared gradient of a sum of scores by each of the samples (B, ...).

    Their mean over real samples is R1, over generated ones R2. `samples` must require a gradient.
    """
    (gradient,) = torch.autograd.grad(total, samples, create_graph=True)
    slopes: Tensor = gradient.square().flatten(1).sum(1) / 2
    return slopes


def interpolation_penalty(judge: Scores, real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """WGAN-GP's: (norm of the gradient - 1) squared, a mean, at points between real and generated ones.

    Args:
        judge: gives scores.
        real, fake: (B, C).
        share: (B, 1) in [0, 1], how far each point is from fake to real.
    """
    between = torch.lerp(fake.detach().to(real), real, share).requires_grad_(True)
    (gradient,) = torch.autograd.grad(judge(between).sum(), between, create_graph=True)
    penalty: Tensor = (gradient.norm(dim=1) - 1).square().mean()
    return penalty


@dataclass(frozen=True)
class AdversarialLoss:
    """Both sides of a loss.

    Attributes:
        generator: scores of real and of generated samples to what the generator minimises.
        discriminator: the same to what the discriminator minimises.
        bounded: the discriminator's loss is never below 0, and near 0 when it tells everything apart.
        relative: only differences of scores mean something.
    """

    generator: Callable[[Tensor, Tensor], Tensor]
    discriminator: Callable[[Tensor, Tensor], Tensor]
    bounded: bool = True
    relative: bool = False


LOSSES = {
    "gan": AdversarialLoss(
        lambda real, fake: F.softplus(-fake).mean(),
        lambda real, fake: F.softplus(-real).mean() + F.softplus(fake).mean(),
    ),
    "ls": AdversarialLoss(
        lambda real, fake: (fake - 1).square().mean() / 2,
        lambda real, fake: ((real - 1).square().mean() + (fake + 1).square().mean()) / 2,
    ),
    "wgan-gp": AdversarialLoss(
        lambda real, fake: -fake.mean(),
        lambda real, fake: fake.mean() - real.mean(),
        bounded=False,
        relative=True,
    ),
    "hinge": AdversarialLoss(
        lambda real, fake: -fake.mean(),
        lambda real, fake: F.relu(1 - real).mean() + F.relu(1 + fake).mean(),
    ),
    "r3": AdversarialLoss(
        lambda real, fake: relativistic_pair_loss(fake, real),
        relativistic_pair_loss,
        relative=True,
    ),
}
