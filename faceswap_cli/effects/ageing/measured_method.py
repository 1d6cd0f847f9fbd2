"""What `faceswap age` does to a photo, as a way of ageing that `evaluation.ageing` measures."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from faceswap_cli.effects.ageing.render import MOST_IN_PHOTO, FaceAger
from faceswap_cli.effects.ageing.request import AgeChange
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.evaluation.ageing import AgedPortrait, LabelledPortrait


class AgerMethod:
    """An `evaluation.ageing.Way`: what an ager makes of a portrait, from its true age."""

    def __init__(self, ager: FaceAger) -> None:
        self._ager = ager

    def __call__(self, portrait: LabelledPortrait, target: float) -> AgedPortrait:
        """See Way."""
        face = PlannedFace(0, portrait.face.landmarks)
        female = 0.5 if portrait.who.female is None else portrait.who.female
        variant = crc32(portrait.who.path.name.encode()) % 1000 / 1000
        age = AgeChange(portrait.who.age, target, target, False, female, variant)
        [aged] = self._ager.predict([(portrait.image, face)], [age])
        head = aged.head.astype(np.float32)
        mask = self._ager.where(portrait.image, aged, head, MOST_IN_PHOTO) > 0
        image = portrait.image.copy()
        self._ager.apply(image, aged, head, MOST_IN_PHOTO)
        return AgedPortrait(image, mask)
