"""One training in several processes, one for each card: torchrun starts them, torch.distributed joins them.

Every process holds the whole model and draws the random numbers of the whole batch, computes its own equal
part of it, and all average their gradients before the optimiser's step. So the run is the one a single
process would have, up to rounding. The process of rank 0 leads: it keeps the clock, decides when to report,
save and end, and alone writes files and speaks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from faceswap_cli.device import ONLY, Processes
from faceswap_cli.errors import UserError

BUCKET = 32 * 2**20
"""Bytes of gradients that travel together: fewer messages, and no second copy of all gradients at once."""

PATIENCE = timedelta(hours=2)
"""How long the others wait for the leader, which alone measures the batch size and draws previews."""

MEETING = timedelta(minutes=5)
"""How long the processes wait for each other at the start."""


class PeerEndedError(UserError):
    """Another process of this training failed, and has said why."""


@dataclass(frozen=True)
class Share:
    """An equal part of a batch.

    Attributes:
        part: its number.
        parts: how many there are.
    """

    part: int = 0
    parts: int = 1

    def of(self, values: Tensor) -> Tensor:
        """This part of (B, ...) values; B is a multiple of `parts`."""
        if self.parts == 1:
            return values
        size = len(values) // self.parts
        return values[self.part * size : (self.part + 1) * size]


WHOLE = Share()


class ProcessGroup:
    """The processes that train together, and what they settle. A team of one talks to nobody."""

    def __init__(self, which: Processes = ONLY) -> None:
        self.which = which

    @property
    def leads(self) -> bool:
        """Whether this process decides and writes."""
        return self.which.leads

    @property
    def count(self) -> int:
        """How many processes."""
        return self.which.count

    @property
    def share(self) -> Share:
        """This process's part of every batch."""
        return Share(self.which.rank, self.which.count)

    def agree(self, said: Sequence[float], stop: bool = False) -> tuple[list[float], bool]:
        """What the leader said, and whether anyone was asked to stop.

        The values stay on the CPU: asking does not wait for the card.
        """
        if self.count == 1:
            return list(said), stop
        own = [*said, 0.0] if self.leads else [0.0] * (len(said) + 1)
        own[-1] = float(stop)
        *theirs, stops = self._summed(own)
        return theirs, stops > 0

    def any(self, flag: bool) -> bool:
        """Whether it is true in any process."""
        return self.agree([], flag)[1]

    def means(self, values: Sequence[float]) -> list[float]:
        """The mean of each value over all processes; NaN if it is NaN anywhere."""
        if self.count == 1:
            return list(values)
        return [value / self.count for value in self._summed(values)]

    def check_shared(self, step: int) -> None:
        """Raise a UserError if the leader has read another checkpoint than this process."""
        (leaders,), _ = self.agree([step])
        if leaders != step:
            raise UserError(
                f"one process is at step {leaders:.0f}, another at step {step}",
                "The run folder must be the same one for all machines: put it on a disk they share",
            )

    def wait(self) -> None:
        """Until all are here."""
        if self.count > 1:
            self._summed([0.0])

    def _summed(self, values: Sequence[float]) -> list[float]:
        tensor = torch.tensor(values, dtype=torch.float64)
        with _in_touch():
            dist.all_reduce(tensor)
        found: list[float] = tensor.tolist()
        return found

    @torch.no_grad()
    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """The mean of every gradient over all processes, the same bits in each of them.

        Not DistributedDataParallel: that counts on one forward pass through the wrapped model and one
        backward pass to all of its parameters. Here a step has phases that train different parts, go
        through a network several times, leave gradients in parts that belong to another phase, and gather
        gradients over several parts of the batch. Sent after the last backward pass, any of them is right.
        """
        if self.count == 1:
            return
        with _in_touch():
            for gradients in _buckets([p.grad for p in parameters if p.grad is not None]):
                flat = torch.cat([gradient.flatten() for gradient in gradients])
                dist.all_reduce(flat)
                flat /= self.count
                parts = torch.split(flat, [gradient.numel() for gradient in gradients])
                for gradient, part in zip(gradients, parts, strict=True):
                    gradient.copy_(part.view(gradient.shape))

    @torch.no_grad()
    def mean_of(self, tensor: Tensor) -> Tensor:
        """The mean of a tensor over all processes, without gradients."""
        total = tensor.detach()
        if self.count == 1:
            return total
        total = total.clone()
        with _in_touch():
            dist.all_reduce(total)
        return total / self.count

    @torch.no_grad()
    def spread(self, tensors: Iterable[Tensor]) -> None:
        """The leader's values for everyone: machines of different make round differently."""
        if self.count == 1:
            return
        with _in_touch():
            for tensor in tensors:
                values = tensor.contiguous()
                dist.broadcast(values, 0)
                tensor.copy_(values)


ALONE = ProcessGroup()


def _buckets(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Tensors in groups of one type of at most BUCKET bytes, larger ones by themselves."""
    group: list[Tensor] = []
    size = 0
    for tensor in tensors:
        if group and (size + tensor.nbytes > BUCKET or tensor.dtype != group[0].dtype):
            yield group
            group, size = [], 0
        group.append(tensor)
        size += tensor.nbytes
    if group:
        yield group


@contextlib.contextmanager
def _in_touch() -> Iterator[None]:
    """Torch's many errors about a process that went away become one."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise PeerEndedError(
            "another process of this training ended without a word", "See what it printed"
        ) from error


@contextlib.contextmanager
def join_process_group(which: Processes, device: torch.device) -> Iterator[ProcessGroup]:
    """The team of this process, for as long as the block lasts.

    When the block fails in several processes, the first one raises its error and the others `PeerEndedError`,
    so that one line says what happened.

    Raises:
        UserError: the processes did not find each other.
        EndedError: another process failed first.
    """
    if which.count == 1:
        yield ProcessGroup()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        # Words on the CPU go by gloo, gradients on cards by NCCL.
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        store, rank, count = next(rendezvous("env://", timeout=MEETING))
        dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"the {which.count} processes did not find each other ({' '.join(str(error).split())[:200]})",
            "Start them by torchrun, and let the machines reach each other at MASTER_ADDR:MASTER_PORT",
        ) from error
    try:
        yield ProcessGroup(which)
    except KeyboardInterrupt:
        _is_first(store)
        raise
    except Exception as error:
        # Told before the connections close below, by which the others learn of it.
        if _is_first(store):
            if isinstance(error, PeerEndedError):
                raise UserError(error.message, error.hint) from error
            raise
        raise PeerEndedError("another process of this training failed") from error
    finally:
        with contextlib.suppress(RuntimeError):
            dist.destroy_process_group()


def _is_first(store: Any) -> bool:
    """Whether no other process has failed before this one."""
    try:
        return bool(store.add("faceswap/failed", 1) == 1)
    except RuntimeError:  # whoever kept the store is gone
        return True
