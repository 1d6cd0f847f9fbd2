"""`faceswap edit` as a user calls it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from tests.cli.conftest import PICTURE

ADULT = "--adult-confirmed"


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path)).astype(int)


def test_the_list_names_all_with_their_values(faceswap) -> None:
    result = faceswap("edit", "list")
    assert result.code == 0
    assert all(word in result.out for word in ("hair:", "auburn", "smile:", "-1 to 1", "emotion:", "happy"))


def test_several_features_of_a_photo(faceswap, tmp_path: Path) -> None:
    output = tmp_path / "out.png"
    how = ("--set", "hair=red", "--set", "smile=.8", "--no-mark", ADULT, "--sidecar")
    result = faceswap("edit", "photo", PICTURE, *how, "-o", output)
    assert result.code == 0
    assert "face 1 of 1: hair" in result.out and "-> red" in result.out and "smile" in result.out
    changed = np.abs(read(output) - read(PICTURE)).max(-1) > 0
    assert 0.02 < changed.mean() < 0.9
    assert '"smile=.8"' in (tmp_path / "out.png.json").read_text()


def test_what_is_there_already_changes_no_pixel(faceswap, tmp_path: Path) -> None:
    how = ("edit", "photo", PICTURE, "--no-mark", ADULT)
    first = faceswap(*how, "--set", "lids=1", "-o", tmp_path / "a.png")
    now = first.out.split("lids ")[1].split(" ")[0]
    second = faceswap(*how, "--set", f"lids={now}", "-o", tmp_path / "b.png")
    assert "as it is already" in second.out
    assert np.array_equal(read(tmp_path / "b.png"), read(PICTURE))


def test_sheets(faceswap, tmp_path: Path) -> None:
    for name in ("smile", "smile,brow-height"):
        output = tmp_path / f"{len(name)}.png"
        result = faceswap("edit", "photo", PICTURE, "--sheet", name, "-o", output, ADULT)
        assert result.code == 0 and "sheet:" in result.out and output.is_file()


def test_several_photos_go_into_a_folder(faceswap, tmp_path: Path) -> None:
    other = tmp_path / "other.jpg"
    other.write_bytes(PICTURE.read_bytes())
    folder = tmp_path / "out"
    result = faceswap("edit", "photo", PICTURE, other, "--set", "jaw=0", "-o", f"{folder}/", ADULT)
    assert result.code == 0 and (folder / PICTURE.name).is_file() and (folder / "other.jpg").is_file()


def test_a_video(faceswap, tmp_path: Path, clips) -> None:
    output = tmp_path / "out.mp4"
    how = ("--set", "hair=blue", "--set", "brow-height=1", "-o", output, ADULT, "--workers", 1)
    result = faceswap("edit", "video", clips[0], *how)
    assert result.code == 0 and output.is_file() and "-> blue" in result.err


def test_what_can_not_be_is_one_line(faceswap, tmp_path: Path) -> None:
    def edit(*more: object):
        return faceswap("edit", "photo", PICTURE, "-o", tmp_path / "out.png", ADULT, *more)

    assert edit().is_one_line_error("it is not said what is to be changed")
    assert edit("--set", "smiel=1").is_one_line_error("smiel can't be changed", "Did you mean smile?")
    assert edit("--set", "hair=mauve").is_one_line_error("mauve", "auburn")
    assert edit("--set", "smile=7").is_one_line_error("smile=7", "-1 to 1")
    assert edit("--sheet", "a,b,c").is_one_line_error("a can't be changed")
    assert edit("--set", "smile=1", "--face-index", 4).is_one_line_error("--face-index 4")
    assert not (tmp_path / "out.png").exists()
