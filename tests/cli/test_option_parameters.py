"""From declarations to the command line: types, ranges, words, older names, headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from faceswap_cli.cli.app import Boundary, new_app
from faceswap_cli.cli.option_parameters import Aliases, expand_options
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.options import (
    LOOK,
    TIME,
    WHO,
    OptionGroup,
    Overrides,
    declared_options,
    flags_of,
    option,
    with_default,
)
from tests.cli.conftest import PICTURE


@dataclass(frozen=True)
class Taste(OptionGroup):
    """A group of options of every kind."""

    strength: float = option(0.5, 0, 2, group=LOOK, aliases=("--power",), help="How much.")
    count: int | None = option(None, 1, 9, group=LOOK, help="How many. [default: all]")
    colour: str = option("red", choices=("red", "blue"), group=LOOK, help="Which.")
    tint: str | None = option(None, choices=("warm", "cold"), group=LOOK, help="How it looks.")
    layers: tuple[str, ...] = option((), choices=("top", "base"), group=LOOK, help="Which ones.")
    people: tuple[Path, ...] = option((), group=WHO, flags=("--only",), metavar="PERSON", help="Who.")
    names: tuple[str, ...] = option(("b",), group=WHO, help="Whose.")
    steady_frames: bool = option(False, group=TIME, medium="video", help="Whether it is steadied.")
    label: bool | None = option(None, flags=("--label/--no-label",), help="Whether it is said.")
    turn: float = option(0.0, group=LOOK, help="How far.")
    kept: int = 7


@pytest.fixture
def paint():
    """Call a command with these options: the exit code, what was said, and what it was given."""
    app, given = new_app(cls=Boundary), {}

    def draw(
        source: Annotated[Path, typer.Argument(metavar="IN", help="The picture.")],
        taste: Taste,
        *,
        run: Annotated[Path, typer.Option("--run", "-m", help="The run."), Aliases(("--model",))] = Path("r"),
    ) -> None:
        """Draw."""
        given.update(source=source, taste=taste, run=run)

    app.command("video", medium="video")(draw)
    app.command("photo", medium="photo")(draw)

    def call(*arguments: object, command: str = "video"):
        given.clear()
        done = CliRunner().invoke(app, [command, *(str(one) for one in arguments)])
        return done, dict(given)

    return call


def test_nothing_said_is_the_declared_default(paint) -> None:
    done, given = paint("a.png")
    assert done.exit_code == 0, done.output
    assert given == {"source": Path("a.png"), "taste": Taste(), "run": Path("r")}


def test_what_is_said_comes_with_its_type(paint) -> None:
    said = ("--strength", 1.5, "--count", 3, "--colour", "blue", "--tint", "cold", "--layers", "top")
    more = ("--layers", "base", "--only", "x.jpg", "--names", "c", "--steady-frames", "--no-label")
    done, given = paint("a.png", *said, *more)
    assert done.exit_code == 0, done.output
    assert given["taste"] == Taste(
        1.5, 3, "blue", "cold", ("top", "base"), (Path("x.jpg"),), ("c",), True, False
    )
    assert type(given["taste"].colour) is str and type(given["taste"].layers[0]) is str


@pytest.mark.parametrize(
    ("wrong", "code", "word"),
    [
        (("--strength", 3), 2, "--strength takes 0 to 2"),
        (("--strength", "much"), 2, "--strength takes 0 to 2"),
        (("--count", 0), 2, "--count takes 1 to 9"),
        (("--colour", "green"), 2, "--colour takes one of red, blue"),
        (("--layers", "none"), 2, "--layers takes one of top, base"),
        (("--turn", "inf"), 1, "--turn inf can't be used. Use a number"),
        (("--kept", 3), 2, "--kept"),
    ],
)
def test_what_is_not_allowed_does_not_reach_the_command(paint, wrong, code, word) -> None:
    done, given = paint("a.png", *wrong)
    assert (done.exit_code, given) == (code, {}) and word in " ".join(done.output.split())


def test_older_names_work_and_are_not_shown(paint) -> None:
    assert paint("a.png", "--power", 2)[1]["taste"].strength == 2
    assert paint("a.png", "--power=2", "--model=old")[1]["run"] == Path("old")
    assert paint("--", "--model")[1]["source"] == Path("--model")  # no option after --
    text = paint("--help")[0].output
    assert "-m, --run" in text and "--model" not in text and "--power" not in text


def test_an_option_of_videos_is_none_of_photos(paint) -> None:
    assert "--steady-frames" in paint("--help")[0].output
    assert "--steady-frames" not in paint("--help", command="photo")[0].output
    done, given = paint("a.png", command="photo")
    assert done.exit_code == 0 and given["taste"] == Taste()


def test_the_help_has_headings_in_order_defaults_and_ranges(paint) -> None:
    text = " ".join(paint("--help")[0].output.split())
    places = [text.index(f"{heading}: -") for heading in (WHO, LOOK, TIME, "Options")]
    assert text.index("Arguments: IN") < places[0] and places == sorted(places)
    assert "How much. [default: 0.5; 0<=x<=2]" in text
    assert "[default: red]" in text and text.count("[default: all]") == 1


def test_an_option_that_is_there_twice_is_our_mistake() -> None:
    def twice(one: Taste, other: Taste) -> None:
        """Both have everything."""

    with pytest.raises(AssertionError, match="twice"):
        expand_options(twice)


@dataclass(frozen=True)
class Oven:
    """Settings that a recipe has already."""

    heat: int = option(180, 50, 250, group=LOOK, help="How hot.")
    minutes: int = option(20, 1, 90, group=LOOK, word="auto", metavar="INTEGER|auto", help="How long.")
    grill: bool = option(True, group=LOOK, flags=("--grill/--no-grill",), help="Whether from above.")
    tray: str = option("flat", choices=("flat", "deep"), group=LOOK, help="On what.")


@dataclass(frozen=True)
class SteamOven(Oven):
    heat: int = with_default(Oven, "heat", 100)
    steam: float = option(0.5, 0, 1, group=TIME, help="How wet. [default: the recipe's]")


@pytest.fixture
def bake():
    app, given = new_app(cls=Boundary), {}

    def start(settings: Overrides[Oven | SteamOven]) -> None:
        """Bake."""
        given.update(settings)

    app.command("bake")(start)
    app.command("other")(lambda: None)  # an app of one command has no boundary

    def call(*arguments: object):
        given.clear()
        return CliRunner().invoke(app, ["bake", *(str(one) for one in arguments)]), dict(given)

    return call


def test_of_settings_only_what_is_said_is_given(bake) -> None:
    assert bake()[1] == {} and bake()[0].exit_code == 0
    said = ("--heat", 180, "--no-grill", "--tray", "deep", "--steam", 0, "--minutes", 7)
    assert bake(*said)[1] == {"heat": 180, "grill": False, "tray": "deep", "steam": 0.0, "minutes": 7}
    assert bake("--minutes", "auto")[1] == {"minutes": "auto"}


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        (("--minutes", 91), 1, "--minutes 91 can't be used. Use auto, or 1 to 90"),
        (("--minutes", "long"), 2, "--minutes takes auto, or 1 to 90"),
        (("--heat", 300), 2, "--heat"),
        (("--steam", "nan"), 2, "--steam"),
    ],
)
def test_settings_are_checked_as_well(bake, wrong, code, words) -> None:
    done, given = bake(*wrong)
    assert (done.exit_code, given) == (code, {}) and words in " ".join(done.output.split())


def test_the_help_of_settings_tells_their_usual_values(bake) -> None:
    text = " ".join(bake("--help")[0].output.split())
    for words in ("How hot. [default: 180]", "[default: grill]", "On what. [default: flat]"):
        assert words in text
    assert text.count("--heat") == 1 and "How wet. [default: the recipe's] [0<=x<=1]" in text


@pytest.mark.parametrize("command", ["video", "sheet"])
def test_a_swaps_options_are_all_on_the_command_line(faceswap, command) -> None:
    text = " ".join(faceswap("convert", command, "--help").out.split())
    for own, declared in declared_options(SwapOptions):
        usual = rf".*?\[default: {re.escape(str(own.default))}" if own.default != () else ""
        assert re.search(rf"{flags_of(own, declared)[0]} {usual}", text)
        assert declared.help[:40] in text


def test_the_older_names_of_a_run_and_of_a_face(faceswap, tmp_path) -> None:
    nothing = tmp_path / "nothing"
    for name in ("--run", "--model", "-m"):
        done = faceswap("convert", "photo", PICTURE, name, nothing, "-o", tmp_path / "a.png")
        assert done.is_one_line_error(str(nothing))
        done = faceswap("age", "photo", PICTURE, name, nothing, "--to", 70, "-o", tmp_path / "a.png")
        assert done.is_one_line_error(str(nothing))
    assert faceswap("age", "photo", PICTURE, "--face", "x", "--to", 70, "-o", "a.png").code == 2
    assert "--face-index" in faceswap("age", "photo", "--help").out


def test_the_pictures_of_one_face_are_no_persons_choice(faceswap) -> None:
    """`--face` is whom to draw where there is somebody to draw."""
    assert "--face PHOTO|NAME" in faceswap("convert", "photo", "--help").out
    assert "--face <" not in faceswap("age", "photo", "--help").out
