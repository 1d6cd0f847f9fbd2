"""What a network that draws wrinkles is trained by.

Half of a batch are faces of any age whose own lines were smoothed away: what it shall draw is what was there,
on a real face of that age. The other half are young faces, which get the lines of a greater age in place of
those of their own, and for which nobody knows the truth: a discriminator that sees
patches of skin, and where in the face they lie, must take what was drawn for a real face of the new age, and
an estimator must find part of the change. Both see it through another lens, moved, softened and noisy.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.networks.ageing.ageing import age_bumps
from faceswap_cli.networks.ageing.change import blur, split_bands
from faceswap_cli.networks.ageing.wrinkles import WrinkleNetwork, border_fade, draw_lines, fine_part, log_luma
from faceswap_cli.networks.perception.age_estimator import AgeNetwork
from faceswap_cli.networks.swap.blocks import activation, initialise_weights
from faceswap_cli.training.engine.parallel import Share
from faceswap_cli.training.engine.trainer import TrainingPhase

WEIGHTS = {"lines": 40.0, "adversarial": 0.2, "age": 0.12, "sparse": 0.4}
"""Of the terms."""

JUDGED = 0.22
"""Part of the run from which on young faces come, too, and what is drawn is judged: until then the network
learns from known lines alone, which is quick."""

BANDS_COUNT = (2.0, 1.5, 1.0, 1.0)
"""How much each band of what shall be drawn counts, finest first."""

ENOUGH = 0.6
"""Part of the change of age that lines alone shall bring, to the estimator: hair and shape bring the rest."""

SLOPE, EVERY = 0.6, 4
"""Weight of the discriminator's slope penalty (R1), and steps between two of them."""


@dataclass(frozen=True)
class WrinkleBatch:
    """B faces, the first half smoothed, the others young; before JUDGED all are smoothed.

    Attributes:
        input: (B, 3, S, S) uint8 RGB, what the network sees: skin without its lines.
        whole: (B, 3, S, S) uint8 RGB, the second half with their lines.
        skin: (B, 1, S, S) uint8.
        truth: (B, 1, S, S) float16 logarithms of luma; of the second half nought.
        source, target: (B,) years: as old as the faces are, and as they shall look; of the first half alike.
        real: (B, 3, S, S) uint8 RGB, real faces.
        real_skin: (B, 1, S, S) uint8.
        real_age: (B,) years.
        seed: (B,) of the step.
    """

    input: Tensor
    whole: Tensor
    skin: Tensor
    truth: Tensor
    source: Tensor
    target: Tensor
    real: Tensor
    real_skin: Tensor
    real_age: Tensor
    seed: Tensor

    def part(self, share: Share) -> WrinkleBatch:
        """An equal part of it."""
        return WrinkleBatch(*(share.of(getattr(self, field.name)) for field in fields(self)))

    def to(self, device: torch.device) -> WrinkleBatch:
        """On a device."""
        return WrinkleBatch(*(getattr(self, field.name).to(device) for field in fields(self)))


class SkinDiscriminator(nn.Module):
    """Tells drawn skin of an age from real: patches of fine luma, with where in the face they lie.

    Args:
        width: channels of the first layer.
    """

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(16, width, 3, padding=1),
            activation(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            activation(),
            nn.Conv2d(2 * width, 3 * width, 3, stride=2, padding=1),
            activation(),
            nn.Conv2d(3 * width, 3 * width, 3, padding=1),
            activation(),
        )
        self.said = nn.Sequential(nn.Linear(9, 3 * width), activation(), nn.Linear(3 * width, 3 * width))
        self.real = nn.Conv2d(3 * width, 1, 1)
        initialise_weights(self)

    def forward(self, fine: Tensor, skin: Tensor, age: Tensor) -> Tensor:
        """(B, 1, S, S) fine logarithms of luma, (B, 1, S, S) where skin is, (B,) years to logits
        (B, 1, S / 8, S / 8)."""
        line = torch.linspace(-1, 1, fine.shape[-1], device=fine.device)
        down, across = torch.meshgrid(line, line, indexing="ij")
        # Both sides of a face are alike.
        place = torch.stack([down, across.abs()]).expand(len(fine), -1, -1, -1)
        x = self.layers(torch.cat([5 * fine.clamp(-0.5, 0.5) * skin, skin, place], 1))
        fits = (x * self.said(age_bumps(age))[..., None, None]).sum(1, keepdim=True) / x.shape[1] ** 0.5
        logits: Tensor = self.real(x) + fits
        return logits


class WrinkleLosses:
    """The losses of one step.

    Args:
        model: what is trained.
        critic: trained against it.
        estimator: frozen.
    """

    def __init__(self, model: WrinkleNetwork, critic: SkinDiscriminator, estimator: AgeNetwork) -> None:
        self.model, self.critic, self.estimator = model, critic, estimator
        self.scale = model.config.size / model.config.side
        self.drawn: deque[tuple[Tensor, Tensor]] = deque()

    def phases(self) -> list[TrainingPhase]:
        """The network's and the discriminator's."""
        return [
            TrainingPhase("wrinkles", list(self.model.parameters()), lambda b, p: self.drawing(b[0], p)),
            TrainingPhase(
                "critic", list(self.critic.parameters()), lambda b, p: self.judging(b[0]), begins=JUDGED
            ),
        ]

    def drawing(self, batch: WrinkleBatch, progress: float) -> dict[str, Tensor]:
        """The network's terms."""
        x, skin = batch.input.float() / 255, batch.skin.float() / 255
        skin = skin * border_fade(x)
        half = len(x) if progress < JUDGED else len(x) // 2
        lines = self.model(x, skin, batch.target)
        off = split_bands((lines[:half] - batch.truth[:half].float()) * skin[:half], self.scale)
        wide = (lines[:half] - batch.truth[:half].float()) * skin[:half] - sum(off)
        area = skin[:half].mean() + 1e-3
        apart = [w * one.abs().mean() / area for w, one in zip(BANDS_COUNT, [*off, wide], strict=True)]
        losses = {"lines": WEIGHTS["lines"] * torch.stack(apart).sum()}
        return losses if progress < JUDGED else losses | self._judged(batch, x, skin, lines, progress)

    def _judged(
        self, batch: WrinkleBatch, x: Tensor, skin: Tensor, lines: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """The terms for which nobody knows the truth."""
        half = len(x) // 2
        # The first half gets the lines of its age on bare skin, the second what the new age has more.
        more = lines[half:] - self.model(x[half:], skin[half:], batch.source[half:])
        before = batch.whole[half:].float() / 255
        new = torch.cat([draw_lines(x[:half], lines[:half]), draw_lines(before, more)])
        random = torch.Generator().manual_seed(int(batch.seed[0]) * 2)
        fine, seen = self.view(new, skin, random)
        self.drawn.append((fine.detach(), seen))
        judged = self.critic(fine, seen, batch.target)
        older = new[half:]
        with torch.no_grad():
            was = self._age(before, random)
        said = self._age(older, random)
        wanted = ENOUGH * (batch.target - batch.source)[half:]
        trust = min(1.0, 20 * (progress - JUDGED))
        area = skin[half:].mean() + 1e-3
        return {
            "adversarial": -WEIGHTS["adversarial"] * trust * _inside(judged, seen),
            "age": WEIGHTS["age"] * trust * F.softplus((wanted - (said - was)) / 10).mean(),
            "sparse": WEIGHTS["sparse"] * more.abs().mean() / area,
        }

    def _age(self, pictures: Tensor, random: torch.Generator) -> Tensor:
        """(B,) years, seen through a lens."""
        config = self.estimator.config
        count = len(pictures)
        theta = torch.zeros(count, 2, 3)
        zoom = config.side / self.model.config.side * torch.exp(0.04 * torch.randn(count, generator=random))
        theta[:, 0, 0] = theta[:, 1, 1] = zoom
        theta[:, :, 2] = 0.02 * torch.randn(count, 2, generator=random)
        soft = blur(pictures, 0.8)
        grid = F.affine_grid(theta.to(pictures), [count, 3, config.size, config.size], align_corners=False)
        x = F.grid_sample(soft, grid, mode="bilinear", padding_mode="border", align_corners=False)
        x = blur(x, 0.4 + 0.8 * float(torch.rand(1, generator=random)))
        x = x + 0.012 * torch.randn(x.shape, generator=random).to(x)
        age: Tensor = self.estimator(x.clamp(0, 1)).age
        return age

    def view(self, pictures: Tensor, skin: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Fine logarithms and skin as the discriminator sees them: softened, with noise, contrast changed."""
        count = len(pictures)
        fine = fine_part(log_luma(pictures.clamp(0, 1)), self.scale)
        soft, loud, strong = torch.rand(3, count, 1, 1, 1, generator=random).to(fine)
        fine = torch.lerp(fine, blur(fine, 1.0), soft)
        fine = fine * (0.85 + 0.3 * strong)
        fine = fine + 0.02 * loud * torch.randn(fine.shape, generator=random).to(fine)
        return fine, skin

    def judging(self, batch: WrinkleBatch) -> dict[str, Tensor]:
        """The discriminator's terms: a hinge on what is drawn and on real faces said to be of another age."""
        random = torch.Generator().manual_seed(int(batch.seed[0]) * 2 + 1)
        with torch.no_grad():
            real = batch.real.float() / 255
            fine, skin = self.view(real, batch.real_skin.float() / 255 * border_fade(real), random)
        penalised = int(batch.seed[0]) % EVERY == 0
        fine.requires_grad_(penalised)
        right = self.critic(fine, skin, batch.real_age)
        step = 15 + 20 * torch.rand(len(skin), generator=random).to(skin)
        wrong = batch.real_age + torch.where(batch.real_age < 48, 1.0, -1.0) * step
        other = self.critic(fine.detach(), skin, wrong)
        drawn, seen = self.drawn.popleft()
        false = self.critic(drawn, seen, batch.target)
        losses = {
            "critic": _inside(F.relu(1 - right), skin)
            + 0.7 * _inside(F.relu(1 + false), seen)
            + 0.3 * _inside(F.relu(1 + other), skin)
        }
        if penalised:
            [slope] = torch.autograd.grad(right.mean((1, 2, 3)).sum(), fine, create_graph=True)
            losses["r1"] = SLOPE * EVERY * slope.square().sum((1, 2, 3)).mean() * 100
        return losses


def _inside(logits: Tensor, skin: Tensor) -> Tensor:
    """The mean of logits (B, 1, s, s) where skin (B, 1, S, S) is."""
    weight = F.adaptive_avg_pool2d(skin, logits.shape[-2:])
    return (logits * weight).sum() / (weight.sum() + 1e-3)
