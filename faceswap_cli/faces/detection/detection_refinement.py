"""A second look at where a face may be: its surroundings cut out, upright and enlarged.

The detector knows faces that stand upright and are not too small. In a whole frame it answers to others as
well, but faintly, and with points that can't be trusted. Shown the same place again, enlarged and turned
each way, it is sure of true faces and silent at most of the rest: a cascade in the sense of P. Viola and
M. Jones (2001), with one network at both stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces import geometry
from faceswap_cli.faces.detection.boxes import roll_of, size_of, within_half_turn
from faceswap_cli.faces.detection.retina_network import RetinaNetwork
from faceswap_cli.faces.face import Detection
from faceswap_cli.media.frame import Image

SIDE = 144
"""Side in pixels of what is cut out..."""

FACE = 64
"""...and of the face in it (root of its box's area): large enough to be seen surely and cheap to look at."""

QUARTERS = (0.0, 90.0, 180.0, 270.0)
"""Turns tried where it is not known which way up a face is; the network stands 45 degrees on either side."""

FAINT = 0.3
"""Least score of a face that is still turned away from upright in the cut-out: it is looked at once more."""

MOST_APART, MOST_GROWTH = 0.6, 2.0
"""How far from the place looked at (in face sizes), and how many times as large or small, a face may turn out
to be: beyond that it is another one."""


SURE, UPRIGHT = 0.995, 60.0
"""A face surer than this and turned by less than so many degrees is taken as seen the right way up. The
network also fires at faces that lie or stand on their heads (scores .80-.99), but with poor points."""


@dataclass(frozen=True)
class DetectionHint:
    """A place where there may be a face.

    Attributes:
        image: (H, W, 3) uint8 RGB frame.
        face: box (frame pixels) and points; of the latter only the turn counts.
        turn: how far the face is turned, degrees with the clock; None if that is not known.
    """

    image: Image
    face: Detection
    turn: float | None = None


def refine_detections(
    network: RetinaNetwork, hints: Sequence[DetectionHint], threshold: float
) -> list[Detection | None]:
    """What a second look shows at each hint: the face there in frame pixels, or None.

    Args:
        network: the detector's network.
        hints: places, from any frames.
        threshold: least score of a face seen upright.
    """
    turned = _first(network, hints)
    places = [i for i, hint in enumerate(turned) if hint is not None]
    known = [hint for hint in turned if hint is not None]
    seen = _see(network, known, [hint.turn or 0.0 for hint in known], threshold)
    found: list[Detection | None] = [None] * len(hints)
    for i, face in zip(places, seen, strict=True):
        found[i] = face
    return found


def _first(network: RetinaNetwork, hints: Sequence[DetectionHint]) -> list[DetectionHint | None]:
    """The hints with their turns known; None for those where no turn shows even a faint face."""
    unknown = [i for i, hint in enumerate(hints) if hint.turn is None]
    tries = [(hints[i], turn) for i in unknown for turn in QUARTERS]
    seen = _see(network, [hint for hint, _ in tries], [turn for _, turn in tries], FAINT)
    result: list[DetectionHint | None] = list(hints)
    for k, i in enumerate(unknown):
        shown = seen[k * len(QUARTERS) : (k + 1) * len(QUARTERS)]
        # The same face seen at two turns: the more upright one has the better points, see `rank_hints`.
        ranks = [-1.0 if s is None else rank_hints(s, turn) for s, turn in zip(shown, QUARTERS, strict=True)]
        best = shown[int(np.argmax(ranks))]
        result[i] = None if best is None else DetectionHint(hints[i].image, best, roll_of(best.points))
    return result


def rank_hints(face: Detection, turn: float = 0.0) -> float:
    """How good a detection is beside others of one face: its score, less a little for every degree that it
    was turned from upright in what the network saw (a picture turned back by `turn`). Scores hardly differ
    between views, points do: 50 degrees outweigh one hundredth of score."""
    return face.score - abs(within_half_turn(roll_of(face.points) - turn)) / 5000


def is_surely_upright(face: Detection) -> bool:
    """Whether a face seen in a whole frame needs no second look."""
    return face.score > SURE and abs(roll_of(face.points)) < UPRIGHT


def _see(
    network: RetinaNetwork, hints: Sequence[DetectionHint], turns: Sequence[float], threshold: float
) -> list[Detection | None]:
    """The face at each hint, looked at with that turn undone."""
    if not hints:
        return []
    matrices = [cut_surroundings(hint.face, turn) for hint, turn in zip(hints, turns, strict=True)]
    cuts = [geometry.warp(hint.image, matrix, SIDE) for hint, matrix in zip(hints, matrices, strict=True)]
    found = network.find(cuts, 1.0, threshold)
    return [_middle(*one) for one in zip(found, matrices, strict=True)]


def cut_surroundings(face: Detection, turn: float) -> NDArray[np.float64]:
    """The similarity (2, 3) from the frame to the cut-out around a face's box, with `turn` undone."""
    angle = np.radians(turn)
    scale = FACE / max(size_of(face), 1e-3)
    linear = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre = (face.box[:2] + face.box[2:]).astype(np.float64) / 2
    return np.hstack([linear, ((SIDE - 1) / 2 - linear @ centre)[:, None]])


def _middle(found: Sequence[Detection], matrix: NDArray[np.float64]) -> Detection | None:
    """The best face near the middle of a cut-out, in frame pixels."""
    near = [face for face in found if _near_middle(face)]
    if not near:
        return None
    best = max(near, key=rank_hints)
    back = geometry.invert(matrix)
    return Detection(
        _turned_box(best, back), geometry.transform(best.points, back).astype(np.float32), best.score
    )


def _near_middle(face: Detection) -> bool:
    centre = (face.box[:2] + face.box[2:]) / 2
    apart = float(np.linalg.norm(centre - (SIDE - 1) / 2)) / FACE
    return apart < MOST_APART and 1 / MOST_GROWTH < size_of(face) / FACE < MOST_GROWTH


def _turned_box(face: Detection, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """The upright box (4,) around the ellipse inside a face's box, once turned: at 45 degrees a box around
    the box itself would have twice its area."""
    centre = geometry.transform((face.box[:2] + face.box[2:])[None] / 2, matrix)[0]
    half = np.sqrt((matrix[:, :2] ** 2) @ ((face.box[2:] - face.box[:2]).astype(np.float64) / 2) ** 2)
    return np.concatenate([centre - half, centre + half]).astype(np.float32)
