"""A line of text as what a generator is asked for."""

import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.generation.attributes import READ
from faceswap_cli.generation.description import read_description
from faceswap_cli.generation.vocabulary import ADJECTIVES, COLOURS, NOUNS, SIDES


def asked(text):
    return {name: wish.meaning.value for name, wish in read_description(text).wishes.items()}


def test_a_sentence_is_understood_whole():
    found = read_description(
        "A smiling woman of about 40 with long red hair and glasses, light from the left"
    )
    assert found.understood == [
        "smiling", "woman", "about 40", "long hair", "red hair", "glasses", "light left",
    ]  # fmt: skip
    assert not found.unknown
    values = {name: wish.meaning.value for name, wish in found.wishes.items()}
    assert values["age"] == 40
    assert values["female"] > 0 and values["smile"] > 0 and values["hair_length"] > 0 and values["light"] > 0


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("a 53-year-old man", 53),
        ("a man of sixty-two", 62),
        ("a woman in her late thirties", 38),
        ("a person of forty five", 45),
        ("eighty years old", 80),
    ],
)
def test_ages_are_read(text, age):
    assert asked(text)["age"] == age


def test_degrees_and_negation_change_values():
    plain, little, very = (asked(f"{word} smiling man")["smile"] for word in ("a", "a slightly", "a very"))
    assert little < plain < very
    assert asked("a man, not smiling")["smile"] < 0
    assert asked("a man without a beard, smiling")["beard"] < 0
    assert asked("a man without a beard, smiling")["smile"] > 0
    assert asked("not an old woman")["age"] < 45 and asked("not an old woman")["female"] > 0
    assert asked("a very old man")["age"] > asked("an old man")["age"]


def test_an_adjective_goes_with_its_noun():
    assert asked("a man with a long face")["width"] < 0
    assert "hair_length" not in asked("a man with a long face")
    assert asked("a woman whose hair is long and black")["hair_length"] > 0
    assert asked("a woman with dark skin")["skin"] < 0
    assert "hair_light" not in asked("a woman with dark skin")
    assert asked("a woman with light hair")["hair_light"] > asked("a woman with dark hair")["hair_light"]


def test_unknown_words_are_named():
    assert read_description("a woman with turquoise hair and a parrot").unknown == ["turquoise", "parrot"]
    with pytest.raises(UserError, match="elephant"):
        read_description("an elephant")


@pytest.mark.parametrize(
    "text", ["a young old man", "short hair and long hair", "a smiling man, a serious man"]
)
def test_contradictions_are_told(text):
    with pytest.raises(UserError, match="contradict"):
        read_description(text)


@pytest.mark.parametrize(
    "text",
    [
        "a boy",
        "a smiling girl",
        "a woman of 17",
        "a man of twelve",
        "a teenager with red hair",
        "a 3 year old",
    ],
)
def test_nobody_below_18_is_described(text):
    with pytest.raises(UserError, match="below 18"):
        read_description(text)


@pytest.mark.parametrize("text", ["Angela smiling", "a man like Lincoln", "a face of Ada Lovelace"])
def test_nobody_is_drawn_by_name(text):
    with pytest.raises(UserError, match="name"):
        read_description(text)


def test_all_words_ask_for_what_is_read():
    nouns = [meaning for _, own in NOUNS.values() for meaning in own]
    adjectives = [one for uses in ADJECTIVES.values() for own in uses.values() for one in own]
    sides = [one for uses in SIDES.values() for own in uses.values() for one in own]
    colours = [one for own in COLOURS.values() for one in own]
    assert {meaning.attribute for meaning in nouns + adjectives + sides + colours} <= set(READ)
    assert len(NOUNS.keys() | ADJECTIVES.keys() | SIDES.keys()) > 120
