import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.training.engine.checkpoints import CheckpointStore, read_checkpoint


@pytest.fixture
def store(tmp_path):
    store = CheckpointStore(tmp_path / "checkpoints", keep=3)
    for step in (10, 20, 30):
        store.save(step, {"w": torch.full((4, 4), float(step))}, {"seconds": step / 2})
    return store


def test_what_was_saved_comes_back(store):
    checkpoint, notes = store.newest()
    assert notes == []
    assert checkpoint.facts == {"step": 30, "seconds": 15.0}
    torch.testing.assert_close(checkpoint.tensors["w"], torch.full((4, 4), 30.0))


def test_only_the_newest_are_kept(store):
    store.save(40, {"w": torch.zeros(1)}, {})
    assert [int(p.name[5:13]) for p in store.paths()] == [20, 30, 40]


@pytest.mark.parametrize("damage", ["flipped bit", "cut short", "emptied"])
def test_a_damaged_newest_is_passed_over_with_a_word(store, damage):
    newest = store.paths()[-1]
    data = bytearray(newest.read_bytes())
    if damage == "flipped bit":
        data[-1] ^= 1
    newest.write_bytes({"flipped bit": data, "cut short": data[:-9], "emptied": b""}[damage])
    checkpoint, notes = store.newest()
    assert checkpoint.facts["step"] == 20
    assert len(notes) == 1 and newest.name in notes[0]


def test_all_damaged_is_an_error_and_nothing_is_thrown_away(store):
    for path in store.paths():
        path.write_bytes(b"x")
    with pytest.raises(UserError, match="all 3 checkpoints"):
        store.newest()
    assert len(store.paths()) == 3


def test_a_failed_save_leaves_the_older_ones(store, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    before = [p.name for p in store.paths()]
    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(UserError, match="disk is full"):
        store.save(40, {"w": torch.zeros(1)}, {})
    assert [p.name for p in store.folder.iterdir()] and sorted(
        p.name for p in store.folder.iterdir()
    ) == before


def test_leftovers_of_a_killed_save_are_cleared_by_the_next(store):
    leftover = store.folder / ".step-00000035-0123456789abcdef.77.part.safetensors"
    leftover.write_bytes(b"half")
    assert store.newest()[0].facts["step"] == 30
    store.save(40, {"w": torch.zeros(1)}, {})
    assert not leftover.exists()


def test_another_file_under_a_right_name_is_refused(tmp_path):
    import hashlib

    data = b"not safetensors at all"
    path = tmp_path / f"step-00000001-{hashlib.sha256(data).hexdigest()[:16]}.safetensors"
    path.write_bytes(data)
    with pytest.raises(UserError, match="not a checkpoint"):
        read_checkpoint(path)
