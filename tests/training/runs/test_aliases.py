"""Run folders of earlier versions are read."""

import json

import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.training.runs.folder import amend_run, open_run
from faceswap_cli.training.runs.settings import AgeSettings, SwapSettings

SWAP = {
    "format": "faceswap-run",
    "version": 2,
    "settings": {
        "architecture": "liae",
        "network": {"resolution": 64, "identities": ["a", "b"]},
        "base": "",
        "batch": 4,
        "accumulate": 1,
        "learning_rate": 0.002,
        "held_out": 0.1,
        "loss": {"dssim": 0.5},
    },
    "names": {"a": "man", "b": "woman"},
    "reference": [],
}
AGE = {
    "format": "faceswap-ageing-run",
    "version": 1,
    "settings": {"base": "", "batch": 6, "learning_rate": 0.0006, "seed": 3, "weights": {"age": 2.0}},
}


def written(folder, card):
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(card))
    return open_run(folder)


def test_a_swap_of_version_2(tmp_path):
    run = written(tmp_path / "run", SWAP)
    assert isinstance(run.settings, SwapSettings) and run.settings.family == "liae"
    assert (run.settings.loss.dssim, run.names["b"], run.settings.batch) == (0.5, "woman", 4)


def test_an_ageing_run_of_before(tmp_path):
    run = written(tmp_path / "run", AGE)
    assert run.settings.weights.age == 2.0
    assert run.settings == AgeSettings(
        family="age", base="", batch=6, learning_rate=6e-4, seed=3, weights=run.settings.weights
    )
    assert (run.names, len(run.reference), run.identities) == ({}, 0, ())


@pytest.mark.parametrize("card", [SWAP, AGE])
def test_amended_it_is_of_todays_form_and_the_same(tmp_path, card):
    run = written(tmp_path / "run", card)
    amend_run(run, {"step": 4, "changed": {}})
    again = open_run(run.path)
    assert again.settings == run.settings and again.names == run.names and len(again.history) == 1
    assert json.loads((run.path / "run.json").read_text())["version"] == 3


def test_a_version_that_comes_later_is_told(tmp_path):
    with pytest.raises(UserError, match="another version"):
        written(tmp_path / "run", {**SWAP, "version": 9})
    with pytest.raises(UserError, match="another kind"):
        written(tmp_path / "other", {**SWAP, "format": "something"})
