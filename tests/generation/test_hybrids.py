"""Faces between people."""

from pathlib import Path

import numpy as np
import pytest
from skimage import data

from faceswap_cli.errors import UserError
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder, identity_distance
from faceswap_cli.generation.hybrids import HybridFaces, Liking, parse_liking
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
    for wrong in ("anna.jpg:0", "anna.jpg:x", "anna.jpg:-1"):
        with pytest.raises(UserError, match="weight"):
            parse_liking(wrong)


def test_a_picture_without_a_face_is_told():
    with pytest.raises(UserError, match="shows no face"):
        HybridFaces(load_bundled("cpu").network).align(np.full((64, 64, 3), 90, np.uint8), Path("wall.png"))
