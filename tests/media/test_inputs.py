"""What is used of the files and folders named, and what is said to be left out."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.media.inputs import describe_left_out, find_media
from faceswap_cli.media.probe import probe
from tests.conftest import picture


def test_what_is_left_out_is_counted_by_kind(tmp_path: Path) -> None:
    folder, other = tmp_path / "in", tmp_path / "other"
    (folder / "below" / "faces").mkdir(parents=True)
    other.mkdir()
    names = [
        "a.jpg",
        "b.JFIF",
        "c.heic",
        "d.avif",
        "below/e.mp4",
        "f.psd",
        "g.PSD",
        "h.dng",
        "i",
        ".hidden.txt",
    ]
    for name in [*names, "below/faces/faces.jsonl"]:
        (folder / name).touch()
    (other / "z.jpg").touch()
    (folder / "linked").symlink_to(other)
    (folder / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    found = [path.name for path in find_media([folder])]
    assert found == ["a.jpg", "b.JFIF", "e.mp4", "c.heic", "d.avif"]
    said = describe_left_out([folder], folder / "below" / "faces")
    assert said is not None and said.startswith("6 files left out: 2 .psd, ")
    for kind in ("1 .dng (camera raw)", "1 without suffix", "1 folder that is a link", "1 link to nowhere"):
        assert kind in said
    assert (
        describe_left_out([folder / "a.jpg", folder / "f.psd"]) is None and describe_left_out([other]) is None
    )


def test_videos_beside_pictures(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").touch()
    cv2.imwrite(str(tmp_path / "0.png"), picture(0, 64, 48))
    with pytest.raises(UserError, match=r"holds videos \(1\) and pictures \(1\)"):
        probe(tmp_path)
    cv2.imwrite(str(tmp_path / "1.png"), picture(1, 64, 48))
    (tmp_path / "notes.txt").touch()
    (tmp_path / "more").mkdir()
    info = probe(tmp_path)
    assert info.frames == 2 and info.note is not None
    assert info.note.startswith("3 files left out: ")
    assert all(kind in info.note for kind in ("1 .mp4", "1 .txt", "1 folder"))
