"""What every network family must hold to, whichever it is."""

import json
from dataclasses import fields

import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.networks.swap.family import describe_model, parameter_count, place_model
from faceswap_cli.training.families import build_model
from tests.families import SWAPS

SMALL = {"resolution": 32, "width": 8, "code": 16}
SWITCHES = ("pixel_norm", "depth_to_space", "residuals")

every = pytest.mark.parametrize("name", SWAPS)


def variants():
    """Each family as it is, and with each of its switches the other way."""
    for name, family in SWAPS.items():
        yield name, {}
        for own in fields(family.config):
            if own.name in SWITCHES:
                yield name, {own.name: 1 if own.name == "residuals" else not own.default}


def touched_by(model, identity):
    """Names of the weights that learn from one person's pictures."""
    model.zero_grad(set_to_none=True)
    size = model.config.resolution
    model([(identity, torch.rand(2, 3, size, size))])[0].image.mean().backward()
    return {n for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("resolution", [32, 48, 96])
@pytest.mark.parametrize(("name", "options"), variants())
def test_renders_picture_and_mask_in_range(name, options, resolution):
    model = build_model(name, {**SMALL, **options, "resolution": resolution}).eval()
    renderer = model.renderer("b")
    drawn = renderer(torch.rand(3, 3, resolution, resolution))
    assert (renderer.size, renderer.side) == (resolution, 2.0)
    assert drawn.image.shape == (3, 3, resolution, resolution)
    assert drawn.mask.shape == (3, 1, resolution, resolution)
    for values in (drawn.image, drawn.mask):
        assert values.dtype == torch.float32
        assert values.min() >= 0 and values.max() <= 1


@every
@pytest.mark.parametrize("resolution", [0, 16, 63, 100, 528, -64])
def test_other_resolutions_are_refused(name, resolution):
    with pytest.raises(UserError, match=f"resolution {resolution} is not a multiple of 16"):
        build_model(name, {**SMALL, "resolution": resolution})


@every
def test_everybody_is_encoded_alike_and_drawn_differently(name):
    torch.manual_seed(0)
    model = build_model(name, {**SMALL, "identities": ["a", "b", "c"]})
    touched = {identity: touched_by(model, identity) for identity in "abc"}
    for identity in "abc":
        assert any(n.startswith("encoder") for n in touched[identity])
    # All that is learnt is reached, and each person's drawing is another function of the code.
    assert set.union(*touched.values()) == {n for n, _ in model.named_parameters()}
    pictures = torch.rand(2, 3, 32, 32)
    a, b, c = (model.renderer(identity)(pictures).image for identity in "abc")
    for one, other in ((a, b), (a, c), (b, c)):
        assert (one - other).abs().mean() > 0.005


def test_decoders_of_shared_have_nothing_in_common():
    model = build_model("shared", SMALL)
    a, b = touched_by(model, "a"), touched_by(model, "b")
    assert {n.split(".")[0] for n in a & b} == {"encoder", "unfold", "inter"}
    assert a - b and all(n.startswith("decoders.a.") for n in a - b)
    assert b - a and all(n.startswith("decoders.b.") for n in b - a)


def test_liae_tells_people_apart_between_encoder_and_decoder():
    model = build_model("liae", {**SMALL, "identities": ["a", "b", "c"]})
    a, b, c = (touched_by(model, identity) for identity in "abc")
    assert not any(n.startswith("own") for n in b)  # the first person put on is common twice
    assert b < a and b < c  # what draws b has seen everybody
    assert {n.split(".")[:2] == ["own", "a"] for n in a - b} == {True}
    assert {n.split(".")[:2] == ["own", "c"] for n in c - b} == {True}


@every
@pytest.mark.parametrize("identities", [["x"], ["man", "woman", "old man", "v1.5", "keys", "%", "1"]])
def test_any_number_of_people_of_any_name(name, identities):
    torch.manual_seed(0)
    model = build_model(name, {**SMALL, "identities": identities})
    drawn = model([(identity, torch.rand(1, 3, 32, 32)) for identity in identities])
    assert len(drawn) == len(identities)
    assert model.renderer(identities[-1])(torch.rand(1, 3, 32, 32)).image.shape == (1, 3, 32, 32)
    with pytest.raises(KeyError):
        model.renderer("nobody")


@every
@pytest.mark.parametrize("identities", [[], ["a", "a"], ["a", ""], ["a", 0.5], ["a", None]])
def test_nobody_and_namesakes_are_refused(name, identities):
    with pytest.raises(UserError, match="identities"):
        build_model(name, {**SMALL, "identities": identities})


@pytest.mark.parametrize(("name", "options"), variants())
def test_a_batch_gives_what_its_pictures_give_alone(name, options):
    torch.manual_seed(0)
    model = build_model(name, {**SMALL, **options}).eval()
    pictures = torch.rand(4, 3, 32, 32)
    together = model.renderer("a")(pictures).image
    alone = torch.cat([model.renderer("a")(p[None]).image for p in pictures])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("name", "options"), variants())
def test_its_layout_in_memory_changes_nothing(name, options):
    torch.manual_seed(0)
    model = build_model(name, {**SMALL, **options}).eval()
    pictures = torch.rand(2, 3, 32, 32)
    plain = model.renderer("a")(pictures).image
    torch.testing.assert_close(place_model(model, torch.device("cpu")).renderer("a")(pictures).image, plain)


@pytest.mark.parametrize(("name", "options"), variants())
def test_rebuilt_from_its_description(name, options):
    first = build_model(name, {**SMALL, **options})
    second = build_model(name, json.loads(json.dumps(describe_model(first))))
    second.load_state_dict(first.state_dict())
    assert describe_model(second) == describe_model(first)


@pytest.mark.parametrize(("name", "options"), variants())
def test_checkpointing_gives_the_same_gradients_from_less_memory(name, options):
    def learn(checkpointing):
        torch.manual_seed(0)
        model = place_model(build_model(name, {**SMALL, **options}), torch.device("cpu"))
        model.checkpointing = checkpointing
        sides = [(identity, torch.rand(2, 3, 32, 32)) for identity in "ab"]
        kept = 0

        def keep(tensor):
            nonlocal kept
            kept += 0 if isinstance(tensor, torch.nn.Parameter) else tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            drawn = model(sides)
        sum((d.image * x).mean() + d.mask.mean() for d, (_, x) in zip(drawn, sides, strict=True)).backward()
        return {n: p.grad for n, p in model.named_parameters()}, kept

    (plain, much), (recomputed, little) = learn(False), learn(True)
    assert little < 0.5 * much
    for key, gradient in plain.items():
        assert torch.equal(gradient, recomputed[key]), key


def test_pixel_norm_makes_codes_alike_in_strength():
    torch.manual_seed(0)
    pictures = torch.stack([torch.rand(3, 32, 32), torch.full((3, 32, 32), 0.4)])
    for name in ("shared", "liae"):
        codes = build_model(name, {**SMALL, "pixel_norm": True}).encode(pictures)
        torch.testing.assert_close(codes.square().mean(1), torch.ones(2), atol=1e-4, rtol=0)


def test_the_original_has_the_published_number_of_weights():
    with torch.device("meta"):
        model = build_model("original", {})
    mask = 2 * (64 * 25 + 1)  # the fourth channel of the last convolution, which is ours
    assert parameter_count(model) - mask == 82_062_470


def test_weights_of_shared_keep_their_names():
    names = {n.rpartition(".")[0] for n in build_model("shared", SMALL).state_dict()}
    encoder = {f"encoder.{n}" for n in ("1", "3.0", "4.0", "5.0", "6", "9")}
    decoders = {f"decoders.{who}.{n}" for who in "ab" for n in ("0.0", "1.0", "2.0", "3")}
    assert names == encoder | decoders | {"unfold", "inter.1"}


def test_unknown_family_or_option_is_a_plain_error():
    with pytest.raises(UserError, match="family 'liquid' is unknown"):
        build_model("liquid", {})
    with pytest.raises(UserError, match="no option 'depth'"):
        build_model("shared", {"depth": 3})


@pytest.mark.parametrize("options", [{"width": 2}, {"code": 1e6}, {"width": "wide"}, {"pixel_norm": None}])
def test_options_of_another_range_or_kind_are_a_plain_error(options):
    with pytest.raises(UserError, match=next(iter(options))):
        build_model("shared", {**SMALL, **options})
