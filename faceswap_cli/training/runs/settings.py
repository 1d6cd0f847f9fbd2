"""Everything a training run is made from, in one frozen, printable, saved place.

A field that is an `option` stands on the command line of `faceswap train`, in docs/cli.md and in run.json,
and its value is checked wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, Self, get_type_hints

from faceswap_cli.errors import UserError
from faceswap_cli.options import LEARNING, check_values, option, with_default
from faceswap_cli.training.engine.settings import TrainerSettings
from faceswap_cli.training.objectives.weights import AgeingWeights, LossWeights

TARGET, SOURCE = "a", "b"
"""The identities of a swap: a is the person in the video, b the person put on; more of these: b2, b3, ..."""


def identities(sources: int) -> tuple[str, ...]:
    """The identities of a run with so many people to put on."""
    return (TARGET, SOURCE, *(f"{SOURCE}{number}" for number in range(2, sources + 1)))


@dataclass(frozen=True)
class TrainSettings(TrainerSettings):
    """How a run trains; saved in its folder, so that going on means going on the same way.

    What every family has; a family may add its own.

    Attributes:
        family: name of the network family; FAMILIES fills it in.
        network: values of the family's configuration that are not its defaults.
        base: name of the bundled weights that it started from, see warm_start; "": from random ones.
        held_out: share of the samples that is never trained on, but measured on; 0: none.
    """

    family: str = ""
    network: dict[str, Any] = field(default_factory=dict)
    base: str = ""
    held_out: float = option(
        0.0, 0, 0.5, group=LEARNING,
        help="Share of each person's faces that is not trained on, but measured on. 0: train on all. "
        "[default: 0.1; age: 0]",
    )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`.

        Raises:
            UserError: an option is unknown, or a value is not of its type or out of its range.
        """
        try:
            kinds = get_type_hints(cls)
            groups = {f.name: kinds[f.name] for f in fields(cls) if is_dataclass(kinds[f.name])}
            made = {name: kind(**values[name]) for name, kind in groups.items()}
            settings = cls(**{**values, **made})
            settings.check_types()
            check_values(settings)
        except (KeyError, TypeError, UserError) as error:
            raise UserError(
                f"the run's settings are damaged or of another version ({error})",
                "Restore run.json, train with the version that made it, or into a new run folder",
            ) from error
        return settings

    def check_types(self) -> None:
        """Raise a TypeError for the first value that is not of its default's kind."""
        _check_like(self, type(self)())


def _check_like(own: Any, default: Any) -> None:
    for f in fields(own):
        value, model = getattr(own, f.name), getattr(default, f.name)
        if is_dataclass(model):
            _check_like(value, model)
        elif not isinstance(value, (int, float) if type(model) is float else type(model)):
            raise TypeError(f"{f.name} is {value!r}")


@dataclass(frozen=True)
class SwapSettings(TrainSettings):
    """How a swap trains.

    Attributes:
        held_out: share of each person's faces.
        distortion_until: part of the run (0..1) with full warping; after it the input is nearly the
            plain crop, which sharpens what convert will see.
        distortion_after: strength of the warp from then on.
        recolour: share of the steps in which the source's samples take on the target's colours.
        balance: how far rare poses and expressions are drawn more often than they occur, 0..1.
        mirror: whether half of the samples are mirrored, which doubles the poses; False for a face that is
            not alike on both sides: a scar, a parting, a film of one side only.
        mix_looks: whether looks that B lacks are mixed from B's own pictures, see `data.mixed_looks`, and
            some shown in A's disguise, see `data.disguised`. Runs that do not say were begun without.
        adversarial: weight of the drawn swap before the critic, see swap.SwapLosses; 0: there is none.
        adversarial_from: part of the run after which the critic joins.
        slope: weight of the critic's slope at real pictures (R1).
        loss: weights of the loss terms.
    """

    held_out: float = with_default(TrainSettings, "held_out", 0.1)
    distortion_until: float = 0.8
    distortion_after: float = 0.15
    recolour: float = option(
        1.0, 0, 1, group=LEARNING,
        help="Share of the steps in which B's faces take on the colours of A's, so that another light does "
        "no harm. 0: B keeps its own, such as make-up; convert with --colour none then. [default: 1; "
        "conditional, gan: 0.5]",
    )  # fmt: skip
    balance: float = 0.5
    mirror: bool = option(
        True, group=LEARNING, flags=("--mirror/--no-mirror",),
        help="Mirror half of the samples, which doubles the poses. Not for a face with a scar.",
    )  # fmt: skip
    mix_looks: bool = option(
        True, group=LEARNING, flags=("--mix-looks/--no-mix-looks",),
        help="Where B lacks looks that A has, such as a shut mouth under open eyes, mix them from the eyes "
        "of one of B's pictures and the mouth of another, and learn these, too; and show a quarter of "
        "B's faces to the encoder in A's disguise. Not conditional, gan.",
    )  # fmt: skip
    adversarial: float = option(
        0.0, 0, 1, group=LEARNING,
        help="Weight of a discriminator that judges the swap in the second half of a run; 0.1 is usual. For "
        "long runs on a card: on a CPU it brought nothing in the same time. 0: none.",
    )  # fmt: skip
    adversarial_from: float = 0.5
    slope: float = 1.0
    loss: LossWeights = field(default_factory=LossWeights)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """See TrainSettings."""
        return super().from_json({"mix_looks": False, **values})

    @property
    def resolution(self) -> int:
        """Side of the network's pictures in pixels."""
        return int(self.network["resolution"])

    def check_types(self) -> None:
        """Raise a TypeError for the first value that is not of its default's kind."""
        super().check_types()
        if not isinstance(self.network.get("resolution"), int):
            raise TypeError("the network has no resolution")


AGEING = "ageing"
"""The weights in `models/` that an ageing run starts from, unless it is to begin with random ones."""

COARSE = 0.5
"""Part of an ageing run from random weights in which only the coarse part is trained, on small pictures."""


@dataclass(frozen=True)
class AgeSettings(TrainSettings):
    """How an ageing run trains.

    Attributes:
        weights: of the losses.
    """

    base: str = AGEING
    learning_rate: float = with_default(TrainSettings, "learning_rate", 3e-4)
    warm_up: int = 100
    clip: float = 5.0
    ema: float = 0.998
    weights: AgeingWeights = field(default_factory=AgeingWeights)

    @property
    def coarse_until(self) -> float:
        """Part of the run in which only the coarse part is trained."""
        return 0.0 if self.base else COARSE


@dataclass(frozen=True)
class GeneratorSettings(TrainSettings):
    """How a generator of pictures trains.

    Attributes:
        grow_until: part of the run (0..1) by which the pictures have grown to their full side.
        slope: weight of R1 and R2.
    """

    held_out: float = with_default(TrainSettings, "held_out", 0.1)
    batch: int = 16
    learning_rate: float = with_default(TrainSettings, "learning_rate", 2e-3)
    warm_up: int = 100
    clip: float = 10.0
    ema: float = 0.998
    grow: str = option(
        "", group=LEARNING, metavar="FROM..TO",
        help="Begin with small pictures and grow them by stages in the first half of the run, as in 4..128. "
        "[default: full size from the beginning]",
    )  # fmt: skip
    grow_until: float = 0.5
    augment: float = option(
        1.0, 0, 1, group=LEARNING,
        help="Share of the pictures that both networks see shifted, recoloured and cut into, so that few "
        "pictures last longer (differentiable augmentation). 0: none. Only --family generator.",
    )  # fmt: skip
    slope: float = 1.0

    def first_side(self, resolution: int) -> int:
        """Side of the pictures that the run begins with.

        Raises:
            UserError: `grow` can't be read, or does not end at the resolution.
        """
        if not self.grow:
            return resolution
        first, dots, last = self.grow.partition("..")
        sides = [4 << k for k in range(20) if 4 << k <= resolution]
        if not dots or not first.isdecimal() or int(first) not in sides or last != str(resolution):
            raise UserError(
                f"--grow {self.grow} is no way to {resolution} pixels",
                f"Write it like {sides[0]}..{resolution}",
            )
        return int(first)


@dataclass(frozen=True)
class StyleSettings(TrainSettings):
    """How translators between two kinds of pictures train.

    Attributes:
        cycle_weight, identity_weight: of coming back, and of leaving the own kind alone (Zhu et al., 2017).
        contrast_weight: weight of the comparison of places (Park et al., 2020).
        keep_weight: weight of what shall stay as it is.
    """

    held_out: float = with_default(TrainSettings, "held_out", 0.1)
    batch: int = 2
    learning_rate: float = with_default(TrainSettings, "learning_rate", 4e-4)
    warm_up: int = 50
    clip: float = 10.0
    ema: float = 0.995
    keep: str = option(
        "nothing", group=LEARNING, choices=("nothing", "face"),
        help="What stays as it is. Only --family style.",
    )  # fmt: skip
    cycle_weight: float = 10.0
    identity_weight: float = 5.0
    contrast_weight: float = 1.0
    keep_weight: float = 5.0

    @property
    def keeps(self) -> bool:
        """Whether anything stays as it is."""
        return self.keep != "nothing"


SHAPE_NAMES = ("ring", "line", "gaussians", "grid", "spiral", "disjoint")
"""Data of the laboratory that need no file."""

PENALTIES: Mapping[str, Mapping[str, float]] = {
    "gan": {},
    "ls": {},
    "wgan-gp": {"interpolation": 10.0},
    "hinge": {},
    "r3": {"r1": 0.01, "r2": 0.01},
}
"""The losses of `objectives.adversarial`, each with the weights of the penalties that belong to it."""


@dataclass(frozen=True)
class PointsSettings(TrainSettings):
    """How two networks train on points of the plane.

    Attributes:
        interpolation: weight of WGAN-GP's penalty.
    """

    loss: str = option(
        "r3", group=LEARNING, choices=tuple(PENALTIES),
        help="What both networks minimise. gan: Goodfellow's of 2014; ls: least squares; wgan-gp: "
        "Wasserstein with a gradient penalty; hinge; r3: relativistic pairs with R1 and R2, of 2024. "
        "[default: r3]",
    )  # fmt: skip
    r1: float = option(
        0.01, 0, 1000, group=LEARNING,
        help="Weight of R1: the discriminator's squared slope at real points. [default: r3 0.01, others 0]",
    )  # fmt: skip
    r2: float = option(
        0.01, 0, 1000, group=LEARNING,
        help="Weight of R2: the same at generated points. [default: r3 0.01, others 0]",
    )  # fmt: skip
    interpolation: float = option(
        0.0, 0, 1000, group=LEARNING, flags=("--gradient-penalty",),
        help="Weight of WGAN-GP's penalty: slopes between real and generated points should be 1. "
        "[default: wgan-gp 10, others 0]",
    )  # fmt: skip
    batch: int = option(128, 2, 4096, group=LEARNING, help="Points in an update, of each kind.")
    learning_rate: float = option(5e-3, 1e-6, 1.0, group=LEARNING, help="Peak learning rate of both.")
    discriminator_rate: float = option(
        1.0, 0.001, 1000, group=LEARNING, help="The discriminator's learning rate over the generator's."
    )
    discriminator_updates: int = option(
        1, 1, 50, group=LEARNING, flags=("--discriminator-updates", "--d-steps"),
        help="Updates of the discriminator for each of the generator.",
    )  # fmt: skip
    optimiser: str = option(
        "adam", group=LEARNING, choices=("adam", "rmsprop", "sgd"), help="What steps both networks."
    )
    momentum: float = option(0.0, 0, 0.99, group=LEARNING, help="Momentum of both; Adam's first beta.")
    noise: str = option(
        "normal", group=LEARNING, choices=("normal", "uniform"), help="What the generator is given."
    )
    ema: float = option(
        0.99, 0, 0.9999, group=LEARNING,
        help="An average of the generator is shown and measured, as in every training here: the "
        "share of it that is kept in a step. 0: the generator itself, as it swings.",
    )  # fmt: skip
    clip: float = 100.0
    accumulate: int = 1
    held_out: float = 0.0


def check_parts(settings: TrainerSettings, count: int) -> None:
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
