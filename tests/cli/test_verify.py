"""`faceswap verify`, and what converting leaves for it to find."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from faceswap_cli.media.photo import write_photo
from faceswap_cli.provenance.marks import Marks, write_marked_photo

from .conftest import PICTURE


@pytest.fixture
def files(tmp_path):
    image = np.ascontiguousarray(cv2.imread(str(PICTURE))[..., ::-1])
    write_photo(tmp_path / "plain.png", image)
    write_marked_photo(tmp_path / "marked.jpg", image, Marks(model="abc123"))
    (tmp_path / "broken.png").write_bytes((tmp_path / "plain.png").read_bytes()[:2000])
    return tmp_path


def test_each_layer_is_told_by_itself(faceswap, files):
    done = faceswap("verify", files / "marked.jpg")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].endswith("marked.jpg: marked")
    assert "compositeWithTrainedAlgorithmicMedia" in lines[1]
    assert "valid: a face was replaced" in lines[2] and "abc" in lines[2]
    assert "content credentials" in lines[3]


def test_no_mark_is_told_to_prove_nothing(faceswap, files):
    done = faceswap("verify", files / "plain.png", files / "marked.jpg")
    assert done.code == 1
    assert "plain.png: no mark found" in done.out and "marked.jpg: marked" in done.out
    assert "proves nothing" in done.out


def test_what_cannot_be_read_is_a_line_and_keeps_nothing_from_being_looked_at(faceswap, files):
    done = faceswap("verify", files / "broken.png", files / "none.png", files / "marked.jpg")
    errors = [line for line in done.err.splitlines() if line.startswith("error:")]
    assert done.code == 1 and len(errors) == 2 and "broken.png" in errors[0] and "none.png" in errors[1]
    assert "marked.jpg: marked" in done.out


def test_json(faceswap, files):
    done = faceswap("verify", "--json", files / "marked.jpg", files / "plain.png", files / "none.png")
    marked, plain, none = json.loads(done.out)
    assert done.code == 1
    assert marked["marked"] is True and marked["watermark"]["state"] == "valid"
    assert plain["marked"] is False and plain["watermark"]["state"] == "missing"
    assert none["marked"] is None and "no such file" in none["error"]
