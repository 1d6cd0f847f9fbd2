"""`faceswap train --family age`."""

import json
import shutil
from functools import partial

import pytest

from faceswap_cli.faces.age.labels import from_name, read_labels
from faceswap_cli.training.monitor import ageing_validation
from tests.face_sets import make_set


def same(level, crop):
    """The same grey for every crop."""
    return level


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A face set of 44 photos whose names tell ages from 18 on."""
    folder = tmp_path_factory.mktemp("sets") / "people"
    for k in range(44):
        make_set(folder, 1, f"p_age{18 + k}.jpg", level=partial(same, 90 + k))
    return folder


@pytest.fixture
def train(faceswap, people, tmp_path):
    def call(*options, faces=people):
        run = ("-A", faces, "-m", tmp_path / "run", "--device", "cpu")
        return faceswap("train", *run, *options)

    return call


@pytest.fixture(scope="module", autouse=True)
def three_faces_are_measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ageing_validation, "MOST", 3)
        yield


@pytest.fixture(scope="module")
def begun(faceswap, people, tmp_path_factory):
    """A run of one step, and what was said."""
    run = tmp_path_factory.mktemp("begun") / "run"
    how = ("--model", "age", "--from-scratch", "--batch", 2, "--steps", 1, "--device", "cpu")
    return run, faceswap("train", "-A", people, "-m", run, *how)


def test_a_run_is_begun_gone_on_with_and_shown(train, begun, tmp_path):
    run, done = begun
    shutil.copytree(run, tmp_path / "run")
    assert done.code == 0 and "44 faces of known age, 18 to 61" in done.err
    assert (tmp_path / "run" / "preview.jpg").stat().st_size > 1000
    again = train("--steps", 2)  # the run knows what it is
    assert again.code == 0 and "going on at step 1" in again.err
    assert "nothing to do" in train("--steps", 2).out
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    lines = [json.loads(line[line.index("{") :]) for line in lines]
    assert [line["step"] for line in lines if "losses" in line] == [1, 2]
    figures = [line["validation"] for line in lines if "validation" in line]
    assert len(figures) == 2 and {"loss", "age_error", "identity", "unchanged"} == set(figures[0])
    assert (tmp_path / "run" / "train.html").is_file()


def test_what_means_nothing_here_is_refused(train, tmp_path):
    refused = train("--family", "age", "--size", "medium")
    assert refused.is_one_line_error("--size has no meaning for --family age")
    refused = train("--family", "age", "--no-mirror")  # a setting that no ageing run has
    assert refused.is_one_line_error("--mirror has no meaning for --family age")
    assert not (tmp_path / "run").exists()
    assert train("--model", "age", "--batch", "1").is_one_line_error("--batch 1", "from 2")
    assert train("--model", "age", "--batch", "auto").is_one_line_error("--batch auto")


def test_too_few_ages_are_told(train, tmp_path):
    few = make_set(tmp_path / "few", 3, "p_age30.jpg")
    done = train("--model", "age", faces=few)
    assert done.is_one_line_error("of 1 photos 1 show", "labels.csv")


def test_a_swap_is_not_trained_into_an_ageing_run(train, begun, tmp_path):
    shutil.copytree(begun[0], tmp_path / "run")
    other = make_set(tmp_path / "other", 4)
    assert train("--model", "shared", "-B", other).is_one_line_error(
        "begun with other settings", "family age"
    )


@pytest.mark.parametrize(
    ("name", "age", "female"),
    [
        ("anna_age34.jpg", 34, None),
        ("Age-71 b.png", 71, None),
        ("34_1_20170104.jpg", 34, 1),
        ("52_0_x.jpg", 52, 0),
        ("portrait 45.jpg", 45, None),
    ],
)
def test_ages_in_names(name, age, female):
    label = from_name(name)
    assert label is not None and (label.age, label.female) == (age, female)


@pytest.mark.parametrize("name", ["anna.jpg", "20 or 30.jpg", "img_1234.jpg", "05.jpg"])
def test_names_that_do_not_tell(name):
    assert from_name(name) is None


def test_a_table_of_ages(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("file,approx_age,sex\na.jpg,40,F\nb.jpg,,m\nsub/c.jpg,61.5,\n", encoding="utf-8")
    found = read_labels(table)
    assert (found["a.jpg"].age, found["a.jpg"].female) == (40, 1)
    assert "b.jpg" not in found and found["c.jpg"].female is None


@pytest.mark.parametrize("text", ["name,age\nx,1\n", "file\nx\n"])
def test_a_table_without_its_columns_is_told(train, people, tmp_path, text):
    faces = make_set(tmp_path / "few", 3, "p_age30.jpg")
    (faces / "labels.csv").write_text(text, encoding="utf-8")
    assert train("--model", "age", faces=faces).is_one_line_error("labels.csv", "lacks a column")
