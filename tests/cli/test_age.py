"""`faceswap age` as a user calls it, without and with weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from faceswap_cli import zoo
from faceswap_cli.networks.ageing import ageing
from tests.cli.conftest import PICTURE


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ageing network whose last layers are not nought, in place of the bundled one."""
    network = ageing.AgeingNetwork(ageing.AgeingConfig(size=64, widths=(8, 8, 8, 8), fine=4)).eval()
    for layer in (*network.coarse.lasts(), network.fine.last):
        ageing.nn.init.constant_(layer.weight, 0.05)
    load, card = zoo.shared_network, zoo.card
    monkeypatch.setattr(zoo, "shared_network", lambda n, *a: network if n == "ageing" else load(n, *a))
    known = zoo.Card("ageing", Path(), {"sha256": "0a1b2c"})
    monkeypatch.setattr(zoo, "card", lambda name: known if name == "ageing" else card(name))


def test_missing_weights_are_told_in_one_line(faceswap, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(zoo, "models_folder", lambda: tmp_path)
    result = faceswap("age", "photo", PICTURE, "--to", 70, "-o", tmp_path / "out.png")
    assert result.is_one_line_error("the weights ageing are not in")


def test_a_photo_and_a_sheet(faceswap, tmp_path: Path, weights: None) -> None:
    output = tmp_path / "out.jpg"
    adult = "--adult-confirmed"
    result = faceswap("age", "photo", PICTURE, "--to", 70, "--from", 33, "-o", output, adult)
    assert result.code == 0 and output.is_file()
    assert "face 1 of 1: is 33, becomes 70" in result.out
    result = faceswap("age", "photo", PICTURE, "--to", "20..40:10", "-o", tmp_path / "sheet.png", adult)
    assert result.code == 0 and "sheet:" in result.out and "face 1 of 1 looks" in result.out


def test_a_video(faceswap, tmp_path: Path, clips, weights: None) -> None:
    output = tmp_path / "out.mp4"
    result = faceswap(
        "age", "video", clips[0], "--by", "+30", "-o", output, "--adult-confirmed", "--workers", 1
    )
    assert result.code == 0 and output.is_file()
    assert "looks" in result.err and "becomes" in result.err


def test_a_look_before_a_video_is_aged(faceswap, tmp_path: Path, clips, weights: None) -> None:
    output, picture = tmp_path / "out.mp4", tmp_path / "look.png"
    how = ("age", "video", clips[0], "--by", "+30", "-o", output, "--adult-confirmed")
    result = faceswap(*how, "--preview", picture, "--dry-run")
    assert result.code == 0 and picture.is_file() and not output.exists()
    assert "becomes" in result.out and "aged in" in result.out and "nothing was written" in result.out


def test_what_can_not_be_is_one_line(faceswap, tmp_path: Path, weights: None) -> None:
    def age(*more: object, source: Path = PICTURE, output: str = "out.png"):
        return faceswap("age", "photo", source, "-o", tmp_path / output, *more)

    assert age().is_one_line_error("--to 70 or --by +20")
    assert age("--to", 90).is_one_line_error("90", "18 to 80")
    assert age("--to", 17).is_one_line_error("17", "18 to 80")
    assert age("--to", "old").is_one_line_error("--to old is no age")
    assert age("--to", 70, "--by", 5).is_one_line_error("--to and --by")
    assert age("--to", 70, output="out.xyz").is_one_line_error(".xyz")
    assert age("--to", 70, "--face-index", 3).is_one_line_error("--face-index 3")
    assert age("--to", 70, "-m", tmp_path).is_one_line_error(str(tmp_path))
    assert age("--to", 70, source=tmp_path / "none.jpg").is_one_line_error("none.jpg")
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(PICTURE.read_bytes()[:2000])
    assert age("--to", 70, source=broken, output="b.png").code == 1
    same = tmp_path / "same.jpg"
    same.write_bytes(PICTURE.read_bytes())
    assert age("--to", 70, source=same, output="same.jpg").is_one_line_error("is the source itself")
    refused = age("--to", 70, "--from", 12)
    assert refused.code == 3 and "children" in refused.err and "Traceback" not in refused.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.jpg", "same.jpg"]
