"""A video's style, steadied over time."""

import numpy as np

from faceswap_cli.media.frame import Frame
from faceswap_cli.portrait.style.effect import StyledFrame, average_changes, whole_frames
from faceswap_cli.portrait.style.translate import StyleChange, lay_change


def styled(index, small, level):
    change = np.full(small.shape, level, np.float32)
    return StyledFrame(Frame(index, index / 25, small), StyleChange(small, change))


def test_what_flickers_on_a_still_picture_is_evened_and_what_moves_is_left_alone():
    still = np.full((8, 8, 3), 100, np.uint8)
    moving = still.copy()
    moving[:, 4:] = 220  # in the frames around something else stands here
    near = [styled(0, moving, 10.0), styled(1, still, 40.0), styled(2, moving, 10.0)]
    steady = average_changes(near[1], near, 0.07).change
    assert 15 < steady[:, :4].mean() < 30
    assert np.allclose(steady[:, 4:], 40.0, atol=0.1)
    assert average_changes(near[1], near, 0.0) is near[1].found


def test_a_change_is_laid_on_the_pictures_own_detail():
    rng = np.random.default_rng(1)
    image = rng.integers(60, 200, (32, 48, 3)).astype(np.uint8)
    small = np.full((8, 12, 3), 130, np.uint8)
    found = StyleChange(small, np.full((8, 12, 3), 20.0, np.float32))
    assert np.allclose(lay_change(image, found, 1.0, 1.0), image + 20.0)
    assert np.allclose(lay_change(image, found, 0.5, 0.0), 140.0)
    assert np.allclose(lay_change(image.astype(np.float32), found, 0.0, 1.0), image)


def test_a_track_lasts_for_the_whole_clip():
    tracks = whole_frames([0.0, 0.04, 0.1], 320, 240)
    assert tracks.frames.tolist() == [0, 1, 2] and tracks.times.tolist() == [0.0, 0.04, 0.1]
    assert (tracks.landmarks >= 0).all() and (tracks.landmarks[..., 0] < 320).all()
