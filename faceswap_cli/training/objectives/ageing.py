"""What an ageing network is trained by, from faces of which there is one picture each.

Nobody's face is known at two ages, so the network is judged: an estimator must find the new age, a critic
must take the face for a real one of that age and sex, a recogniser must find the same person, and what is
aged and made young again must be what it was (the terms of CycleGAN and of Y. Alaluf et al., Only a matter
of style, 2021). Estimator and critic see every face through another lens, blurred, relit and moved, because
a network can move an estimator by decades with noise that nobody sees.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from faceswap_cli.networks.ageing.age_discriminator import TAPS, AgeDiscriminator
from faceswap_cli.networks.ageing.ageing import AgeingNetwork
from faceswap_cli.networks.ageing.change import Change, blur, carry_change, split_bands
from faceswap_cli.networks.perception.age_estimator import AgeNetwork
from faceswap_cli.training.data.ageing_batches import AgeingBatch
from faceswap_cli.training.engine.trainer import TrainingPhase
from faceswap_cli.training.objectives.weights import AgeingWeights

HEAD_START = 0.08
"""Part of the run in which the estimator's weight grows: before the critic knows faces, a network learns to
please the estimator by patterns."""

COLOURS = 0.25
"""About the standard deviation of a picture's values: the slope over the picture is measured by it."""

COARSE_VIEWS = 0.35
"""Part of the views that are at half their size: an age that shows in fine lines alone does not survive a
small picture."""

AGAIN, ASKED = 2, 4
"""Every Nth face goes through the network a second time; every Nth is shown to the recogniser,
and to the network mirrored."""


class AgeingLosses:
    """The losses of one step.

    Args:
        model: what is trained.
        critic: trained against it.
        estimator: frozen; its picture's side is in its configuration.
        recognise: aligned crops (B, 3, S, S) of the model's side to embeddings of length 1.
        weights: of the terms.
    """

    def __init__(
        self,
        model: AgeingNetwork,
        critic: AgeDiscriminator,
        estimator: AgeNetwork,
        recognise: Callable[[Tensor], Tensor],
        weights: AgeingWeights,
    ) -> None:
        self.model, self.critic, self.estimator = model, critic, estimator
        self.recognise, self.weights = recognise, weights
        self.drawn: deque[tuple[Tensor, list[Tensor]]] = deque()  # from one phase to the next, part by part

    def phases(self) -> list[TrainingPhase]:
        """The generator's and the critic's."""
        return [
            TrainingPhase("ageing", list(self.model.parameters()), self._of_first(self.ageing)),
            TrainingPhase("critic", list(self.critic.parameters()), self._of_first(self.judging)),
        ]

    @staticmethod
    def _of_first(
        loss: Callable[[AgeingBatch, float], dict[str, Tensor]],
    ) -> Callable[..., dict[str, Tensor]]:
        return lambda batch, progress: loss(batch[0], progress)

    def ageing(self, batch: AgeingBatch, progress: float) -> dict[str, Tensor]:
        """The generator's terms."""
        w, x, mask = self.weights, unit_vectors(batch.input), batch.mask.float() / 255
        random = random_share(batch, 0)
        change = self._change(x, batch.age, batch.target)
        y = carry_change(x, change, mask, self.model.side)
        view = self.view(y, random)
        said, features = self.estimator.seen(view, TAPS)
        small = F.avg_pool2d(view, 2)
        self.drawn.append((small.detach(), [one.detach() for one in features]))
        judged = self.critic(small, features, batch.target, batch.female)
        known = (batch.female != 0.5).float()
        sex = F.binary_cross_entropy_with_logits(said.female, batch.female, known)
        losses = {
            "adversarial": -w.adversarial * torch.stack([one.mean() for one in judged]).mean(),
            "age": w.age
            * min(1.0, progress / HEAD_START)
            * F.smooth_l1_loss(said.age / 10, batch.target / 10, beta=0.3),
            "sex": w.sex * sex,
            "identity": w.identity * self._stranger(x, y, batch),
            "plain": w.plain * (change.residual.abs() * mask).mean(),
            "fine": w.fine
            * (split_bands(change.residual, x.shape[-1] / self.model.side)[0].abs() * mask).mean(),
            "flow": w.flow * _roughness(change.flow, self.model.side),
        }
        few = slice(None, None, ASKED)
        turned = self._change(x[few].flip(3), batch.age[few], batch.target[few])
        losses["mirror"] = w.mirror * _unlike(change, turned, mask, few)
        # One of the two in turn, of some faces: each costs as much as all the rest.
        start = x[::AGAIN]
        if int(batch.seed[0]) % 2:
            there = y[::AGAIN]
            back = self._change(
                there + 0.02 * _noise(there, random), batch.target[::AGAIN], batch.age[::AGAIN]
            )
            again = carry_change(there, back, mask[::AGAIN], self.model.side)
            losses["again"] = w.cycle * (again - start).abs().mean()
        else:
            still = self._change(start, batch.age[::AGAIN], batch.age[::AGAIN])
            own = carry_change(start, still, mask[::AGAIN], self.model.side)
            losses["again"] = w.own * (own - start).abs().mean()
        return losses

    def _change(self, x: Tensor, source: Tensor, target: Tensor) -> Change:
        change: Change = self.model(x, source, target, coarse_only=x.shape[-1] < self.model.size)
        return change

    def _stranger(self, x: Tensor, y: Tensor, batch: AgeingBatch) -> Tensor:
        """How far some faces have become somebody else's."""
        with torch.no_grad():
            before = self.recognise(x[::ASKED])
        near = (self.recognise(y[::ASKED]) * before).sum(1)
        allowed = 1 - 0.6 * (batch.target - batch.age).abs()[::ASKED] / 60
        return ((1 - near) * allowed.clamp_min(0.4)).mean()

    def judging(self, batch: AgeingBatch, progress: float) -> dict[str, Tensor]:
        """The critic's terms: a hinge on what is drawn, and on real faces said to be of another age."""
        random = random_share(batch, 1)
        with torch.no_grad():
            view = self.view(unit_vectors(batch.real), random)
            _, features = self.estimator.seen(view, TAPS)
        small, real = (
            F.avg_pool2d(view, 2).requires_grad_(True),
            [one.requires_grad_(True) for one in features],
        )
        wrong = batch.real_age + torch.where(batch.real_age < 48, 1.0, -1.0) * (
            15 + 20 * _uniform(random, batch)
        )
        # Reals are called their own age: D learns ages from labels, the generator from D.
        right = self.critic(small, real, batch.real_age, batch.real_female)
        other = self.critic(small.detach(), [one.detach() for one in real], wrong, batch.real_female)
        drawn = self.critic(*self.drawn.popleft(), batch.target, batch.female)
        total = torch.stack([one.flatten(1).mean(1).sum() for one in right]).sum()
        *slope, steepest = torch.autograd.grad(total, [*real, small], create_graph=True)
        # Each feature by its own spread, or the first ones', which are large, would count for all.
        steep = [
            (one * spread[:, None, None]).square().flatten(1).sum(1).mean() * one[0, 0].numel()
            for one, spread in zip(slope, self.critic.spreads(), strict=True)
        ]
        steep.append((COLOURS * steepest).square().flatten(1).sum(1).mean() * steepest[0, 0].numel())
        return {
            "critic": torch.stack(
                [
                    F.relu(1 - a).mean() + 0.7 * F.relu(1 + b).mean() + 0.3 * F.relu(1 + c).mean()
                    for a, b, c in zip(right, drawn, other, strict=True)
                ]
            ).mean(),
            "r1": self.weights.slope * torch.stack(steep).mean(),
        }

    def view(self, pictures: Tensor, random: torch.Generator) -> Tensor:
        """Pictures as estimator and critic see them: cut to their square, moved, relit, blurred, noisy."""
        config, count = self.estimator.config, len(pictures)
        theta = torch.zeros(count, 2, 3)
        zoom = config.side / self.model.side * torch.exp(0.05 * torch.randn(count, generator=random))
        theta[:, 0, 0] = theta[:, 1, 1] = zoom
        theta[:, :, 2] = 0.02 * torch.randn(count, 2, generator=random)
        size = config.size if pictures.shape[-1] >= self.model.size else 3 * config.size // 4
        grid = F.affine_grid(theta.to(pictures), [count, 3, size, size], align_corners=False)
        x = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)
        gain, shift, soft = torch.rand(3, count, 1, 1, 1, generator=random).to(x)
        coarse = torch.rand(count, 1, 1, 1, generator=random).to(x) < COARSE_VIEWS
        grey = x.mean((1, 2, 3), keepdim=True)
        x = (x - grey) * (0.85 + 0.3 * gain) + grey + 0.1 * (shift - 0.5)
        # All a little soft, or single pixels could say anything; some under a Gaussian of 1.3 pixels.
        x = blur(x, 0.5)
        x = torch.lerp(x, blur(x, 1.2), (2 * soft - 1).clamp_min(0))
        small = F.interpolate(blur(x, 1.0), scale_factor=0.5, mode="area")
        x = torch.where(coarse, F.interpolate(small, x.shape[-2:], mode="bilinear", align_corners=False), x)
        return (x + 0.012 * _noise(x, random)).clamp(0, 1)


def unit_vectors(pictures: Tensor) -> Tensor:
    """(B, 3, S, S) uint8 to [0, 1]."""
    return (pictures.float() / 255).contiguous(memory_format=torch.channels_last)


def random_share(batch: AgeingBatch, part: int) -> torch.Generator:
    """The random numbers of a part of a step: 0 the generator's, 1 the critic's."""
    return torch.Generator().manual_seed(int(batch.seed[0]) * 2 + part)


def _noise(like: Tensor, random: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=random).to(like)


def _uniform(random: torch.Generator, batch: AgeingBatch) -> Tensor:
    return torch.rand(len(batch.age), generator=random).to(batch.age)


def _roughness(flow: Tensor, side: float) -> Tensor:
    """Mean square of the flow's slope: face units of way for a face unit of place."""
    scale = flow.shape[-1] / side
    across, down = flow.diff(dim=3) * scale, flow.diff(dim=2) * scale
    return across.square().mean() + down.square().mean()


def _unlike(change: Change, turned: Change, mask: Tensor, few: slice) -> Tensor:
    """How far the changes of mirrored faces are from mirrored changes, inside the masks."""
    aside = change.flow.new_tensor([-1.0, 1.0]).view(1, 2, 1, 1)
    # Gains are larger and flows smaller than residuals, by about so much.
    apart = (
        change.residual[few] - turned.residual.flip(3),
        0.1 * (change.gain[few] - turned.gain.flip(3)),
        5 * (change.flow[few] - turned.flow.flip(3) * aside),
    )
    return torch.stack([(one.abs() * mask[few]).mean() for one in apart]).sum()


def measure_age(critic: AgeDiscriminator, estimator: AgeNetwork, views: Sequence[Tensor]) -> None:
    """Tell a new critic how large the features of real faces are; views as `AgeingLosses.view` gives them."""
    with torch.no_grad():
        found = [estimator.seen(view, TAPS)[1] for view in views]
    critic.measure([torch.cat(level) for level in zip(*found, strict=True)])
