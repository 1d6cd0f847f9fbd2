"""The words by which a face can be described, and what each asks for.

A value in standard deviations says how far from usual an attribute is; ages and colours of hair are said
outright.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """What a word asks for.

    Attributes:
        attribute: of `attributes.READ`.
        value: how much of it.
        outright: whether the value is the attribute's own; else standard deviations from usual.
    """

    attribute: str
    value: float
    outright: bool = False


def _hair(light: float, red: float, yellow: float) -> tuple[Meaning, ...]:
    values = {"hair_light": light, "hair_red": red, "hair_yellow": yellow}
    return tuple(Meaning(name, value, outright=True) for name, value in values.items())


def _age(years: float) -> tuple[Meaning, ...]:
    return (Meaning("age", years, outright=True),)


def _one(attribute: str, value: float) -> tuple[Meaning, ...]:
    return (Meaning(attribute, value),)


PERSON = "person"
"""What an adjective is said of where nothing else is named."""

NOUNS: dict[str, tuple[str, tuple[Meaning, ...]]] = {
    **dict.fromkeys(("woman", "women", "lady", "female", "ladies"), (PERSON, _one("female", 1.4))),
    **dict.fromkeys(("man", "men", "gentleman", "male", "guy", "gentlemen"), (PERSON, _one("female", -1.4))),
    **dict.fromkeys(("person", "people", "someone", "adult", "human", "portrait", "model"), (PERSON, ())),
    **dict.fromkeys(("grandmother", "granny"), (PERSON, (*_one("female", 1.4), *_age(72)))),
    **dict.fromkeys(("grandfather", "granddad"), (PERSON, (*_one("female", -1.4), *_age(72)))),
    **dict.fromkeys(("senior", "pensioner"), (PERSON, _age(70))),
    "hair": ("hair", ()),
    "haircut": ("hair", ()),
    "skin": ("skin", ()),
    "complexion": ("skin", ()),
    **dict.fromkeys(("face", "head", "jaw", "chin", "cheeks"), ("face", ())),
    "mouth": ("mouth", ()),
    "lips": ("mouth", ()),
    **dict.fromkeys(("beard", "whiskers"), ("beard", _one("beard", 2.0))),
    **dict.fromkeys(("moustache", "mustache"), ("beard", _one("beard", 1.2))),
    "stubble": ("beard", _one("beard", 1.0)),
    **dict.fromkeys(("glasses", "spectacles", "eyeglasses"), ("glasses", _one("glasses", 2.5))),
    **dict.fromkeys(("smile", "grin", "laugh"), ("smile", _one("smile", 1.4))),
}
"""Nouns: what they are of, and what they ask for by being named."""

COLOURS: dict[str, tuple[Meaning, ...]] = {
    "black": _hair(14, 1, 2),
    "dark": _hair(20, 4, 6),
    "brown": _hair(30, 8, 13),
    "brunette": _hair(26, 7, 11),
    "chestnut": _hair(30, 12, 16),
    "auburn": _hair(32, 17, 20),
    **dict.fromkeys(("red", "ginger", "copper"), _hair(40, 22, 28)),
    **dict.fromkeys(("blond", "blonde", "fair", "golden"), _hair(58, 5, 24)),
    "light": _hair(52, 5, 18),
    **dict.fromkeys(("grey", "gray", "silver"), _hair(54, 1, 3)),
    "white": _hair(72, 0, 3),
}
"""Of hair, in CIELAB."""

_ADJECTIVES = """
young youthful | person face: age 26
middle-aged mature | person: age 48
old aged elderly | person face: age 70
long | hair: hair_length 1.6; face: width -1.4; beard: beard 2.5
shoulder-length | hair: hair_length 1
short cropped trimmed | hair: hair_length -1; beard: beard 1
bald balding shaved | person face: hair_amount -1.8
thick full big voluminous | hair: hair_amount 1.5; beard: beard 2.5
thin thinning sparse receding | hair: hair_amount -1.5; face: width -1.4
bearded unshaven | person: beard 2
clean-shaven beardless shaven | person: beard -1
bespectacled | person: glasses 2.5
smiling grinning happy cheerful friendly joyful glad | person face mouth: smile 1.3
laughing | person: smile 1.8, mouth_open 1.2
serious stern neutral calm earnest grave unsmiling sad sober | person face: smile -1.1
open parted | mouth: mouth_open 1.5
closed shut | mouth: mouth_open -1
wide broad round square chubby | person face: width 1.5; smile: smile 2
narrow slim slender lean | person face: width -1.5
masculine | person face: female -1.4
feminine | person face: female 1.4
pale light-skinned fair-skinned | person face skin: skin 1.4
tanned olive | person skin: skin -0.7
dark-skinned | person: skin -1.7
long-haired | person: hair_length 1.6
short-haired | person: hair_length -1
dark | skin: skin -1.6
black | skin: skin -1.9
brown | skin: skin -1.1
light fair white | skin: skin 1.3
"""
"""Words | what they are said of: what they ask for, and how much; ages outright, in years."""


def _read_adjectives() -> dict[str, dict[str, tuple[Meaning, ...]]]:
    """Adjectives: what each asks for, by what it is said of."""
    found: dict[str, dict[str, tuple[Meaning, ...]]] = {}
    for colour, meaning in COLOURS.items():
        found[colour] = {"hair": meaning}
        found[f"{colour}-haired"] = {PERSON: meaning}
    for colour in ("blond", "blonde", "brunette"):
        found[colour][PERSON] = COLOURS[colour]
    for line in _ADJECTIVES.strip().splitlines():
        words, _, uses = line.partition(" | ")
        for use in uses.split("; "):
            topics, _, asked = use.partition(": ")
            pairs = (one.split() for one in asked.split(", "))
            meanings = tuple(Meaning(name, float(value), name == "age") for name, value in pairs)
            for word in words.split():
                found.setdefault(word, {}).update(dict.fromkeys(topics.split(), meanings))
    return found


ADJECTIVES = _read_adjectives()

SIDES: dict[str, dict[str, tuple[Meaning, ...]]] = {
    "left": {"light": _one("light", 1.8), "look": _one("yaw", -1.6)},
    "right": {"light": _one("light", -1.8), "look": _one("yaw", 1.6)},
    "up": {"look": _one("pitch", 1.5)},
    "upwards": {"look": _one("pitch", 1.5)},
    "down": {"look": _one("pitch", -1.5)},
    "downwards": {"look": _one("pitch", -1.5)},
    "ahead": {"look": (*_one("yaw", 0), *_one("pitch", 0))},
    "straight": {"look": (*_one("yaw", 0), *_one("pitch", 0))},
    "camera": {"look": (*_one("yaw", 0), *_one("pitch", 0))},
    "front": {"light": _one("light", 0)},
}
"""Where light comes from, and where a face looks, as the picture shows it."""

LIT = frozenset({"light", "lit", "lighting", "illuminated", "sun", "lamp"})
LOOKING = frozenset({"looking", "looks", "turned", "facing", "faces", "turning", "gazing"})

DEGREES: dict[str, float] = {
    "very": 1.5, "extremely": 1.8, "really": 1.4, "strongly": 1.5, "so": 1.3,
    "slightly": 0.5, "somewhat": 0.6, "little": 0.5, "bit": 0.5, "rather": 0.8, "lightly": 0.5, "fairly": 0.8,
    "quite": 0.9, "half": 0.6,
}  # fmt: skip
"""How much of what follows."""

NOT = frozenset({"not", "no", "without", "never", "nor", "isn't", "hasn't", "none"})

DECADES = {
    "twenties": 25, "thirties": 35, "forties": 45, "fifties": 55, "sixties": 65, "seventies": 75,
    "eighties": 84,
}  # fmt: skip

NUMBERS = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
"""Ages in words."""

UNITS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
}  # fmt: skip
"""What follows tens, or comes before "years"."""

EARLIER = {"early": -3, "mid": 0, "late": 3}
"""Of a decade."""

FILLERS = frozenset(
    """
    a an the of with and has have having who that is are was in on her his their its at around about roughly
    approximately years year-old yrs from to wearing wears by some as she he they it but also or almost nearly
    one same picture photo photograph image expression age coming comes towards toward into side colour color
    coloured colored soft
    """.split()  # noqa: SIM905
)
"""Words that ask for nothing."""

MINORS = frozenset(
    """
    child children kid kids baby babies boy boys girl girls toddler infant teen teens teenage
    teenager teenagers adolescent minor schoolboy schoolgirl youngster underage newborn preteen tween
    lad lass childlike girlish boyish
    """.split()  # noqa: SIM905
)
"""Words for people below 18, who are not drawn."""
