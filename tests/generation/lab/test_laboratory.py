"""The laboratory trains by the loop of every training: seeds, resuming, changes, one phase alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.generation.lab.frames import ARROWS, FIELD, SHEET, THREAD
from faceswap_cli.generation.lab.laboratory import Experiment, Laboratory, penalties_of
from faceswap_cli.generation.lab.steering import Steering
from faceswap_cli.generation.lab.summary import summarise
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.families.points import SHOWN, PointsSource
from faceswap_cli.training.runs.folder import open_run
from faceswap_cli.training.runs.settings import PENALTIES, PointsSettings

SMALL = {"generator_width": 8, "discriminator_width": 8, "generator_layers": 1, "discriminator_layers": 1}


def experiment(data="ring", steps=6, network=(), **settings):
    own = FAMILIES["points"].sizes["small"]
    values = {"batch": 8, **penalties_of(settings.get("loss", own.loss)), **settings}
    return Experiment(
        PointsSource(Path(data)), replace(own, network={**SMALL, **dict(network)}, **values), steps
    )


def weights(run):
    checkpoint, _ = open_run(run).store.newest()
    return checkpoint.tensors


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def test_the_family_knows_the_settings_by_its_name():
    assert isinstance(FAMILIES["points"].sizes["small"], PointsSettings)
    assert FAMILIES["points"].sizes["small"].family == "points"


@pytest.mark.parametrize("loss", PENALTIES)
def test_every_loss_trains_both_networks(tmp_path, loss):
    frames = list(Laboratory(experiment(loss=loss), tmp_path).train())
    assert frames[-1].step == 6
    before, after = frames[0], frames[-1]
    assert (before.fake != after.fake).any() and (before.field != after.field).any()
    assert set(PENALTIES[loss]) == set(after.losses) - {"generator", "discriminator", "critic"}


def test_a_seed_gives_the_same_run_and_another_seed_another(tmp_path):
    for number, seed in enumerate((4, 4, 5)):
        list(Laboratory(experiment(seed=seed), tmp_path, tmp_path / f"run{number}").train())
    assert_same(weights(tmp_path / "run0"), weights(tmp_path / "run1"))
    assert not torch.equal(
        weights(tmp_path / "run0")["model.0.weight"], weights(tmp_path / "run2")["model.0.weight"]
    )


@pytest.mark.parametrize("loss", ["r3", "wgan-gp"])
def test_going_on_equals_not_having_stopped(tmp_path, loss):
    asked = experiment(loss=loss, steps=12, discriminator_updates=2)
    list(Laboratory(asked, tmp_path, tmp_path / "whole").train())
    stopped = Laboratory(asked, tmp_path, tmp_path / "parts")
    for frame in stopped.train():
        if frame.step == 5:
            stopped.stop()
    assert open_run(tmp_path / "parts").store.newest()[0].facts["step"] == 5
    assert [frame.step for frame in Laboratory(asked, tmp_path, tmp_path / "parts").train()][-1] == 12
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert_same(one, other)


def test_looking_more_often_changes_nothing(tmp_path):
    rare, often = (Laboratory(experiment(), tmp_path, tmp_path / name) for name in ("rare", "often"))
    often.every = 1
    list(rare.train())
    assert [frame.step for frame in often.train()] == [1, 2, 3, 4, 5, 6]
    assert_same(weights(tmp_path / "rare"), weights(tmp_path / "often"))


@pytest.mark.parametrize(("phase", "moved"), [("generator", "model."), ("discriminator", "aside.")])
def test_one_network_can_be_trained_alone(tmp_path, phase, moved):
    lab = Laboratory(experiment(steps=3), tmp_path, tmp_path / "run")
    begun = {}
    lab.train_only(phase)
    for frame in lab.train():
        if frame.step == 1:
            begun = weights(tmp_path / "run")
    ended = weights(tmp_path / "run")
    changed = {name.partition(".")[0] + "." for name in begun if not torch.equal(begun[name], ended[name])}
    assert moved in changed and not {"model.", "aside."} - {moved} & changed


def test_measures_stand_in_the_log_and_in_the_summary(tmp_path):
    lab = Laboratory(experiment("gaussians"), tmp_path, tmp_path / "run")
    *_, last = lab.train()
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    measured = [line["validation"] for line in lines if "validation" in line]
    assert len(measured) == 6 and {"js", "js_floor", "modes", "modes_of", "near"} <= set(measured[-1])
    summary = summarise(lab, last)
    assert summary["modes_of"] == 8 and summary["steps"] == 6 and summary["steps_per_second"] > 0
    assert summary["js"] == pytest.approx(measured[-1]["js"], abs=1e-3)
    assert json.loads(json.dumps(summary)) == summary


def test_what_was_stopped_before_it_was_measured_is_measured(tmp_path):
    lab = Laboratory(experiment(steps=10_000), tmp_path)
    lab.every = 1
    for frame in lab.train():
        assert not frame.figures
        lab.stop()
    assert summarise(lab, frame)["modes_of"] == 12


@pytest.mark.parametrize(
    ("dimensions", "noise", "sheet"), [(1, "uniform", (THREAD, 2)), (2, "normal", (SHEET, SHEET, 2))]
)
def test_a_frame_holds_all_that_is_shown(tmp_path, dimensions, noise, sheet):
    asked = experiment(network={"noise_dimensions": dimensions}, noise=noise)
    frame = next(Laboratory(asked, tmp_path).train())
    assert frame.fake.shape == (SHOWN, 2) and frame.field.shape == (FIELD, FIELD)
    assert frame.sheet.shape == sheet and frame.arrows.shape == (ARROWS, 2)
    assert 0 <= frame.field.min() <= frame.field.max() <= 1


def test_arrows_lead_to_where_the_discriminator_finds_points_more_real(tmp_path):
    lab = Laboratory(experiment(loss="gan", steps=30), tmp_path)
    *_, frame = lab.train()
    judge, fake = lab._maker.judge, torch.from_numpy(frame.fake[:ARROWS])
    with torch.no_grad():
        better = judge(fake + 0.01 * torch.from_numpy(frame.arrows)) - judge(fake)
    assert (better > 0).float().mean() > 0.95


class TestSteering:
    """Orders, given before the frames with the numbers."""

    def follow(self, tmp_path, orders, steps=8, stays=False, **settings):
        lab = Laboratory(experiment(steps=steps, **settings), tmp_path)
        steering, seen, answers = Steering(lab, stays), [], []
        waiting = list(orders)

        def ask(seconds):
            if not waiting:
                assert seconds != float("inf"), "it would wait for ever"
                return None
            order = waiting.pop(0)
            return order and {**order, "done": answers.append}

        steering.follow(ask, lambda frame: seen.append((lab.run.name, frame.step)), lambda: None)
        return lab, seen, answers

    def test_it_ends_by_itself(self, tmp_path):
        _, seen, _ = self.follow(tmp_path, [])
        assert seen[-1] == ("run-0", 8)

    def test_a_step_by_hand_is_one_step_of_one_network(self, tmp_path):
        orders = [{"name": "pause"}, {"name": "generator"}, {"name": "discriminator"}, {"name": "quit"}]
        lab, seen, answers = self.follow(tmp_path, orders)
        assert [step for _, step in seen] == [1, 2, 3, 4] or [step for _, step in seen] == [1, 2, 3]
        assert not any("error" in answer for answer in answers)
        assert lab.only == ""

    def test_restart_begins_in_another_folder(self, tmp_path):
        _, seen, _ = self.follow(tmp_path, [None, {"name": "restart"}])
        assert seen[0] == ("run-0", 1) and ("run-1", 1) in seen and seen[-1] == ("run-1", 8)

    def test_the_next_loss_comes_with_its_penalties(self, tmp_path):
        lab, seen, _ = self.follow(tmp_path, [{"name": "loss"}], loss="ls")
        own = lab.experiment.settings
        assert (own.loss, own.interpolation) == ("wgan-gp", 10.0) and seen[-1][0] == "run-1"

    def test_another_rate_goes_on_with_the_run_and_is_recorded(self, tmp_path):
        order = {"name": "change", "values": {"learning_rate": 0.01}}
        lab, seen, answers = self.follow(tmp_path, [None, order])
        assert {name for name, _ in seen} == {"run-0"} and [s for _, s in seen] == sorted(
            {s for _, s in seen}
        )
        changed = [entry for entry in open_run(lab.run).history if "changed" in entry]
        assert changed[0]["changed"]["learning_rate"][1] == 0.01 and "error" not in answers[0]

    @pytest.mark.parametrize(
        ("order", "words"),
        [
            ({"name": "explode"}, "no order"),
            ({"name": "change", "values": {"learning_rate": "fast"}}, "learning_rate"),
            ({"name": "change", "values": {"batch": 1}}, "--batch"),
            ({"name": "change", "values": {"loss": "best"}}, "--loss"),
            ({"name": "change", "values": {"seed": 2}}, "no setting"),
            ({"name": "change", "values": {"data": "/etc/passwd"}}, "no data"),
            ({"name": "change", "values": [1]}, "no settings"),
            ({"name": "points", "points": [[0, 0]]}, "too few"),
            ({"name": "points", "points": [[0, "x"]] * 20}, "no points"),
        ],
    )
    def test_what_can_not_be_is_told_and_changes_nothing(self, tmp_path, order, words):
        lab, seen, answers = self.follow(tmp_path, [None, order])
        assert words in answers[0]["error"] and seen[-1] == ("run-0", 8)
        assert lab.experiment.settings.loss == "r3"

    def test_drawn_points_are_learnt(self, tmp_path):
        points = [[0.5 + 0.01 * n, 0.25] for n in range(20)]
        lab, seen, _ = self.follow(tmp_path, [None, {"name": "points", "points": points}])
        assert seen[-1][0] == "run-1" and lab.data.data.name == "drawn"
        assert lab.data.real[:, 1].unique().tolist() == [0.25]

    def test_a_page_waits_at_the_end_for_what_comes_next(self, tmp_path):
        orders = [None] * 40 + [{"name": "generator"}, {"name": "restart"}] + [None] * 40 + [{"name": "quit"}]
        _, seen, answers = self.follow(tmp_path, orders, steps=2, stays=True)
        assert "has had its 2 steps" in answers[0]["error"] and seen[-1] == ("run-1", 2)


def test_a_setting_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="no setting"):
        experiment().changed(colour=3)
