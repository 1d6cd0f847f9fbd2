"""`faceswap generate`: pictures and walks of a small generator."""

import cv2
import numpy as np
import pytest
import torch

from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.runs.settings import GeneratorSettings
from faceswap_cli.training.task import TrainingTask, train
from tests.cli.conftest import PICTURE

NETWORK = {"resolution": 16, "width": 8, "most_width": 16, "noise": 8, "style": 8, "mapping": 2}


@pytest.fixture(scope="module")
def invented(tmp_path_factory):
    """A run that has learnt next to nothing."""
    folder = tmp_path_factory.mktemp("generate")
    pictures = folder / "pictures"
    pictures.mkdir()
    random = np.random.default_rng(0)
    for number in range(12):
        cv2.imwrite(str(pictures / f"{number}.png"), random.integers(0, 255, (16, 16, 3), np.uint8))
    family = FAMILIES["generator"]
    settings = GeneratorSettings(family="generator", network=NETWORK, batch=4)
    task = TrainingTask(family, family.source(pictures, []), folder / "run", settings, budget=Budget(steps=2))
    list(train(task, torch.device("cpu"), lambda: False))
    return folder / "run"


def test_a_walk_is_a_video_that_comes_back_to_its_beginning(invented, faceswap, tmp_path):
    output = tmp_path / "walk.mkv"
    done = faceswap(
        "generate", "-m", invented, "--walk", output, "-n", 2, "--seconds", 1, "--fps", 10,
        "--encoder", "ffv1", "--no-mark", "--truncation", 1,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "10 frames" in done.out
    info = probe(output)
    assert (info.width, info.height) == (256, 256)
    with VideoReader(output) as reader:
        frames = [frame.image.astype(int) for frame in reader]
    assert len(frames) == 10
    steps = [np.abs(a - b).mean() for a, b in zip(frames, [*frames[1:], frames[0]], strict=True)]
    assert max(steps) > 0 and steps[-1] <= max(steps[:-1])
    assert not list(tmp_path.glob(".*"))


def test_a_walk_says_that_it_was_made(invented, faceswap, tmp_path):
    output = tmp_path / "walk.mp4"
    assert faceswap("generate", "-m", invented, "--walk", output, "-n", 2, "--seconds", 1).code == 0
    assert b"trainedAlgorithmicMedia" in output.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "say what is written"),
        (["--walk", "w.mp4", "-o", "s.png"], "say what is written"),
        (["--walk", "w.mp4", "-n", "1"], "needs 2 pictures"),
        (["--walk", "w.mp4", "--mix", "1:fine"], "not for --walk"),
        (["--walk", "w.xyz", "-n", "2"], "can't be written"),
        (["--stages", "-o", "s.png"], "shows the draft of --text"),
        (["--finish", ".5", "-o", "s.png"], "faces that come with the tool"),
    ],
)
def test_what_cannot_be_is_told(invented, faceswap, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    failed = faceswap("generate", "-m", invented, *arguments)
    assert failed.code != 0
    assert told in " ".join(failed.err.split())
    assert not list(tmp_path.iterdir())


def test_a_film_shows_the_previews_that_a_run_kept(invented, faceswap, tmp_path):
    previews = invented / "previews"
    *others, first = sorted(previews.iterdir())
    for one in others:  # a slow machine keeps more of them
        one.unlink()
    few = faceswap("models", "film", invented, "-o", tmp_path / "few.mp4")
    assert few.is_one_line_error("has kept 1 previews")
    small = cv2.resize(cv2.imread(str(first)), None, fx=0.5, fy=0.5)
    cv2.imwrite(str(previews / "step-00000001.jpg"), np.full_like(small, 255))
    output = tmp_path / "growth.mkv"
    try:
        done = faceswap(
            "models", "film", invented, "-o", output, "--seconds", 1, "--fps", 8, "--encoder", "ffv1",
            "--no-mark",
        )  # fmt: skip
    finally:
        (previews / "step-00000001.jpg").unlink()
    assert done.code == 0, done.err
    assert "2 previews" in done.out
    with VideoReader(output) as reader:
        frames = [frame.image for frame in reader]
    assert len(frames) == 8
    assert frames[0].min() > 250
    assert frames[0].shape[:2] == tuple(side // 2 * 2 for side in cv2.imread(str(first)).shape[:2])
    assert frames[3].mean() < frames[0].mean()  # on its way to the last
    assert np.array_equal(frames[5], frames[7])


def test_a_text_is_understood_and_told(faceswap, tmp_path):
    output = tmp_path / "text.png"
    done = faceswap(
        "generate", "--text", "a smiling woman with turquoise hair", "-n", 1, "--stages", "-o", output
    )
    assert done.code == 0, done.err
    assert "understood: smiling, woman" in done.out and "obtained: " in done.out
    assert "turquoise" in done.err
    assert cv2.imread(str(output)).shape == (256, 512, 3)


def test_stages_show_the_draft_beside_the_finer_picture(faceswap, tmp_path):
    both, draft = tmp_path / "both.png", tmp_path / "draft.png"
    assert faceswap("generate", "-n", 1, "--stages", "--no-mark", "-o", both).code == 0
    assert faceswap("generate", "-n", 1, "--finish", 0, "--no-mark", "-o", draft).code == 0
    left, right = np.hsplit(cv2.imread(str(both)), 2)
    assert np.array_equal(left, cv2.imread(str(draft)))
    sharp = [cv2.Laplacian(one[64:192, 64:192], cv2.CV_32F).std() for one in (left, right)]
    assert sharp[1] > 1.2 * sharp[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--text", "a boy"], "below 18"),
        (["--text", "a woman", "--mix", "1:fine"], "can't be used together"),
        (["--like", "anna.jpg:0"], "is no weight"),
        (["--like", "anna.jpg", "--text", "a man"], "goes with -o alone"),
    ],
)
def test_a_text_that_cannot_be_is_told(faceswap, tmp_path, arguments, told):
    failed = faceswap("generate", *arguments, "-o", tmp_path / "out.png")
    assert failed.code != 0
    assert told in " ".join(failed.err.split())
    assert not list(tmp_path.iterdir())


def test_a_run_without_captions_knows_no_words(invented, faceswap, tmp_path):
    failed = faceswap("generate", "-m", invented, "--text", "a dragon", "-o", tmp_path / "out.png")
    assert failed.is_one_line_error("has learnt no words")


def test_a_face_between_people_says_that_it_is_made_of_photos(faceswap, tmp_path):
    output = tmp_path / "hybrid.png"
    done = faceswap("generate", "--like", f"{PICTURE}:.6", "--like", PICTURE, "-o", output)
    assert done.code == 0, done.err
    assert b"compositeWithTrainedAlgorithmicMedia" in output.read_bytes()
