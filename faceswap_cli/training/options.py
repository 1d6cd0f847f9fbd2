"""What `faceswap train` is asked besides the settings of a run, which are declared in `runs/settings.py`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faceswap_cli.options import BUDGET, DEVICE, INPUT, NETWORK, WATCHING, OptionGroup, option
from faceswap_cli.training.families import DEFAULT, FAMILIES

DEFAULT_MINUTES = 10.0


@dataclass(frozen=True)
class DataOptions(OptionGroup):
    """What is trained from."""

    target: Path | None = option(
        None, group=INPUT, flags=("--target-faces", "-A"),
        help="Face set of the person in the video, to be replaced. With --family age: photos, or a face set "
        "of them, whose ages stand in labels.csv (file,age,sex) or in their names (anna_age34.jpg). With "
        "--family generator or style: any folder of pictures.",
    )  # fmt: skip
    sources: tuple[Path, ...] = option(
        (), group=INPUT, flags=("--source-faces", "-B"),
        help="Face set of the person put on. May be repeated: each person is learnt, convert picks one with "
        "--face. With --family style: the pictures that A's become like.",
    )  # fmt: skip
    adapt: Path | None = option(
        None, group=INPUT, metavar="RUN",
        help="Begin with a conditional run's weights, or with conditional, the bundled ones, and learn a new "
        "face in a minute. -B may then be photos, and -A may be left out.",
    )  # fmt: skip
    rollback: int | None = option(
        None, 0, group=INPUT, metavar="STEP",
        help="First go back to the newest checkpoint or snapshot at or before this step. Later ones are "
        "moved to RUN/set-aside. Without face sets: go back and stop.",
    )  # fmt: skip
    dry_run: bool = option(False, group=INPUT, help="Print the settings a new run would have and stop.")


@dataclass(frozen=True)
class PresetOptions(OptionGroup):
    """Which family's settings a new run begins with, and its network."""

    family: str | None = option(
        None, group=NETWORK, choices=tuple(FAMILIES), aliases=("--model", "--architecture"),
        help="Network family. "
        + "; ".join(f"{name}: {words}" for name, words in FAMILIES.described.items())
        + f". [default: {DEFAULT}, or the run's own]",
    )  # fmt: skip
    size: str | None = option(
        None, group=NETWORK, metavar="small|medium|large",
        help="small: 128 px, for a CPU; medium: 192 px; large: 256 px, for a graphics card. [default: small]",
    )  # fmt: skip
    resolution: int | None = option(
        None, 32, 512, group=NETWORK,
        help="Side of the network's pictures, a multiple of 16. [default: the size's own]",
    )  # fmt: skip
    family_options: tuple[str, ...] = option(
        (), group=NETWORK, flags=("--option",), metavar="NAME=VALUE",
        help="An option of the family's own, such as residuals=1 or pixel_norm=true. May be repeated; an "
        "unknown name lists them all.",
    )  # fmt: skip
    from_scratch: bool = option(
        False, group=NETWORK,
        help="Begin with random weights instead of the bundled base, which knows faces already.",
    )  # fmt: skip


@dataclass(frozen=True)
class BudgetOptions(OptionGroup):
    """How long is trained, counted from the run's beginning."""

    steps: int | None = option(
        None, 1, group=BUDGET, help="Train until this step, counted from the run's beginning."
    )
    minutes: float | None = option(
        None, 0.01, group=BUDGET,
        help="Train for this long, earlier starts of the run counted in. "
        f"[default: {DEFAULT_MINUTES:g}, unless --steps is given]",
    )  # fmt: skip
    until_plateau: bool = option(
        False, group=BUDGET,
        help="Train until it no longer gets better, then finish with a falling learning rate. --minutes or "
        "--steps are then the most.",
    )  # fmt: skip

    def __bool__(self) -> bool:
        """Whether something was said."""
        return bool(self.steps or self.minutes or self.until_plateau)


@dataclass(frozen=True)
class SessionOptions(OptionGroup):
    """How the work of one start is done. None of it changes what is learnt, and the next may differ.

    Attributes:
        checkpointing: see FaceModel.
        compiled: see accelerate.should_compile.
    """

    save_every: float = option(60.0, 1, group=WATCHING, help="Seconds between checkpoints.")
    snapshot_every: int | None = option(
        None, 1, group=WATCHING, metavar="STEPS",
        help="Keep the checkpoint of every so many steps for good, in RUN/snapshots. [default: none]",
    )  # fmt: skip
    checkpointing: bool = option(
        False, group=DEVICE,
        help="Compute activations twice instead of keeping them: less memory, about a third slower, the same "
        "result. May differ from start to start.",
    )  # fmt: skip
    compiled: str = option(
        "auto", group=DEVICE, flags=("--compile",), choices=("auto", "on", "off"),
        help="Compile the network by torch.compile. auto: on NVIDIA cards, for budgets of 10 minutes and "
        "more.",
    )  # fmt: skip


@dataclass(frozen=True)
class MonitorOptions(OptionGroup):
    """What is measured and shown beside a training."""

    preview_every: float = option(
        30.0, 1, group=WATCHING, help="Seconds between preview pictures (RUN/preview.jpg) and reports."
    )
    measure_every: int | None = option(
        None, 0, group=WATCHING,
        help="Steps between measures on held-out faces; 0: never. [default: about a minute, and less than "
        "5 % of the time]",
    )  # fmt: skip
    tensorboard: bool = option(False, group=WATCHING, help="Write the figures to RUN/tensorboard as well.")
