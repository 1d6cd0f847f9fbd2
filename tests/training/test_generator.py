"""Training a generator on any folder of pictures."""

import cv2
import numpy as np
import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.networks.generator.codec import CodecConfig, CodecNetwork
from faceswap_cli.networks.generator.style import GeneratorConfig, StyleGenerator
from faceswap_cli.training.data import latents
from faceswap_cli.training.data.differentiable_augment import augment_pictures
from faceswap_cli.training.data.picture_set import (
    find_pictures,
    has_transparency,
    read_picture_set,
    to_pictures,
    to_tensor,
)
from faceswap_cli.training.engine.collapse_detection import REPORTS, CollapseDetector
from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.monitor.generator_validation import GeneratorValidator, sliced_distance
from faceswap_cli.training.objectives.generator import YOUNG, stage_at
from faceswap_cli.training.runs.folder import open_run
from faceswap_cli.training.runs.settings import GeneratorSettings
from faceswap_cli.training.task import TrainingTask, train

NETWORK = {"resolution": 16, "width": 8, "most_width": 16, "noise": 8, "style": 8, "mapping": 2}


def discs(count, alpha=True, side=24):
    """Pictures of a coloured disc on nothing."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:side, 0:side]
    for _ in range(count):
        cx, cy, r = [*random.uniform(8, 16, 2), random.uniform(4, 8)]
        inside = ((x - cx) ** 2 + (y - cy) ** 2 < r * r).astype(np.uint8) * 255
        colour = np.broadcast_to(random.integers(60, 255, 3).astype(np.uint8), (side, side, 3))
        yield (
            np.dstack([colour, inside])
            if alpha
            else np.where(inside[..., None] > 0, colour, 255).astype(np.uint8)
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures")
    for number, picture in enumerate(discs(40)):
        cv2.imwrite(str(path / f"{number:02d}.png"), picture)
    (path / "broken.png").write_bytes(b"\x89PNG not really")
    cv2.imwrite(str(path / "wide.jpg"), np.full((20, 60, 3), 90, np.uint8))
    return path


def test_a_mixed_folder_is_read_and_told(folder):
    paths = find_pictures(folder)
    assert has_transparency(paths)
    found = read_picture_set(paths, 16, transparent=True)
    assert found.pictures.shape == (41, 16, 16, 4)
    told = " | ".join(found.notes)
    assert "broken.png" in told
    assert "1 pictures that are not square" in told
    assert "below 100" in told
    whole = found.pictures[0].astype(int)
    assert (whole[..., :3].max(-1) <= whole[..., 3] + 1).all()  # colours carry their transparency


def test_hardly_any_pictures_are_refused(tmp_path):
    for number, picture in enumerate(discs(3)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    with pytest.raises(UserError, match="at least"):
        read_picture_set(find_pictures(tmp_path), 16, transparent=False)


def test_pictures_come_back_from_tensors():
    pictures = np.stack(list(discs(4, alpha=False)))
    assert np.array_equal(to_pictures(to_tensor(pictures)), pictures)


def test_stages_grow_to_the_whole_and_fade_in():
    settings = GeneratorSettings(grow="4..32")
    sides = [stage_at(settings, 32, progress) for progress in np.linspace(0, 1, 101)]
    assert sides[0] == (4, 1.0)
    assert sides[-1] == (32, 1.0)
    assert [side for side, _ in sides] == sorted(side for side, _ in sides)
    assert any(0 < fade < 1 for _, fade in sides)
    assert stage_at(GeneratorSettings(), 32, 0.0) == (32, 1.0)
    for wrong in ("5..32", "4..64", "4", "x..32"):
        with pytest.raises(UserError, match="--grow"):
            stage_at(GeneratorSettings(grow=wrong), 32, 0.0)


def test_augmentation_carries_gradients_and_spares_what_it_should():
    pictures = torch.randn(8, 4, 16, 16, requires_grad=True)
    changed = augment_pictures(pictures, 1.0, True, torch.Generator().manual_seed(0))
    changed.sum().backward()
    assert pictures.grad.abs().sum() > 0
    assert not torch.equal(changed, pictures)
    assert augment_pictures(pictures, 0.0, True, torch.Generator()) is pictures
    again = augment_pictures(pictures, 1.0, True, torch.Generator().manual_seed(0))
    assert torch.equal(changed, again)


def run(folder, path, steps, stop_after=None, **settings):
    family = FAMILIES["generator"]
    wanted = GeneratorSettings(family="generator", network=NETWORK, batch=8, grow="4..16", **settings)
    task = TrainingTask(family, family.source(folder, []), path, wanted, budget=Budget(steps=steps))
    asked = iter(range(1, steps + 1))
    return list(train(task, torch.device("cpu"), lambda: stop_after is not None and next(asked) > stop_after))


def test_a_run_that_was_stopped_ends_in_the_same_weights(folder, tmp_path):
    run(folder, tmp_path / "whole", 8)
    assert run(folder, tmp_path / "parts", 8, stop_after=3)[-1].step < 8
    assert run(folder, tmp_path / "parts", 8)[-1].step == 8
    newest = [open_run(tmp_path / name).store.newest()[0].tensors for name in ("whole", "parts")]
    assert all(torch.equal(newest[0][name], newest[1][name]) for name in newest[0])
    assert open_run(tmp_path / "whole").settings.network["channels"] == 4
    assert (tmp_path / "whole" / "preview.jpg").exists()


def test_measures_tell_copies_and_noise_from_new_pictures():
    pictures = np.stack(list(discs(90, alpha=False, side=16)))
    own, kept = pictures[:60], pictures[60:]
    near = sliced_distance(to_tensor(kept), to_tensor(own))
    far = sliced_distance(torch.rand(30, 3, 16, 16) * 2 - 1, to_tensor(own))
    assert far > 3 * near

    class Copier(torch.nn.Module):
        config = GeneratorConfig(resolution=16, noise=4)

        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def styles(self, noise):
            return noise

        def draw(self, styles, noise):
            return to_tensor(own[: len(styles)])

    found = GeneratorValidator(own, kept).measure(Copier())
    assert found["copied"] < 0.1
    assert found["loss"] < 3


def test_a_generator_of_latents_draws_pictures_through_the_codec(monkeypatch):
    torch.manual_seed(0)
    codec = CodecNetwork(CodecConfig(widths=(8, 16, 24)))
    monkeypatch.setattr(latents, "load_codec", lambda device: codec.eval())
    pictures = np.stack(list(discs(12, alpha=False, side=32)))
    found = latents.encode_pictures(pictures, torch.device("cpu"))
    assert found.latents.shape == (2, 12, 32, 4, 4)
    assert abs(float(found.latents.float().std()) - 1) < 0.1
    model = StyleGenerator(GeneratorConfig(resolution=32, domain="codec", width=8, most_width=16)).eval()
    model.shift.copy_(found.shift)
    model.scale.copy_(found.scale)
    mirrored = found.pick(torch.tensor([3]), torch.tensor([True]))
    with torch.inference_mode():
        direct = codec((torch.from_numpy(pictures[3:4, :, ::-1].copy()).permute(0, 3, 1, 2).float()) / 255)
        assert torch.allclose(latents.decode_drawn(model, mirrored), direct * 2 - 1, atol=0.02)
        drawn = model(torch.randn(2, 128))
        assert drawn.shape == (2, 32, 4, 4)
        assert latents.decode_drawn(model, drawn).shape == (2, 3, 32, 32)


def test_a_resolution_that_cannot_be_grown_is_told():
    with pytest.raises(UserError, match="power of two"):
        FAMILIES["generator"].build({"resolution": 48})


def test_a_young_generator_is_not_said_to_have_collapsed():
    collapse, alike = CollapseDetector(FAMILIES["generator"].collapse_signs), {"alike": 0.9}
    assert [collapse(alike, step) for step in range(YOUNG)] == [None] * YOUNG
    told = [collapse(alike, YOUNG + step) for step in range(REPORTS)]
    assert told[:-1] == [None] * (REPORTS - 1)
    assert "collapsed" in told[-1]
