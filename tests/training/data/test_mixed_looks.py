"""Looks mixed from two crops, and labels shown in another person's disguise."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from faceswap_cli.effects.reenact.source import transform_points
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.landmarks.dense import GROUPS
from faceswap_cli.faces.landmarks.repose import frame_points
from faceswap_cli.faces.sets.extract import extract_faces
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.training.data.dataset import Faces, load_faces
from faceswap_cli.training.data.disguised import disguise
from faceswap_cli.training.data.made_up_samples import made_up_samples
from faceswap_cli.training.data.mixed_looks import join_faces, mix_crops, mix_looks, move_points
from faceswap_cli.training.engine.trainer import generator_for
from faceswap_cli.training.objectives.swap import DISGUISED, swap_batches
from faceswap_cli.training.runs.settings import SwapSettings
from tests.clips import write_clip
from tests.face_sets import make_set

PICTURE = Path(__file__).resolve().parents[2] / "data" / "face.jpg"


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> FaceSet:
    image = np.ascontiguousarray(cv2.imread(str(PICTURE))[..., ::-1])
    frames = [np.ascontiguousarray(np.roll(image, index, axis=1)) for index in range(4)]
    clip = write_clip(tmp_path_factory.mktemp("clip") / "face.mp4", frames)
    folder = tmp_path_factory.mktemp("sets") / "faces"
    for _ in extract_faces([clip], folder, build_analyser()):
        pass
    return FaceSet.open(folder)


@pytest.fixture(scope="module")
def crop(faces: FaceSet) -> tuple[np.ndarray, np.ndarray]:
    """A crop and its dense points."""
    record = faces.records[0]
    points = transform_points(np.asarray(record.face.dense, np.float64), record.matrix)
    return faces.crop(record), points


def middle(points: np.ndarray, group: str) -> np.ndarray:
    return points[GROUPS[group], :2].mean(0)


def around(image: np.ndarray, place: np.ndarray, reach: int = 8) -> np.ndarray:
    x, y = place.round().astype(int)
    return image[y - reach : y + reach, x - reach : x + reach].astype(np.float64)


def test_a_face_mixed_with_itself_is_itself(crop: tuple[np.ndarray, np.ndarray], faces: FaceSet) -> None:
    image, points = crop
    mixed, landmarks = mix_crops([image, image], [points, points], faces.side)
    for group in ("right_lids", "lips_outer"):
        place = middle(points, group)
        assert np.abs(around(mixed, place) - around(image, place)).mean() < 8
    assert np.abs(landmarks - points[:68, :2]).max() < 1


def test_the_mouth_is_the_other_crops_and_the_eyes_are_not(
    crop: tuple[np.ndarray, np.ndarray], faces: FaceSet
) -> None:
    image, points = crop
    other = image.copy()
    height = int(points[GROUPS["lips_outer"], 1].min()) - 4
    other[height:, :, 2] = 255 - other[height:, :, 2]  # another mouth
    other[: int(points[GROUPS["nose"], 1].min()), :, 1] //= 4  # and other eyes
    mixed, _ = mix_crops([image, other], [points, points], faces.side)
    eye, lips = middle(points, "right_lids"), middle(points, "lips_outer")
    assert np.abs(around(mixed, eye) - around(image, eye)).mean() < 6
    texture = [around(one, lips)[..., 2] for one in (mixed, image, other)]
    like = [float(np.corrcoef(texture[0].ravel(), one.ravel())[0, 1]) for one in texture[1:]]
    assert like[1] > 0.8 and like[0] < 0


def test_points_are_moved_and_the_border_stays(crop: tuple[np.ndarray, np.ndarray]) -> None:
    image, points = crop
    places = points[:, :2].copy()
    lips = np.concatenate([GROUPS["lips_outer"], GROUPS["lips_inner"], np.arange(48, 68)])
    places[lips] += (6, 0)
    moved = move_points(image, points, places, frame_points(image.shape[0])) * 255
    before, after = middle(points, "lips_outer"), middle(points, "lips_outer") + np.array([6, 0])
    assert np.abs(around(moved, after) - around(image, before)).mean() < 8
    assert np.abs(moved[0] - image[0]).mean() < 1


def test_more_samples_are_picked_behind_the_own_ones() -> None:
    own, more = made_up_samples(16, 5), made_up_samples(16, 3)
    more = replace(more, target=255 - more.target, mean=more.mean + 1)
    both = join_faces(own, more)
    assert len(both) == 8 and len(both.mean) == 8
    found = both.pick(torch.tensor([6, 0, 7, 4]))
    for f in fields(Faces):
        expected = [getattr(more, f.name)[1], getattr(own, f.name)[0], getattr(more, f.name)[2]]
        assert torch.equal(getattr(found, f.name)[:3], torch.stack(expected)), f.name
    assert torch.equal(both.pick(torch.tensor([1])).target, own.target[1:2])


def test_nothing_is_mixed_where_nothing_is_lacking_or_known(faces: FaceSet, tmp_path: Path) -> None:
    free = np.ones(len(faces.records), np.bool_)
    assert mix_looks(faces.records, faces, faces.records, free, 32) is None
    old = FaceSet.open(make_set(tmp_path / "old"))  # 68 points only
    assert mix_looks(old.records, old, old.records, np.ones(len(old), np.bool_), 32) is None
    assert mix_looks(faces.records, faces, faces.records, ~free, 32) is None


def test_a_disguise_shows_the_target_and_asks_for_the_label(faces: FaceSet) -> None:
    labels = load_faces(faces, 64)
    free = np.ones(len(labels), np.bool_)
    dark = replace(labels, mean=labels.mean * 0.5, wide=labels.wide // 2, target=labels.target // 2)
    found = [
        disguise((faces, faces.records), (faces, faces.records), dark, (free, free), 64) for _ in range(2)
    ]
    assert found[0] is not None and found[1] is not None and len(found[0]) == len(labels)
    assert torch.equal(found[0].wide, found[1].wide)
    assert torch.equal(found[0].target, dark.target)
    # The face as it is, in the label's colours: of the same points it is nearly the label's own picture.
    side, inner = found[0].wide.shape[-1], 64
    edge = (side - inner) // 2
    there = found[0].wide[..., edge : edge + inner, edge : edge + inner].float()
    inside = labels.mask.float() / 255
    apart = ((there - dark.target.float()).abs() * inside).sum() / (3 * inside.sum())
    assert apart < 12


def test_a_share_of_the_batch_is_disguised() -> None:
    plain, other = (replace(made_up_samples(32, 6), mask=torch.full((6, 1, 32, 32), v)) for v in (0, 255))
    plain, other = (replace(one, mask=one.mask.to(torch.uint8)) for one in (plain, other))
    settings = replace(SwapSettings(network={"resolution": 32}), batch=64, recolour=0.0)
    for balance in (0.0, 0.5):
        batches = swap_batches(
            {"a": plain, "b": plain}, replace(settings, balance=balance), disguised={"b": other}
        )
        shares = [float(batches(generator_for(0, step, 0), 0.0)[1].mask.mean()) for step in range(8)]
        assert np.mean(shares) == pytest.approx(DISGUISED, abs=0.08)


def test_runs_that_do_not_say_go_on_without() -> None:
    saved = asdict(SwapSettings(network={"resolution": 32}))
    assert SwapSettings.from_json(saved).mix_looks
    del saved["mix_looks"]
    assert not SwapSettings.from_json(saved).mix_looks
