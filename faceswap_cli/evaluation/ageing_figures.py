"""What the rows of an evaluation come to: one line of figures for each way of ageing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.evaluation.ageing import AgeingReport, EvaluationRow
from faceswap_cli.evaluation.skin_lightness import GROUPS, skin_group

SAME_PERSON = 0.5
"""Identity distance below which about 0.1 % of strangers are taken for one person, see docs/age.md."""

NEAR = 5.0
"""Real faces stand beside a target age if theirs is so many years from it, at most."""

FEWEST = 3
"""So many real faces make a mean."""


@dataclass(frozen=True)
class Figures:
    """One way's; means over all faces and targets unless said otherwise, nan where nothing can be said.

    Attributes:
        error: of the age said against the target, years.
        slope: years that the age said moves by for a year asked for.
        correlation: of age said and target, within a person.
        survives: share of the judge's shift that is left after blur, half size and JPEG.
        same: share of the faces that are still taken for the same person.
        identity: distance.
        sex: share of the faces whose sex the judge says as before.
        mouth, brows, smile: change of the expression, % of the inter-ocular distance.
        sharpness: median of the Laplacian variance's ratio.
        outside: the greatest difference outside the mask, grey levels.
        lost: share of the faces that were not found again.
        by_target: the mean age said, by target.
    """

    error: float
    slope: float
    correlation: float
    survives: float
    same: float
    identity: float
    sex: float
    mouth: float
    brows: float
    smile: float
    sharpness: float
    outside: float
    lost: float
    by_target: dict[float, float]


def summarise(report: AgeingReport, name: str) -> Figures:
    """Summarise one method."""
    rows = report.rows[name]
    said = _grid(report, [row.said for row in rows])
    targets = np.array(report.targets)
    expression = np.array([row.expression for row in rows])
    identity = np.array([row.identity for row in rows])
    return Figures(
        error=float(np.abs(said - targets).mean()),
        slope=_mean([_slope(targets, one) for one in said]),
        correlation=_mean([_correlation(targets, one) for one in said]),
        survives=_survives(report, rows),
        same=float((identity < SAME_PERSON).mean()),
        identity=_mean(identity),
        sex=_mean([float(row.kept_sex) for row in rows]),
        mouth=_mean(expression[:, 0]),
        brows=_mean(expression[:, 1]),
        smile=_mean(expression[:, 2]),
        sharpness=float(np.nanmedian([row.sharpness for row in rows])),
        outside=max(row.outside for row in rows),
        lost=float(np.isnan(identity).mean()),
        by_target=dict(zip(report.targets, said.mean(0).tolist(), strict=True)),
    )


def summarise_real(report: AgeingReport) -> dict[float, tuple[int, float]]:
    """By target: how many real faces are about that old, and the mean of what the judge says of them (nan if
    they are too few)."""
    found = {}
    for target in report.targets:
        near = np.abs(report.ages - target) <= NEAR
        mean = float(report.said[near].mean()) if near.sum() >= FEWEST else float("nan")
        found[target] = int(near.sum()), mean
    return found


@dataclass(frozen=True)
class SkinFigures:
    """Of the people of one group of skin, by one way.

    Attributes:
        faces: how many there are.
        error: of the age said against the target, years.
        same: share of the results that are still taken for the same person.
        bias: of the age said against the target, years.
        photo_error: by how much the judge is off on the photos themselves, years.
    """

    faces: int
    error: float
    same: float
    bias: float
    photo_error: float


def summarise_skin(report: AgeingReport, name: str) -> dict[str, SkinFigures]:
    """By group of skin (see `skin_lightness.GROUPS`), of those groups of which there is somebody."""
    groups = np.array([skin_group(angle) or "" for angle in report.skin])
    targets, rows = np.array(report.targets), report.rows[name]
    said = _grid(report, [row.said for row in rows])
    same = _grid(report, [float(row.identity < SAME_PERSON) for row in rows])
    found = {}
    for group in GROUPS:
        who = groups == group
        if who.any():
            apart = said[who] - targets
            photo = np.abs(report.said - report.ages)[who].mean()
            found[group] = SkinFigures(
                int(who.sum()),
                float(np.abs(apart).mean()),
                float(same[who].mean()),
                float(apart.mean()),
                float(photo),
            )
    return found


def to_json(report: AgeingReport) -> dict[str, Any]:
    """Everything as plain values; what can't be said is null."""
    return {
        "judge": report.judge,
        "judge is in nobody's loss": report.outside,
        "faces": len(report.ages),
        "judge's error on the photos": _finite(judge_error(report)),
        "judge's slope on the photos": _finite(judge_slope(report)),
        "real": {
            f"{t:.0f}": {"faces": n, "said": _finite(m)} for t, (n, m) in summarise_real(report).items()
        },
        "ways": {name: _plain(summarise(report, name)) for name in report.rows},
        "skin": {
            name: {group: asdict(one) for group, one in summarise_skin(report, name).items()}
            for name in report.rows
        },
    }


def judge_error(report: AgeingReport) -> float:
    """Years by which the judge is off on the photos themselves."""
    return float(np.abs(report.said - report.ages).mean())


def judge_slope(report: AgeingReport) -> float:
    """Years that the judge's answers move by for a year between the photos; nan if they are few."""
    several = len(report.ages) >= FEWEST and report.ages.std() > NEAR
    return _slope(report.ages, report.said) if several else float("nan")


def _plain(found: Figures) -> dict[str, Any]:
    values = asdict(found)
    by_target = {f"{t:.0f}": _finite(v) for t, v in values.pop("by_target").items()}
    return {key: _finite(value) for key, value in values.items()} | {"by target": by_target}


def _finite(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _grid(report: AgeingReport, values: Sequence[float]) -> NDArray[np.float64]:
    """(P, targets)."""
    return np.array(values).reshape(len(report.ages), len(report.targets))


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    centred = x - x.mean()
    return float((centred * y).sum() / (centred**2).sum()) if len(x) > 1 else float("nan")


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """0 for answers that don't change at all: they follow nothing."""
    if len(x) < 2:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1]) if y.std() > 1e-6 else 0.0


def _survives(report: AgeingReport, rows: Sequence[EvaluationRow]) -> float:
    """The slope, through nought, of shifts after degrading against shifts before it."""
    shift = _grid(report, [row.said for row in rows]) - report.said[:, None]
    after = _grid(report, [row.said_degraded for row in rows]) - report.said_degraded[:, None]
    size = float((shift**2).sum())
    return float((shift * after).sum() / size) if size > 1 else float("nan")


def _mean(values: Sequence[float] | NDArray[np.float64]) -> float:
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else float("nan")
