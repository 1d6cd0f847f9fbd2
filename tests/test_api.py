"""faceswap from Python: the same work as by the commands, photos as arrays."""

import subprocess
import sys

import numpy as np
import pytest

import faceswap_cli
from faceswap_cli.errors import UserError
from faceswap_cli.media.photo import read_photo
from faceswap_cli.media.reader import VideoReader
from tests.cli.conftest import PICTURE, face_frames
from tests.clips import write_clip


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    mirrored = write_clip(folder / "two.mp4", face_frames(6, mirrored=True))
    return write_clip(folder / "one.mp4", face_frames(6)), mirrored


@pytest.fixture(scope="module")
def trained(clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    sets = [folder / name for name in ("a-faces", "b-faces")]
    for clip, faces in zip(clips, sets, strict=True):
        *_, last = faceswap_cli.extract([clip], faces)
        assert (last.state, last.faces) == ("complete", 6)
    ticks = list(faceswap_cli.train(sets[0], [sets[1]], folder / "run", steps=2, batch=2))
    assert ticks[-1].step == 2
    return folder / "run"


def test_from_clips_to_a_swapped_video(clips, trained, tmp_path):
    output = tmp_path / "swapped.mp4"
    steps = list(faceswap_cli.convert_video(clips[0], output, run=trained, colour="lct", all_faces=True))
    assert {step.phase for step in steps} >= {"faces", "render"}
    with VideoReader(output) as reader:
        assert sum(1 for _ in reader) == 6


def test_a_photo_goes_in_and_comes_out_as_an_array_with_the_watermark(tmp_path):
    picture = read_photo(PICTURE).image
    swapped = faceswap_cli.convert_photo(picture, face=PICTURE, adult_confirmed=True)
    assert swapped.shape == picture.shape
    assert swapped.dtype == np.uint8
    by_file = faceswap_cli.convert_photo(PICTURE, face=[PICTURE], adult_confirmed=True)
    assert np.array_equal(swapped, by_file)


def test_ageing_a_photo_changes_the_face_alone():
    picture = read_photo(PICTURE).image
    older = faceswap_cli.age_photo(picture, to=70, no_mark=True)
    changed = (older != picture).any(2)
    assert changed.any()
    assert not changed[:4].any()


@pytest.mark.parametrize(
    ("keywords", "told"),
    [
        ({"to": 70, "strenght": 1}, "Did you mean strength"),
        ({"to": 70, "strength": 9}, "strength"),
        ({"too": 70}, "no option too. Did you mean to"),
        ({}, "how old"),
    ],
)
def test_a_wrong_keyword_is_a_users_error(keywords, told):
    with pytest.raises(UserError, match=told):
        faceswap_cli.age_photo(PICTURE, **keywords)


def test_editing_a_photo_changes_what_was_named():
    picture = read_photo(PICTURE).image
    edited = faceswap_cli.edit_photo(picture, {"hair": "auburn"}, no_mark=True)
    assert (edited != picture).any()
    with pytest.raises(UserError, match="Did you mean smile"):
        faceswap_cli.edit_photo(picture, {"smiel": 0.5})
    with pytest.raises(UserError, match="not said what"):
        faceswap_cli.edit_photo(picture, {})


def test_what_is_for_users_is_listed():
    assert {"edit_photo", "convert_video", "UserError"} <= set(dir(faceswap_cli))


def test_the_package_is_loaded_without_the_heavy_libraries():
    code = "import sys, faceswap_cli; print(faceswap_cli.__version__, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[1] == "False"
    with pytest.raises(AttributeError, match="nothing_like_this"):
        _ = faceswap_cli.nothing_like_this
