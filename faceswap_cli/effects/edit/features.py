"""What can be changed of a face: one table. Whatever else needs to know of a feature asks it.

A feature is read first, on the scale on which it is asked for, so that asking for what is there changes
nothing. The road says what changes it: `colour` another colour for a part; `shape` the photo's own pixels
moved; `drawn` something drawn on the face; `attribute` a network that answers with a change. Another road is
another value of `Road` and a module beside `colour_road` and the others.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from faceswap_cli.effects.edit.colours import HAIR, IRIS, LIPS, NamedColour, find_colour
from faceswap_cli.effects.edit.glasses_styles import NONE, STYLES
from faceswap_cli.errors import UserError

Road = Literal["colour", "shape", "drawn", "attribute"]

Value = float | str
"""A number, a style's name, or a colour's name or #rrggbb."""


@dataclass(frozen=True)
class Feature:
    """One thing that can be changed of a face.

    Attributes:
        road: what changes it.
        does: in words.
        low, high: of a number, which colours have none of.
        colours: the names of a colour; empty for a number.
        unit: of a number, in words; "" where it is a share.
        styles: the names of a style; empty for all else.
    """

    road: Road
    does: str
    low: float = 0.0
    high: float = 1.0
    colours: Mapping[str, NamedColour] | None = None
    unit: str = ""
    styles: tuple[str, ...] = ()

    @property
    def values(self) -> str:
        """What it takes, in words."""
        if self.colours:
            return f"{', '.join(self.colours)}, or #rrggbb"
        if self.styles:
            return ", ".join(self.styles)
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.low:g} to {self.high:g}{unit}"


FEATURES: dict[str, Feature] = {
    "hair": Feature("colour", "colour of the hair; covers grey, too", colours=HAIR),
    "brows": Feature("colour", "colour of the brows", colours=HAIR),
    "lips": Feature("colour", "colour of the lips", colours=LIPS),
    "iris": Feature("colour", "colour of the eyes", colours=IRIS),
    "skin": Feature("colour", "how light the skin is, -1 very dark, 1 very light", -1, 1),
    "warmth": Feature("colour", "how warm the skin is, -1 bluish, 1 golden", -1, 1),
    "teeth": Feature("colour", "how white the teeth are, where they are seen"),
    "smile": Feature("shape", "corners of the mouth: 1 a broad smile, below 0 drawn down", -1, 1),
    "mouth": Feature("shape", "how far the mouth is open"),
    "brow-height": Feature("shape", "brows: -1 drawn down, 1 raised", -1, 1),
    "lids": Feature("shape", "how far the eyes are open: 1 as wide as most people's, .5 half shut", 0.5, 1.4),
    "gaze-x": Feature("shape", "where the eyes look: -1 to the picture's left, 1 to its right", -1, 1),
    "gaze-y": Feature("shape", "where the eyes look: -1 down, 1 up", -1, 1),
    "eye-size": Feature("shape", "size of the eyes; 0 is the average, 1 larger than 19 of 20", -1, 1),
    "nose-width": Feature("shape", "width of the nose, likewise", -1, 1),
    "nose-length": Feature("shape", "length of the nose, likewise", -1, 1),
    "lip-fullness": Feature("shape", "thickness of the lips, likewise", -1, 1),
    "jaw": Feature("shape", "width of the jaw, likewise", -1, 1),
    "chin": Feature("shape", "length of the chin, likewise", -1, 1),
    "turn": Feature("shape", "head turned to the picture's right (below 0: left)", -25, 25, unit="degrees"),
    "nod": Feature("shape", "head raised (below 0: lowered)", -20, 20, unit="degrees"),
    "sex": Feature("attribute", "0 as men's faces look on average, 1 as women's; hair stays as it is"),
    "beard": Feature("drawn", ".25 stubble, .6 a short beard, 1 a full one; none is taken away"),
    "glasses": Feature("drawn", "glasses put on; none are taken off", styles=(NONE, *STYLES)),
    "makeup": Feature(
        "drawn", "lids, lashes, cheeks and lips made up, and evener skin, beside what there is"
    ),
    "freckles": Feature("drawn", "freckles on nose, cheeks and forehead, beside those there are"),
}
"""All of them, by name, in the order in which they are shown."""

EMOTIONS: dict[str, dict[str, float]] = {
    "happy": {"smile": 0.85, "mouth": 0.25, "lids": 0.85},
    "sad": {"smile": -0.6, "brow-height": 0.35, "lids": 0.75},
    "angry": {"smile": -0.35, "brow-height": -0.8, "lids": 0.85},
    "surprised": {"smile": 0.0, "brow-height": 0.9, "lids": 1.3, "mouth": 0.45},
    "calm": {"smile": 0.08, "brow-height": 0.0, "lids": 1.0, "mouth": 0.0},
}
"""Bundles of shapes, asked for as `emotion=happy`."""

EMOTION = "emotion"


def read_settings(texts: Sequence[str]) -> dict[str, Value]:
    """What `--set NAME=VALUE` asks for, in order; a later one of a name counts.

    Raises:
        UserError: a name or a value is unknown: the known ones are listed.
    """
    wanted: dict[str, Value] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"--set {text} says no value", f"Write it like --set {name}=VALUE")
        if name == EMOTION:
            if value not in EMOTIONS:
                raise UserError(
                    f"{value or 'nothing'} is no emotion here", f"Use one of {', '.join(EMOTIONS)}"
                )
            wanted |= EMOTIONS[value]
        else:
            wanted[name] = read_value(name, value)
    return wanted


def read_value(name: str, text: str) -> Value:
    """A feature's value as it is written.

    Raises:
        UserError: the name or the value is unknown.
    """
    feature = find_feature(name)
    if feature.colours:
        find_colour(text, dict(feature.colours), 0)
        return text
    if feature.styles:
        if text not in feature.styles:
            raise UserError(f"{name}={text} can't be", f"{name} takes {feature.values}")
        return text
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not feature.low <= value <= feature.high:
        raise UserError(f"{name}={text} can't be", f"{name} takes {feature.values}")
    return value


def find_feature(name: str) -> Feature:
    """The feature of a name.

    Raises:
        UserError: there is none.
    """
    if name in FEATURES:
        return FEATURES[name]
    near = difflib.get_close_matches(name, [*FEATURES, EMOTION], 1)
    meant = f"Did you mean {near[0]}? " if near else ""
    raise UserError(
        f"{name} can't be changed",
        f"{meant}These can: {', '.join(FEATURES)}, and {EMOTION} (a bundle of shapes)",
    )


def show_value(value: Value) -> str:
    """As it is printed: .6, -1, auburn."""
    if isinstance(value, str):
        return value
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text.replace("0.", ".", 1) if abs(value) < 1 else text
