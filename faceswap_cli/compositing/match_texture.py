"""The last touches on a drawn face: as soft, as smeared and as grainy as the face it covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faceswap_cli.compositing import blur_matching, grain
from faceswap_cli.compositing.blur_matching import Edges, Vector
from faceswap_cli.compositing.colour.spaces import FloatImage
from faceswap_cli.compositing.grain import Grain


@dataclass(frozen=True)
class TextureMeasure:
    """What is measured of one drawn and covered face, apart from their colours.

    Attributes:
        drawn: edges of the drawn face.
        covered: edges of the covered one, in the same crop.
        grain: of the covered one, in its frame.
        place: (2,) the middle of its landmarks, frame pixels.
    """

    drawn: Edges
    covered: Edges
    grain: Grain
    place: Vector


@dataclass(frozen=True)
class TextureSample:
    """One frame of a track, for steadying.

    Attributes:
        weight: how much it counts.
        traits: what was measured there.
        motion: (2,) crop pixels a frame.
        fast: it moves fast enough to be blurred by it.
    """

    weight: float
    traits: TextureMeasure
    motion: Vector
    fast: bool


@dataclass(frozen=True)
class TextureMatch:
    """What is done to one drawn face.

    Attributes:
        defocus: standard deviation of a blur, crop pixels.
        smear: (2,) length of a blur along a line, crop pixels.
        grain: what the frame has.
        amount: of grain, 0..1.
        seed: of the grain: the frame's and the track's number.
    """

    defocus: float
    smear: Vector
    grain: Grain
    amount: float
    seed: tuple[int, int]

    def blurred(self, crop: FloatImage) -> FloatImage:
        """A crop (S, S, 3), as soft as the covered face."""
        return blur_matching.apply_motion_blur(blur_matching.apply_defocus(crop, self.defocus), self.smear)

    def grained(self, patch: FloatImage, where: FloatImage) -> FloatImage:
        """A patch of frame pixels (H, W, 3) with grain where the face is (H, W)."""
        return grain.add_grain(patch, where, self.grain, self.seed, self.amount)


NOTHING = TextureMatch(0.0, np.zeros(2), grain.NO_GRAIN, 0.0, (0, 0))


def match_over_time(
    own: TextureSample,
    around: Sequence[TextureSample],
    size: int,
    seed: tuple[int, int],
    defocus: float,
    motion_blur: float,
    grain_amount: float,
) -> TextureMatch:
    """What to do to a face, from its own frame and those of its track around it.

    Softness and grain are averaged. So is the exposure, the share of its motion by which a face is smeared,
    over the frames in which it moves; its motion is this frame's own.

    Args:
        own: this frame's.
        around: those of the track's frames around it, this one among them.
        size: the crop's side in pixels.
        seed: of the grain.
        defocus: how much of the covered face's softness the drawn one is given, 0..1.
        motion_blur: likewise of its motion blur.
        grain_amount: how much of the grain that the drawn face lacks is added, 0..1.
    """
    weights = [seen.weight for seen in around]
    drawn = blur_matching.sum_edges([seen.traits.drawn for seen in around], weights)
    covered = blur_matching.sum_edges([seen.traits.covered for seen in around], weights)
    soften = defocus * blur_matching.missing_focus(drawn, covered, size) if defocus else 0.0
    exposure = _exposure(around, size) if motion_blur and own.fast else 0.0
    return TextureMatch(
        soften,
        motion_blur * exposure * own.motion,
        grain.average_grain([seen.traits.grain for seen in around], weights),
        grain_amount,
        seed,
    )


def _exposure(around: Sequence[TextureSample], size: int) -> float:
    """Share of a frame's time in which the shutter was open, as the covered face's blur tells."""
    moving = [seen for seen in around if seen.fast]
    smeared = sum(
        seen.weight * blur_matching.measure_smear(seen.traits.drawn, seen.traits.covered, seen.motion, size)
        for seen in moving
    )
    moved = sum(seen.weight * float(seen.motion @ seen.motion) for seen in moving)
    return float(np.sqrt(smeared / moved)) if moved > 0 else 0.0
