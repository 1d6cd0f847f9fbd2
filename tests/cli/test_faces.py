"""Looking at a face set, sorting it and taking faces out, as a user does."""

import re

import pytest

from faceswap_cli.faces.sets.faceset import FaceSet
from tests.cli.conftest import PICTURE
from tests.face_sets import files, make_set


@pytest.fixture
def folder(tmp_path):
    """Eight faces in two tracks, the fourth and the eighth of them blurred."""
    return make_set(
        tmp_path / "faces",
        8,
        change=lambda k: {"sharpness": 0.1 if k % 4 == 3 else 0.9, "pose": (10.0 * k, 0, 0)},
        track=lambda k: k // 4,
    )


def test_from_looking_to_doing(faceswap, folder, tmp_path):
    done = faceswap("faces", "sheet", folder)
    assert done.code == 0 and "8 faces" in done.out
    command = re.search(
        r"<code>(faceswap faces filter .*? --list list.txt)</code>", (folder / "sheet.html").read_text()
    )
    assert command and folder.name in command[1]
    (tmp_path / "list.txt").write_text("clip_000002_0.jpg\nclip_000005_0.jpg\n")
    done = faceswap("faces", "filter", folder, "--list", tmp_path / "list.txt")
    assert done.code == 0 and "2 on the list list.txt" in done.out and "2 of 8 faces moved" in done.out
    assert "clip_000005_0" not in (folder / "sheet.html").read_text()  # made anew
    done = faceswap("faces", "filter", folder, "--restore")
    assert done.code == 0 and "2 faces moved back" in done.out
    assert len(FaceSet.open(folder)) == 8 and "clip_000005_0" in (folder / "sheet.html").read_text()


def test_sorting_and_back(faceswap, folder):
    before = files(folder / "crops")
    done = faceswap("faces", "sort", folder, "--by", "blur")
    assert done.code == 0 and "8 faces sorted by blur" in done.out
    assert [file[-7] for file in files(folder / "crops")][:2] == ["3", "7"]
    assert '"sorted":true' in (folder / "sheet.html").read_text()
    assert faceswap("faces", "sort", folder, "--by", "time").code == 0
    assert files(folder / "crops") == before


def test_filtering_says_why(faceswap, folder):
    rules = ("--min-sharpness", 0.5, "--max-yaw", 45, "--track", 1)
    done = faceswap("faces", "filter", folder, *rules, "--dry-run")
    assert done.code == 0 and "5 of 8 faces would be moved" in done.out and len(FaceSet.open(folder)) == 8
    done = faceswap("faces", "filter", folder, *rules, "--bin", folder.parent / "bin")
    lines = [line.strip() for line in done.out.splitlines()]
    assert lines[:3] == ["4 of track 1", "3 turned by more than 45 degrees (yaw)", "2 sharpness below 0.5"]
    assert "5 of 8 faces moved to" in lines[3] and len(files(folder.parent / "bin")) == 5
    done = faceswap("faces", "filter", folder, "--doubtful")
    assert done.code == 0 and "nothing to do" in done.out


def test_everything_may_be_moved_and_restored(faceswap, folder):
    done = faceswap("faces", "filter", folder, "--min-size", 5000)
    assert done.code == 0 and "8 of 8" in done.out and "empty" in done.out
    assert not (folder / "sheet.html").exists()
    assert faceswap("faces", "sheet", folder).is_one_line_error("holds no faces")
    assert faceswap("faces", "filter", folder, "--restore").code == 0 and len(FaceSet.open(folder)) == 8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sort", "FACES", "--by", "beauty"), ("beauty", "blur, size")),
        (("sort", "FACES", "--by", "likeness"), ("--to",)),
        (("sort", "FACES", "--by", "blur", "--to", PICTURE), ("no meaning",)),
        (("sort", PICTURE.parent, "--by", "blur"), ("not a face set",)),
        (("sort", "FACES/nothing", "--by", "blur"), ("there is no face set",)),
        (("filter", "FACES"), ("no rule",)),
        (("filter", "FACES", "--track", "9"), ("no track 9",)),
        (("filter", "FACES", "--list", PICTURE), ("is not text",)),
        (("filter", "FACES", "--like", "FACES/nothing.jpg"), ("nothing.jpg",)),
        (("filter", "FACES", "--restore", "--min-size", 3), ("without other options",)),
        (("filter", "FACES", "--min-size", 5000, "--bin", "FACES/crops"), ("own crops",)),
        (("filter", "FACES", "--min-size", 5000, "--bin", PICTURE), ("in the way",)),
        (("sheet", PICTURE.parent), ("not a face set",)),
    ],
)
def test_mistakes_are_told_in_a_line(faceswap, folder, arguments, words):
    before = files(folder / "crops")
    done = faceswap("faces", *(str(one).replace("FACES", str(folder)) for one in arguments))
    assert done.is_one_line_error(*words), done.err
    assert files(folder / "crops") == before


@pytest.mark.parametrize("arguments", [("--min-sharpness", -1), ("--max-yaw", 200), ("--min-score", 1.5)])
def test_figures_out_of_range(faceswap, folder, arguments):
    done = faceswap("faces", "filter", folder, *arguments)
    assert done.code == 2 and arguments[0] in done.err
