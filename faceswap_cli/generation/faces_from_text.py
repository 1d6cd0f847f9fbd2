"""Faces as a text describes them: a noise that is near, a step towards what is asked for, and corrections.

In two stages, as H. Zhang et al., StackGAN, ICCV 2017, draw: a draft by what is known of the noise alone, and
pictures after it that are looked at, each drawn nearer to the text than the one before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from faceswap_cli.generation.attributes import READ, AttributeDirections, AttributeReader, shorten
from faceswap_cli.generation.description import Description, Wish
from faceswap_cli.generation.sampling import PictureGenerator
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.generator.surroundings import HAIR

CANDIDATES = 16
"""Noises of which the one is taken from which least has to change."""

ROUNDS = 3
"""Pictures that are drawn, looked at and corrected after the draft."""

CORRECTED = 0.8
"""Share of what is missing that is added each time: estimators overshoot."""

NEAR = {"age": 8.0, "hair_light": 14.0, "hair_red": 10.0, "hair_yellow": 10.0}
"""How near an outright value has to be to count as obtained."""

LEAST_EXPLAINED = 0.1
"""Of an attribute's variance that noise has to explain; else it can't be drawn, and is missed."""

HALF = 0.5
"""Share of a relative value from which it counts as obtained."""

STILL = 0.7
"""Standard deviations within which a value that was asked to be usual counts as obtained."""


@dataclass(frozen=True)
class DescribedPicture:
    """A picture after a text.

    Attributes:
        image: (H, W, 3).
        draft: the first stage's picture, before it was looked at.
        obtained, missed: words of the text.
    """

    image: Image
    draft: Image
    obtained: tuple[str, ...]
    missed: tuple[str, ...]


class DescribedFaces:
    """Draws what a text describes.

    Args:
        generator: of faces.
        directions: of its attributes.
        description: what is asked for.
        reader: looks at pictures.
    """

    def __init__(
        self,
        generator: PictureGenerator,
        directions: AttributeDirections,
        description: Description,
        reader: AttributeReader,
    ) -> None:
        self._generator, self._directions, self._reader = generator, directions, reader
        self._first_stage = replace(generator, finish=0.0)
        self._wishes = description.wishes
        # Hair comes with the surroundings: to step towards it would colour skin, too.
        self._around = HAIR if generator.surroundings is not None else ()
        able = dict(zip(READ, (directions.explained > LEAST_EXPLAINED).tolist(), strict=True))
        self._wanted = {name: self._value(wish) for name, wish in self._wishes.items() if able[name]}
        self._drawn = [name for name in self._wanted if name not in self._around]

    def draw(self, seed: int, truncation: float) -> DescribedPicture:
        """A picture for a seed: always the same."""
        noise = self._begin(seed, truncation)
        image = self._picture(noise, seed)
        draft: Image = self._first_stage.draw_styles(self._generator.styles_of(noise[None]), [seed])[0]
        best = -1.0
        obtained: tuple[str, ...] = ()
        for _ in range(ROUNDS):
            picture = self._picture(noise, seed)
            values = self._reader(picture)
            if values is None:
                break
            told = dict(zip(READ, map(float, values), strict=True))
            found = self._obtained(told)
            score = len(found) - 0.01 * self._distance(told)
            if score > best:
                best, image, obtained = score, picture, found
            missing = {name: CORRECTED * (self._wanted[name] - told[name]) for name in self._drawn}
            noise = shorten(noise + self._directions.step(missing))
        words = dict.fromkeys(wish.words for wish in self._wishes.values())
        return DescribedPicture(image, draft, obtained, tuple(w for w in words if w not in obtained))

    def _begin(self, seed: int, truncation: float) -> Tensor:
        """Of several noises the one from which least has to change, changed."""
        random = torch.Generator().manual_seed(seed)
        length = self._generator.network.config.inputs
        stepped = []
        for noise in torch.randn(CANDIDATES, length, generator=random) * truncation:
            told = dict(zip(READ, self._directions.predict(noise).tolist(), strict=True))
            step = self._directions.step({name: self._wanted[name] - told[name] for name in self._drawn})
            stepped.append((float(step.norm()), noise + step))
        return shorten(min(stepped, key=lambda one: one[0])[1])

    def _picture(self, noise: Tensor, seed: int) -> Image:
        style = self._generator.styles_of(noise[None])
        around = self._generator.choose_around(style[0], seed, self._wanted)
        found: Image = self._generator.draw_styles(style, [seed], around)[0]
        return found

    def _value(self, wish: Wish) -> float:
        """What is asked for, in the attribute's own unit."""
        if wish.meaning.outright:
            return wish.meaning.value
        number = READ.index(wish.meaning.attribute)
        usual, spread = float(self._directions.middle[number]), float(self._directions.spread[number])
        if wish.meaning.attribute in self._around and self._generator.surroundings is not None:
            usual, spread = self._generator.surroundings.usual(wish.meaning.attribute)
        return usual + wish.meaning.value * spread

    def _distance(self, told: Mapping[str, float]) -> float:
        """How far a picture is from the text, in standard deviations over all that is asked for."""
        spread = dict(zip(READ, self._directions.spread.tolist(), strict=True))
        return float(sum(abs(told[name] - self._wanted[name]) / spread[name] for name in self._wanted))

    def _obtained(self, told: Mapping[str, float]) -> tuple[str, ...]:
        """The words all of whose attributes a picture has."""
        words: dict[str, bool] = {}
        for name, wish in self._wishes.items():
            near = name in self._wanted and self._is_near(name, wish, told[name])
            words[wish.words] = words.get(wish.words, True) and near
        return tuple(word for word, near in words.items() if near)

    def _is_near(self, name: str, wish: Wish, value: float) -> bool:
        if wish.meaning.outright:
            return abs(value - wish.meaning.value) <= NEAR[name]
        number = READ.index(name)
        apart = (value - float(self._directions.middle[number])) / float(self._directions.spread[number])
        asked = wish.meaning.value
        return bool(abs(apart) < STILL if asked == 0 else apart * np.sign(asked) >= HALF * abs(asked))
