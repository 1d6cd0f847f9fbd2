"""How near an invented face is to the people that the generator learned from, and whether it may be shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.face import Face
from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder, identity_distance
from faceswap_cli.faces.identity.picture_embeddings import enlarge_picture
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.media.frame import Frame, Image

STRANGERS = 10
"""Every Nth of the known people is taken for a stranger to the others."""

NEAR = 5.0
"""Percentile of strangers' distances below which an invented face is too near to somebody."""

DRAWN = 512
"""Side of the largest pictures that are first looked at in one scale and as they stand."""

SAME = 0.3
"""Pictures that are nearer than this are of one person, who is no stranger to himself."""


@dataclass(frozen=True)
class FaceVerdict:
    """What is to be said of a picture.

    Attributes:
        faces: how many it shows.
        distance: of its face to the nearest known person; None without a face or without people.
        refused: why it should not be shown; "" if it may.
    """

    faces: int
    distance: float | None = None
    refused: str = ""


class NoveltyCheck:
    """Looks at invented pictures.

    Args:
        people: (K, 128) embeddings of the faces that were learnt from.
        device: a `--device` value.
    """

    def __init__(self, people: NDArray[np.float32], device: str = "cpu") -> None:
        self._people, self._device = people, device

    def __call__(self, picture: Image) -> FaceVerdict:
        """What a picture (H, W, 3) shows."""
        image = enlarge_picture(picture)
        faces = self._find(image)
        if not faces:
            return FaceVerdict(0)
        face = max(faces, key=_extent)
        if self._guard.young([self._guard.crop(image, face.landmarks)], [1.0]) is not None:
            return FaceVerdict(len(faces), refused="it looks like a child")
        if not len(self._people):
            return FaceVerdict(len(faces))
        embedding = self._encoder.embed(image, [face.landmarks])
        distance = float(identity_distance(embedding, self._people).min())
        near = distance < self.limit
        return FaceVerdict(
            len(faces), distance, "it is too near to a person who was learnt from" if near else ""
        )

    @cached_property
    def limit(self) -> float:
        """Distance below which a face is too near to somebody."""
        strangers, others = self._people[::STRANGERS], np.delete(self._people, np.s_[::STRANGERS], 0)
        if not len(others):
            return SAME
        apart = identity_distance(strangers[:, None], others[None])
        apart = np.where(apart < SAME, np.inf, apart).min(1)
        return float(np.percentile(apart[np.isfinite(apart)], NEAR)) if np.isfinite(apart).any() else SAME

    def _find(self, image: Image) -> list[Face]:
        """Faces as they stand, in what a generator drew; else in the picture turned all ways, slowly."""
        frame = Frame(0, 0.0, image)
        plain = self._analyser.find([frame])[0] if max(image.shape) <= DRAWN else []
        return plain or self._thorough.find([frame])[0]

    @cached_property
    def _analyser(self) -> FaceAnalyser:
        return build_analyser(device=self._device)

    @cached_property
    def _thorough(self) -> FaceAnalyser:
        return build_analyser(device=self._device, thorough=True)

    @cached_property
    def _encoder(self) -> IdentityEncoder:
        return IdentityEncoder(self._device)

    @cached_property
    def _guard(self) -> SafetyGuard:
        return SafetyGuard(False, self._device)


def _extent(face: Face) -> float:
    return float(face.box[3] - face.box[1])
