"""`age photo` and `convert photo` with several photos: a folder out, failures named, gone on with."""

import cv2
import numpy as np
import pytest

from faceswap_cli.cli.run_photos import JOURNAL
from tests.cli.conftest import PICTURE


@pytest.fixture
def album(tmp_path):
    """Two photos, one in an inner folder, a picture of nobody, and what is no photo."""
    folder = tmp_path / "album"
    (folder / "inner").mkdir(parents=True)
    image = cv2.imread(str(PICTURE))
    cv2.imwrite(str(folder / "a.png"), image)
    cv2.imwrite(str(folder / "inner" / "b.jpg"), image[:, ::-1])
    cv2.imwrite(str(folder / "nobody.png"), np.full_like(image, 90))
    (folder / "notes.txt").write_text("not a photo")
    return folder


def test_a_folder_comes_out_and_what_failed_is_named_and_tried_again(faceswap, album, tmp_path):
    out = tmp_path / "old"
    arguments = ("age", "photo", album, "--to", 60, "-o", out)
    done = faceswap(*arguments)
    assert done.is_one_line_error("1 of 3 photos", "nobody.png")
    assert "no face" in done.err
    assert "1 .txt" in done.err
    assert {str(p.relative_to(out)) for p in out.rglob("*.*g")} == {"a.png", "inner/b.jpg"}
    first = (out / "a.png").read_bytes()
    stamp = (out / "a.png").stat().st_mtime_ns

    cv2.imwrite(str(album / "nobody.png"), cv2.imread(str(PICTURE)))
    (out / "inner" / "b.jpg").unlink()
    done = faceswap(*arguments)
    assert done.code == 0, done.err
    assert "1 were done before" in done.err
    assert (out / "a.png").stat().st_mtime_ns == stamp
    assert (out / "inner" / "b.jpg").exists()
    assert (out / "nobody.png").exists()
    assert not (out / JOURNAL).exists()

    done = faceswap(*arguments)
    assert done.code == 0
    assert (out / "a.png").stat().st_mtime_ns > stamp
    assert (out / "a.png").read_bytes() == first


def test_results_of_a_folder_do_not_go_into_a_folder_named_like_a_picture(faceswap, album, tmp_path):
    out = tmp_path / "old.jpg"
    done = faceswap("age", "photo", album, "--to", 60, "-o", out)
    assert done.is_one_line_error("old.jpg", "folder")
    assert not out.exists()


def test_another_wish_is_not_taken_for_done(faceswap, album, tmp_path):
    out = tmp_path / "aged"
    faceswap("age", "photo", album, "--to", 60, "-o", out)
    first = (out / "a.png").read_bytes()
    faceswap("age", "photo", album, "--to", 30, "-o", out)
    assert (out / "a.png").read_bytes() != first


def test_several_photos_get_one_photos_face(faceswap, album, tmp_path):
    out = tmp_path / "swapped"
    photos = (album / "a.png", album / "inner" / "b.jpg")
    done = faceswap("convert", "photo", *photos, "--face", PICTURE, "-o", out)
    assert done.code == 0, done.err
    assert sorted(p.name for p in out.iterdir()) == ["a.png", "b.jpg"]
    assert "2 photos" in done.out


def test_results_of_one_name_are_refused_before_the_work(faceswap, album, tmp_path):
    (album / "inner" / "b.jpg").rename(album / "inner" / "A.png")
    photos = (album / "a.png", album / "inner" / "A.png")
    done = faceswap("age", "photo", *photos, "--to", 60, "-o", tmp_path / "out")
    assert done.is_one_line_error("would both become")
    assert not (tmp_path / "out").exists()


def test_many_photos_into_a_file_are_refused(faceswap, album, tmp_path):
    (tmp_path / "notes").write_bytes(b"")
    done = faceswap("age", "photo", album, "--to", 60, "-o", tmp_path / "notes")
    assert done.is_one_line_error("is a file", "folder")
