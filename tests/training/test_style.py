"""Training translators between two unpaired sets of pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.media.photo import read_photo
from faceswap_cli.networks.style.translation import POOL, PatchJudge, StyleConfig, StyleModel
from faceswap_cli.portrait.style.translate import StyleTranslator, load_style
from faceswap_cli.training.data.picture_set import PictureSet
from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.families.style import find_faces
from faceswap_cli.training.family import LoadRequest
from faceswap_cli.training.runs.folder import open_run
from faceswap_cli.training.runs.settings import StyleSettings
from faceswap_cli.training.task import TrainingTask, train

NETWORK = {"resolution": 32, "width": 8, "blocks": 2}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Broad blobs of blue, and narrow ones of orange."""
    random = np.random.default_rng(0)
    found = []
    for name, tint, count in (("blue", (180, 60, 20), 4), ("orange", (60, 150, 230), 16)):
        folder = tmp_path_factory.mktemp(name)
        for number in range(24):
            picture = random.integers(0, 40, (count, count, 3)) + np.array(tint)
            enlarged = cv2.resize(picture.astype(np.uint8), (48, 48), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(folder / f"{number:02d}.png"), enlarged)
        (folder / "labels.csv").write_text("file,label\n00.png,warm\n01.png,cold\n")
        found.append(folder)
    return found


def run(folders, path, steps, stop_after=None, method="cycle", **settings):
    family = FAMILIES["style"]
    wanted = StyleSettings(family="style", network={**NETWORK, "method": method}, **settings)
    source = family.source(folders[0], folders[1:])
    task = TrainingTask(family, source, path, wanted, budget=Budget(steps=steps))
    asked = iter(range(1, steps + 1))
    return list(train(task, torch.device("cpu"), lambda: stop_after is not None and next(asked) > stop_after))


@pytest.mark.parametrize("method", ["cycle", "cut"])
def test_a_run_that_was_stopped_ends_in_the_same_weights(folders, tmp_path, method):
    whole = run(folders, tmp_path / "whole", 6, method=method)
    assert run(folders, tmp_path / "parts", 6, stop_after=2, method=method)[-1].step < 6
    run(folders, tmp_path / "parts", 6, method=method)
    newest = [open_run(tmp_path / name).store.newest()[0].tensors for name in ("whole", "parts")]
    assert all(torch.equal(newest[0][name], newest[1][name]) for name in newest[0])
    assert ("cycle" in whole[-1].losses) == (method == "cycle")
    assert open_run(tmp_path / "whole").settings.network["classes"] == ["cold", "warm"]
    assert (tmp_path / "whole" / "preview.jpg").exists()
    if method == "cut":
        with pytest.raises(UserError, match="from A to B alone"):
            load_style(tmp_path / "whole", "cpu", back=True)


def test_blue_becomes_orange(folders, tmp_path):
    run(folders, tmp_path / "run", 60, learning_rate=2e-3, ema=0.9, cycle_weight=3.0, identity_weight=1.0)
    blue = cv2.imread(str(folders[0] / "05.png"))[..., ::-1].copy()
    made = load_style(tmp_path / "run", "cpu")(blue)
    before, after = (float(image[..., 0].mean() - image[..., 2].mean()) for image in (blue, made))
    assert before < -100
    assert after > before + 60


def test_without_strength_a_picture_of_any_size_stays_and_detail_is_its_own():
    torch.manual_seed(0)
    model = StyleModel(StyleConfig(**NETWORK)).eval()
    image = np.random.default_rng(0).integers(0, 255, (70, 101, 3)).astype(np.uint8)
    translator = StyleTranslator(model.to_b, 32, "")
    assert np.array_equal(translator(image, strength=0.0), image)
    assert not np.array_equal(translator(image), image)
    coarse = translator(image, strength=0.0, detail=0.0)
    assert coarse.std() < 0.7 * image.std()


def test_the_pool_gives_older_pictures_back():
    judge = PatchJudge(StyleConfig(**NETWORK))
    random = torch.Generator().manual_seed(0)
    shown = [judge.exchange(torch.full((1, 3, 32, 32), number / 256), random) for number in range(2 * POOL)]
    assert int(judge.pooled) == POOL
    older = sum(float(one.mean()) < number / 256 - 1e-4 for number, one in enumerate(shown))
    assert 0.2 * POOL < older < 0.8 * POOL


def test_labels_without_their_columns_are_told(folders, tmp_path):
    (tmp_path / "labels.csv").write_text("name,kind\n00.png,warm\n")
    with pytest.raises(UserError, match="columns file and label"):
        FAMILIES["style"].source(tmp_path, [folders[1]]).network  # noqa: B018


def test_faces_are_what_stays_and_their_surroundings_are_not():
    picture = read_photo(Path(__file__).resolve().parents[1] / "data" / "face.jpg").image
    side = min(picture.shape[:2])
    square = np.stack([np.ascontiguousarray(picture[:side, :side]), np.full((side, side, 3), 90, np.uint8)])
    request = LoadRequest(StyleSettings(keep="face"), Path(), torch.device("cpu"))
    keep = find_faces(PictureSet(square, ("face", "nobody")), request)
    assert 0.02 < (keep[0] > 128).mean() < 0.8
    assert keep[0][:3].max() == 0
    assert not keep[1].any()
