"""A page that replays a training: one file that opens from the disk, without a network.

Places are packed as whole numbers in base64, which keeps a training of a hundred frames under a megabyte.
What comes from outside is escaped in the page's own text; inside its JSON no "<" is left that could end the
script element, and the scripts set text and never markup.
"""

from __future__ import annotations

import base64
import html
import json
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.files import write_text
from faceswap_cli.generation.lab.frames import FIELD, Floats, Frame
from faceswap_cli.training.monitor.points_validation import WINDOW, describe_state

UNIT = 4000
"""Steps of a packed number in a unit of the plane: 16 bits reach eight units both ways."""

SHOWN = 300
"""Points of each kind on the page."""

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; {connect}"
    "base-uri 'none'; form-action 'none'"
)


def write_page(path: Path, title: str, about: Sequence[str], real: Floats, frames: Sequence[Frame]) -> None:
    """Write a page that replays some frames.

    Args:
        path: an HTML file, replaced atomically.
        title: what was trained.
        about: lines below the title.
        real: (N, 2) points of the data.
        frames: in their order.

    Raises:
        UserError: it can't be written.
    """
    write_text(path, render_page(page_data(title, about, real, frames)))


def page_data(title: str, about: Sequence[str], real: Floats, frames: Sequence[Frame]) -> dict[str, Any]:
    """What the page's script knows."""
    return {
        "title": title,
        "about": list(about),
        "window": WINDOW,
        "unit": UNIT,
        "cells": FIELD,
        "real": _packed(real[:SHOWN]),
        "frames": [frame_data(frame) for frame in frames],
    }


def frame_data(frame: Frame) -> dict[str, Any]:
    """A frame as the page's script takes it."""
    figures = frame.figures
    return {
        "step": frame.step,
        "fake": _packed(frame.fake[:SHOWN]),
        "field": base64.b64encode((frame.field * 255).round().astype(np.uint8).tobytes()).decode(),
        "arrows": _packed(frame.arrows),
        "sheet": _packed(frame.sheet),
        "side": frame.sheet.shape[0] if frame.sheet.ndim == 3 else 0,
        "losses": {name: _short(value) for name, value in frame.losses.items()},
        "js": _short(figures.get("js", math.nan)),
        "floor": _short(figures.get("js_floor", math.nan)),
        "modes": figures.get("modes"),
        "modes_of": figures.get("modes_of"),
        "near": _short(figures.get("near", math.nan)),
        "state": describe_state(figures) if figures else "",
        "collapsed": bool(figures.get("collapsed")),
        "note": frame.note,
    }


def render_page(values: Mapping[str, Any], live: Mapping[str, Any] | None = None) -> str:
    """The page that shows some data.

    Args:
        values: see `page_data`.
        live: what its controls need where it steers a training (see `server`); None: it only replays.
    """
    title = html.escape(str(values["title"]))
    connect = "" if live is None else "connect-src 'self'; "
    controls = "" if live is None else _asset("lab_live.html")
    scripts = _asset("lab.js") + ("" if live is None else _asset("lab_live.js"))
    data = _script_json({**values, "live": live})
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY.format(connect=connect)}">\n'
        f"<style>\n{_asset('lab.css')}</style>\n"
        f"{_asset('lab_body.html').replace('<!-- controls -->', controls)}"
        f'<script type="application/json" id="data">{data}</script>\n'
        f"<script>\n{scripts}</script>\n</html>\n"
    )


def _script_json(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _packed(places: NDArray[np.floating[Any]]) -> str:
    limit = np.iinfo(np.int16).max
    whole = np.clip(np.nan_to_num(places) * UNIT, -limit, limit).round().astype("<i2")
    return base64.b64encode(whole.tobytes()).decode()


def _short(value: float) -> float | None:
    """Four digits are enough for a curve; null where there is no number."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
