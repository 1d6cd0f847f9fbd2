"""Batches of many people for the conditional networks: pictures, who it is, and who else it shall be.

The descriptor that goes with a picture is that of another picture of the same person where there is one, else
of its mirror image: told the picture's own, the decoder would read pose and light from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from faceswap_cli.faces.landmarks.attributes import MIRRORED
from faceswap_cli.training.data.augment import Samples, augment
from faceswap_cli.training.data.conditioning import Conditioning, describe_faces
from faceswap_cli.training.data.dataset import Faces
from faceswap_cli.training.data.pose_augmentation import BentSamples, bend, draw_changes
from faceswap_cli.training.engine.parallel import WHOLE, Share
from faceswap_cli.training.engine.trainer import Batch, Batches
from faceswap_cli.training.runs.settings import SwapSettings

BALANCE = 0.5
"""A person with n pictures is drawn as often as n to this power: 0 is everybody alike, 1 each
picture."""

JITTER = 0.02
"""Standard deviation of what is added to a descriptor's numbers, which are about 0.1 themselves."""


@dataclass(frozen=True)
class ConditionalSamples(Samples):
    """Samples with their conditions.

    Attributes:
        embedding: (B, 128) who it is, see above.
        other: (B, 128) somebody else.
        traits: (B, len(TRAITS)) of the face.
        chip: (B, 2, 3) from the identity chip's pixels to the picture's.
        noise: (B, 1, R, R) standard normal; a network takes from it what it needs.
    """

    embedding: Tensor
    other: Tensor
    traits: Tensor
    chip: Tensor
    noise: Tensor


@dataclass(frozen=True)
class ConditionalDataset:
    """Samples of one or many people.

    Attributes:
        faces: N samples.
        known: about each of them.
        person: (N,) int64, who it is; numbers from 0 on without a gap.
    """

    faces: Faces
    known: Conditioning
    person: Tensor

    @property
    def chances(self) -> Tensor:
        """(N,) float64 how likely each is drawn: people by BALANCE, covered faces less."""
        often = torch.bincount(self.person).double()[self.person]
        seen = self.faces.in_view.cpu().double() ** 2
        found = often ** (BALANCE - 1) * seen.clamp(min=1e-3)
        return found / found.sum()


def conditional_batches(faces: Mapping[str, Faces], settings: SwapSettings, share: Share = WHOLE) -> Batches:
    """A batch of each named person, everyone drawn as one of the others."""
    version = int(settings.network.get("traits", 1))
    crowds = {
        name: ConditionalDataset(own, describe_faces(own, version), torch.zeros(len(own), dtype=torch.int64))
        for name, own in faces.items()
    }
    return batches_of_datasets(crowds, settings, share)


def batches_of_datasets(
    crowds: Mapping[str, ConditionalDataset], settings: SwapSettings, share: Share = WHOLE
) -> Batches:
    """Batches from crowds by the identity they are learnt as."""
    draws = {name: _Draw(crowd) for name, crowd in crowds.items()}

    def batch(generator: torch.Generator, progress: float) -> Batch:
        full = progress < settings.distortion_until
        strength = 1.0 if full else settings.distortion_after
        recolour = bool(torch.rand((), generator=generator) < settings.recolour)
        found = []
        for name, own in draws.items():
            others = [draw for other, draw in draws.items() if other != name] or [own]
            rows = own.rows(settings.batch, generator)
            light = others[0].crowd.faces if recolour else None
            bent = own.bent(rows, generator, share)
            samples = augment(
                own.crowd.faces, name, settings.batch, generator, strength, light, rows, share, bent.grid
            )
            found.append(
                _with_conditions(samples, own, others, rows, bent, settings.mirror, generator, share)
            )
        return found

    return batch


def _with_conditions(
    samples: Samples,
    own: _Draw,
    others: list[_Draw],
    rows: Tensor,
    bent: BentSamples,
    mirror: bool,
    generator: torch.Generator,
    share: Share,
) -> ConditionalSamples:
    """Mirror half of the samples, and tell what the network is to be told of them."""
    count = len(rows)
    flips = torch.rand(count, generator=generator) < (0.5 if mirror else 0)
    embedding = own.same(rows, flips, generator)
    chosen = others[int(torch.randint(len(others), (), generator=generator))]
    other = chosen.another(own.crowd.person[rows] if chosen is own else None, count, generator)
    embedding = embedding + JITTER * torch.randn(embedding.shape, generator=generator)
    other = other + JITTER * torch.randn(other.shape, generator=generator)
    size = samples.target.shape[-1]
    noise = torch.randn(count, 1, size, size, generator=generator)
    flips, embedding, other, noise = map(share.of, (flips, embedding, other, noise))
    traits = torch.where(flips[:, None], bent.traits * torch.from_numpy(MIRRORED), bent.traits)
    chips = torch.where(flips[:, None, None], _flipped(bent.chip, size), bent.chip)
    told = [v.to(samples.target.device) for v in (embedding, other, traits, chips, noise)]
    back = flips.to(samples.target.device).view(-1, 1, 1, 1)
    pictures = [getattr(samples, f.name) for f in fields(Samples) if f.name != "identity"]
    return ConditionalSamples(samples.identity, *(torch.where(back, x.flip(-1), x) for x in pictures), *told)


def _flipped(chips: Tensor, size: int) -> Tensor:
    """Chips (B, 2, 3) of the mirror images of pictures of `size` pixels."""
    from faceswap_cli.faces.identity.identity_encoder import CHIP

    # A chip's pixel u of the mirrored picture is pixel CHIP - 1 - u of the plain one's chip.
    a, b, c = chips[:, 0, 0], chips[:, 0, 1], chips[:, 0, 2]
    across = torch.stack([a, -b, size - 1 - c - a * (CHIP - 1)], 1)
    d, e, f = chips[:, 1, 0], chips[:, 1, 1], chips[:, 1, 2]
    return torch.stack([across, torch.stack([-d, e, f + d * (CHIP - 1)], 1)], 1)


class _Draw:
    """A crowd, ready to be drawn from."""

    def __init__(self, crowd: ConditionalDataset) -> None:
        self.crowd = crowd
        self._chances = crowd.chances
        self._order = torch.argsort(crowd.person, stable=True)
        self._count = torch.bincount(crowd.person)
        self._first = torch.cumsum(self._count, 0) - self._count

    def bent(self, rows: Tensor, generator: torch.Generator, share: Share) -> BentSamples:
        """How this process's part of samples is bent."""
        known, faces = self.crowd.known.pick(rows), self.crowd.faces
        change = draw_changes(known.traits, generator)
        return bend(
            known.pick(share.of(torch.arange(len(rows)))),
            share.of(change),
            faces.target.shape[-1],
            faces.wide.shape[-1],
        )

    def rows(self, count: int, generator: torch.Generator) -> Tensor:
        """(count,) samples."""
        return torch.multinomial(self._chances, count, replacement=True, generator=generator)

    def same(self, rows: Tensor, flips: Tensor, generator: torch.Generator) -> Tensor:
        """(B, 128) descriptors of the same people from other pictures, as far as there are any."""
        person = self.crowd.person[rows]
        place = (torch.rand(len(rows), generator=generator) * self._count[person]).long()
        picture = self._order[self._first[person] + place]
        either = torch.rand(len(rows), generator=generator) < 0.5
        # Of the very same picture, that of the other way round.
        version = torch.where(picture == rows, ~flips, either).long()
        return self.crowd.known.embedding[picture, version]

    def another(self, person: Tensor | None, count: int, generator: torch.Generator) -> Tensor:
        """(count, 128) descriptors of people, other ones than `person` (count,) as far as luck has it."""
        rows, again = self.rows(count, generator), self.rows(count, generator)
        if person is not None:
            rows = torch.where(self.crowd.person[rows] == person, again, rows)
        version = torch.randint(2, (count,), generator=generator)
        return self.crowd.known.embedding[rows, version]
