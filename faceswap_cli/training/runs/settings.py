"""Everything a training run is made from, in one frozen, printable, saved place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from faceswap_cli.errors import UserError
from faceswap_cli.networks.swap.conditional import ConditionalConfig
from faceswap_cli.networks.swap.family import LEAST_RESOLUTION, MOST_RESOLUTION, MULTIPLE
from faceswap_cli.networks.swap.gan import GanConfig
from faceswap_cli.networks.swap.liae import LiaeConfig
from faceswap_cli.networks.swap.original import OriginalConfig
from faceswap_cli.networks.swap.registry import ARCHITECTURES
from faceswap_cli.networks.swap.shared import SharedConfig
from faceswap_cli.training.objectives.losses import LossWeights
from faceswap_cli.training.runs.family_options import parse_options
from faceswap_cli.training.runs.warm_start import base_for

TARGET, SOURCE = "a", "b"
"""The identities of a swap: a is the person in the video, b the person put on; more of these: b2, b3, ..."""


def identities(sources: int) -> tuple[str, ...]:
    """The identities of a run with so many people to put on."""
    return (TARGET, SOURCE, *(f"{SOURCE}{number}" for number in range(2, sources + 1)))


@dataclass(frozen=True)
class TrainSettings:
    """How a run trains; saved in its folder, so that going on means going on the same way.

    Attributes:
        architecture: name of the network family.
        network: the family's configuration.
        base: name of the bundled weights that it started from, see warm; "": from random ones.
        batch: samples of each person in a step.
        accumulate: equal parts in which a batch goes through the network, one after the other: the same
            training in less memory, but that the term `match` compares people within a part. A run may be
            gone on with in other parts.
        learning_rate: the peak, reached after the warm-up.
        warm_up: steps until then.
        clip: greatest norm of the gradient.
        ema: share of the averaged weights that is kept in a step.
        distortion_until: part of the run (0..1) with full warping; after it the input is nearly the
            plain crop, which sharpens what convert will see.
        distortion_after: strength of the warp from then on.
        recolour: share of the steps in which the source's samples take on the target's colours.
        balance: how far rare poses and expressions are drawn more often than they occur, 0..1.
        mirror: whether half of the samples are mirrored, which doubles the poses; False for a face that is
            not alike on both sides: a scar, a parting, a film of one side only.
        adversarial: weight of the drawn swap before the critic, see phases.SwapLosses; 0: there is none.
        adversarial_from: part of the run after which the critic joins.
        slope: weight of the critic's slope at real pictures (R1).
        held_out: share of each person's faces that is never trained on, but measured on; 0: none.
        seed: of weights, sampling and augmentation.
        loss: weights of the loss terms.
    """

    architecture: str = "shared"
    network: dict[str, Any] = field(default_factory=dict)
    base: str = ""
    batch: int = 8
    accumulate: int = 1
    learning_rate: float = 1e-3
    warm_up: int = 50
    clip: float = 1.0
    ema: float = 0.999
    distortion_until: float = 0.8
    distortion_after: float = 0.15
    recolour: float = 1.0
    balance: float = 0.5
    mirror: bool = True
    adversarial: float = 0.0
    adversarial_from: float = 0.5
    slope: float = 1.0
    held_out: float = 0.1
    seed: int = 0
    loss: LossWeights = field(default_factory=LossWeights)

    @property
    def resolution(self) -> int:
        """Side of the network's pictures in pixels."""
        return int(self.network["resolution"])

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainSettings:
        """The inverse of `to_json`.

        Raises:
            UserError: an option is unknown or missing its type.
        """
        try:
            settings = cls(**{**values, "loss": LossWeights(**values["loss"])})
            _check_types(settings)
        except (KeyError, TypeError) as error:
            raise UserError(
                f"the run's settings are damaged or of another version ({error})",
                "Restore run.json, train with the version that made it, or into a new run folder",
            ) from error
        return settings


def _check_types(settings: TrainSettings) -> None:
    """Raise a TypeError for the first value that is not of its default's kind."""
    for own, default in ((settings, TrainSettings()), (settings.loss, LossWeights())):
        for f in fields(own):
            value, wanted = getattr(own, f.name), type(getattr(default, f.name))
            if not isinstance(value, (int, float) if wanted is float else wanted):
                raise TypeError(f"{f.name} is {value!r}")
    if not isinstance(settings.network.get("resolution"), int):
        raise TypeError("the network has no resolution")


SIZES: dict[str, TrainSettings] = {
    "small": TrainSettings(
        network=asdict(SharedConfig(resolution=128, width=32, code=256, residuals=0)),
        batch=8,
        learning_rate=2e-3,
    ),
    "base": TrainSettings(
        network=asdict(SharedConfig(resolution=192, width=48, code=256, squeeze=96, residuals=1)),
        batch=16,
        learning_rate=3e-4,
    ),
    "large": TrainSettings(
        network=asdict(SharedConfig(resolution=256, width=64, code=512, squeeze=128, residuals=1)),
        batch=16,
        learning_rate=2e-4,
    ),
}
"""`--size`: one dial for resolution, width, batch and learning rate. These are the family shared's."""

_LIAE = {
    "small": LiaeConfig(resolution=128, width=32, code=256, residuals=0),
    "base": LiaeConfig(resolution=192, width=48, code=256, squeeze=96, residuals=1),
    "large": LiaeConfig(resolution=256, width=64, code=512, squeeze=128, residuals=1),
}

FAMILIES: dict[str, dict[str, TrainSettings]] = {
    "shared": SIZES,
    "liae": {
        size: replace(SIZES[size], architecture="liae", network=asdict(network))
        for size, network in _LIAE.items()
    },
    # The published rate: its wide dense layers bear no more. And as published, codes are not compared.
    "original": {
        "small": TrainSettings(
            architecture="original",
            network=asdict(OriginalConfig()),
            batch=16,
            learning_rate=5e-5,
            loss=LossWeights(match=0.0),
        )
    },
    # The map between encoder and decoder keeps the layout: what was warped away could not be known.
    **{
        name: {
            "small": TrainSettings(
                architecture=name,
                network=asdict(config),
                learning_rate=5e-4,
                distortion_until=0.0,
                distortion_after=0.1,
                recolour=0.5,
            )
        }
        for name, config in (("conditional", ConditionalConfig()), ("gan", GanConfig()))
    },
}
"""The sizes of every family. Original, conditional and gan have one."""


def settings_for(
    size: str,
    resolution: int | None = None,
    batch: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    architecture: str = "shared",
    options: Sequence[str] = (),
    from_scratch: bool = False,
    held_out: float | None = None,
) -> TrainSettings:
    """The settings of a family's size, with what was asked for in place of its own values.

    Args:
        size: see FAMILIES.
        resolution: side of the pictures in pixels.
        batch: samples of each person in a step.
        learning_rate: the peak.
        seed: see TrainSettings.
        architecture: the family.
        options: NAME=VALUE, see `family_options.parse_options`.
        from_scratch: begin with random weights even where a base fits.
        held_out: see TrainSettings; None: its default.

    Raises:
        UserError: a value is out of range, or the family has no such size or option.
    """
    if size not in FAMILIES[architecture]:
        raise UserError(
            f"the family {architecture} does not come in the size {size}",
            f"Leave --size out, or use {' or '.join(FAMILIES[architecture])}",
        )
    settings = FAMILIES[architecture][size]
    if resolution is not None:
        if resolution % MULTIPLE or not LEAST_RESOLUTION <= resolution <= MOST_RESOLUTION:
            raise UserError(
                f"--resolution {resolution} can't be built",
                f"Use a multiple of {MULTIPLE} from {LEAST_RESOLUTION} to {MOST_RESOLUTION}",
            )
        settings = replace(settings, network={**settings.network, "resolution": resolution})
    settings = replace(settings, network={**settings.network, **parse_options(architecture, options)})
    return replace(
        settings,
        base="" if from_scratch else base_for(architecture, settings.network),
        batch=batch or settings.batch,
        learning_rate=learning_rate or settings.learning_rate,
        seed=seed,
        held_out=settings.held_out if held_out is None else held_out,
    )


def check_parts(settings: TrainSettings, count: int) -> None:
    """Raise a UserError if the settings' batch does not fall into equal parts that add up to the whole.

    Args:
        settings: their batch and accumulate.
        count: of processes.
    """
    batch, parts = settings.batch, count * settings.accumulate
    words = [f"{count} processes"] * (count > 1) + [f"--accumulate {settings.accumulate}"]
    if batch % parts:
        raise UserError(
            f"a batch of {batch} can't be split into {parts} equal parts ({', '.join(words)})",
            f"Use --batch {max(parts, round(batch / parts) * parts)}",
        )


def differences(saved: TrainSettings, asked: TrainSettings) -> list[str]:
    """Names of the fields in which two settings differ, network options by their own names."""
    of_saved = saved.network
    if saved.architecture in ARCHITECTURES:  # an option that came later stood at its default
        of_saved = {**asdict(ARCHITECTURES[saved.architecture][0]()), **saved.network}
    found = [f"network.{k}" for k in asked.network if _plain(of_saved.get(k)) != _plain(asked.network[k])]
    names = [f.name for f in fields(TrainSettings) if f.name != "network"]
    return found + [name for name in names if getattr(saved, name) != getattr(asked, name)]


def _plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    return list(value) if isinstance(value, tuple) else value
