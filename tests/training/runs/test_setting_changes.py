"""Going on with a run under other options."""

import json
from dataclasses import replace

import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.runs.family_options import settings_for
from faceswap_cli.training.runs.folder import create_run, open_run
from faceswap_cli.training.runs.setting_changes import apply_setting_changes, check_settings, differences
from tests.training.engine.test_loop import new_trainer

SETTINGS = settings_for("small", resolution=32, batch=4)
SMALL = replace(SETTINGS, network={**SETTINGS.network, "width": 8})


@pytest.fixture
def run(tmp_path):
    return create_run(tmp_path / "run", SETTINGS, {"a": "man", "b": "woman"}, np.ones((2, 128), np.float32))


def asked(run, explicit, **options):
    """What `train` does with the options of a later start."""
    settings = settings_for("small", **options)
    lines, trainer = [], new_trainer(SMALL)
    trainer.step, trainer.settings = 7, run.settings
    check_settings(FAMILIES["shared"], run, settings, explicit)
    return (
        apply_setting_changes(FAMILIES["shared"], run, settings, explicit, trainer, lines.append),
        trainer,
        lines,
    )


def test_batch_and_rate_change_and_it_is_said_and_recorded(run):
    changed, trainer, lines = asked(run, {"batch", "learning_rate"}, batch=16, learning_rate=2e-4)
    assert lines == [
        "batch: 4 -> 16 from step 7 on",
        "learning rate: 0.002 -> 0.0002 from step 7 on",
    ]
    wanted = replace(SETTINGS, batch=16, learning_rate=2e-4)
    again = open_run(run.path)
    for settings in (trainer.settings, changed.settings, again.settings):
        assert differences(FAMILIES["shared"], settings, wanted) == []
    assert again.history == ({"step": 7, "changed": {"batch": [4, 16], "learning_rate": [0.002, 0.0002]}},)
    assert again.names == run.names and (again.reference == run.reference).all()


def test_each_change_has_its_line(run):
    once, _, _ = asked(run, {"batch"}, batch=8)
    twice, _, _ = asked(once, {"batch"}, batch=4)
    assert [entry["changed"]["batch"] for entry in open_run(run.path).history] == [[4, 8], [8, 4]]
    assert differences(FAMILIES["shared"], twice.settings, SETTINGS) == []


@pytest.mark.parametrize("explicit", [set(), {"size"}, {"size", "batch"}])
def test_what_nobody_asked_for_stays(run, explicit):
    before = (run.path / "run.json").read_text()
    changed, _, lines = asked(run, explicit, batch=4)
    assert (changed.settings, lines) == (SETTINGS, [])
    assert (run.path / "run.json").read_text() == before


def test_a_size_alone_takes_no_batch_with_it(run):
    assert asked(run, {"size"})[0].settings.batch == 4


@pytest.mark.parametrize(
    ("size", "options", "name"),
    [
        ("small", {"seed": 1}, "seed 0, not 1"),
        ("small", {"resolution": 64}, "resolution 32, not 64"),
        ("base", {}, "width 32, not 48"),
    ],
)
def test_what_a_run_is_cannot_change(run, size, options, name):
    explicit = set(options) or {"size"}
    with pytest.raises(UserError, match="other settings") as error:
        check_settings(FAMILIES["shared"], run, settings_for(size, **options), explicit)
    assert name in error.value.message and "can't change in mid-run" in error.value.hint


def test_the_rate_counts_from_the_next_step_on(run):
    changed, trainer, _ = asked(run, {"learning_rate"}, learning_rate=1e-4)
    trainer.step = changed.settings.warm_up
    assert trainer.learning_rate(0.1) == pytest.approx(1e-4)


@pytest.mark.parametrize(("name", "value"), [("held_out", 0.7), ("batch", 0), ("learning_rate", 1e3)])
def test_a_setting_out_of_its_range_is_told(run, name, value):
    card = json.loads((run.path / "run.json").read_text())
    card["settings"][name] = value
    (run.path / "run.json").write_text(json.dumps(card))
    flag = f"--{name.replace('_', '-')}"
    with pytest.raises(UserError, match=f"settings are damaged.*{flag} .* can't be used"):
        open_run(run.path)


@pytest.mark.parametrize("history", ["3", "[4]", '{"a": 1}', "null"])
def test_a_history_edited_by_hand_is_told(run, history):
    card = run.path / "run.json"
    card.write_text(card.read_text().rstrip().removesuffix("}") + f', "history": {history}}}')
    with pytest.raises(UserError, match="damaged"):
        open_run(run.path)
