"""A run that starts from a base draws faces before its first step, at any resolution and for any people."""

import json

import numpy as np
import pytest
import torch

from faceswap_cli import zoo
from faceswap_cli.errors import UserError
from faceswap_cli.training.families import FAMILIES, build_model
from faceswap_cli.training.families.swap import find_base
from faceswap_cli.training.runs.family_options import settings_for
from faceswap_cli.training.runs.folder import create_run
from faceswap_cli.training.runs.settings import SwapSettings
from faceswap_cli.training.runs.warm_start import EVERYBODY, load_base, load_start
from faceswap_cli.training.runs.weight_transfer import copy_weights, resize_weights
from faceswap_cli.training.task import new_trainer, resume_or_start

CPU = torch.device("cpu")
NETWORK = {"resolution": 64, "width": 8, "code": 24, "squeeze": 8}


@pytest.fixture
def base(tmp_path, monkeypatch):
    """A little base of known weights among the bundled ones."""
    torch.manual_seed(3)
    model = build_model("shared", {**NETWORK, "identities": [EVERYBODY]})
    facts = {
        "config": {"architecture": "shared", "network": NETWORK},
        **dict.fromkeys(("licence", "data", "figures", "remake"), ""),
    }
    zoo.write(tmp_path / "base-tiny", model, facts)
    monkeypatch.setattr(zoo, "models_folder", lambda: tmp_path)
    return model


def test_everybody_begins_as_the_base(base):
    own = build_model("shared", {**NETWORK, "identities": ["a", "b", "b2"]})
    copy_weights(own, load_base("base-tiny"))
    pictures = torch.rand(2, 3, 64, 64)
    wanted = base.renderer(EVERYBODY)(pictures).image
    for identity in own.config.identities:
        torch.testing.assert_close(own.renderer(identity)(pictures).image, wanted, atol=5e-3, rtol=0)


def test_a_base_is_found_for_its_own_network_at_any_resolution_only(base):
    assert find_base(FAMILIES["shared"], NETWORK) == "base-tiny"
    assert find_base(FAMILIES["shared"], {**NETWORK, "resolution": 96, "identities": ["x"]}) == "base-tiny"
    assert find_base(FAMILIES["shared"], {**NETWORK, "width": 16}) == ""
    assert find_base(FAMILIES["liae"], NETWORK) == ""


@pytest.mark.parametrize("resolution", [48, 96, 128])
def test_another_resolution_draws_about_the_same_face(base, resolution):
    """Weights smooth over the grid stand for the same picture at any grid."""
    own = build_model("shared", {**NETWORK, "resolution": resolution, "identities": ["a"]})
    copy_weights(own, load_base("base-tiny"))
    grids = (4, resolution // 16)
    ramp = torch.linspace(0, 1, 4).repeat(4, 1)  # a picture of the grid
    from_grid = ramp.reshape(1, 16).repeat(5, 3)  # (code 5, 3 channels * 16 cells)
    moved = resize_weights(from_grid, torch.Size([5, 3 * grids[1] ** 2]), grids)
    # Of an even feature map the code is the same, however fine the grid.
    torch.testing.assert_close(moved.sum(1), from_grid.sum(1), rtol=1e-5, atol=1e-5)
    to_grid = resize_weights(from_grid.T.contiguous(), torch.Size([3 * grids[1] ** 2, 5]), grids)
    picture = to_grid[:, 0].reshape(3, grids[1], grids[1])
    assert torch.equal(picture[0], picture[1])
    assert (picture[0].diff(dim=1) >= 0).all() and picture[0].diff(dim=0).abs().max() < 1e-6
    np.testing.assert_allclose(picture.mean(), ramp.mean(), atol=1e-5)
    drawn = own.renderer("a")(torch.rand(1, 3, resolution, resolution))
    assert drawn.image.isfinite().all()


def test_a_run_starts_from_the_bundled_base_unless_told_otherwise():
    warm, cold = settings_for("small"), settings_for("small", from_scratch=True)
    assert warm.base == "base-small" and cold.base == ""
    assert settings_for("small", resolution=64).base == "base-small"
    assert settings_for("small", options=["residuals=1"]).base == ""
    first, second = (new_trainer(FAMILIES["shared"], s, CPU).model.state_dict() for s in (warm, cold))
    for key in (k for k in first if k.startswith("decoders.a.")):
        assert torch.equal(first[key], first[key.replace(".a.", ".b.")])
    assert not torch.equal(first["unfold.weight"], second["unfold.weight"])


def test_the_bundled_base_is_what_its_card_says():
    card = zoo.card("base-small")
    network = build_model("shared", {**card.facts["config"]["network"], "identities": [EVERYBODY]})
    network.load_state_dict(zoo.tensors("base-small"))
    assert card.facts["steps"] > 0 and json.dumps(card.facts["data"])
    small = FAMILIES["shared"].sizes["small"].network
    assert {k: v for k, v in small.items() if k != "identities"} == card.facts["config"]["network"]


def test_going_on_needs_no_base(base, tmp_path):
    network = {**NETWORK, "identities": ("a", "b")}
    settings = SwapSettings(family="shared", network=network, base="base-tiny")
    run = create_run(tmp_path / "run", settings, {"a": "x", "b": "y"}, np.zeros((0, 128), np.float32))
    first = resume_or_start(FAMILIES["shared"], run, CPU, print)
    run.store.save(first.step, first.tensors(), first.facts())
    (tmp_path / "base-tiny" / "card.json").unlink()
    again = resume_or_start(FAMILIES["shared"], run, CPU, print)
    assert isinstance(again.settings, SwapSettings) and again.settings.base == "base-tiny"
    for own, other in zip(first.weights(), again.weights(), strict=True):
        assert torch.equal(own, other)


def test_missing_weights_are_a_plain_error(base):
    with pytest.raises(UserError, match="are not in"):
        load_start(FAMILIES["shared"], "base-gone")
