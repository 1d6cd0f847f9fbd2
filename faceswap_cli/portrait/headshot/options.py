"""What a business photo is to look like, as the command line says it. Nothing heavy is imported here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from faceswap_cli.errors import UserError
from faceswap_cli.options import INPUT, LOOK, OptionGroup, option

DRESSES = ("auto", "suit", "jacket", "keep")

CROP_NAMES = ("4:5", "1:1", "passport")

PLAIN = {"white": "#ffffff", "grey": "#b9bcc0"}
"""Backgrounds of one colour that have a name."""

SCENES = ("gradient", "keep", "blur")
"""Backgrounds that are no colour and no file."""

CLOTHS = {"navy": "#1d2740", "charcoal": "#33363b", "black": "#191a1c", "grey": "#6d7279", "brown": "#4b3a30"}

TIES = {
    "burgundy": "#5e1826",
    "blue": "#274a78",
    "green": "#2c4a3a",
    "silver": "#8d939b",
    "black": "#16171a",
}

SHIRTS = {"white": "#f1f2f3", "blue": "#c3d3e6", "cream": "#efe8da", "black": "#202124"}

_HEX = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class HeadshotOptions(OptionGroup):
    """How a business photo is made."""

    dress: tuple[str, ...] = option(
        ("auto",), group=LOOK, choices=DRESSES,
        help="keep (the person's own clothes), suit (drawn, with shirt and tie), jacket (drawn, over a plain "
        "top), or auto: keep, and a jacket where the photo shows no shoulders. Drawn clothes "
        "look drawn when looked at closely. Several make a sheet.",
    )  # fmt: skip
    background: tuple[str, ...] = option(
        ("gradient",), group=LOOK, metavar="WHAT",
        help="white, grey, #rrggbb, gradient (grey, lighter behind the person), keep, blur (the photo's own, "
        "out of focus), or a picture's file. Several make a sheet.",
    )  # fmt: skip
    crop: str = option(
        "4:5", group=LOOK, choices=CROP_NAMES,
        help="Shape of the result: 4:5 (head and shoulders), 1:1, or passport (35 x 45 mm, the head 70 to "
        "80 % of the height; check your office's rules).",
    )  # fmt: skip
    retouch: float = option(
        0.5, 0, 1, group=LOOK,
        help="How much uneven light, shine and blemishes are softened; shapes never change. 0: not at all.",
    )  # fmt: skip
    straighten: bool = option(
        True, group=LOOK, flags=("--straighten/--no-straighten",),
        help="Turn the photo until the eyes are level.",
    )  # fmt: skip
    cloth: str = option(
        "navy", group=LOOK, metavar="COLOUR",
        help=f"Colour of a drawn suit or jacket: {', '.join(CLOTHS)} or #rrggbb.",
    )  # fmt: skip
    shirt: str = option(
        "white", group=LOOK, metavar="COLOUR",
        help=f"Colour of the shirt or top under it: {', '.join(SHIRTS)} or #rrggbb.",
    )  # fmt: skip
    tie: str = option(
        "burgundy", group=LOOK, metavar="COLOUR",
        help=f"Colour of a drawn suit's tie: {', '.join(TIES)}, #rrggbb, or none: an open collar.",
    )  # fmt: skip
    height: int | None = option(
        None, 128, 8192, group=INPUT, metavar="PIXELS",
        help="Height of the result. [default: as many pixels as the photo has there, at most 2400]",
    )  # fmt: skip

    def check(self) -> None:
        """Raise a UserError for the first value that can't be."""
        super().check()
        for what in self.background:
            check_background(what)
        self.colours()

    def colours(self) -> GarmentColours:
        """Of the drawn clothes."""
        tie = None if self.tie == "none" else _named("--tie", self.tie, TIES, "none")
        return GarmentColours(
            _named("--cloth", self.cloth, CLOTHS), _named("--shirt", self.shirt, SHIRTS), tie
        )


Colour = tuple[float, float, float]
"""RGB in [0, 1], as encoded in pictures."""


@dataclass(frozen=True)
class GarmentColours:
    """Colours of drawn clothes.

    Attributes:
        cloth: of suit and jacket.
        shirt: of the shirt or top.
        tie: None for an open collar.
    """

    cloth: Colour
    shirt: Colour
    tie: Colour | None


def read_colour(text: str) -> Colour:
    """#rrggbb as three shares."""
    red, green, blue = (int(text[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def plain_colour(background: str) -> Colour | None:
    """The one colour of a background; None if it has none."""
    text = PLAIN.get(background, background)
    return read_colour(text) if _HEX.fullmatch(text) else None


def check_background(what: str) -> None:
    """Raise a UserError if a background is none."""
    if what in SCENES or plain_colour(what) is not None or Path(what).is_file():
        return
    if what.startswith("#"):
        raise UserError(f"--background {what} is no colour", "Give six hexadecimal digits, such as #d8dde3")
    names = ", ".join((*PLAIN, *SCENES))
    raise UserError(f"--background {what} is no background and no file", f"Use {names}, #rrggbb or a picture")


def _named(flag: str, text: str, names: dict[str, str], *others: str) -> Colour:
    text = names.get(text, text)
    if not _HEX.fullmatch(text):
        known = ", ".join((*names, *others))
        raise UserError(f"{flag} {text} is no colour", f"Use {known} or #rrggbb")
    return read_colour(text)
