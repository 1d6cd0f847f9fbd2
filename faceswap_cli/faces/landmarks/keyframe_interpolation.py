"""Faces that hardly move from picture to picture: which of them tell where the others are.

Of a face's way through consecutive frames a few places are anchors; how it is framed between two of them lies
between how it is framed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from faceswap_cli.faces.detection.boxes import SAME_FACE, overlap
from faceswap_cli.faces.face import Detection

EVERY = 4
"""Pictures from one anchor to the next: with 4 a talking or nodding head is framed between them to 1 % of the
eye distance."""


@dataclass(frozen=True)
class KeyframePair:
    """Where a face lies in its chain.

    Attributes:
        before: the anchor before it, a number of a face.
        after: the one after it.
        share: how far it is from the first to the second, 0..1 exclusive.
    """

    before: int
    after: int
    share: float


def interpolate_keyframes(detections: Sequence[Sequence[Detection]]) -> dict[int, KeyframePair]:
    """The faces that lie between anchors, by number; all others are anchors.

    Args:
        detections: of each of some consecutive pictures its faces, which are numbered in this order.
    """
    found: dict[int, KeyframePair] = {}
    for chain in _chains(detections):
        anchors = sorted({*range(0, len(chain), EVERY), len(chain) - 1})
        for first, last in pairwise(anchors):
            for place in range(first + 1, last):
                share = (place - first) / (last - first)
                found[chain[place]] = KeyframePair(chain[first], chain[last], share)
    return found


def _chains(detections: Sequence[Sequence[Detection]]) -> list[list[int]]:
    """The faces that are one and the same, by their boxes, from each picture to the next."""
    chains: list[list[int]] = []
    ends: list[tuple[Detection, list[int]]] = []  # the faces of the picture before, with their chains
    number = 0
    for faces in detections:
        new = []
        shared = overlap([face.box for face, _ in ends], [face.box for face in faces])
        for k, face in enumerate(faces):
            best = int(np.argmax(shared[:, k])) if ends else 0
            if ends and shared[best, k] > SAME_FACE:
                chain = ends[best][1]
                shared[best] = 0  # it goes on with one face only
            else:
                chain = []
                chains.append(chain)
            chain.append(number)
            new.append((face, chain))
            number += 1
        ends = new
    return chains
