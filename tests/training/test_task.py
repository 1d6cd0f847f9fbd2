"""One training for every family, shown by one that knows no faces."""

import json
from dataclasses import replace

import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.training.engine import early_stopping, event_log, loop
from faceswap_cli.training.engine.checkpoints import read_checkpoint
from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.options import MonitorOptions, SessionOptions
from faceswap_cli.training.runs.folder import create_run, open_run
from faceswap_cli.training.runs.rollback import roll_back
from faceswap_cli.training.task import TrainingTask, train
from tests.training.toy_family import RING, RingSource

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def report_every_step(monkeypatch):
    monkeypatch.setattr(loop, "REPORT_SECONDS", 0.0)


def task(folder, steps, **options):
    watching = MonitorOptions(preview_every=0.0, measure_every=4)
    settings = options.pop("settings", RING.sizes["small"])
    return TrainingTask(
        RING, RingSource(), folder, settings, budget=Budget(steps), watching=watching, **options
    )


def run(wanted, stop_at=None):
    """Train; the reports, and what was said."""
    said, ticks = [], []

    def stop():
        return stop_at is not None and bool(ticks) and ticks[-1].step >= stop_at

    for tick in train(wanted, CPU, stop, said.append):
        ticks.append(tick)  # noqa: PERF402 - stop looks at it meanwhile
    return ticks, said


def weights(folder):
    return read_checkpoint(open_run(folder, RING).store.paths()[-1]).tensors


def test_a_run_has_settings_checkpoints_measures_previews_and_a_page(tmp_path):
    wanted = task(tmp_path / "run", 10)
    ticks, said = run(wanted)
    assert ticks[-1].step == 10 and "starting from random weights" in said
    [data] = wanted.source.loaded
    assert data.began and data.closed
    opened = open_run(tmp_path / "run", RING)
    assert opened.settings == RING.sizes["small"]
    measured = [line["step"] for line in event_log.read_events(opened.log) if "validation" in line]
    assert measured == [4, 8, 10]
    assert opened.preview.is_file() and (opened.path / "train.html").is_file()
    assert any(name.startswith("aside.") for name in weights(tmp_path / "run"))


def test_gone_on_with_it_ends_in_the_weights_of_an_uninterrupted_run(tmp_path):
    run(task(tmp_path / "whole", 12))
    run(task(tmp_path / "parts", 12), stop_at=5)
    wanted = task(tmp_path / "parts", 12)
    _, said = run(wanted)
    assert "going on at step 5" in "".join(said) and not wanted.source.loaded[0].began
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())
    assert run(task(tmp_path / "parts", 12))[0] == []  # and nothing is read again


def test_it_goes_back_to_a_snapshot_and_on(tmp_path):
    run(task(tmp_path / "run", 9, session=SessionOptions(snapshot_every=3)))
    assert roll_back(open_run(tmp_path / "run", RING), 5).step == 3
    assert run(task(tmp_path / "run", 9))[0][0].step == 4


def test_it_ends_when_it_no_longer_gets_better(tmp_path, monkeypatch):
    monkeypatch.setattr(early_stopping, "LEAST_STEPS", 4)
    monkeypatch.setattr(early_stopping, "LEAST_POINTS", 2)
    monkeypatch.setattr(early_stopping, "LEAST_CLOSING", 6)
    still = replace(RING.sizes["small"], learning_rate=1e-12)
    ticks, _ = run(task(tmp_path / "run", None, until_plateau=True, settings=still))
    assert any("levelled off since" in (tick.note or "") for tick in ticks)
    assert ticks[-1].progress >= 1


def test_what_a_run_is_stays_and_what_may_change_changes(tmp_path):
    run(task(tmp_path / "run", 2))
    other = replace(RING.sizes["small"], seed=1)
    with pytest.raises(UserError, match="seed 0, not 1"):
        run(task(tmp_path / "run", 4, settings=other, explicit=frozenset({"seed"})))
    faster = replace(RING.sizes["small"], learning_rate=0.01)
    _, said = run(task(tmp_path / "run", 4, settings=faster, explicit=frozenset({"learning_rate"})))
    assert "learning rate: 0.001 -> 0.01 from step 2 on" in said


def test_a_folder_of_another_family_is_refused(tmp_path):
    create_run(tmp_path / "run", replace(RING.sizes["small"], family="shared"), {}, RingSource().reference())
    card = tmp_path / "run" / "run.json"
    told = json.loads(card.read_text())
    del told["settings"]["radius"]
    told["settings"] |= {"network": {"resolution": 32}, "loss": {}}
    card.write_text(json.dumps(told))
    with pytest.raises(UserError, match="family shared, not ring"):
        run(task(tmp_path / "run", 4))


def test_checkpoints_without_a_card_are_taken_over_where_that_is_wanted(tmp_path):
    run(task(tmp_path / "run", 3))
    (tmp_path / "run" / "run.json").unlink()
    with pytest.raises(UserError, match="holds no run"):
        run(task(tmp_path / "run", 5))
    assert run(task(tmp_path / "run", 5, adopt=True))[0][0].step == 4
