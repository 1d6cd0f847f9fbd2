"""What a step of training consists of: the batch it draws, and the losses of network and discriminator."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from faceswap_cli.networks.swap.family import FaceModel
from faceswap_cli.networks.swap.patch_discriminator import PatchDiscriminator
from faceswap_cli.networks.swap.renderer import Rendered
from faceswap_cli.training.data.augment import Samples, augment
from faceswap_cli.training.data.dataset import Faces
from faceswap_cli.training.data.mixed_looks import join_faces
from faceswap_cli.training.data.sampling import sampling_weights
from faceswap_cli.training.data.state_balance import state_weights
from faceswap_cli.training.engine.parallel import ALONE, WHOLE, ProcessGroup, Share
from faceswap_cli.training.engine.trainer import Batch, Batches, TrainingPhase
from faceswap_cli.training.objectives.adversarial import relativistic_pair_loss, squared_slopes
from faceswap_cli.training.objectives.losses import face_loss
from faceswap_cli.training.runs.settings import TARGET, SwapSettings

GREY = 0.5
"""What the critic sees where no face is."""

LEAST_SPREAD = 0.01
"""Variance that codes are taken to have at least: a trained encoder's near 1, a new one's next to none."""

DISGUISED = 0.25
"""Share of the samples of a person put on that are shown in the target's disguise, where there are some."""

EMPTY: Mapping[str, Faces] = {}

JUDGED, SMOOTHED = 2, 4
"""Every Nth sample is shown to the critic, and has its slope taken. All of them would double a step's
time on a CPU."""


def swap_batches(
    faces: Mapping[str, Faces],
    settings: SwapSettings,
    share: Share = WHOLE,
    disguised: Mapping[str, Faces] = EMPTY,
) -> Batches:
    """A batch of each person, or a share of it; those put on are recoloured to the target's light.

    Args:
        faces: everybody's samples.
        settings: how they are drawn.
        share: of a batch.
        disguised: of those put on, samples whose inputs are the target's, see `data.disguised`.
    """
    chances = {identity: _chances(faces, identity, settings.balance) for identity in faces}
    faces = dict(faces)
    for identity, more in disguised.items():
        count = len(faces[identity])
        faces[identity] = join_faces(faces[identity], more)
        own, added = chances[identity], _even(len(more))
        own = _even(count) if own is None else own
        chances[identity] = torch.cat([own * (1 - DISGUISED), 1 - DISGUISED + DISGUISED * added])

    def batch(generator: torch.Generator, progress: float) -> Batch:
        full = progress < settings.distortion_until
        strength = 1.0 if full else settings.distortion_after
        recolour = bool(torch.rand((), generator=generator) < settings.recolour)
        light = faces[TARGET] if recolour else None
        return [
            augment(
                person,
                identity,
                settings.batch,
                generator,
                strength,
                light if identity != TARGET else None,
                chances[identity],
                share,
                settings.mirror,
            )
            for identity, person in faces.items()
        ]

    return batch


def _even(count: int) -> Tensor:
    return torch.arange(1, count + 1, dtype=torch.float64) / count


def _chances(faces: Mapping[str, Faces], identity: str, balance: float) -> Tensor | None:
    """How likely a person's samples up to each one are drawn; None: evenly."""
    if balance <= 0:
        return None
    own = faces[identity]
    # What is drawn under a hand is anybody's guess: a covered face must not be shown as often as a whole one.
    seen = own.in_view.cpu().numpy().astype(np.float64) ** 2
    wanted = None if identity == TARGET else faces[TARGET].traits.cpu().numpy()
    boost = state_weights(own.states.cpu().numpy(), balance)
    drawn = sampling_weights(own.traits.cpu().numpy(), wanted, balance, boost) * seen
    found = np.cumsum(drawn)
    return torch.from_numpy(found / found[-1])


def new_discriminator(model: FaceModel, settings: SwapSettings) -> nn.Module | None:
    """The discriminator, if there is to be one."""
    if settings.adversarial <= 0:
        return None
    critic = PatchDiscriminator(model.config.identities).to(next(model.parameters()).device)
    return critic.to(memory_format=model.layout)  # type: ignore[call-overload, no-any-return]


def swap_phases(
    model: FaceModel, critic: PatchDiscriminator | None, settings: SwapSettings, team: ProcessGroup = ALONE
) -> list[TrainingPhase]:
    """The autoencoder's phase, and with a critic the discriminator's after it."""
    losses = SwapLosses(model, settings, critic, team)
    own = TrainingPhase("autoencoder", list(model.parameters()), losses.autoencoder)
    if critic is None:
        return [own]
    return [own, TrainingPhase("critic", list(critic.parameters()), losses.critic, settings.adversarial_from)]


class SwapLosses:
    """The losses of one step.

    Everybody's own pictures are rebuilt and compared. With a critic, from `adversarial_from` on, A is also
    drawn as every person put on, which is what convert will do and what no picture exists of: the critic
    has to take that for a picture of that person. The critic compares a drawn with a real face
    (Jolicoeur-Martineau, The relativistic discriminator, 2018), and R1 keeps it smooth (Mescheder et al.,
    Which training methods for GANs do actually converge?, 2018), as in Huang et al., The GAN is dead; long
    live the GAN, 2024.
    """

    def __init__(
        self,
        model: FaceModel,
        settings: SwapSettings,
        judge: PatchDiscriminator | None,
        team: ProcessGroup = ALONE,
    ) -> None:
        self.model, self.settings, self.judge, self.team = model, settings, judge, team
        self.fakes: deque[list[Tensor]] = deque()  # drawn by one phase, judged by the next, part by part

    def autoencoder(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Rebuild everyone's own pictures; the terms of all people are averaged."""
        amount = self.settings.loss
        codes = self.model.codes([samples.input for samples in batch])
        drawn = [self.model.drawn(code, s.identity) for code, s in zip(codes, batch, strict=True)]
        terms = [face_loss(d, s, amount) for d, s in zip(drawn, batch, strict=True)]
        losses = {name: torch.stack([t[name] for t in terms]).mean() for name in terms[0]}
        if amount.match > 0 and len(codes) > 1:
            losses["match"] = amount.match * code_matching_loss(codes, self.team)
        if self.judge is not None and progress >= self.settings.adversarial_from:
            losses["adversarial"] = self.settings.adversarial * self._fooling(codes, batch)
        return losses

    def _fooling(self, codes: Sequence[Tensor], batch: Batch) -> Tensor:
        assert self.judge is not None
        self.judge.requires_grad_(False)  # its own turn comes: here its weights' gradients would be waste
        seen = [masked_drawn(self.model.drawn(codes[0][::JUDGED], s.identity)) for s in batch[1:]]
        found = [
            relativistic_patch_loss(self.judge, fake, masked_real(s)[::JUDGED], s.identity)
            for fake, s in zip(seen, batch[1:], strict=True)
        ]
        self.judge.requires_grad_(True)
        self.fakes.append([fake.detach() for fake in seen])
        return torch.stack(found).mean()

    def critic(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Tell what `autoencoder` has just drawn of the same batch from pictures of these people."""
        assert self.judge is not None
        told, smooth = [], []
        for fake, samples in zip(self.fakes.popleft(), batch[1:], strict=True):
            real = masked_real(samples)
            told.append(relativistic_patch_loss(self.judge, real[::JUDGED], fake, samples.identity))
            smooth.append(patch_gradient_penalty(self.judge, real[::SMOOTHED], samples.identity))
        return {
            "critic": torch.stack(told).mean(),
            "r1": self.settings.slope * torch.stack(smooth).mean(),
        }


def masked_drawn(drawn: Rendered) -> Tensor:
    """What the critic sees of a drawn face: all but the face is grey."""
    mask = drawn.mask.detach()
    return drawn.image * mask + GREY * (1 - mask)


def masked_real(samples: Samples) -> Tensor:
    """What the critic sees of a real face."""
    return samples.target * samples.mask + GREY * (1 - samples.mask)


def relativistic_patch_loss(
    judge: PatchDiscriminator, better: Tensor, worse: Tensor, identity: str
) -> Tensor:
    """softplus(-(judge(better) - judge(worse))), a mean over patches: small when `better` looks more real."""
    pairs = zip(judge(better, identity), judge(worse, identity), strict=True)
    return torch.stack([relativistic_pair_loss(good, bad) for good, bad in pairs]).mean()


def patch_gradient_penalty(judge: PatchDiscriminator, pictures: Tensor, identity: str) -> Tensor:
    """R1: half the squared gradient of the judge's logits by the picture, a mean over samples."""
    pictures = pictures.detach().requires_grad_(True)
    total = torch.stack([logits.flatten(1).mean(1).sum() for logits in judge(pictures, identity)]).sum()
    return squared_slopes(total, pictures).mean()


def code_matching_loss(codes: Sequence[Tensor], team: ProcessGroup = ALONE) -> Tensor:
    """How far people's codes lie apart: squared distance of the means over the variance within.

    With several processes the statistics are of the whole batch; the gradient is of this process's part of
    it, and the mean over processes that of the whole.

    Args:
        codes: (B, C) of each person.
        team: the processes that hold the other parts of the batch.
    """
    own = torch.stack([code.float().mean(0) for code in codes])
    mean = team.mean_of(own)
    spreads = [(code.detach().float() - m).square().mean(0) for code, m in zip(codes, mean, strict=True)]
    within = team.mean_of(torch.stack(spreads)).mean(0)
    means = own + (mean - own.detach())
    return ((means - mean.mean(0)).square().mean(0) / (within + LEAST_SPREAD)).mean()
