"""A sheet of one feature over its range, or of two as a grid: a photo's faces with each value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from faceswap_cli.compositing.contact_sheet import draw_contact_sheet
from faceswap_cli.effects.edit.features import FEATURES, Value, find_feature, show_value
from faceswap_cli.effects.edit.plan import plan_edit
from faceswap_cli.effects.edit.render import EditStages
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.effects.sheet_window import CELL, cut_faces, draw_rows
from faceswap_cli.errors import UserError
from faceswap_cli.media.frame import Frame, Image

STEPS = 5
"""Values of a number that are shown."""


def read_sheet(text: str) -> tuple[str, ...]:
    """The features that `--sheet NAME` or `--sheet A,B` names.

    Raises:
        UserError: one is unknown, or there are more than two.
    """
    names = tuple(text.split(","))
    for name in names:
        find_feature(name)
    if len(names) > 2 or len(set(names)) < len(names):
        raise UserError(
            f"--sheet {text} can't be drawn", "Name one feature, or two: --sheet smile,brow-height"
        )
    return names


def draw_edit_sheet(
    image: Image,
    plan: FacePlan,
    stages: EditStages,
    names: Sequence[str],
    wanted: dict[str, Value],
    strength: float,
) -> Image:
    """Draw it.

    Args:
        image: the photo (H, W, 3).
        plan: its faces, in frame 0.
        stages: what edits them; their own edits do not count.
        names: the one or two features.
        wanted: what all pictures have besides.
        strength: how much of each change is made.
    """
    window, moved = cut_faces(image, plan)

    def draw(values: dict[str, Value]) -> Image:
        edits = {
            track: plan_edit(reading, {**wanted, **values}, strength)
            for track, reading in stages.readings.items()
        }
        editing = replace(stages, edits=edits)
        [done] = editing.composite(editing.draw([Frame(0, 0.0, window)], moved))
        return done.image

    if len(names) == 1:
        [name] = names
        shown = [(f"{name} {show_value(value)}", draw({name: value})) for value in sheet_values(name)]
        return draw_rows([("as it is", window), *shown])
    first, second = names
    rows = [
        (
            f"{first} {show_value(down)}",
            [draw({first: down, second: across}) for across in sheet_values(second)],
        )
        for down in sheet_values(first)
    ]
    return draw_contact_sheet(
        rows, [f"{second} {show_value(value)}" for value in sheet_values(second)], CELL // 2
    )


def sheet_values(name: str) -> list[Value]:
    """The values of a feature that a sheet shows."""
    feature = FEATURES[name]
    if feature.colours:
        return list(feature.colours)
    if feature.styles:
        return list(feature.styles)
    return [round(float(value), 3) for value in np.linspace(feature.low, feature.high, STEPS)]
