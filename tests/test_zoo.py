"""The bundled weights: whole, described, refused when damaged."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from faceswap_cli import zoo
from faceswap_cli.errors import UserError

FACTS = {
    "config": {"width": 3},
    "licence": "MIT",
    "data": ["none"],
    "figures": {"error": 1},
    "remake": "a script",
}


def build(config: dict[str, int]) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, config["width"], 3), nn.BatchNorm2d(config["width"]))


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(zoo, "models_folder", lambda: tmp_path)
    torch.manual_seed(1)
    zoo.write(tmp_path / "small", build(FACTS["config"]), FACTS)
    return tmp_path


@pytest.mark.parametrize("name", zoo.names())
def test_every_bundled_network_has_a_whole_card_and_the_weights_it_tells_of(name: str) -> None:
    card = zoo.card(name)
    data = card.weights.read_bytes()
    assert hashlib.sha256(data).hexdigest() == card.facts["sha256"] and len(data) == card.facts["bytes"]
    for key in ("what", "licence", "data", "figures", "remake", "limits"):
        assert card.facts[key], key
    assert len(data) < 30e6
    assert all(torch.isfinite(tensor).all() for tensor in zoo.tensors(name).values())


def test_what_is_written_comes_back(models: Path) -> None:
    torch.manual_seed(1)
    before = build(FACTS["config"])
    network = zoo.load_network("small", build)
    assert zoo.names() == ["small"] and not network.training
    for key, value in network.state_dict().items():
        assert value.dtype == before.state_dict()[key].dtype
        assert torch.allclose(value.float(), before.state_dict()[key].float(), atol=1e-3), key
    assert not any(p.requires_grad for p in network.parameters())


def test_one_network_serves_all_who_ask(models: Path) -> None:
    zoo.shared_network.cache_clear()
    assert zoo.shared_network("small", build, "cpu") is zoo.shared_network("small", build, "cpu")
    zoo.shared_network.cache_clear()


@pytest.mark.parametrize("at", [10, -10])
def test_a_flipped_bit_is_refused(models: Path, at: int) -> None:
    file = models / "small" / zoo.WEIGHTS
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)
    with pytest.raises(UserError, match="is damaged: its checksum") as error:
        zoo.load_network("small", build)
    assert "\n" not in str(error.value) and "pip install" in str(error.value)


def test_missing_or_damaged_cards_and_weights_are_said_in_a_line(models: Path) -> None:
    with pytest.raises(UserError, match="the weights large are not in"):
        zoo.load_network("large", build)
    shutil.copytree(models / "small", models / "bare")
    (models / "bare" / zoo.WEIGHTS).unlink()
    with pytest.raises(UserError, match="can't be read"):
        zoo.load_network("bare", build)
    for text in ("{", "[]", "{}", json.dumps({**FACTS, "sha256": ""})[:-9]):
        (models / "small" / zoo.CARD).write_text(text)
        with pytest.raises(UserError, match=r"card\.json is damaged"):
            zoo.card("small")


def test_weights_of_another_network_are_refused(models: Path) -> None:
    with pytest.raises(UserError, match="don't fit this version"):
        zoo.load_network("small", lambda config: nn.Linear(2, 2))


def test_a_shared_network_can_be_learnt_through_whoever_asks_first() -> None:
    import torch

    from faceswap_cli.networks.perception import age_estimator

    zoo.shared_network.cache_clear()
    with torch.inference_mode():
        network = zoo.shared_network("age_estimator", age_estimator.build_age_estimator, "cpu")
    assert not any(value.is_inference() for value in network.state_dict().values())
