"""Faces between people."""

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data

from faceswap_cli.errors import UserError
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder, identity_distance
from faceswap_cli.generation.head_parts import AlignedHead, join_parts
from faceswap_cli.generation.hybrids import HybridFaces, Liking, check_likings, parse_liking
from faceswap_cli.generation.sampling import load_bundled
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.photo import read_photo, write_photo
from tests.cli.conftest import PICTURE


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    astronaut = tmp_path_factory.mktemp("people") / "astronaut.png"
    write_photo(astronaut, data.astronaut())
    return PICTURE, astronaut


@pytest.fixture(scope="module")
def embed():
    """The descriptor of a picture's face."""
    analyser, encoder = build_analyser(thorough=True), IdentityEncoder()

    def call(image):
        [found] = analyser.find([Frame(0, 0.0, image)])
        return encoder.embed(image, [max(found, key=lambda face: face.box[3] - face.box[1]).landmarks])

    return call


def test_a_face_is_nearer_to_whom_there_is_more_of(people, embed):
    hybrids = HybridFaces(load_bundled("cpu").network)
    own = embed(read_photo(people[0]).image)
    apart = []
    for share in (0.9, 0.5, 0.1):
        image = hybrids.draw([Liking(people[0], share), Liking(people[1], 1 - share)])
        assert image.shape == (256, 256, 3)
        apart.append(float(identity_distance(embed(image), own)[0]))
    assert apart[0] < apart[1] < apart[2]


def test_weights_are_read(tmp_path):
    assert parse_liking("anna.jpg:.6") == Liking(Path("anna.jpg"), 0.6)
    assert parse_liking("anna.jpg") == Liking(Path("anna.jpg"), 1.0)
    odd = tmp_path / "at 10:30"
    odd.write_bytes(b"")
    assert parse_liking(str(odd)) == Liking(odd, 1.0)
    for wrong in ("anna.jpg:0", "anna.jpg:x", "anna.jpg:-1", "anna.jpg:eyes,", "anna.jpg:"):
        with pytest.raises(UserError, match="weight"):
            parse_liking(wrong)


def test_parts_are_read_and_asked_of_one_person_each():
    anna, ben = parse_liking("anna.jpg:eyes,nose"), parse_liking("ben.jpg:hair, jaw")
    assert anna == Liking(Path("anna.jpg"), 1.0, ("eyes", "nose"))
    assert ben.parts == ("hair", "jaw")
    check_likings([anna, ben])
    with pytest.raises(UserError, match="eyes is asked of anna"):
        check_likings([anna, Liking(Path("cara.jpg"), 1.0, ("eyes",))])


def test_a_part_is_one_persons_and_the_rest_the_others(people, embed):
    hybrids = HybridFaces(load_bundled("cpu").network)
    alone = hybrids.draw([Liking(people[0], 1.0)])
    mouth = hybrids.draw([Liking(people[0], 1.0), Liking(people[1], 1.0, ("mouth",))])
    hair = hybrids.draw([Liking(people[0], 1.0), Liking(people[1], 1.0, ("hair",))])

    def change(image, rows):
        return float(np.abs(image[rows].astype(float) - alone[rows]).mean())

    eyes, lower, crown = slice(85, 110), slice(140, 180), slice(0, 50)
    assert change(mouth, lower) > 3 * max(change(mouth, crown), change(mouth, eyes))
    assert change(hair, crown) > 3 * change(hair, lower)
    # Who has given the mouth alone is seen less than who has given everything else.
    other = hybrids.draw([Liking(people[1], 1.0)])
    assert identity_distance(embed(mouth), embed(alone)) < identity_distance(embed(mouth), embed(other))


def test_a_part_takes_on_the_tone_of_what_it_lies_in():
    points = load_bundled("cpu").network.points
    side = 64

    def head(level):
        colour = torch.full((3, side, side), level)
        return AlignedHead(torch.cat([colour, torch.ones(1, side, side)]), points, torch.zeros(2, side, side))

    joined = join_parts(head(0.4), {"nose": head(0.7)}, points)
    assert (joined.texture[:3] - 0.4).abs().max() < 0.01
    nothing = join_parts(head(0.4), {}, points)
    assert torch.equal(nothing.texture, head(0.4).texture)


def test_a_picture_without_a_face_is_told():
    with pytest.raises(UserError, match="shows no face"):
        HybridFaces(load_bundled("cpu").network).align(np.full((64, 64, 3), 90, np.uint8), Path("wall.png"))
