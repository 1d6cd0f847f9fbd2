"""`RUN/train.html`: how the training goes, on one page that opens from the disk without a network.

The page carries its data as JSON and draws its curves itself (`report.js`). Names of people and folders come
from outside: in the page's own text they are escaped, inside the JSON no "<" is left that could end the
script element, and the script sets text and never markup.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from faceswap_cli.files import write_text
from faceswap_cli.training.engine.early_stopping import ProgressVerdict
from faceswap_cli.training.monitor import preview_history
from faceswap_cli.training.monitor.figures import Figure, charts, gain_in_words
from faceswap_cli.training.monitor.history import History

PAGE = "train.html"


@dataclass(frozen=True)
class State:
    """How a run stands.

    Attributes:
        name: of the run.
        people: a label for each identity.
        step: updates so far.
        seconds: trained so far.
        images_per_second: see `loop.Tick`.
        left: time that is left, in words.
        done: whether its end was reached.
        closing_from: step at which the closing phase began; None: it has not, or there is none.
        verdict: whether it still gets better.
        advice: what that means to a person, see `give_advice`.
        held: what the measures are taken on, in words.
        written: when, as a person writes it.
        refresh: seconds after which the page is worth loading anew; 0: never.
    """

    name: str
    people: Mapping[str, str]
    step: int
    seconds: float
    images_per_second: float
    left: str
    done: bool
    closing_from: int | None
    verdict: ProgressVerdict
    advice: str
    held: str
    written: str
    refresh: float


def write_report(folder: Path, history: History, state: State, figures: Sequence[Figure]) -> None:
    """Write the page.

    Raises:
        UserError: it can't be written.
    """
    write_text(folder / PAGE, render_report(report_data(folder, history, state, figures)))


def report_data(folder: Path, history: History, state: State, figures: Sequence[Figure]) -> dict[str, Any]:
    """What the page's script knows."""
    terms = set(history.measures[-1]["validation"].get("terms") or ()) if history.measures else set()
    losses = [
        # The same terms that are measured: adversarial ones and the like have another scale.
        (one.step, one.seconds, sum(v for k, v in one.terms.items() if not terms or k in terms))
        for one in history.losses
    ]
    names = [one.name for one in figures]
    measures = [
        (one["step"], one["seconds"], *(one["validation"].get(name) for name in names))
        for one in history.measures
    ]
    last = history.measures[-1]["validation"] if history.measures else {}
    previews = preview_history.preview_steps(folder / preview_history.FOLDER)
    return {
        **{k: v for k, v in vars(state).items() if k not in ("verdict", "people")},
        "verdict": state.verdict.state,
        "since": state.verdict.since or None,
        "people": [
            {"id": k, "name": v, **_finite((last.get("people") or {}).get(k) or {})}
            for k, v in state.people.items()
        ],
        "figures": names,
        "charts": charts(figures),
        "losses": [[step, round(seconds, 1), _short(loss)] for step, seconds, loss in losses],
        "measures": [[one[0], round(one[1], 1), *map(_short, one[2:])] for one in measures],
        "previews": [
            [step, preview_history.preview_file(Path(preview_history.FOLDER), step).as_posix()]
            for step in previews
        ],
    }


def render_report(values: Mapping[str, Any]) -> str:
    """The page that shows some data."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    title = html.escape(f"Training {values['name']}")
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>\n{_asset("report.css")}</style>\n'
        f'<h1>{title}</h1>\n<p id="advice" class="{html.escape(str(values["verdict"]))}">'
        f"{html.escape(str(values['advice']))}</p>\n"
        f"<noscript><p>The curves are drawn by a script, which your browser does not run. "
        f'The latest preview is <a href="preview.jpg">preview.jpg</a>.</p></noscript>\n'
        f"{_asset('report_body.html')}"
        f'<script type="application/json" id="data">{text.replace("<", chr(92) + "u003c")}</script>\n'
        f"<script>\n{_asset('report.js')}</script>\n</html>\n"
    )


def give_advice(
    verdict: ProgressVerdict, *, done: bool, closing_until: int | None, remedy: str, figures: Sequence[Figure]
) -> str:
    """The verdict in words, and what to do.

    Args:
        verdict: see plateau.judge.
        done: whether the run's end was reached.
        closing_until: last step of a closing phase in progress.
        remedy: what helps a run that has levelled off.
        figures: what was measured.
    """
    if verdict.state == "level":
        text = f"Has levelled off since step {verdict.since:,}: more training will hardly help; "
        text += f"{remedy}."
        return text if done or closing_until is None else f"{text} Finishing until step {closing_until:,}."
    if verdict.state == "improving":
        how = gain_in_words(figures, verdict.gains)
        if done:
            return (
                f"Was still getting better when its time was up ({how} in its last third): "
                "a larger --minutes or --steps will help."
            )
        return f"Still getting better ({how} in the last third of the training)."
    ended = " A longer training would tell." if done else ""
    return f"Too early to say whether it has levelled off.{ended}"


def _short(value: object) -> float | None:
    """Four digits are enough for a curve; null where there is no number."""
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(f"{value:.4g}")


def _finite(values: Mapping[str, object]) -> dict[str, float | None]:
    return {name: _short(value) for name, value in values.items()}


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
