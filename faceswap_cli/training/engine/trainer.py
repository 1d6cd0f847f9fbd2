"""A model with its phases, optimisers and average: one step of it, and what a checkpoint holds of it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from faceswap_cli.errors import UserError
from faceswap_cli.training.engine.accelerate import (
    Compilation,
    FullError,
    autocast,
    explain_memory,
    reduced_precision,
)
from faceswap_cli.training.engine.checkpoints import Checkpoint
from faceswap_cli.training.engine.parallel import ALONE, ProcessGroup, Share
from faceswap_cli.training.engine.settings import TrainerSettings


class BatchPart(Protocol):
    """What a step is given, or one person's part of it: samples, first dimension of every tensor."""

    @property
    def input(self) -> Tensor:
        """(B, ...): what goes into the network; its length tells how many samples there are."""
        ...

    def part(self, share: Share) -> Self:
        """An equal part of the samples."""
        ...


Batch = Sequence[Any]
"""Of `BatchPart`s. Which ones is between a family's sampler and its objective; the loop passes them on."""

Batches = Callable[[torch.Generator, float], Batch]
"""A step's random numbers and the progress (0..1) to its batch."""

LAST_RATE = 0.02
"""Share of the peak learning rate that is left at the end."""
HOLD = 0.3
"""Part of the run before the learning rate begins to fall."""


def adam(parameters: list[nn.Parameter], learning_rate: float) -> Optimizer:
    """Adam with a short memory. Fused: one pass over memory instead of a dozen."""
    return torch.optim.Adam(parameters, lr=learning_rate, betas=(0.9, 0.99), fused=True)


@dataclass(frozen=True)
class TrainingPhase:
    """One optimiser's part of a step: an autoencoder has one phase, a GAN two.

    Attributes:
        name: for messages.
        parameters: what it trains.
        loss: batch and progress (0..1) to weighted terms; their sum is minimised.
        begins: progress at which the phase sets in; until then it is passed over.
        optimiser: parameters and learning rate to what steps them.
        rate: its learning rate over the trainer's.
        updates: in one step, each by an equal part of the batch's samples.
    """

    name: str
    parameters: list[nn.Parameter]
    loss: Callable[[Batch, float], dict[str, Tensor]]
    begins: float = 0.0
    optimiser: Callable[[list[nn.Parameter], float], Optimizer] = adam
    rate: float = 1.0
    updates: int = 1


class Trainer:
    """Model, its moving average, optimiser and counters: all that a checkpoint holds.

    Args:
        model: what is trained, averaged, and drawn with.
        phases: of each step.
        settings: rates, clipping and average.
        aside: a module that phases train too but nobody draws with (a discriminator): it is saved with the
            model and not averaged.
        team: the processes that train it together.
    """

    def __init__(
        self,
        model: nn.Module,
        phases: Sequence[TrainingPhase],
        settings: TrainerSettings,
        aside: nn.Module | None = None,
        team: ProcessGroup = ALONE,
    ) -> None:
        self.model = model
        self.aside = aside
        self.phases = phases
        self.settings = settings
        self.team = team
        self.compilation = Compilation()
        self.precision = reduced_precision(self.device)
        self.ema = copy.deepcopy(model).requires_grad_(False).eval()
        self.optimisers = [p.optimiser(p.parameters, settings.learning_rate) for p in phases]
        self.step = 0
        self.seconds = 0.0
        self.attempt = 0
        self.halved = False
        self.only: str = ""
        """Name of the one phase that is trained; "": all are. For whoever steps by hand; it is not saved."""
        self.extra: dict[str, float] = {}
        """Counters of others that go with the weights: kept in checkpoints, put back with them."""

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def update(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """One step: every phase once, then the average. Returns the detached loss terms.

        Nothing here waits for the device: no value is read back.
        """
        terms: dict[str, Tensor] = {}
        for phase, optimiser in zip(self.phases, self.optimisers, strict=True):
            if progress < phase.begins or self.only not in ("", phase.name):
                continue
            for group in optimiser.param_groups:
                group["lr"] = phase.rate * self.learning_rate(progress)
            for part in range(phase.updates):
                own = batch if phase.updates == 1 else _part_of(batch, Share(part, phase.updates))
                terms |= self._update_phase(phase, optimiser, own, progress)
        self.step += 1
        self._average()
        return terms

    def _update_phase(
        self, phase: TrainingPhase, optimiser: Optimizer, batch: Batch, progress: float
    ) -> dict[str, Tensor]:
        gradients = partial(self._gradients, phase, optimiser, batch, progress)
        terms = self.compilation.run(partial(self._with_room, gradients, len(batch[0].input)))
        self.team.average_gradients(phase.parameters)
        nn.utils.clip_grad_norm_(phase.parameters, self.settings.clip)
        optimiser.step()
        return terms

    def _with_room(self, gradients: Callable[[], dict[str, Tensor]], count: int) -> dict[str, Tensor]:
        """Gradients; once in a process in smaller parts from then on, where the device's memory is too small.

        Args:
            gradients: computes them; nothing was changed when it fails.
            count: samples of each person here: they must fall into equal parts.
        """
        try:
            with explain_memory(self.device):
                return gradients()
        except FullError:
            parts = 2 * self.settings.accumulate
            if self.halved or count % parts:
                raise
        self.halved = True
        self.settings = replace(self.settings, accumulate=parts)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.compilation.say(
            f"the memory of {self.device} is too small: each batch is taken in {parts} parts"
        )
        return gradients()

    def _gradients(
        self, phase: TrainingPhase, optimiser: Optimizer, batch: Batch, progress: float
    ) -> dict[str, Tensor]:
        """Leave the gradients of a phase's loss in its parameters; its detached terms.

        With `accumulate` they are gathered over equal parts of the batch: the loss terms are means over
        samples, so the mean of the parts' is the whole's, and only one part needs memory at a time.
        """
        optimiser.zero_grad(set_to_none=True)
        parts = self.settings.accumulate
        found: list[dict[str, Tensor]] = []
        for part in range(parts):
            with autocast(self.device, self.precision):
                losses = phase.loss(_part_of(batch, Share(part, parts)), progress)
            total = torch.stack(list(losses.values())).sum()
            (total / parts if parts > 1 else total).backward()  # type: ignore[no-untyped-call]
            found.append({k: v.detach() for k, v in losses.items()})
        if parts == 1:
            return found[0]
        return {name: torch.stack([terms[name] for terms in found]).mean() for name in found[0]}

    def learning_rate(self, progress: float) -> float:
        """Warm-up, hold, cosine to LAST_RATE; halved for every roll-back."""
        fall = min(max((progress - HOLD) / (1 - HOLD), 0.0), 1.0)
        cosine = LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * fall)) / 2
        warm = min(1.0, (self.step + 1) / max(self.settings.warm_up, 1))
        return self.settings.learning_rate * warm * cosine * 0.5**self.attempt

    @torch.no_grad()
    def _average(self) -> None:
        """Exponential moving average; shorter at first, so that it does not drag the start along."""
        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        averaged: list[Tensor] = [*self.ema.parameters()]
        current: list[Tensor] = [*self.model.parameters()]
        torch._foreach_lerp_(averaged, current, 1 - decay)
        for mine, its in zip(self.ema.buffers(), self.model.buffers(), strict=True):
            if its.is_floating_point():  # the averages in batch norms belong to the weights; constants stay
                mine.lerp_(its, 1 - decay)
            else:
                mine.copy_(its)

    def tensors(self) -> dict[str, Tensor]:
        """Everything a checkpoint holds, by name."""
        found = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        found |= {f"ema.{k}": v for k, v in self.ema.state_dict().items()}
        if self.aside is not None:
            found |= {f"aside.{k}": v for k, v in self.aside.state_dict().items()}
        for number, optimiser in enumerate(self.optimisers):
            for index, state in optimiser.state_dict()["state"].items():
                found |= {f"optimiser{number}.{index}.{k}": v for k, v in state.items()}
        return found

    def facts(self) -> dict[str, float]:
        """The counters a checkpoint holds."""
        return {"step": self.step, "seconds": self.seconds, "attempt": self.attempt, **self.extra}

    def restore(self, checkpoint: Checkpoint) -> None:
        """The inverse of `tensors` and `facts`.

        Raises:
            UserError: it is of another architecture.
        """
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in checkpoint.tensors.items():
            prefix, _, rest = name.partition(".")
            parts.setdefault(prefix, {})[rest] = tensor
        try:
            self.model.load_state_dict(parts["model"])
            self.ema.load_state_dict(parts["ema"])
            if self.aside is not None:
                self.aside.load_state_dict(parts["aside"])
            for number, optimiser in enumerate(self.optimisers):
                _restore_optimiser(optimiser, parts.get(f"optimiser{number}", {}))
            counters = [checkpoint.facts[name] for name in ("step", "seconds", "attempt")]
        except (RuntimeError, KeyError, ValueError) as error:
            raise UserError(
                f"{checkpoint.path} does not fit the architecture in its run.json",
                "The folder mixes two runs: restore it, or train into a new one",
            ) from error
        self.step, self.seconds, self.attempt = int(counters[0]), float(counters[1]), int(counters[2])
        others = {k: v for k, v in checkpoint.facts.items() if k not in ("step", "seconds", "attempt")}
        self.extra.clear()
        self.extra.update(others)

    def is_finite(self) -> bool:
        """Whether every weight and average is a number."""
        return bool(torch.stack([v.detach().sum() for v in self.weights()]).isfinite().all())

    def weights(self) -> list[Tensor]:
        """All that is learnt or averaged."""
        aside = self.aside.parameters() if self.aside is not None else ()
        return [*self.model.parameters(), *self.ema.parameters(), *aside]


def _part_of(batch: Batch, share: Share) -> Batch:
    """An equal part of everybody's samples."""
    return [samples.part(share) for samples in batch]


def _restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = tensor
    own: dict[str, Any] = optimiser.state_dict()
    optimiser.load_state_dict({"state": state, "param_groups": own["param_groups"]})
    # The file holds plain row-major tensors, the weights may be channels-last, and the fused step walks
    # through both side by side in memory: moments must lie as their weights do.
    for parameter, values in optimiser.state.items():
        for key, value in values.items():
            if value.shape == parameter.shape:
                values[key] = torch.empty_like(parameter, requires_grad=False).copy_(value)


def generator_for(seed: int, attempt: int, step: int) -> torch.Generator:
    """The random numbers of one step; a new attempt after a roll-back draws others."""
    mixed = (seed * 1_000_003 + attempt) * 1_000_000_007 + step
    return torch.Generator().manual_seed(mixed % 2**63)
