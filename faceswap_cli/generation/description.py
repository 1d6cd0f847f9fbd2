"""A line of text that describes a face, as what a generator is asked for: a grammar of some 200 words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from faceswap_cli.errors import UserError
from faceswap_cli.generation.vocabulary import (
    ADJECTIVES,
    DECADES,
    DEGREES,
    EARLIER,
    FILLERS,
    LIT,
    LOOKING,
    MINORS,
    NOT,
    NOUNS,
    NUMBERS,
    PERSON,
    SIDES,
    UNITS,
    Meaning,
)

ADULT, OLDEST = 18, 95

NEGATED = -0.8
"""What is left of a value, in standard deviations, that is not wanted."""

APART = {"age": 12.0, "hair_light": 12.0, "hair_red": 9.0, "hair_yellow": 9.0}
"""How far two outright values of one attribute may differ before they contradict each other."""

NAMES_HINT = "Say what a face looks like, not whose it is"


@dataclass(frozen=True)
class Wish:
    """What is asked for of one attribute.

    Attributes:
        meaning: attribute and value.
        words: that said so.
    """

    meaning: Meaning
    words: str


@dataclass
class Description:
    """What a text asks for.

    Attributes:
        wishes: by attribute.
        understood: in words, in the order of the text.
        unknown: words that say nothing here.
    """

    wishes: dict[str, Wish] = field(default_factory=dict)
    understood: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def add(self, meanings: tuple[Meaning, ...], words: str) -> None:
        """Ask for something more.

        Raises:
            UserError: the opposite was asked for already.
        """
        for meaning in meanings:
            before = self.wishes.get(meaning.attribute)
            if before is not None and _contradict(before.meaning, meaning):
                raise UserError(
                    f'"{before.words}" and "{words}" contradict each other', "Leave one of them out"
                )
            self.wishes[meaning.attribute] = Wish(meaning, words)
        if words not in self.understood:
            self.understood.append(words)


def _contradict(a: Meaning, b: Meaning) -> bool:
    if a.outright and b.outright:
        return abs(a.value - b.value) > APART[a.attribute]
    return not (a.outright or b.outright) and (a.value > 0) != (b.value > 0)


def read_description(text: str) -> Description:
    """What a text asks for.

    Raises:
        UserError: it names somebody or someone below 18, contradicts itself, or says nothing that is known.
    """
    _refuse_names(text)
    reader = _Reader(_split(text.lower()))
    reader.read()
    found = reader.found
    if not found.understood:
        named = f" (unknown: {', '.join(found.unknown)})" if found.unknown else ""
        raise UserError(
            f"nothing in this text describes a face{named}", 'Try "a smiling woman of about 40 with red hair"'
        )
    return found


def _split(text: str) -> list[str]:
    """Words, numbers, and commas."""
    return re.findall(r"[a-z]+(?:['-][a-z]+)*|\d+|,", text.replace("\u2019", "'"))


def _refuse_names(text: str) -> None:
    """Raise a UserError if a word looks like somebody's name: it begins with a capital and is not known."""
    for word in re.findall(r"[^\W\d_][\w'-]*", text):
        if word[0].isupper() and not word.isupper() and not _is_known(word.lower()):
            raise UserError(f"{word} looks like a name, and nobody is drawn by name", NAMES_HINT)


def _is_known(word: str) -> bool:
    tables = (ADJECTIVES, NOUNS, SIDES, DEGREES, DECADES, NUMBERS, EARLIER)
    return any(word in table for table in tables) or word in FILLERS | MINORS | NOT | LIT | LOOKING


class _Reader:
    """Goes through the words of a text once.

    Adjectives wait for their noun; those that nobody takes are said of the person.
    """

    def __init__(self, words: list[str]) -> None:
        self.words, self.found = words, Description()
        self._waiting: list[tuple[str, float, bool]] = []
        self._degree, self._negated = 1.0, False
        self._topic, self._side_of, self._goes_on = PERSON, "", False

    def read(self) -> None:
        place = 0
        while place < len(self.words):
            word, after = self.words[place], self.words[place + 1 : place + 4]
            place += self._take(word, after)
        self._give_to(PERSON)

    def _take(self, word: str, after: list[str]) -> int:
        """One word, or several; how many."""
        if word in MINORS:
            raise UserError(
                f'"{word}": nobody below {ADULT} is drawn', f"Describe somebody of {ADULT} or more"
            )
        if (taken := self._age(word, after)) is not None:
            return taken
        if word in NOT:
            self._negated = True
        elif word in DEGREES:
            self._degree *= DEGREES[word]
        elif word in NOUNS:
            self._noun(word)
        elif word in LIT and (word != "light" or "from" in after[:2]):
            self._side_of = "light"
        elif word in LOOKING:
            self._side_of = "look"
        elif word in SIDES and self._side_of:
            self._say(SIDES[word].get(self._side_of, ()), f"{self._side_of} {word}")
        elif word in ADJECTIVES:
            self._adjective(word)
        else:
            self._small_word(word)
        return 1

    def _adjective(self, word: str) -> None:
        """One that waits for its noun, or that is said of the last one, as in "hair that is long"."""
        self._waiting.append((word, self._degree, self._negated))
        self._degree = 1.0
        if self._goes_on:
            self._give_to(self._topic)

    def _small_word(self, word: str) -> None:
        if word in {"is", "are"}:
            self._goes_on = True
        elif word in {"with", ",", "but"}:
            self._goes_on = self._negated = False
        elif word not in FILLERS:
            self.found.unknown.append(word)

    def _noun(self, word: str) -> None:
        topic, own = NOUNS[word]
        self._topic, self._goes_on = topic, False
        taken = self._give_to(topic)
        negated, degree = self._negated, self._degree
        if own and not (taken and topic != PERSON):
            self._negated, self._degree = negated and topic != PERSON, degree
            self._say(own, word)
        self._degree, self._negated = 1.0, False

    def _give_to(self, topic: str) -> bool:
        """Let a noun take the adjectives that wait; whether it took any."""
        taken = False
        for word, degree, negated in self._waiting:
            of = ADJECTIVES[word]
            self._degree, self._negated = degree, negated
            if topic in of:
                self._say(of[topic], word if topic == PERSON else f"{word} {topic}")
                taken = taken or topic != PERSON
            elif topic != PERSON and PERSON in of:
                self._say(of[PERSON], word)
            else:
                self.found.unknown.append(word if topic == PERSON else f"{word} {topic}")
        self._waiting, self._degree = [], 1.0
        return taken

    def _say(self, meanings: tuple[Meaning, ...], words: str) -> None:
        """Ask for meanings, by the degree and the negation that stand before them."""
        told = words if self._degree == 1 else f"{'very' if self._degree > 1 else 'a little'} {words}"
        if self._negated:
            told = f"not {words}"
        self.found.add(tuple(self._changed(one) for one in meanings), told)
        self._degree = 1.0

    def _changed(self, meaning: Meaning) -> Meaning:
        value = meaning.value
        if not meaning.outright:
            value *= NEGATED if self._negated else self._degree
        elif meaning.attribute == "age":
            older = value > 45
            if self._negated:
                value = 35 if older else 50
            else:
                value = min(max(45 + (value - 45) * self._degree, 20), 88)
        elif self._negated:
            return Meaning(meaning.attribute, -0.8 if value > _USUAL_HAIR[meaning.attribute] else 0.8)
        return Meaning(meaning.attribute, value, meaning.outright)

    def _age(self, word: str, after: list[str]) -> int | None:
        """An age in years, or in tens of years; how many words it takes, None if there is none."""
        taken, shift = 1, 0
        if word in EARLIER and after and after[0] in DECADES:
            shift, word, taken = EARLIER[word], after[0], 2
        first, _, second = word.removesuffix("-year-old").partition("-")
        if word in DECADES:
            years = DECADES[word] + shift
        elif word.isdecimal() or (first in UNITS and "year" in " ".join([word, *after[:1]])):
            years = int(word) if word.isdecimal() else UNITS[first]
        elif first in NUMBERS and (not second or second in UNITS):
            years = NUMBERS[first] + UNITS.get(second, 0)
            if not second and years >= 20 and after and after[0] in UNITS:
                years, taken = years + UNITS[after[0]], 2
        else:
            return None
        if years < ADULT:
            raise UserError(f"an age of {years}: nobody below {ADULT} is drawn", f"Give {ADULT} to {OLDEST}")
        if years > OLDEST:
            raise UserError(f"an age of {years} can't be drawn", f"Give {ADULT} to {OLDEST}")
        if self._negated:
            raise UserError(f'"not {years}" says no age', "Say young, old or an age")
        self.found.add((Meaning("age", float(years), outright=True),), f"about {years}")
        rest = after[taken - 1 :]
        skipped = next(
            (k for k, word in enumerate(rest) if word not in {"years", "year", "old", "year-old"}), len(rest)
        )
        return taken + skipped


_USUAL_HAIR = {"hair_light": 32.0, "hair_red": 6.0, "hair_yellow": 11.0}
