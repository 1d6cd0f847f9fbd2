"""`faceswap train --family style` and `faceswap style photo|video`, as a user calls them."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from faceswap_cli.media.photo import read_photo

CLIP = Path(__file__).resolve().parents[1] / "data" / "written-by-0.1" / "clip.mp4"


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


def test_a_video_is_turned_with_all_its_frames_and_goes_on_where_it_was(faceswap, trained, tmp_path):
    out = tmp_path / "out.mkv"
    options = ("-m", trained / "run", "-o", out, "--encoder", "ffv1", "--strength", 2)
    done = faceswap("style", "video", CLIP, *options)
    assert done.code == 0 and "watermark" in done.out, done.err
    with av.open(str(CLIP)) as before, av.open(str(out)) as after:
        old, new = (list(one.decode(video=0)) for one in (before, after))
    assert [float(frame.time) for frame in new] == pytest.approx(
        [float(frame.time) for frame in old], abs=2e-3
    )
    assert all(
        np.abs(a.to_ndarray(format="rgb24").astype(int) - b.to_ndarray(format="rgb24")).mean() > 1
        for a, b in zip(old, new, strict=True)
    )
    part = tmp_path / "part.mkv"
    done = faceswap(
        "style", "video", CLIP, "-m", trained / "run", "-o", part, "--encoder", "ffv1", "--frames", "2-4"
    )
    assert done.code == 0, done.err
    with av.open(str(part)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3
    done = faceswap("style", "video", tmp_path / "none.mp4", "-m", trained / "run", "-o", tmp_path / "o.mp4")
    assert done.is_one_line_error("none.mp4") and not (tmp_path / "o.mp4").exists()
