"""What is demanded of the faces of a set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faceswap_cli.options import OptionGroup, declared_options, option


@dataclass(frozen=True)
class FilterRules(OptionGroup):
    """What is demanded of a face. Each demand that is given must be met.

    `min_` and `max_` go before the names in `filter_rules.MINIMA` and `MAXIMA`.
    """

    min_size: float | None = option(
        None, 0, 100_000, help="Least size: the box's longer side in pixels of the frame."
    )
    min_sharpness: float | None = option(
        None, 0, 10, help="Least sharpness: about 1 for a face in focus, 0.1 for a blurred one."
    )
    min_quality: float | None = option(None, 0, 1, help="Least quality, as the sheet shows it, 0 to 1.")
    min_score: float | None = option(None, 0, 1, help="Least score of the detector, 0 to 1.")
    min_confidence: float | None = option(
        None, 0, 1, help="Least mean confidence of the landmarks, 0 to 1."
    )  # fmt: skip
    max_yaw: float | None = option(
        None, 0, 180, help="Most degrees a head may be turned to either side."
    )  # fmt: skip
    max_pitch: float | None = option(None, 0, 180, help="Most degrees a head may look up or down.")
    max_roll: float | None = option(
        None, 0, 180, help="Most degrees a head may be tilted to either side."
    )  # fmt: skip
    min_brightness: float | None = option(
        None, 0, 1, help="Least mean brightness of the face, 0 (black) to 1."
    )
    max_brightness: float | None = option(
        None, 0, 1, help="Most mean brightness of the face, 0 to 1 (white)."
    )
    doubtful: bool = option(
        False, help="Move tracks that are probably no faces; the sheet says why."
    )  # fmt: skip
    tracks: tuple[str, ...] = option(
        (), flags=("--track",), metavar="N",
        help="Move this track: N, or SOURCE:N where several sources have one. May be repeated.",
    )  # fmt: skip
    like: tuple[Path, ...] = option(
        (), metavar="PHOTO",
        help="Keep only faces like the one in this photo. May be repeated: like one.",
    )  # fmt: skip
    unlike: tuple[Path, ...] = option(
        (), metavar="PHOTO", help="Move faces like the one in this photo. May be repeated."
    )
    threshold: float | None = option(
        None, 0, 2,
        help="Identity distance up to which two faces are alike, for --like. [default: 0.5]",
    )  # fmt: skip
    list: Path | None = option(
        None, metavar="FILE", help="Move the crops on this list, one name a line; the sheet makes such."
    )

    @property
    def least(self) -> dict[str, float]:
        """Lower bounds that are given, by names in `MINIMA`."""
        return self._bounds("min_")

    @property
    def most(self) -> dict[str, float]:
        """Upper bounds that are given, by names in `MAXIMA`."""
        return self._bounds("max_")

    def __bool__(self) -> bool:
        """Whether anything is demanded."""
        wanted = (self.least, self.most, self.doubtful, self.tracks, self.list, self.like, self.unlike)
        return any(wanted)

    def _bounds(self, prefix: str) -> dict[str, float]:
        names = [own.name for own, _ in declared_options(self) if own.name.startswith(prefix)]
        given = {name.removeprefix(prefix): getattr(self, name) for name in names}
        return {name: bound for name, bound in given.items() if bound is not None}
