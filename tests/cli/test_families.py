"""`faceswap train --model --option`: every family from face sets to a drawn picture."""

import json

import pytest

from faceswap_cli.training.runs.folder import open_run
from tests.cli.conftest import PICTURE
from tests.face_sets import make_set
from tests.families import SWAPS

TINY = ("--resolution", 32, "--batch", 2, "--option", "width=8", "--option", "code=16", "--device", "cpu")


@pytest.fixture
def train(faceswap, tmp_path):
    people = make_set(tmp_path / "man", 4), make_set(tmp_path / "woman", 4, level=lambda k: 90)

    def call(*options, steps=1):
        run = ("-A", people[0], "-B", people[1], "-m", tmp_path / "run", "--steps", steps)
        return faceswap("train", *run, *options)

    return call


@pytest.mark.parametrize("family", SWAPS)
def test_a_run_is_trained_gone_on_with_and_drawn_from(train, faceswap, tmp_path, family):
    assert train("--family", family, *TINY).code == 0
    settings = open_run(tmp_path / "run").settings
    assert (settings.family, settings.network["width"]) == (family, 8)
    # The run knows its family. What is measured at the end was measured at the first.
    assert train("--option", "code=16", "--checkpointing", "--measure-every", 0, steps=2).code == 0
    done = train("--option", "code=32", steps=4)
    assert done.is_one_line_error("code 16, not 32", "leave the options out")
    other = next(name for name in SWAPS if name != family)
    assert train("--architecture", other, steps=4).is_one_line_error("other settings (family")
    output = tmp_path / "drawn.png"
    done = faceswap("convert", "photo", PICTURE, "-m", tmp_path / "run", "-o", output, "--all-faces")
    assert done.code == 0 and output.stat().st_size > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["depth=3"], ["no option 'depth'", "residuals (0 to 4, 0)"]),
        (["residuals"], ["residuals is no NAME=VALUE"]),
        (["residuals=5"], ["residuals=5 can't be used", "Give 0 to 4"]),
        (["residuals=1.5"], ["residuals=1.5 can't be used"]),
        (["pixel_norm=2"], ["Give true or false"]),
        (["width="], ["width= can't be used"]),
        (["identities=a"], ["no option 'identities'"]),
        (["resolution=64"], ["no option 'resolution'"]),
        (["code=16", "code=32"], ["given twice"]),
    ],
)
def test_wrong_options_are_one_line_errors(train, tmp_path, options, words):
    done = train(*(part for option in options for part in ("--option", option)))
    assert done.is_one_line_error(*words)
    assert not (tmp_path / "run").exists()


def test_options_are_of_a_family(train):
    assert train("--architecture", "original", "--option", "residuals=1").is_one_line_error("original")
    assert train("--architecture", "original", "--size", "base").is_one_line_error("size medium", "use small")


def test_options_are_in_the_settings(train):
    options = ("--option", "pixel-norm=on", "--option", "depth_to_space=False", "--option", "residuals=2")
    done = train("--architecture", "liae", *options, "--dry-run")
    settings = json.loads(done.out)
    assert settings["family"] == "liae"
    assert settings["network"]["pixel_norm"] is True
    assert settings["network"]["depth_to_space"] is False
    assert settings["network"]["residuals"] == 2


def test_a_setting_given_by_its_option_is_in_the_run_and_stays(train, tmp_path):
    """What a setting's declaration leads to: command line, run.json, its range, no change in mid-run."""
    assert json.loads(train("--recolour", 0.25, "--dry-run").out)["recolour"] == 0.25
    assert json.loads(train("--family", "gan", "--dry-run").out)["recolour"] == 0.5  # the family's own
    assert train("--recolour", 0, *TINY, "--measure-every", 0).code == 0
    assert open_run(tmp_path / "run").settings.recolour == 0
    assert train("--recolour", 1, steps=2).is_one_line_error("recolour 0.0, not 1.0", "mid-run")
    assert train("--recolour", 2).code == 2


def test_a_run_of_before_an_option_stands_at_its_default(train, tmp_path):
    assert train(*TINY, "--measure-every", 0).code == 0
    card = tmp_path / "run" / "run.json"
    told = json.loads(card.read_text())
    del told["settings"]["network"]["pixel_norm"]
    card.write_text(json.dumps(told))
    assert train("--option", "pixel_norm=false", "--measure-every", 0, steps=2).code == 0
    assert train("--option", "pixel_norm=true", steps=3).is_one_line_error("pixel_norm False, not True")
