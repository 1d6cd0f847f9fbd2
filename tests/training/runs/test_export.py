"""A run as one file: it draws the same, shows nobody, and a damaged one is told in a line."""

import hashlib
import json

import numpy as np
import pytest
import safetensors.torch
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.runs.export import ALLOWED, export_run, largest_change, made_up_input
from faceswap_cli.training.runs.folder import amend_run, create_run, load_trained, open_run
from faceswap_cli.training.runs.model_file import load_exported, read_card
from faceswap_cli.training.runs.settings import SwapSettings
from faceswap_cli.training.task import resume_or_start
from tests.families import SWAPS

CPU = torch.device("cpu")
NAMES = {"a": "man-in-the-video", "b": "anna", "b2": "bertha"}


def small_run(folder, family="shared", names=NAMES):
    """A run with a checkpoint, whose weights are random: drawing is what counts, not likeness."""
    network = {"resolution": 32, "identities": list(names)}
    network |= {"shared": {"width": 8, "code": 16}, "liae": {"width": 8, "code": 16}}.get(family, {})
    reference = np.random.default_rng(0).normal(size=(3, 128)).astype(np.float32)
    run = create_run(
        folder / "secret-place" / "run", SwapSettings(family=family, network=network), names, reference
    )
    run.log.write_text(json.dumps({"step": 0, "losses": {"dssim": 0.25}}) + "\n")
    trainer = resume_or_start(FAMILIES[family], run, CPU)
    trainer.seconds = 90.0
    run.store.save(0, trainer.tensors(), trainer.facts())
    return open_run(run.path)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def file(run, tmp_path):
    export_run(run, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("family", ["shared", "liae"])
def test_it_draws_what_the_run_draws(tmp_path, family):
    run, path = small_run(tmp_path, family), tmp_path / "model.safetensors"
    made = export_run(run, path)
    whole, _, _ = load_trained(run, CPU)
    opened = load_exported(path, CPU)
    assert made.card["precision"]["weights"] == "float16" and made.notes == []
    assert opened.model.config == whole.config
    assert 0 < largest_change(whole, opened.model) <= ALLOWED
    # What was tried before writing is exactly what is read.
    pictures = made_up_input(32)
    for identity in NAMES:
        one, other = made.model.renderer(identity)(pictures), opened.model.renderer(identity)(pictures)
        assert torch.equal(one.image, other.image) and torch.equal(one.mask, other.mask)


def test_half_precision_that_shows_is_not_used(tmp_path):
    run = small_run(tmp_path)
    checkpoint, _ = run.store.newest()
    loud = {k: v * 400 if k.startswith("ema.decoders") else v for k, v in checkpoint.tensors.items()}
    run.store.save(1, loud, checkpoint.facts)
    made = export_run(run, tmp_path / "model.safetensors")
    assert made.card["precision"]["weights"] == "float32" and "half precision" in made.notes[0]
    whole, _, _ = load_trained(run, CPU)
    assert largest_change(whole, load_exported(tmp_path / "model.safetensors", CPU).model) == 0


def test_nobody_is_in_it(run, file):
    data = file.read_bytes()
    for word in ("secret-place", str(run.path), "reference", "optimiser", "preview"):
        assert word.encode() not in data
    assert len(load_exported(file, CPU).reference) == 0
    tensors = safetensors.torch.load(data)
    whole, _, _ = load_trained(run, CPU)
    assert tensors.keys() == whole.state_dict().keys()


def test_names_stay_out_on_request(run, tmp_path):
    path = tmp_path / "model.safetensors"
    export_run(run, path, with_names=False)
    assert not any(name.encode() in path.read_bytes() for name in NAMES.values())
    assert load_exported(path, CPU).identity("b2") == "b2"


def test_the_reference_comes_along_on_request(run, tmp_path):
    path = tmp_path / "model.safetensors"
    export_run(run, path, with_reference=True)
    assert np.array_equal(load_exported(path, CPU).reference, run.reference)


def test_the_card_says_what_it_is(run, tmp_path):
    path = tmp_path / "model.safetensors"
    changed = amend_run(run, {"step": 0, "changed": {"batch": [8, 4]}})
    export_run(changed, path, licence="CC0-1.0")
    card = read_card(path)
    assert (card["family"], card["identities"], card["names"]) == ("shared", ["a", "b", "b2"], NAMES)
    assert card["licence"] == "CC0-1.0" and card["made by"].startswith("faceswap ")
    training = card["training"]
    assert (training["step"], training["minutes"], training["last losses"]) == (0, 1.5, {"dssim": 0.25})
    assert training["settings"]["batch"] == 8 and training["settings"]["loss"]["dssim"] == 10
    assert training["changed"] == [{"step": 0, "changed": {"batch": [8, 4]}}]


def test_one_face_alone_draws_the_same_in_a_smaller_file(run, file, tmp_path):
    alone = tmp_path / "alone.safetensors"
    export_run(run, alone, faces=["b2"])
    opened, whole = load_exported(alone, CPU), load_exported(file, CPU)
    assert opened.model.config.identities == ("b2",) and opened.card["names"] == {"b2": "bertha"}
    assert b"anna" not in alone.read_bytes()
    assert largest_change(whole.model, opened.model) == 0
    assert alone.stat().st_size < file.stat().st_size
    assert opened.identity("bertha") == "b2"
    with pytest.raises(UserError, match=r"no face b\. It has b2 \(bertha\)"):
        opened.identity("b")


@pytest.mark.parametrize("family", sorted(SWAPS.keys() - {"original"}))  # of a size of its own
@pytest.mark.parametrize("faces", [["b"], ["a", "b2"]])
def test_one_face_alone_is_right_or_refused(tmp_path, family, faces):
    run, path = small_run(tmp_path, family), tmp_path / "alone.safetensors"
    try:
        export_run(run, path, faces=faces)
    except UserError as error:
        assert "draw nobody without the others" in error.message
        assert not path.exists()
        return
    whole, _, _ = load_trained(run, CPU)
    assert largest_change(whole, load_exported(path, CPU).model) <= ALLOWED


DAMAGE = {
    "cut short": (lambda data: data[:-5], "cut off or damaged"),
    "cut in the header": (lambda data: data[:60], "cut off or damaged"),
    "emptied": (lambda data: b"", "cut off or damaged"),
    "flipped bit": (lambda data: data[:-9] + bytes([data[-9] ^ 64]) + data[-8:], "checksum"),
    "another card": (lambda data: data.replace(b"shared", b"sharks"), "unknown to this version"),
    "another shape": (
        lambda data: data.replace(b'"code\\": 16', b'"code\\": 17').replace(
            b'\\"code\\": 16', b'\\"code\\": 17'
        ),
        "fit",
    ),
    "a later version": (lambda data: data.replace(b'"version":"1"', b'"version":"2"'), "another version"),
    "text": (lambda data: b"no model at all" * 99, "cut off or damaged"),
    "another tool's": (lambda data: safetensors.torch.save({"x": torch.zeros(3)}), "no model of this tool"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_and_foreign_files_are_told(file, damage):
    change, word = DAMAGE[damage]
    before = file.read_bytes()
    file.write_bytes(change(before))
    assert file.read_bytes() != before
    with pytest.raises(UserError, match=word):
        load_exported(file, CPU)


def test_a_checkpoint_is_no_model_file(run):
    with pytest.raises(UserError, match="no model of this tool") as error:
        load_exported(run.store.paths()[-1], CPU)
    assert "run folder" in error.value.hint


def test_a_checksum_is_of_every_tensor(file):
    tensors = safetensors.torch.load(file.read_bytes())
    card = read_card(file)
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    assert card["sha256"] == digest.hexdigest()


@pytest.mark.slow
def test_onnx_draws_the_same(run, tmp_path):
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
    import onnx
    import onnxruntime

    from faceswap_cli.training.runs.export_onnx import export_onnx

    path = tmp_path / "model.onnx"
    export_onnx(run, path, "b2")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [(one.name, one.shape) for one in session.get_inputs()] == [("crops", ["batch", 3, 32, 32])]
    whole, _, _ = load_trained(run, CPU)
    for count in (1, 5):
        pictures = made_up_input(32, count)
        image, mask = session.run(["image", "mask"], {"crops": pictures.numpy()})
        drawn = whole.renderer("b2")(pictures)
        assert np.abs(image - drawn.image.numpy()).max() < ALLOWED + 1e-3
        assert np.abs(mask - drawn.mask.numpy()).max() < ALLOWED + 1e-3
    card = json.loads({p.key: p.value for p in onnx.load(path).metadata_props}["card"])
    assert card["draws"] == "b2" and card["names"] == {"b2": "bertha"}
    assert b"secret-place" not in path.read_bytes()


def test_without_the_extra_onnx_is_refused_plainly(run, tmp_path, monkeypatch):
    from faceswap_cli.training.runs.export_onnx import export_onnx

    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(UserError, match="onnx") as error:
        export_onnx(run, tmp_path / "model.onnx", "b")
    assert error.value.hint == 'pip install "faceswap-cli[onnx]"'
    assert list(tmp_path.iterdir()) == []
