"""What is measured on held-out samples: each figure's name, how it is shown, whether it tells of progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from faceswap_cli.training.engine.early_stopping import LOSS_GAIN, ProgressKind


@dataclass(frozen=True)
class Figure:
    """One of a family's figures.

    Attributes:
        name: its key in a validation.
        title, about: of its chart; "": it has none.
        tile: what stands under its value; "": it has no tile.
        word: what it is called in a sentence.
        best: +1 when more is better, -1 when less is.
        unit: share (shown in %), percent, number, or years.
        low, tall: where the chart's axis begins, and its least height; None: as the values ask for.
        settled: it says nothing while there is hardly a face: such points are not drawn.
        ripe: its best is looked for where the likeness is there.
        gain: how it is judged whether the run still gets better; None: it isn't judged.
    """

    name: str
    title: str = ""
    about: str = ""
    tile: str = ""
    word: str = ""
    best: int = -1
    unit: str = "number"
    low: float | None = None
    tall: float | None = None
    settled: bool = False
    ripe: bool = False
    gain: ProgressKind | None = None


LOSS = Figure(
    "loss",
    "Loss",
    "how far rebuilt faces are from the real ones: held-out faces (thick), training (thin)",
    word="held-out loss",
    gain=LOSS_GAIN["loss"],
)
"""What every family measures; its chart shows the training's own loss as well."""


def progress_kinds(figures: Sequence[Figure]) -> dict[str, ProgressKind]:
    """How the figures that are judged are judged, by name."""
    return {one.name: one.gain for one in figures if one.gain}


def gain_in_words(figures: Sequence[Figure], gains: Mapping[str, float]) -> str:
    """What was gained, see `ProgressVerdict.gains`."""
    known = {one.name: one for one in figures}
    return ", ".join(_gained(known[name], gain) for name, gain in gains.items())


def _gained(figure: Figure, gain: float) -> str:
    word, kind = figure.word or figure.name, figure.gain
    unit = "%" if kind is None or kind.relative else "points"
    return f"{word} {'+' if figure.best > 0 else '-'}{100 * gain:.0f} {unit}"


def charts(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """The charts of a page, as its script takes them."""
    return [asdict(one) for one in figures if one.title]
