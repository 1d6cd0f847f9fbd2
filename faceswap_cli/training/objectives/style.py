"""The losses of translators between two kinds of pictures: cycle-consistent, or contrastive.

See `networks.style.translation` for the papers. Least squares against the discriminators, as in CycleGAN.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.networks.style.translation import PatchJudge, StyleModel, StyleVerdict, Translator
from faceswap_cli.training.engine.parallel import ProcessGroup, Share
from faceswap_cli.training.engine.trainer import Batch, TrainingPhase
from faceswap_cli.training.runs.settings import StyleSettings

UNLABELLED = -1

COMPARED = 64
"""Places of each layer whose features are compared."""

TEMPERATURE = 0.07


@dataclass(frozen=True)
class StyleSide:
    """Pictures of one kind.

    Attributes:
        pictures: (B, 3, S, S) in [-1, 1].
        keep: (B, 1, S, S) in [0, 1] where they shall stay as they are.
        classes: (B,) numbers of their classes, UNLABELLED where nobody knows.
    """

    pictures: Tensor
    keep: Tensor
    classes: Tensor

    def part(self, share: Share) -> StyleSide:
        """An equal part of it."""
        return StyleSide(share.of(self.pictures), share.of(self.keep), share.of(self.classes))

    def to(self, device: torch.device) -> StyleSide:
        """The same on a device."""
        return StyleSide(self.pictures.to(device), self.keep.to(device), self.classes.to(device))


@dataclass(frozen=True)
class StyleBatch:
    """Pictures of both kinds, which have nothing to do with one another, and a seed (B,)."""

    a: StyleSide
    b: StyleSide
    seed: Tensor

    @property
    def input(self) -> Tensor:
        """Pictures of A."""
        return self.a.pictures

    def part(self, share: Share) -> StyleBatch:
        """An equal part of it."""
        return StyleBatch(self.a.part(share), self.b.part(share), share.of(self.seed))


@dataclass(frozen=True)
class _Shown:
    """What a discriminator is shown: real pictures and translated ones."""

    real: StyleSide
    fake: Tensor


def style_phases(
    model: StyleModel, judges: nn.ModuleDict, settings: StyleSettings, team: ProcessGroup
) -> list[TrainingPhase]:
    """The translators' phase, and the discriminators' after it."""
    del team  # nothing is compared over the whole batch
    losses = StyleLosses(model, judges, settings)
    return [
        TrainingPhase("translators", list(model.parameters()), losses.translators, optimiser=slow_adam),
        TrainingPhase("judges", list(judges.parameters()), losses.judges_phase, optimiser=slow_adam),
    ]


def slow_adam(parameters: list[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Adam as CycleGAN has it."""
    return torch.optim.Adam(parameters, lr=learning_rate, betas=(0.5, 0.999), fused=True)


class StyleLosses:
    """The losses of one step.

    Args:
        model: the translators.
        judges: a discriminator of each kind, by "a" and "b".
        settings: of the run.
    """

    def __init__(self, model: StyleModel, judges: nn.ModuleDict, settings: StyleSettings) -> None:
        self.model, self.settings = model, settings
        self.judges: dict[str, PatchJudge] = {}
        for kind, judge in judges.items():
            assert isinstance(judge, PatchJudge)
            self.judges[kind] = judge
        self.shown: deque[dict[str, _Shown]] = deque()

    def translators(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Pass for the other kind, and be told from it no more than that."""
        del progress
        [pictures] = batch
        assert isinstance(pictures, StyleBatch)
        for judge in self.judges.values():
            judge.requires_grad_(False)  # their own turn comes
        if self.model.to_a is None:
            terms = self._contrastive(pictures)
        else:
            terms = self._cyclic(pictures, self.model.to_a)
        for judge in self.judges.values():
            judge.requires_grad_(True)
        return terms

    def _cyclic(self, batch: StyleBatch, to_a: Translator) -> dict[str, Tensor]:
        settings, to_b = self.settings, self.model.to_b
        as_b, as_a = to_b(batch.a.pictures), to_a(batch.b.pictures)
        a, b = batch.a.pictures, batch.b.pictures
        back = F.l1_loss(to_a(as_b), a) + F.l1_loss(to_b(as_a), b)
        alone = F.l1_loss(to_b(b), b) + F.l1_loss(to_a(a), a)
        terms = {
            "fool b": self._fool("b", as_b, batch.a),
            "fool a": self._fool("a", as_a, batch.b),
            "cycle": settings.cycle_weight * back,
            "same": settings.identity_weight * alone,
        }
        kept = self._kept(as_b, batch.a) + self._kept(as_a, batch.b)
        self.shown.append({"b": _Shown(batch.b, as_b.detach()), "a": _Shown(batch.a, as_a.detach())})
        return terms | ({"kept": kept} if settings.keeps else {})

    def _contrastive(self, batch: StyleBatch) -> dict[str, Tensor]:
        settings, to_b = self.settings, self.model.to_b
        random = torch.Generator().manual_seed(int(batch.seed[0]))
        both = torch.cat([batch.a.pictures, batch.b.pictures])
        features = to_b.features(both)
        drawn = to_b(both)
        as_b, as_itself = drawn.chunk(2)
        again = to_b.features(drawn)
        places = [torch.randperm(f.shape[2] * f.shape[3], generator=random)[:COMPARED] for f in features]
        terms = {
            "fool b": self._fool("b", as_b, batch.a),
            "places": settings.contrast_weight * self._places(features, again, places),
        }
        if settings.keeps:
            terms["kept"] = self._kept(as_b, batch.a) + self._kept(as_itself, batch.b)
        self.shown.append({"b": _Shown(batch.b, as_b.detach())})
        return terms

    def _places(self, before: list[Tensor], after: list[Tensor], places: list[Tensor]) -> Tensor:
        """Each place's features told from those of other places of the same picture (InfoNCE), a mean."""
        keys = self.model.project([feature.detach() for feature in before], places)
        queries = self.model.project(after, places)
        found = []
        for query, key in zip(queries, keys, strict=True):
            alike = query @ key.detach().transpose(1, 2) / TEMPERATURE
            right = torch.arange(alike.shape[1], device=alike.device).expand(len(alike), -1)
            found.append(F.cross_entropy(alike.flatten(0, 1), right.flatten()))
        return torch.stack(found).mean()

    def _fool(self, kind: str, made: Tensor, source: StyleSide) -> Tensor:
        """Look real, and keep the class where it is known."""
        verdict: StyleVerdict = self.judges[kind](made)
        return (verdict.patches - 1).square().mean() + _class_loss(verdict, source.classes)

    def _kept(self, made: Tensor, source: StyleSide) -> Tensor:
        """How far it is from the source where that shall stay."""
        apart = (made - source.pictures).abs().mean(1, keepdim=True) * source.keep
        return self.settings.keep_weight * apart.sum() / source.keep.sum().clamp(min=1)

    def judges_phase(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Tell real pictures from translated ones, and the classes of labelled ones."""
        del progress
        random = torch.Generator().manual_seed(int(batch[0].seed[0]) + 1)
        terms = {}
        for kind, shown in self.shown.popleft().items():
            judge = self.judges[kind]
            real = judge(shown.real.pictures)
            fake = judge(judge.exchange(shown.fake, random))
            terms[f"judge {kind}"] = ((real.patches - 1).square().mean() + fake.patches.square().mean()) / 2
            terms[f"judge {kind}"] = terms[f"judge {kind}"] + _class_loss(real, shown.real.classes)
        return terms


def _class_loss(verdict: StyleVerdict, classes: Tensor) -> Tensor:
    """Cross-entropy of the pictures whose class is known, 0 without any."""
    known = classes != UNLABELLED
    if not verdict.classes.shape[1] or not bool(known.any()):
        return verdict.patches.new_zeros(())
    return F.cross_entropy(verdict.classes[known], classes[known])
