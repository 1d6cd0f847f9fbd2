"""`faceswap animate`, through its command line."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from faceswap_cli.provenance.verify import verify
from tests.clips import write_clip

PICTURE = Path(__file__).resolve().parents[1] / "data" / "face.jpg"


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """The face of the picture, in a smaller frame, drifting."""
    image = cv2.resize(cv2.imread(str(PICTURE))[..., ::-1], (320, 180), interpolation=cv2.INTER_AREA)
    frames = [np.roll(image, 2 * step, axis=1) for step in range(10)]
    return write_clip(tmp_path_factory.mktemp("driver") / "driver.mp4", frames)


def test_a_photo_moves_in_its_own_size_and_is_marked(faceswap, driver, tmp_path):
    out = tmp_path / "out.mp4"
    done = faceswap("animate", PICTURE, "--driver", driver, "-o", out, "--sidecar")
    assert done.code == 0, done.err
    with av.open(str(out)) as video:
        assert (video.streams.video[0].width, video.streams.video[0].height) == (640, 360)
        assert sum(1 for _ in video.decode(video=0)) == 10
    assert verify(out).marked
    assert (tmp_path / "out.mp4.json").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "out.mp4.json"]


def test_a_preview_and_a_dry_run_write_no_video(faceswap, driver, tmp_path):
    page, out = tmp_path / "look.png", tmp_path / "out.mp4"
    done = faceswap("animate", PICTURE, "--driver", driver, "-o", out, "--preview", page, "--dry-run")
    assert done.code == 0, done.err
    assert [path.name for path in tmp_path.iterdir()] == ["look.png"]


def test_an_idle_loop_is_a_webp(faceswap, tmp_path):
    out = tmp_path / "loop.webp"
    done = faceswap("animate", PICTURE, "--loop", "idle", "--seconds", "1", "--fps", "8", "-o", out)
    assert done.code == 0, done.err
    with Image.open(out) as file:
        assert getattr(file, "n_frames", 1) == 8 and file.size == (640, 360)
    assert verify(out).marked
    assert [path.name for path in tmp_path.iterdir()] == ["loop.webp"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--driver CLIP"),
        (["--driver", "DRIVER", "--loop", "idle"], "--loop idle has no driver"),
        (["--driver", "DRIVER", "--face-index", "3"], "shows 1 face"),
        (["--driver", "DRIVER", "--map", "one=a.jpg"], "is not N=PERSON"),
        (["--driver", "DRIVER", "--sound", "nowhere.wav"], "no such file"),
        (["--driver", "nowhere.mp4"], "nowhere.mp4"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(faceswap, words, said, driver, tmp_path):
    words = [driver if word == "DRIVER" else word for word in words]
    assert faceswap("animate", PICTURE, *words, "-o", tmp_path / "out.mp4").is_one_line_error(said)
    assert not list(tmp_path.iterdir())
