"""Faces followed through the frames between two that were looked at closely.

Every frame is looked at coarsely, which shows all that is large. A face that this misses (it is small, or
turned) is looked for where it was in the frame before: first onwards from the one end of the run, then back
from the other, so that a face that comes or goes in between is followed up to where it is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from faceswap_cli.faces.detection.boxes import (
    enclosing_box,
    overlap,
    roll_of,
    size_of,
    suppress,
    within_half_turn,
)
from faceswap_cli.faces.detection.detection_refinement import (
    DetectionHint,
    is_surely_upright,
    refine_detections,
)
from faceswap_cli.faces.detection.retina_network import RetinaNetwork
from faceswap_cli.faces.face import Detection
from faceswap_cli.media.frame import Image

COARSE_FACE = 56.0
"""Height in pixels that the faces to be seen shall have in the coarse look: at half that height faces begin
to be missed."""

COARSE_SCALES = (0.3, 0.5)
"""Least and greatest scale of the coarse look, as parts of the close one's: it costs a tenth to a quarter."""

LEAST_COARSE = 60.0
"""Faces lower than this in the close look can't be seen coarsely; they are looked for where they were."""

FAITHFUL = 30.0
"""What is seen coarsely goes on with a face if it is turned like it, to so many degrees."""

SAME_PLACE, NEAR = 0.3, 0.5
"""Overlap (intersection over union), or distance in face sizes, at which boxes of two consecutive frames
are of one face."""

PATIENCE = 2
"""A face that was missed in so many frames in a row is lost."""

MOST_STRANGERS = 4
"""Doubtful faces of a frame, seen coarsely and in no frame before, that are looked at again."""


@dataclass
class _Followed:
    """A face on its way through the frames."""

    face: Detection
    missed: int = 0


def track_detections(
    network: RetinaNetwork,
    images: Sequence[Image],
    first: Sequence[Detection],
    last: Sequence[Detection],
    scale: float,
    threshold: float,
) -> list[list[Detection]]:
    """The faces of a run of equally sized consecutive frames.

    Args:
        network: the detector's network.
        images: (H, W, 3) uint8 RGB.
        first, last: the faces of the first and the last of them.
        scale: the close look's.
        threshold: least score of a second look.

    Returns:
        The faces of each frame.
    """
    coarse = [
        suppress(d) for d in network.find(images[1:-1], scale * _coarse([*first, *last], scale), threshold)
    ]
    results = [list(first), *([] for _ in coarse), list(last)]
    live = [_Followed(face) for face in first]
    for i, seen in enumerate(coarse, start=1):
        results[i], live = _onwards(network, images[i], live, seen, threshold)
    live = [_Followed(face) for face in last]
    for i in range(len(images) - 2, 0, -1):
        more, live = _back(network, images[i], live, results[i], threshold)
        results[i] = suppress([*results[i], *more])
    return results


def _coarse(faces: Iterable[Detection], scale: float) -> float:
    """The coarse look's part of the close look's scale, for these faces to be seen."""
    seen = [
        COARSE_FACE / (enclosing_box(face) * scale)
        for face in faces
        if enclosing_box(face) * scale >= LEAST_COARSE
    ]
    return float(np.clip(max(seen, default=0.0), *COARSE_SCALES))


def _onwards(
    network: RetinaNetwork,
    image: Image,
    live: Sequence[_Followed],
    seen: Sequence[Detection],
    threshold: float,
) -> tuple[list[Detection], list[_Followed]]:
    """A frame's faces, and those to follow from it, by what is seen coarsely in it."""
    partners, strangers = _matched(live, seen)
    fine, hints = [], []
    for one, partner in zip(live, partners, strict=True):
        turned = roll_of(one.face.points)
        if partner is not None and _faithful(partner, turned):
            fine.append(_Followed(partner))
        else:
            hints.append((one, DetectionHint(image, partner or one.face, turned)))
    fine += [_Followed(face) for face in strangers if is_surely_upright(face)]
    unsure = [face for face in strangers if not is_surely_upright(face)][:MOST_STRANGERS]
    shown = refine_detections(
        network, [*(h for _, h in hints), *(DetectionHint(image, face) for face in unsure)], threshold
    )
    found = [*fine, *_kept([one for one, _ in hints], shown)]
    found += [_Followed(face) for face in shown[len(hints) :] if face is not None]
    return _settled(found)


def _back(
    network: RetinaNetwork,
    image: Image,
    live: Sequence[_Followed],
    known: Sequence[Detection],
    threshold: float,
) -> tuple[list[Detection], list[_Followed]]:
    """Faces to add to those `known` of a frame, and those to follow further back."""
    partners, _ = _matched(live, known)
    going_on = [_Followed(partner) for partner in partners if partner is not None]
    lost = [one for one, partner in zip(live, partners, strict=True) if partner is None]
    shown = refine_detections(
        network, [DetectionHint(image, one.face, roll_of(one.face.points)) for one in lost], threshold
    )
    more, followed = _settled(_kept(lost, shown))
    return more, [*going_on, *followed]


def _kept(live: Sequence[_Followed], shown: Sequence[Detection | None]) -> list[_Followed]:
    """Faces that were looked for, with where they were found; those missed too often are gone."""
    pairs = zip(live, shown[: len(live)], strict=True)
    found = [_Followed(one.face, one.missed + 1) if new is None else _Followed(new) for one, new in pairs]
    return [one for one in found if one.missed < PATIENCE]


def _settled(found: Sequence[_Followed]) -> tuple[list[Detection], list[_Followed]]:
    """The faces that are in the frame, each once, and those to follow."""
    faces = suppress([one.face for one in found if not one.missed])
    ids = {id(face) for face in faces}
    return faces, [one for one in found if one.missed or id(one.face) in ids]


def _matched(
    live: Sequence[_Followed], seen: Sequence[Detection]
) -> tuple[list[Detection | None], list[Detection]]:
    """For each followed face what is seen of it, and what is seen of others. Best fits go first."""
    partners: list[Detection | None] = [None] * len(live)
    taken: set[int] = set()
    fits = [(-_fit(one.face, face), a, b) for a, one in enumerate(live) for b, face in enumerate(seen)]
    for fit, a, b in sorted(fits):
        if fit < 0 and partners[a] is None and b not in taken:
            partners[a] = seen[b]
            taken.add(b)
    return partners, [face for b, face in enumerate(seen) if b not in taken]


def _fit(face: Detection, other: Detection) -> float:
    """How well two boxes go together, above 0 if they may be of one face in consecutive frames."""
    shared = float(overlap(face.box, other.box)[0, 0])
    apart = float(np.linalg.norm((face.box[:2] + face.box[2:] - other.box[:2] - other.box[2:]) / 2))
    near = apart / max(size_of(face), 1e-3)
    return 1 + shared - near / 10 if shared > SAME_PLACE or near < NEAR else -1.0


def _faithful(seen: Detection, turned: float) -> bool:
    """Whether what is seen of a face coarsely has points to be trusted, if the face is turned so far."""
    return abs(within_half_turn(roll_of(seen.points) - turned)) < FAITHFUL and abs(turned) < 2 * FAITHFUL
