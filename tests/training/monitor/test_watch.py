import json
import re
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.training.engine import early_stopping, event_log
from faceswap_cli.training.engine.early_stopping import UntilPlateau
from faceswap_cli.training.engine.loop import Budget, Tick, fit
from faceswap_cli.training.engine.trainer import HOLD
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.families.swap import SwapData
from faceswap_cli.training.monitor import preview_history
from faceswap_cli.training.monitor.swap_validation import SwapValidator, Validation
from faceswap_cli.training.monitor.tensorboard import TensorBoardLog
from faceswap_cli.training.monitor.watch import Monitor
from faceswap_cli.training.options import MonitorOptions
from faceswap_cli.training.runs.folder import create_run, is_run, open_run
from faceswap_cli.training.runs.settings import SwapSettings
from faceswap_cli.training.task import new_trainer
from tests.training.conftest import made_up_faces

SETTINGS = SwapSettings(
    family="shared",
    network={"resolution": 32, "width": 8, "code": 16, "identities": ["a", "b"]},
    batch=2,
    warm_up=2,
)
NAMES = {"a": "Adam <script>alert(1)</script>", "b": "Bert"}


@pytest.fixture
def data():
    people = {"a": made_up_faces((200, 150, 120), 20), "b": made_up_faces((120, 90, 70), 20)}
    return SwapData(people, SETTINGS, NAMES)


def start(folder):
    """A run and its trainer, at its newest checkpoint."""
    run = open_run(folder) if is_run(folder) else create_run(folder, SETTINGS, NAMES, np.zeros((0, 128)))
    trainer = new_trainer(FAMILIES["shared"], SETTINGS, torch.device("cpu"))
    checkpoint, _ = run.store.newest()
    if checkpoint is not None:
        trainer.restore(checkpoint)
    return run, trainer


def trained(folder, data, steps=None, until_plateau=False, wanted=None, stop_at=None):
    """Go on with a run as `train` does."""
    run, trainer = start(folder)
    wanted = wanted or MonitorOptions(measure_every=2 if until_plateau else 4)
    budget = UntilPlateau(steps, None, trainer.extra) if until_plateau else Budget(steps)
    watch = Monitor(run, trainer, data, FAMILIES["shared"], budget, wanted)
    notes = watch.begin()
    batches = data.batches(SETTINGS)
    stop = lambda: stop_at is not None and trainer.step >= stop_at  # noqa: E731
    ticks = list(
        map(watch, fit(trainer, batches, budget, run.store, stop, 1e9, run.log, attend=watch.attends))
    )
    return run, trainer, ticks, notes


def measured(run):
    return [line["step"] for line in event_log.read_events(run.log) if "validation" in line]


def page_data(run):
    text = (run.path / "train.html").read_text()
    return text, json.loads(re.search(r'id="data">(.*?)</script>', text)[1])


def test_measuring_changes_no_weight(data, tmp_path):
    _, watched, _, _ = trained(tmp_path / "watched", data, 10)
    _, alone, _, _ = trained(tmp_path / "alone", data, 10, wanted=MonitorOptions(1e9, measure_every=0))
    for name, tensor in alone.tensors().items():
        assert torch.equal(tensor, watched.tensors()[name]), name


def test_measures_are_logged_at_their_steps_and_after_a_new_start(data, tmp_path):
    trained(tmp_path / "run", data, 14, stop_at=8)
    run, trainer, ticks, _ = trained(tmp_path / "run", data, 14)
    assert trainer.step == 14 and ticks[-1].progress == 1
    assert measured(run) == [4, 8, 12, 14]
    lines = event_log.read_events(run.log)
    figures = next(line for line in lines if "validation" in line)["validation"]
    assert {"loss", "likeness", "landmarks", "sharpness", "mask", "terms", "rebuilt"} <= set(figures)
    assert all("seconds" in line for line in lines)


def test_the_page_is_whole_and_safe(data, tmp_path):
    run, _, _, _ = trained(tmp_path / "run", data, 5)
    text, page = page_data(run)
    assert not re.search(r'(?:src|href)="?https?:', text)
    assert "alert(1)</script>" not in text
    assert page["people"][0]["name"] == NAMES["a"]
    assert page["done"] and page["step"] == 5 and page["refresh"] == 0
    assert [row[0] for row in page["measures"]] == [4, 5]
    assert all((run.path / file).is_file() for _, file in page["previews"])
    assert "2 of A" in page["held"]


def test_a_page_that_cannot_be_written_ends_no_training(data, tmp_path):
    run, _ = start(tmp_path / "run")
    (run.path / "train.html").mkdir()
    _, trainer, ticks, _ = trained(tmp_path / "run", data, 5)
    assert trainer.step == 5 and "train.html" in ticks[-1].note


@pytest.fixture
def level_at_once(monkeypatch):
    """A series that has levelled off after 8 measures; the rule itself is tested in test_plateau."""
    monkeypatch.setattr(early_stopping, "LEAST_STEPS", 4)
    monkeypatch.setattr(early_stopping, "LEAST_POINTS", 2)
    monkeypatch.setattr(early_stopping, "LEAST_CLOSING", 6)
    monkeypatch.setattr(SwapValidator, "__init__", lambda self, *_: None)
    monkeypatch.setattr(SwapValidator, "measure", lambda self, model: Validation(1.0, {"dssim": 1.0}, {}, {}))


def test_until_plateau_ends_with_a_closing_phase(data, tmp_path, level_at_once):
    run, trainer, ticks, _ = trained(tmp_path / "run", data, until_plateau=True)
    begun, until = trainer.extra["closing_from"], trainer.extra["closing_until"]
    assert until == trainer.step == begun + max(round(begun / 3), 6)
    assert [tick.open_ended for tick in ticks if tick.step < begun] != []
    assert all(tick.open_ended == (tick.step < begun) for tick in ticks)
    assert ticks[0].left == "until it levels off"
    noted = [tick.note for tick in ticks if tick.note]
    assert "levelled off since step" in noted[0] and "more training will hardly help" in noted[-1]
    assert trainer.learning_rate(HOLD) == pytest.approx(SETTINGS.learning_rate)
    _, page = page_data(run)
    assert (page["verdict"], page["closing_from"], page["done"]) == ("level", begun, True)
    # Once more: there is nothing left to do.
    assert trained(tmp_path / "run", data, until_plateau=True)[2] == []


@pytest.mark.parametrize("stop_at", [5, 16, 19])
def test_until_plateau_resumed_equals_uninterrupted(data, tmp_path, level_at_once, stop_at):
    _, whole, _, _ = trained(tmp_path / "whole", data, until_plateau=True)
    assert whole.extra["closing_from"] == 16 and whole.step == 22
    trained(tmp_path / "parts", data, until_plateau=True, stop_at=stop_at)
    _, resumed, _, _ = trained(tmp_path / "parts", data, until_plateau=True)
    assert resumed.facts() | {"seconds": 0} == whole.facts() | {"seconds": 0}
    for name, tensor in whole.tensors().items():
        assert torch.equal(tensor, resumed.tensors()[name]), name


def test_a_decision_made_after_the_checkpoint_is_made_again(data, tmp_path, level_at_once):
    """Killed between saving and deciding: the log alone leads to the same end."""
    _, whole, _, _ = trained(tmp_path / "whole", data, until_plateau=True)
    begun = int(whole.extra["closing_from"])
    run, trainer, _, _ = trained(tmp_path / "parts", data, until_plateau=True, stop_at=begun)
    trainer.extra.clear()
    for path in run.store.paths():
        path.unlink()
    run.store.save(trainer.step, trainer.tensors(), {**trainer.facts(), "seconds": 0.0})
    _, resumed, _, notes = trained(tmp_path / "parts", data, until_plateau=True)
    assert "levelled off" in notes[0]
    assert resumed.extra == whole.extra


def test_previews_thin_out_towards_the_end(tmp_path):
    (tmp_path / "preview.jpg").write_bytes(b"x")
    folder = tmp_path / "previews"
    for step in range(10, 200, 10):
        preview_history.keep_preview(tmp_path / "preview.jpg", folder, step)
    kept = preview_history.preview_steps(folder)
    assert len(kept) == preview_history.MOST and (kept[0], kept[-1]) == (10, 190)
    for step in range(200, 5000, 10):
        kept.append(step)
        kept.remove(preview_history.superfluous_steps(kept))
    ratios = [after / before for before, after in pairwise(kept)]
    assert max(ratios) < 4
    preview_history.keep_preview(tmp_path / "preview.jpg", folder, 100)  # the run went back
    assert preview_history.preview_steps(folder)[-1] == 100


def test_tensorboard_that_is_missing_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match="not installed"):
        TensorBoardLog(tmp_path, 0)


def test_tensorboard_gets_the_figures(tmp_path):
    pytest.importorskip("tensorboard")
    board = TensorBoardLog(tmp_path / "tensorboard", 0)
    board.losses(Tick(1, 0.5, {"dssim": 1.0}, 10, 0.1, 5))
    board.validation(1, {"loss": 1.0, "rebuilt": {"a": 0.5}})
    board.preview(tmp_path / "missing.jpg", 1)
    assert sum(path.stat().st_size for path in (tmp_path / "tensorboard").iterdir()) > 100
