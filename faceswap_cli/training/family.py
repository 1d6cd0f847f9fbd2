"""What a network family is to training: one record, and what it is trained from.

Loop, run folder, monitor and command line ask the record; none of them asks which family it is. A new family
is a module of its name that makes one, a line in `families/__init__.py`, and a card of bundled weights.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from faceswap_cli.errors import UserError
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.training.engine.collapse_detection import CollapseSign
from faceswap_cli.training.engine.parallel import WHOLE, ProcessGroup, Share
from faceswap_cli.training.engine.trainer import Batches, Trainer, TrainingPhase
from faceswap_cli.training.monitor.figures import LOSS, Figure
from faceswap_cli.training.runs.settings import TrainSettings

Say = Callable[[str], None]
"""Called with a line for a person."""


class TrainingData(ABC):
    """What a run is trained, measured and shown on, in memory.

    Attributes:
        held_out: what the measures are taken on, in words.
        remedy: what helps a run that has levelled off; it ends "more training will hardly help; ...".
    """

    held_out: str = ""
    remedy: str = "more varied data may"

    @abstractmethod
    def batches(self, settings: Any, share: Share = WHOLE) -> Batches:
        """What draws a step's batch, or this process's equal part of it."""

    def begin(self, trainer: Trainer, say: Say) -> None:  # noqa: B027
        """Tell a new run's networks what they have to know of the data."""

    def prepare_measures(self) -> None:  # noqa: B027
        """Load what `measure` needs and work out what does not change."""

    @abstractmethod
    def measure(self, model: nn.Module) -> dict[str, Any]:
        """Figures of the averaged model on held-out samples, by name: "loss" at least.

        No random numbers are drawn.
        """

    @abstractmethod
    def write_preview(self, path: Path, model: nn.Module, progress: float) -> None:
        """A picture of how far the averaged model is.

        Raises:
            UserError: it can't be written.
        """

    def close(self) -> None:  # noqa: B027
        """Let go of threads and files."""


@dataclass(frozen=True)
class LoadRequest:
    """How data is wanted.

    Attributes:
        settings: of the run.
        folder: the run's, where what is made of photos may be kept.
        device: where samples go.
        stop: whether to end; nothing is trained yet, so being asked to stop simply ends it.
        say: called with a line about each stage.
    """

    settings: Any
    folder: Path
    device: torch.device
    stop: Callable[[], bool] = lambda: False
    say: Say = lambda text: None

    def check_stop(self) -> None:
        """Raise a KeyboardInterrupt when the training was asked to stop."""
        if self.stop():
            raise KeyboardInterrupt


class DataSource(ABC):
    """What was given to train from: opened, not yet read."""

    def check(self, guard: SafetyGuard | None) -> None:  # noqa: B027
        """Look for what makes the training pointless or forbidden.

        Args:
            guard: refuses pictures of children; None: not asked.

        Raises:
            UserError: there is too little.
            Refusal: see SafetyGuard.check_set.
        """

    @property
    def names(self) -> dict[str, str]:
        """A label for each identity. Exchanged or mistyped sources are noticed by it."""
        return {}

    @property
    def face_sets(self) -> dict[str, Path]:
        """Where each identity's pictures lie, of those that are looked for there later."""
        return {}

    @property
    def network(self) -> dict[str, Any]:
        """Values of the network's configuration that follow from the data."""
        return {}

    def reference(self) -> NDArray[np.float32]:
        """(K, 128) embeddings of the person to be replaced; by default there is none."""
        return np.zeros((0, 128), np.float32)

    def nbytes(self, settings: Any) -> int:
        """Memory that the samples will take, about."""
        del settings
        return 0

    @abstractmethod
    def load(self, request: LoadRequest) -> TrainingData:
        """Read it.

        Raises:
            UserError: it is damaged, or too little.
        """


def no_aside(model: nn.Module, settings: Any) -> nn.Module | None:
    """For families that train nothing beside the network."""
    del model, settings
    return None


def no_base(family: Family, network: Mapping[str, Any]) -> str:
    """For families without bundled weights to start from."""
    del family, network
    return ""


def place_channels_last(model: nn.Module, device: torch.device) -> nn.Module:
    """A model on a device, its convolutions channels-last, which is faster on CPUs."""
    return model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


Start = Callable[[], nn.Module] | None
"""Loads the network whose weights a new run begins with; None: random ones."""


def new_plain_model(family: Family, settings: Any, device: torch.device, start: Start) -> nn.Module:
    """The network itself, or the one it starts from, channels-last on its device."""
    model = family.build(settings.network)
    return place_channels_last(model if start is None else start(), device)


@dataclass(frozen=True)
class Family:
    """All that is to be known of a kind of network to train it.

    Attributes:
        config, network: the dataclass that rebuilds the network, and its class.
        sizes: settings by size; "small" is the default.
        source: opens what the command line gives: -A and every -B.
        new_model: the network at the very start, on its device: this record, settings, device and Start. The
            seed is set.
        phases: model, aside, settings and processes to one phase for each optimiser.
        new_aside: model and settings to what is trained beside the model and draws nothing: a discriminator,
            or a ModuleDict of several.
        base_for: this record and values of a configuration to the name of the bundled weights that fit, or
            "".
        load_bundled: this record and the name of bundled weights to a network.
        from_scratch: settings that begin with random weights.
        made_up: settings and device to data of noise, to measure batches with; None: they aren't measured.
        place: a network on a device, for drawing.
        figures: what `TrainingData.measure` gives, LOSS first.
        collapse_signs: loss terms that tell of a collapse.
        compiled: methods of the network that torch.compile takes.
        resolution: of a network's pictures, in pixels; 0: it draws none.
        least_batch: fewer samples in a step are refused.
        adaptable: a new run may begin with another's weights (`--adapt`).
        refuses: parameters of `train` that mean nothing here, besides settings that its runs don't have.
        name: as it stands in run.json and on the command line; see `named`.
    """

    config: type[Any]
    network: type[nn.Module]
    sizes: Mapping[str, Any]
    source: Callable[[Path, Sequence[Path]], DataSource]
    new_model: Callable[[Family, Any, torch.device, Start], nn.Module]
    phases: Callable[[Any, Any, Any, ProcessGroup], Sequence[TrainingPhase]]
    new_aside: Callable[[Any, Any], nn.Module | None] = no_aside
    base_for: Callable[[Family, Mapping[str, Any]], str] = no_base
    load_bundled: Callable[[Family, str], nn.Module] | None = None
    from_scratch: Callable[[Any], Any] = lambda settings: settings
    made_up: Callable[[Any, torch.device], TrainingData] | None = None
    place: Callable[[Any, torch.device], nn.Module] = place_channels_last
    figures: tuple[Figure, ...] = (LOSS,)
    collapse_signs: tuple[CollapseSign, ...] = ()
    compiled: tuple[str, ...] = ()
    resolution: Callable[[Any], int] = lambda model: int(model.config.resolution)
    least_batch: int = 1
    adaptable: bool = False
    refuses: frozenset[str] = frozenset()
    name: str = ""

    def named(self, name: str) -> Family:
        """The record under its name, which its runs' settings carry."""
        sizes = {size: replace(settings, family=name) for size, settings in self.sizes.items()}
        return replace(self, name=name, sizes=sizes)

    @property
    def settings(self) -> type[TrainSettings]:
        """Class of its runs' settings."""
        return type(next(iter(self.sizes.values())))

    def build(self, network: Mapping[str, Any]) -> nn.Module:
        """A network, freshly initialised, from its JSON configuration.

        Raises:
            UserError: an option is unknown: the run comes from another version.
        """
        known = {f.name for f in fields(self.config)}
        if unknown := sorted(set(network) - known):
            raise UserError(f"the family {self.name!r} has no option {unknown[0]!r} in this version")
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in network.items()}
        try:
            return self.network(self.config(**values))
        except (TypeError, ValueError, RuntimeError) as error:
            raise UserError(
                f"the family {self.name!r} can't be built: {error}", "Restore run.json"
            ) from error

    def outline(self, network: Mapping[str, Any]) -> nn.Module:
        """The network without its weights: what can be told of it at no cost."""
        with torch.device("meta"):
            return self.build(network)
