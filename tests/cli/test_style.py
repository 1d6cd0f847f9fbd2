"""`faceswap train --family style` and `faceswap style photo`, as a user calls them."""

import cv2
import numpy as np
import pytest

from faceswap_cli.media.photo import read_photo


@pytest.fixture(scope="module")
def trained(faceswap, tmp_path_factory):
    folder = tmp_path_factory.mktemp("style")
    for name, value in (("dark", 60), ("light", 190)):
        (folder / name).mkdir()
        for number in range(12):
            picture = np.full((40, 40, 3), value, np.uint8) + np.random.default_rng(number).integers(
                0, 30, (40, 40, 3), dtype=np.uint8
            )
            cv2.imwrite(str(folder / name / f"{number}.png"), picture)
    sides = ("-A", folder / "dark", "-B", folder / "light")
    small = ("--resolution", 32, "--option", "width=8", "--option", "blocks=2")
    done = faceswap("train", "--family", "style", *sides, "-m", folder / "run", *small, "--steps", 3)
    assert done.code == 0, done.err
    return folder


def test_a_photo_is_turned_and_keeps_its_size(faceswap, trained, tmp_path):
    photo, out = trained / "dark" / "0.png", tmp_path / "out.png"
    done = faceswap("style", "photo", photo, "-m", trained / "run", "-o", out)
    assert done.code == 0, done.err
    assert "watermark" in done.out
    assert read_photo(out).image.shape == (40, 40, 3)


def test_a_run_of_another_kind_and_a_missing_side_are_told(faceswap, trained, tmp_path):
    done = faceswap(
        "train", "--family", "style", "-A", trained / "dark", "-m", tmp_path / "run", "--steps", 1
    )
    assert done.code == 2
    done = faceswap(
        "style", "photo", trained / "dark" / "0.png", "-m", tmp_path / "none", "-o", tmp_path / "o.png"
    )
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("error:")
