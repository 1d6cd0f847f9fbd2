"""What every network family must hold to, whichever it is."""

import json

import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.networks.registry import ARCHITECTURES, build, describe

SMALL = {"resolution": 32, "width": 8, "code": 16}

every = pytest.mark.parametrize("name", ARCHITECTURES)


@every
@pytest.mark.parametrize("resolution", [32, 48, 96])
def test_renders_picture_and_mask_in_range(name, resolution):
    model = build(name, {**SMALL, "resolution": resolution}).eval()
    renderer = model.renderer("b")
    drawn = renderer(torch.rand(3, 3, resolution, resolution))
    assert renderer.size == resolution
    assert drawn.image.shape == (3, 3, resolution, resolution)
    assert drawn.mask.shape == (3, 1, resolution, resolution)
    for values in (drawn.image, drawn.mask):
        assert values.dtype == torch.float32
        assert values.min() >= 0 and values.max() <= 1


@every
def test_identities_share_the_encoder_and_nothing_after_it(name):
    torch.manual_seed(0)
    model = build(name, SMALL)
    model([("a", torch.rand(2, 3, 32, 32))])[0].image.mean().backward()
    touched = {
        n.split(".")[0] + "." + n.split(".")[1] for n, p in model.named_parameters() if p.grad is not None
    }
    assert any(n.startswith("encoder") for n in touched)
    assert "decoders.a" in touched
    assert "decoders.b" not in touched


@every
def test_a_batch_gives_what_its_pictures_give_alone(name):
    torch.manual_seed(0)
    model = build(name, SMALL).eval()
    pictures = torch.rand(4, 3, 32, 32)
    together = model.renderer("a")(pictures).image
    alone = torch.cat([model.renderer("a")(p[None]).image for p in pictures])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@every
def test_rebuilt_from_its_description(name):
    first = build(name, SMALL)
    second = build(name, json.loads(json.dumps(describe(first))))
    second.load_state_dict(first.state_dict())
    assert describe(second) == describe(first)


def test_unknown_family_or_option_is_a_plain_error():
    with pytest.raises(UserError, match="architecture 'liquid' is unknown"):
        build("liquid", {})
    with pytest.raises(UserError, match="no option 'depth'"):
        build("shared", {"depth": 3})


def test_unknown_identity_is_refused():
    with pytest.raises(KeyError):
        build("shared", SMALL).renderer("z")
