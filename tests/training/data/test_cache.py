import json
import shutil
from dataclasses import fields

import numpy as np
import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.faces.geometry import STORED_SIDE, mean_face
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.files import locked
from faceswap_cli.training.data import cache
from faceswap_cli.training.data.cache import load_cached_faces
from faceswap_cli.training.data.dataset import load_faces, prepare
from tests.face_sets import crop, files, killed, make_set
from tests.small_disks import fill, make_read_only, small_disk
from tests.training.conftest import made_up_crop

SIZE = 32


@pytest.fixture
def folder(tmp_path):
    return make_set(tmp_path / "faces")


class Told:
    """A start of a training: its samples, how many faces were prepared for them, what was said."""

    def __init__(self, folder, resolution=SIZE, parser=None, most=100):
        self.prepared, self.lines = 0, []
        face_set = FaceSet.open(folder)
        self.faces = load_cached_faces(face_set, resolution, parser, self.count, self.lines.append, most)

    def count(self, done, total):
        self.prepared += 1


def same(one, other):
    return all(torch.equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))


def in_memory(folder, resolution=SIZE, parser=None):
    return load_faces(FaceSet.open(folder), resolution, parser)


def caches(folder):
    return [name for name in files(folder / "cache") if name != ".lock"]


def test_the_second_start_prepares_nothing_and_has_the_same_samples(folder):
    first, second = Told(folder), Told(folder)
    assert (first.prepared, second.prepared) == (12, 0)
    assert first.lines == second.lines == []
    wanted = in_memory(folder)
    assert same(first.faces, wanted) and same(second.faces, wanted)
    # Steps over memory the same way, or sums would come out otherwise.
    assert second.faces.wide.stride() == wanted.wide.stride()


def test_the_parser_is_part_of_it(folder):
    parser = FaceParser()
    _, parsed, again = Told(folder), Told(folder, parser=parser), Told(folder, parser=parser)
    assert (parsed.prepared, again.prepared) == (12, 0)
    assert same(again.faces, in_memory(folder, parser=parser))


def overwrite(folder):
    import cv2

    cv2.imwrite(str(FaceSet.open(folder).crop_path(FaceSet.open(folder).records[3])), crop(30, 3))


def delete(folder):
    next((folder / "crops").iterdir()).unlink()


def move_a_landmark(folder):
    index = folder / "faces.jsonl"
    lines = index.read_text().splitlines(keepends=True)
    line = json.loads(lines[2])
    line["landmarks"][0][0] += 1
    index.write_text("".join([*lines[:2], json.dumps(line) + "\n", *lines[3:]]))


def extract_more(folder):
    make_set(folder, 3, "other.mp4")


@pytest.mark.parametrize("change", [overwrite, delete, move_a_landmark, extract_more])
def test_a_changed_set_is_prepared_anew_and_the_old_samples_are_gone(folder, change):
    Told(folder)
    (before,) = caches(folder)
    change(folder)
    told = Told(folder)
    assert told.prepared == len(told.faces) and same(told.faces, in_memory(folder))
    (after,) = caches(folder)
    assert after != before


def test_a_sort_changes_no_sample(folder):
    Told(folder)
    for rank, name in enumerate(reversed(files(folder / "crops"))):
        (folder / "crops" / name).rename(folder / "crops" / f"{rank:06d}@{name}")
    told = Told(folder)
    assert told.prepared == 0 and same(told.faces, in_memory(folder))


def test_resolutions_stand_beside_each_other(folder):
    Told(folder)
    assert Told(folder, 48).prepared == 12
    assert Told(folder).prepared == Told(folder, 48).prepared == 0
    assert len(caches(folder)) == 2


def test_of_a_large_set_some(folder):
    told = Told(folder, most=5)
    assert len(told.faces) == told.prepared == 5
    assert Told(folder, most=5).prepared == 0


def test_nothing_that_is_done_to_samples_reaches_the_disk(folder):
    Told(folder).faces.target.fill_(0)
    assert same(Told(folder).faces, in_memory(folder))


DAMAGE = {
    "cut short": lambda place: (place / "wide.npy").write_bytes((place / "wide.npy").read_bytes()[:-1]),
    "flipped bit": lambda place: flip(place / "mask.npy"),
    "flipped bit in a header": lambda place: flip(place / "free.npy", 20),
    "emptied": lambda place: (place / "std.npy").write_bytes(b""),
    "a file gone": lambda place: (place / "target.npy").unlink(),
    "no manifest": lambda place: (place / "manifest.json").unlink(),
    "manifest of something else": lambda place: (place / "manifest.json").write_text("[1, 2]"),
    "manifest cut off": lambda place: (place / "manifest.json").write_text('{"files": {"wide'),
    "a file in its place": lambda place: (shutil.rmtree(place), place.write_text("x")),
}


def flip(path, at=-1):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_noticed_told_and_made_good(folder, damage):
    Told(folder)
    (name,) = caches(folder)
    DAMAGE[damage](folder / "cache" / name)
    told = Told(folder)
    assert told.prepared == 12 and same(told.faces, in_memory(folder))
    assert len(told.lines) == 1 and "damaged" in told.lines[0] and "made anew" in told.lines[0]
    assert Told(folder).prepared == 0


def test_an_array_of_another_shape_is_no_sample(folder):
    """A manifest that fits its files, beside faces that it does not fit."""
    Told(folder)
    (name,) = caches(folder)
    place = folder / "cache" / name
    np.save(place / "mean.npy", np.zeros((5, 3), np.float32))
    manifest = json.loads((place / "manifest.json").read_text())
    file = place / "mean.npy"
    manifest["files"]["mean.npy"] = [file.stat().st_size, cache._checksum(file)]
    (place / "manifest.json").write_text(json.dumps(manifest))
    assert "another shape" in Told(folder).lines[0]


@pytest.mark.parametrize(("method", "calls"), [("open", 2), ("open", 7), ("rename", 0), ("write_text", 0)])
def test_killed_while_writing_leaves_nothing_that_is_taken_for_whole(folder, method, calls):
    assert killed(lambda: Told(folder), method, calls)
    assert all(name.startswith(".") for name in files(folder / "cache"))
    told = Told(folder)
    assert told.prepared == 12 and told.lines == []
    assert len(caches(folder)) == 1  # what was left is gone


def test_two_at_once_do_not_meet(folder):
    (folder / "cache").mkdir()
    with locked(folder / "cache"):
        told = Told(folder)
    assert same(told.faces, in_memory(folder))
    assert len(told.lines) == 1 and "another faceswap is working" in told.lines[0]
    assert caches(folder) == []


def test_removing_the_cache_while_it_is_read_is_safe(folder):
    told = Told(folder)
    shutil.rmtree(folder / "cache")
    assert same(told.faces, in_memory(folder))


def test_a_damaged_crop_is_an_error_and_no_reason_for_memory(folder):
    FaceSet.open(folder).crop_path(FaceSet.open(folder).records[3]).write_bytes(b"no picture")
    with pytest.raises(UserError, match="not a picture"):
        Told(folder)
    assert caches(folder) == []


@pytest.mark.parametrize("spare", [cache.SPARE, -(10**12)])
def test_a_full_disk_is_told_and_samples_stay_in_memory(tmp_path, monkeypatch, spare):
    """Once with an eye on what is free, once by running into the wall."""
    monkeypatch.setattr(cache, "SPARE", spare)
    with small_disk(tmp_path / "disk", "2m") as disk:
        folder = make_set(disk / "faces")
        fill(disk, 40_000)
        told = Told(folder, 64)
        assert same(told.faces, in_memory(folder, 64))
        assert len(told.lines) == 1 and "kept in memory" in told.lines[0] and "full" in told.lines[0]
        assert caches(folder) == []


def test_a_read_only_set_is_told_and_samples_stay_in_memory(tmp_path):
    with small_disk(tmp_path / "disk", "2m") as disk:
        folder = make_set(disk / "faces")
        make_read_only(disk)
        told = Told(folder)
        assert same(told.faces, in_memory(folder))
        assert len(told.lines) == 1 and "can't be written" in told.lines[0]


def test_a_cache_of_a_read_only_set_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "SPARE", 0)
    with small_disk(tmp_path / "disk", "2m") as disk:
        folder = make_set(disk / "faces")
        Told(folder)
        make_read_only(disk)
        told = Told(folder)
        assert told.prepared == 0 and told.lines == []
        del told


def test_samples_are_what_this_version_says():
    """When this fails because `prepare` was changed: raise cache.VERSION, and write the new figures here."""
    row = prepare(made_up_crop(1, (200, 150, 120)), mean_face(128, STORED_SIDE), STORED_SIDE, 64)
    figures = [float(values.astype(np.float64).mean()) for values in row[:7]]
    assert cache.VERSION == 6
    expected = [87.200, 111.425, 152.454, 26.206, 255.0, 0.40137, 0.12667]
    np.testing.assert_allclose(figures, expected, rtol=0.005)
