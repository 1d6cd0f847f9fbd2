"""What `faceswap age` does to a photo, as a way of ageing that `evaluation.ageing` measures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.apply_change import locate_region
from faceswap_cli.effects.ageing.render import MOST_IN_PHOTO, AgedFace, FaceAger
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
        age = AgeChange(portrait.who.age, target, target, estimated=False)
        [aged] = self._ager.predict([(portrait.image, face)], [age])
        mask = _where(portrait, aged)
        image = portrait.image.copy()
        self._ager.apply(image, aged, aged.head.astype(np.float32), MOST_IN_PHOTO)
        return AgedPortrait(image, mask)


def _where(portrait: LabelledPortrait, aged: AgedFace) -> NDArray[np.bool_]:
    """(H, W): where the face's mask is not nought."""
    mask = np.zeros(portrait.image.shape[:2], np.bool_)
    place = locate_region(
        portrait.image, portrait.face.landmarks, aged.head.astype(np.float32), MOST_IN_PHOTO
    )
    if place is not None:
        x0, y0, x1, y1 = place.grid.box
        shown = cv2.resize(place.mask, place.grid.box_size, interpolation=cv2.INTER_LINEAR) > 0
        mask[y0:y1, x0:x1] = shown
    return mask
