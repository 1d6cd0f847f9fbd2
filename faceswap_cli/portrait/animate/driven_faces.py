"""Faces of a photo that move, and each against who drives it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact.gaps import gaps
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.media.frame import Frame
from faceswap_cli.portrait.animate.motion import DriverMotion
from faceswap_cli.portrait.animate.mouth import Interior
from faceswap_cli.portrait.animate.render import Portrait
from faceswap_cli.portrait.animate.shape import PhotoFace


@dataclass(frozen=True)
class AnimatedFace:
    """A face of the photo, and who drives it.

    Attributes:
        portrait: the face.
        target: the driver's place in the plan's targets.
        mouth: a further photo's open mouth; None: the driver's is seen.
    """

    portrait: Portrait
    target: int = 0
    mouth: Interior | None = None


@dataclass(frozen=True)
class DrivenFace:
    """The same when the driver is known: its motion, the face against it, and the gain of its mouth's
    colours."""

    face: AnimatedFace
    motion: DriverMotion
    photo: PhotoFace
    gain: NDArray[np.float64]

    def interior(self, frame: Frame) -> Interior:
        """What is seen in its mouth."""
        own = gaps(self.photo.points, face_layout().mouth)
        if self.face.mouth is not None:
            return replace(self.face.mouth, open=own)
        if not self.motion.seen[frame.index]:
            return Interior(None, self.motion.points[frame.index], self.gain, own)
        return Interior(frame.image, self.motion.points[frame.index].astype(np.float64), self.gain, own)
