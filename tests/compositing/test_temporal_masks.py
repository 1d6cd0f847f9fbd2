"""What stands before a face is left alone: over time, in the crop, and in the video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from faceswap_cli.compositing import temporal_masks
from faceswap_cli.faces.geometry import crop_matrix, mean_face, warp
from faceswap_cli.faces.parsing.face_parser import SIDE, SIZE, FaceParser
from faceswap_cli.networks.perception.parsing import CLASSES
from tests.pipeline import moving_face as mf


def edge(at: float) -> np.ndarray:
    """Free to the left of a soft edge."""
    line = 1 / (1 + np.exp((np.arange(64) - at) / 1.5))
    return np.tile(line, (64, 1)).astype(np.float16)


def steadied(masks: list[np.ndarray], number: int, strength: float = 1.0) -> np.ndarray:
    around = [
        ((k - number) / 25, mask)
        for k, mask in enumerate(masks)
        if 0 < abs(k - number) <= temporal_masks.REACH
    ]
    return temporal_masks.steady_mask(masks[number], around, strength)


def test_a_shaking_edge_is_steadied() -> None:
    random = np.random.default_rng(0)
    masks = [edge(32 + shake) for shake in random.normal(0, 0.7, 20)]
    after = [steadied(masks, k) for k in range(3, 17)]
    shake = [np.std([m[0].astype(float).sum() for m in some]) for some in (masks[3:17], after)]
    assert shake[1] < 0.6 * shake[0]


def test_a_hand_that_flashes_by_keeps_its_shape() -> None:
    free, hand = np.ones((64, 64), np.float16), np.ones((64, 64), np.float16)
    hand[20:40, 20:44] = 0
    masks = [free] * 5 + [hand] + [free] * 5
    assert np.abs(steadied(masks, 5) - hand).max() < 0.1  # not filled up by the frames around it
    for near in (4, 6):
        assert steadied(masks, near).min() > 0.9  # and leaves no ghost in them


def test_nothing_lags() -> None:
    masks = [edge(20 + 1.5 * k) for k in range(15)]
    middle = steadied(masks, 7)
    mirrored = steadied(masks[::-1], 7)
    assert np.allclose(middle, mirrored, atol=1e-6)
    assert abs(middle[0].sum() - masks[7][0].astype(float).sum()) < 0.3


def test_without_smoothing_each_frame_stands_alone() -> None:
    masks = [edge(32 + k % 2) for k in range(7)]
    assert np.array_equal(steadied(masks, 3, 0.0), masks[3].astype(np.float32))


def test_doubts_are_made_smaller_and_sides_are_kept() -> None:
    free = np.linspace(0, 1, 101, dtype=np.float32).reshape(1, -1)
    after = temporal_masks.sharpen_occlusion(free)[0]
    assert (np.diff(after) >= 0).all() and (after[0], after[-1]) == (0, 1)
    assert after[20] == 0 and after[85] == 1  # nearly sure is sure
    unsure = (after > 0.1) & (after < 0.9)
    assert unsure.sum() < 0.5 * ((free[0] > 0.1) & (free[0] < 0.9)).sum()


@pytest.mark.parametrize("way", [temporal_masks.average_masks, temporal_masks.steady_mask])
def test_a_shape_that_shakes_is_steadied_and_does_not_lag(way: Callable[..., np.ndarray]) -> None:
    random = np.random.default_rng(1)
    truth = 20 + 0.4 * np.arange(30)
    masks = [edge(at) for at in truth + random.normal(0, 0.6, 30)]
    after = []
    for k in range(3, 27):
        near = [
            ((i - k) / 25, masks[i]) for i in range(k - temporal_masks.REACH, k + temporal_masks.REACH + 1)
        ]
        after.append(way(masks[k], near, 1.0)[0].astype(float).sum())
    before = np.array([mask[0].astype(float).sum() for mask in masks[3:27]])
    assert np.std(np.diff(after)) < 0.5 * np.std(np.diff(before))
    assert abs(np.mean(after - before)) < 0.2


@pytest.mark.parametrize("size", [64, 128, 200])
def test_a_mask_lands_where_its_pixels_came_from(size: int) -> None:
    """A bright spot in a frame, seen in the parser's crop, is in the same place of the drawn one."""
    landmarks = mean_face(150, 2.4) + np.array([30, 20])
    frame = np.zeros((220, 220, 3), np.uint8)
    frame[92:101, 110:119] = 255
    seen, drawn = (
        warp(frame, crop_matrix(landmarks, n, s), n)[..., 0] / 255 for n, s in ((SIZE, SIDE), (size, 2.0))
    )
    moved = temporal_masks.rescale_mask(seen.astype(np.float32), SIDE, size, 2.0)
    assert moved.shape == (size, size)
    places = [np.array(np.nonzero(one > 0.5)).mean(1) for one in (moved, drawn)]
    assert np.abs(places[0] - places[1]).max() < 0.02 * size


class HalfCovered(FaceParser):
    """Says that something stands before the left half of every face."""

    mark = "half covered"

    def probabilities(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        found = np.zeros((len(crops), len(CLASSES), SIZE, SIZE), np.float32)
        found[:, CLASSES.index("occluder"), :, : SIZE // 2] = 1
        found[:, CLASSES.index("skin"), :, SIZE // 2 :] = 1
        return found


def test_what_is_covered_stays_as_it_was(video: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    options = mf.options(mask="hull+occlusion", encode=mf.EncodeOptions(encoder="ffv1"))
    mf.convert(video, output, options=options, parser=HalfCovered())
    for before, after in list(zip(mf.frames_of(video), mf.frames_of(output), strict=True))[::9]:
        points = mf.face_points(before.index)
        x, y = points[30].round().astype(int)
        change = np.abs(after.image.astype(int) - before.image).max(2)
        assert change[y - 3 : y + 4, x - 14 : x - 4].max() <= 3
        assert change[y - 3 : y + 4, x + 4 : x + 14].mean() > 20


def stop_in_the_middle(video: Path, output: Path, **more: object) -> None:
    steps = mf.convert_video(video, output, mf.negative(), stage=mf.fake_stage(), **more)  # type: ignore[arg-type]
    for step in steps:
        if step.phase == "render" and step.done >= 23:
            break
    steps.close()  # type: ignore[attr-defined]


def test_an_interrupted_run_gives_the_same_with_the_real_parser(video: Path, tmp_path: Path) -> None:
    options = mf.options(mask="hull+parsed+occlusion", colour="rct")
    whole, output = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    mf.convert(video, whole, options=options, parser=FaceParser())
    stop_in_the_middle(video, output, options=options, parser=FaceParser())
    steps = mf.convert(video, output, options=options, parser=FaceParser())
    assert mf.steps_of(steps, "render")[0] == 21
    assert mf.same(output, whole)


def test_other_weights_of_the_parser_start_anew(video: Path, tmp_path: Path) -> None:
    options, output = mf.options(mask="hull+occlusion"), tmp_path / "out.mp4"
    stop_in_the_middle(video, output, options=options, parser=FaceParser())
    steps = mf.convert(video, output, options=options, parser=HalfCovered())
    assert mf.steps_of(steps, "render")[0] == 1
