"""The proof for graphics cards, at toy scale on the CPU: the same way, but for what only a card has."""

from argparse import Namespace

import numpy as np
import pytest
import torch

from faceswap_cli.media.photo import write_photo
from scripts.bench import card

CPU = torch.device("cpu")
TOY = Namespace(toy=True, seconds=0.1, device="cpu")


def test_training_is_measured(capsys):
    card.measure_training(CPU, TOY)
    rows = capsys.readouterr().out.splitlines()
    assert "GFLOP/s" in rows[0]
    assert [row.split()[0] for row in rows[2:]] in (["float32"], ["float32", "bfloat16"])
    assert all(float(row.split()[1]) > 0 for row in rows[2:])


def test_training_twice_on_one_device_ends_alike():
    checks = card.compare_training(CPU, TOY)
    assert len(checks) > 2
    assert all(check.value == 0 and check.fine for check in checks)


@pytest.mark.parametrize(("change", "fine"), [(0, True), (40, False)])
def test_pictures_that_differ_are_told(tmp_path, monkeypatch, change, fine):
    def made(*arguments):
        folder = arguments[arguments.index("-o") + 1]
        folder.mkdir()
        grey = 100 + (change if arguments[-1] == "cpu" else 0)
        for name in ("a", "b"):
            write_photo(folder / f"{name}.png", np.full((8, 8, 3), grey, np.uint8))
        return 1.0

    monkeypatch.setattr(card, "faceswap", made)
    checks = list(card.compare_command("generate", ["generate"], "", "cuda", tmp_path))
    assert [check.fine for check in checks] == [fine, fine]


def test_a_command_that_fails_ends_it_with_its_words(tmp_path):
    with pytest.raises(SystemExit, match="no-such"):
        card.faceswap("verify", tmp_path / "no-such.png")
