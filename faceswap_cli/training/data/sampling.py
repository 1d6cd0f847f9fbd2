"""Which faces a step is shown: rare poses and expressions as often as common ones, B's most where A goes.

Footage is uneven: a thousand frames of a person looking ahead with a closed mouth, twenty of a laugh. Drawn
evenly, the laugh is hardly learnt. And of the person put on only those looks matter that the person in the
video has.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.geometry import interocular
from faceswap_cli.faces.landmarks.pose import estimate_pose

TRAITS = 6
"""Numbers that say how a face looks at the moment, see `pose_and_expression`."""

EYES, BROWS = 3, 5
"""Of these, those that differ from person to person as much as from moment to moment."""

MOST_COMPARED = 1000
"""Faces of a set that the density is estimated from, evenly spread."""

LIMITS = (0.25, 4.0)
"""Least and greatest weight of a face against the mean: no single frame is to be shown all the time."""

RARE = 0.02
"""Share of the target's greatest density that a look it never has still counts as."""


def pose_and_expression(landmarks: ArrayLike) -> NDArray[np.float32]:
    """(TRAITS,) pose and expression, scaled so that a difference of 1 is plain to see.

    Turn to either side (samples are mirrored, so the sides count as one), nod, openness of mouth and eyes,
    width of the mouth, height of the brows.

    Args:
        landmarks: (68, 2) in any pixels.
    """
    p = np.asarray(landmarks, np.float64)
    yaw, pitch = estimate_pose(p)[:2]
    unit = interocular(p)

    def apart(first: int, second: int) -> float:
        return float(np.linalg.norm(p[first] - p[second])) / unit

    mouth = apart(62, 66)
    eyes = (apart(37, 41) + apart(38, 40) + apart(43, 47) + apart(44, 46)) / 4
    brows = (apart(19, 37) + apart(24, 44)) / 2
    width = apart(48, 54)
    values = abs(yaw) / 10, pitch / 8, mouth / 0.04, eyes / 0.02, width / 0.05, brows / 0.04
    return np.array(values, np.float32)


def sampling_weights(
    own: NDArray[np.float32],
    wanted: NDArray[np.float32] | None = None,
    power: float = 0.5,
    boost: NDArray[np.float64] | float = 1.0,
) -> NDArray[np.float64]:
    """How often each face is drawn, 1 in the mean.

    Args:
        own: (N, TRAITS) of the person.
        power: 0 draws evenly, 1 makes every look equally frequent.
        wanted: (M, TRAITS) of the person in the video, when `own` is put on: looks that these have are
            drawn more often, others less.
        boost: (N,) so many times more often each is drawn for other reasons, before LIMITS.
    """
    own = _for_the_person(own)
    density = _density(own, own)
    ratio = 1 / density
    if wanted is not None:
        wanted = _for_the_person(wanted)
        aim = _density(own, wanted)
        reference = _density(wanted, wanted).max()
        ratio = np.maximum(aim, RARE * reference) / density
    found = ratio**power * boost
    for _ in range(8):  # clipping moves the mean, the mean the limits
        found = np.clip(found / found.mean(), *LIMITS)
    return np.asarray(found / found.mean(), np.float64)


def _for_the_person(found: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, TRAITS) with the opening of the eyes against that person's open ones, the brows against their rest.

    One person's narrow eyes are not another's half-closed ones.
    """
    own = found.copy()
    own[:, EYES] -= np.quantile(found[:, EYES], 0.9)
    own[:, BROWS] -= np.median(found[:, BROWS])
    return own


def _density(at: NDArray[np.float32], of: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N,) how many faces of a set look about like each of `at`: a Gaussian kernel of width 1, a mean."""
    step = max(1, len(of) // MOST_COMPARED)
    others = of[::step].astype(np.float64)
    squares = (at.astype(np.float64) ** 2).sum(1)[:, None] + (others**2).sum(1) - 2 * at @ others.T
    return np.asarray(np.exp(-np.maximum(squares, 0) / 2).mean(1), np.float64)
