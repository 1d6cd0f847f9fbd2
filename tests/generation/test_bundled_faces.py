"""The faces that come with the tool, and what a text makes of them."""

import numpy as np
import pytest

from faceswap_cli.generation.attributes import READ, AttributeReader, load_directions
from faceswap_cli.generation.description import read_description
from faceswap_cli.generation.faces_from_text import DescribedFaces
from faceswap_cli.generation.novelty import NoveltyCheck
from faceswap_cli.generation.sampling import BUNDLED, load_bundled


@pytest.fixture(scope="module")
def generator():
    return load_bundled("cpu")


@pytest.fixture(scope="module")
def reader():
    return AttributeReader()


def describe(generator, reader, text):
    return DescribedFaces(generator, load_directions(BUNDLED), read_description(text), reader)


def test_what_is_drawn_are_faces_of_nobody(generator):
    check = NoveltyCheck(generator.people)
    found = [check(picture) for picture in generator.draw(range(8), 0.8)]
    assert [verdict.faces for verdict in found] == [1] * 8
    assert all(verdict.distance > 0.3 for verdict in found)
    # Somebody who was learnt from is no stranger to the check.
    assert 0.3 < check.limit < 0.8


def test_a_text_is_drawn(generator, reader):
    old = describe(generator, reader, "an old man with white hair").draw(1, 0.8)
    young = describe(generator, reader, "a young woman with black hair").draw(1, 0.8)
    values = [dict(zip(READ, reader(one.image), strict=True)) for one in (old, young)]
    assert values[0]["age"] > values[1]["age"] + 15
    assert values[0]["female"] < 0 < values[1]["female"]
    assert values[0]["hair_light"] > values[1]["hair_light"] + 15
    assert set(old.obtained) | set(old.missed) == {"old", "man", "white hair"}
    again = describe(generator, reader, "an old man with white hair").draw(1, 0.8)
    assert np.array_equal(again.image, old.image) and np.array_equal(again.draft, old.draft)
    assert not np.array_equal(old.image, young.image)


def test_what_cannot_be_drawn_is_missed(generator, reader):
    drawn = describe(generator, reader, "a woman with glasses").draw(0, 0.8)
    assert "glasses" in drawn.missed
