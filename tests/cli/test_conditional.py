"""A conditional model on the command line: a photo instead of a training, control, and a new face."""

import cv2
import numpy as np
import pytest

from faceswap_cli.media.photo import read_photo
from faceswap_cli.networks.swap.conditions import TRAITS
from faceswap_cli.training.runs.folder import open_run
from tests.cli.conftest import PICTURE
from tests.face_sets import make_set

TINY = ("--resolution", 32, "--batch", 2, "--option", "width=8", "--option", "code=16", "--device", "cpu")


@pytest.fixture(scope="module")
def run(faceswap, tmp_path_factory):
    """A tiny conditional run of one step."""
    folder = tmp_path_factory.mktemp("conditional")
    people = make_set(folder / "man", 4), make_set(folder / "woman", 4, level=lambda k: 90)
    made = ("train", "-A", people[0], "-B", people[1], "-m", folder / "run", "--steps", 1)
    options = ("--model", "conditional", *TINY, "--measure-every", 0)
    assert faceswap(*made, *options).code == 0
    return folder / "run"


@pytest.fixture
def convert(faceswap, run, tmp_path):
    def call(*options, output="drawn.png", model=run):
        where = ("-m", model, "-o", tmp_path / output, "--all-faces", "--grain", 0, "--no-mark")
        return faceswap("convert", "photo", PICTURE, *where, *options)

    return call


def drawn(tmp_path, name="drawn.png"):
    return read_photo(tmp_path / name).image.astype(int)


def test_a_photo_is_a_face_and_a_name_another(convert, tmp_path):
    assert convert("--face", PICTURE).code == 0
    assert convert("--face", "woman", output="named.png").code == 0
    assert np.abs(drawn(tmp_path) - drawn(tmp_path, "named.png")).max() > 0


def test_two_faces_are_mixed_by_their_weights(convert, tmp_path):
    assert convert("--face", PICTURE, output="one.png").code == 0
    assert convert("--face", f"{PICTURE}:1", "--face", "woman:0", output="all.png").code == 0
    assert convert("--face", f"{PICTURE}:0.5", "--face", "woman:0.5", output="half.png").code == 0
    one, all_of_it, half = (drawn(tmp_path, name) for name in ("one.png", "all.png", "half.png"))
    assert np.array_equal(one, all_of_it) and not np.array_equal(one, half)


def test_control_changes_the_face_only(convert, tmp_path):
    assert convert().code == 0
    assert convert("--yaw", 15, "--expression", 2, output="turned.png").code == 0
    before = read_photo(PICTURE).image.astype(int)
    plain, turned = drawn(tmp_path), drawn(tmp_path, "turned.png")
    assert not np.array_equal(plain, turned)
    assert np.array_equal(turned[:10], before[:10])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--face", "nobody.jpg"], ["has no face nobody.jpg", "It has a (man), b (woman)"]),
        (["--face", "b:-1", "--face", "a:2"], ["can't be mixed"]),
        (["--face", "b:0"], ["can't be mixed"]),
    ],
)
def test_faces_that_can_t_be_drawn_are_told(convert, options, words):
    assert convert(*options).is_one_line_error(*words)


def test_control_out_of_range_is_wrong_usage(convert):
    assert convert("--yaw", 90).code == convert("--expression", -1).code == 2


def test_a_tiny_face_is_too_little_to_draw_from(convert, tmp_path):
    picture = cv2.imread(str(PICTURE))
    tiny = cv2.resize(picture, None, fx=0.12, fy=0.12, interpolation=cv2.INTER_AREA)
    canvas = np.full((300, 300, 3), 90, np.uint8)
    canvas[100 : 100 + tiny.shape[0], 100 : 100 + tiny.shape[1]] = tiny
    cv2.imwrite(str(tmp_path / "tiny.png"), canvas)
    assert convert("--face", tmp_path / "tiny.png", "--min-size", 8).is_one_line_error("--face", "photo")


def test_a_blurred_face_is_told(convert, tmp_path):
    cv2.imwrite(str(tmp_path / "soft.png"), cv2.GaussianBlur(cv2.imread(str(PICTURE)), (0, 0), 6))
    done = convert("--face", tmp_path / "soft.png")
    assert done.code == 0 and "blurred" in done.err


def test_a_photo_without_a_face_is_told(convert, tmp_path):
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((120, 120, 3), 90, np.uint8))
    assert convert("--face", tmp_path / "empty.png").is_one_line_error("no face", "photo that shows the face")
    assert not (tmp_path / "drawn.png").exists()


def test_other_families_are_steered_and_can_not_be_shown_a_photo(faceswap, convert, tmp_path):
    people = make_set(tmp_path / "man", 4), make_set(tmp_path / "woman", 4, level=lambda k: 90)
    options = ("-A", people[0], "-B", people[1], "-m", tmp_path / "plain", "--steps", 1, *TINY)
    assert faceswap("train", *options, "--measure-every", 0).code == 0
    shown = convert("--face", PICTURE, model=tmp_path / "plain")
    assert shown.is_one_line_error("draws only whom it was trained on", "-m conditional")
    assert convert(model=tmp_path / "plain").code == 0
    assert convert("--yaw", 5, output="turned.png", model=tmp_path / "plain").code == 0
    assert not np.array_equal(drawn(tmp_path), drawn(tmp_path, "turned.png"))
    told = faceswap("train", "-m", tmp_path / "new", "--adapt", tmp_path / "plain", "-B", PICTURE)
    assert told.is_one_line_error("can't take on a new face")


def test_an_adaptation_is_of_its_origin_s_family(faceswap, run, tmp_path):
    told = faceswap("train", "-m", tmp_path / "new", "--model", "gan", "--adapt", run, "-B", PICTURE)
    assert told.is_one_line_error("of the family conditional, not gan")


def test_a_run_adapts_to_a_photo_and_is_gone_on_with(faceswap, run, convert, tmp_path):
    new = (
        "train",
        "-m",
        tmp_path / "new",
        "--adapt",
        run,
        "-B",
        PICTURE,
        "--device",
        "cpu",
        "--measure-every",
        0,
    )
    done = faceswap(*new, "--steps", 1)
    assert done.code == 0, done.err
    settings = open_run(tmp_path / "new").settings
    assert settings.family == "conditional" and settings.network["width"] == 8
    assert settings.base == str(run.resolve())
    assert faceswap(*new, "--steps", 2).code == 0
    assert convert("--face", "b", model=tmp_path / "new").code == 0


def test_a_sheet_varies_each_attribute(faceswap, run, tmp_path):
    done = faceswap("models", "sheet", PICTURE, "-m", run, "-o", tmp_path / "sheet.png")
    assert done.code == 0 and "yaw" in done.out and "light" not in done.out
    assert read_photo(tmp_path / "sheet.png").image.shape[0] > 11 * 144


def test_what_is_asked_of_the_bundled_base_is_measured_on_what_it_draws(faceswap, tmp_path):
    done = faceswap("models", "sheet", PICTURE, "-m", "conditional", "-o", tmp_path / "sheet.png")
    rows = [line.split() for line in done.out.splitlines()]
    found = {row[0]: float(row[1]) for row in rows if row and row[0] in TRAITS}
    assert set(found) == set(TRAITS) - {"roll"} and min(found[name] for name in ("yaw", "smile")) > 0.3


def test_a_bundled_base_wants_a_photo(faceswap, tmp_path):
    done = faceswap("convert", "photo", PICTURE, "-m", "conditional", "-o", tmp_path / "o.png")
    assert done.is_one_line_error("needs a face to draw", "--face PHOTO")
