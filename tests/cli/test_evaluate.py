"""`faceswap evaluate`."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import PICTURE


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(PICTURE, folder / "one_age35.jpg")
    return folder


def test_a_page_and_its_figures(faceswap, photos: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = faceswap(
        "evaluate",
        "age",
        photos,
        "-o",
        page,
        "--method",
        "prototype",
        "--to",
        "30",
        "--to",
        "60",
        "--judge",
        "own",
    )
    assert done.code == 0, done.err
    assert "prototype" in done.out and "invisible noise" in done.out and "in the network's loss" in done.out
    found = json.loads(page.with_suffix(".json").read_text())
    assert found["faces"] == 1 and not found["judge is in nobody's loss"]
    assert found["ways"]["photo as it is"]["slope"] == 0 and found["ways"]["prototype"]["slope"] > 0
    text = page.read_text()
    assert text.count("<img") == 9 and "<script" not in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "10..50"], ["--to", "18 to 80"]),
        (["--to", "old"], ["--to"]),
        (["-o", "page.txt"], [".html"]),
    ],
)
def test_what_can_not_be_measured(faceswap, photos: Path, tmp_path: Path, arguments, words) -> None:
    done = faceswap(
        "evaluate",
        "age",
        photos,
        "-o",
        tmp_path / "p.html",
        "--method",
        "prototype",
        "--judge",
        "own",
        *arguments,
    )
    assert done.is_one_line_error(*words), done.err
    assert not (tmp_path / "p.html").exists()


def test_a_folder_without_ages(faceswap, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = faceswap("evaluate", "age", tmp_path / "empty", "-o", tmp_path / "p.html")
    assert done.is_one_line_error("empty")
    assert faceswap("evaluate", "age", tmp_path / "no", "-o", tmp_path / "p.html").is_one_line_error("no")
