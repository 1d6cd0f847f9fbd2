"""The scripts that train bundled weights go through the one training: its run folder, resuming, measures."""

import sys

import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.faces.geometry import STORED_SIDE, mean_face
from faceswap_cli.training.engine import event_log
from faceswap_cli.training.runs.folder import open_run
from scripts.train import base, landmarks
from tests.face_sets import make_set
from tests.training.conftest import made_up_crop


@pytest.fixture
def call(monkeypatch):
    def script(module, *arguments):
        monkeypatch.setattr(sys, "argv", ["script", *map(str, arguments)])
        module.main()

    return script


def measured(log):
    return [line["step"] for line in event_log.read_events(log) if "validation" in line]


def test_a_base_is_trained_gone_on_with_and_taken_over_from_an_older_folder(call, tmp_path, capsys):
    faces, kept = make_set(tmp_path / "faces", 6), make_set(tmp_path / "kept", 4)
    options = (faces, "--held-out", kept, "-r", tmp_path / "run", "--batch", 2)
    call(base, *options, "--steps", 1, "--snapshot-every", 1)
    opened = open_run(tmp_path / "run")
    assert opened.settings.family == "shared" and opened.identities == ("everybody",)
    assert measured(opened.log) == [1] and opened.preview.is_file() and opened.snapshots.paths()
    # As older scripts left it: checkpoints alone, in the folder itself.
    (opened.path / "run.json").unlink()
    for path in opened.store.paths():
        path.rename(opened.path / path.name)
    call(base, *options, "--steps", 2)
    assert "going on at step 1" in capsys.readouterr().out
    assert open_run(tmp_path / "run").settings == opened.settings


def test_landmarks_are_trained_with_a_family_of_their_own(call, tmp_path, monkeypatch):
    monkeypatch.setattr(landmarks, "write", lambda trainer, data: None)  # models/ stays as it is
    names = [f"{number}_face.jpg" for number in range(100, 130)]
    size = 128
    points = mean_face(size, STORED_SIDE)
    crops = np.stack([made_up_crop(k, (200, 150, 120), size) for k in range(len(names))])
    known = {"points": np.repeat(points[None], len(names), 0), "spread": np.zeros((len(names), 68))}
    np.savez(tmp_path / "faces.npz", crops=crops, names=np.array(names), **known)
    call(landmarks, tmp_path / "faces.npz", "-r", tmp_path / "run", "--steps", 1)
    opened = open_run(tmp_path / "run", landmarks.LANDMARKS)
    assert opened.settings.family == "landmarks" and measured(opened.log) == [1]
    assert opened.preview.is_file() and (opened.path / "train.html").is_file()


def test_only_what_was_trained_can_be_written(call, tmp_path):
    with pytest.raises(UserError, match="holds no checkpoint"):
        call(base, tmp_path, "--held-out", tmp_path, "-r", tmp_path / "run", "--write")
