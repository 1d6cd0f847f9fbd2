"""Where the points of a drawn face lie: the photo's shape, turned and expressed like the target.

In head coordinates the difference between two people at rest is added to the target's points as they move:
what the target's face does against its own rest, the drawn one does too (relative motion). A photo that
smiles is brought to the target's rest first, by the coefficients of both. What is shut must shut, however
wide the photo's mouth or eyes are open: openings of lips are the target's own, those of lids are in
proportion.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.effects.reenact.gaps import gaps, lower_edge, measure_gaze, set_gaps, set_gaze
from faceswap_cli.effects.reenact.layout import Opening, PointLayout, Points
from faceswap_cli.faces.geometry import fit_similarity, transform
from faceswap_cli.faces.landmarks.pose import rotation_matrix

SHUT_SEEN = 0.2
"""What the landmark network sees of an eye that is shut, of its resting gap: lids come out a little open."""

SHUTTING = 0.25
"""From this share of its resting gap on an eye is taken to shut: what is left of a gap is hidden by
lashes."""

LID_EDGE = 0.022
"""Face units by which lids that shut come from beyond the edges that the photo shows: points on lids are not
so exact that nothing of the eyeball would be seen between them."""

RESTING_EYE = 0.75
"""Quantile of an eye's gap over a clip that is taken for the resting one."""

WIDEST_EYE = 1.3
"""How far an eye opens at most, of its resting gap."""

WINK = (0.35, 0.7)
"""Difference of both eyes' openings up to which it is taken for noise, and from which on for a wink."""

EYE_RATIO = (0.6, 1.6)
"""Limits of how much wider the photo's eyes are open than the target's at rest."""

FARTHEST_GAZE = np.array([0.2, 0.1])
"""How far an iris is moved from where it is on the photo, at most, along the eye and across, in its
widths."""


@dataclass(frozen=True)
class DrawnShape:
    """Points of a drawn face in head coordinates.

    Attributes:
        drawn: (N, 3) as it is seen.
        moved: (N, 3) the same before eyes and mouth are opened or shut.
    """

    drawn: Points
    moved: Points


def find_rest(heads: ArrayLike, layout: PointLayout) -> Points:
    """The resting face (N, 3) of somebody seen in T frames (T, N, 3): the median of each point.

    Eyes rest open: their gaps are those of the frames in which they are wider than in most.
    """
    every = np.asarray(heads, np.float64)
    found = np.asarray(np.median(every, axis=0), np.float64)
    for eye in layout.eyes:
        wide = np.quantile([gaps(one, eye) for one in every], RESTING_EYE, axis=0)
        set_gaps(found, eye, np.asarray(wide, np.float64))
    return found


@dataclass(frozen=True)
class FittedPhoto:
    """A photo's face placed on a target's at rest, head coordinates.

    Attributes:
        points: (N, 3) as it is.
        calm: (N, 3) with the expression that the target has at rest, by the linear head.
    """

    points: Points
    calm: Points


def fit_photo(source: Points, rest: Points, layout: PointLayout) -> FittedPhoto:
    """A photo's face (N, 3), for a target whose face at rest is `rest` (N, 3)."""
    change = layout.head.fit(rest).expression - layout.head.fit(source).expression
    calm = source + np.tensordot(change, layout.head.expression, 1)
    return FittedPhoto(fit_to_target(source, rest, layout), fit_to_target(calm, rest, layout))


def fit_to_target(source: Points, rest: Points, layout: PointLayout) -> Points:
    """A face (N, 3) placed on another (N, 3): moved, scaled and levelled by brows, eyes, nose and mouth."""
    some = layout.inner
    matrix = fit_similarity(source[some, :2], rest[some, :2])
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    depth = rest[some, 2].mean() + scale * (source[:, 2] - source[some, 2].mean())
    return np.column_stack([transform(source[:, :2], matrix), depth])


def draw_shape(
    head: Points,
    rest: Points,
    photo: FittedPhoto,
    layout: PointLayout,
    shape: float = 0.55,
    expression: float = 1.0,
    keep: Collection[str] = (),
) -> DrawnShape:
    """The points of a drawn face.

    Args:
        head: (N, 3) the target's points in this frame.
        rest: (N, 3) at rest.
        photo: the photo's, see `fit_photo`.
        layout: what the points are.
        shape: 0 the target's shape of eyes, nose and mouth, 1 the photo's. The outline is the target's own:
            no rim of it may be left to be seen.
        expression: how far the target's motion is followed, 1: as it is.
        keep: parts whose shape is the target's own: mouth, eyes, brows.
    """
    own_parts = layout.parts(keep)
    person = shape * np.where(own_parts, 0, layout.shape)[:, None] * (photo.calm - rest)
    moved = rest + expression * (head - rest) + person
    drawn = moved.copy()
    open_eyes = measure_lids(head, rest, layout)
    for opening in layout.openings:
        own, there, resting = (gaps(points, opening) for points in (photo.points, head, rest))
        if opening is layout.mouth or own_parts[opening.corners[0]]:
            wanted = resting + expression * (there - resting)
        else:
            wider = np.clip(own.mean() / max(resting.mean(), 0.02), *EYE_RATIO)
            ratio = 1 + expression * (open_eyes[layout.eyes.index(opening)] - 1)
            wanted = resting * (1 + shape * (wider - 1)) * ratio
            gaze = measure_gaze(photo.points, opening)
            set_gaze(drawn, opening, gaze + expression * _turn_eye(gaze, opening, head, rest))
        set_gaps(drawn, opening, np.maximum(wanted, 0))
    return DrawnShape(drawn, moved)


def open_as_photo(shape: DrawnShape, photo: FittedPhoto, layout: PointLayout) -> Points:
    """A drawn face's points (N, 3) with eyes and mouth open, and irises, as they are on a photo."""
    still = shape.moved.copy()
    for opening in layout.openings:
        own = gaps(photo.points, opening)
        if opening is layout.mouth:
            set_gaps(still, opening, own)
            continue
        shut = 1 - np.clip(gaps(shape.drawn, opening).mean() / max(own.mean(), 0.02), 0, 1)
        set_gaze(still, opening, measure_gaze(photo.points, opening))
        set_gaps(still, opening, own + 2 * LID_EDGE * shut)
        # Most of that is the upper lid's; the lower one's wet rim, which is bright, is not to be seen either.
        lower_edge(still, opening, LID_EDGE * shut)
    return still


def turn_inner(points: Points, yaw: float, layout: PointLayout) -> Points:
    """Points (N, 3) of a head whose inner face is turned further, by degrees to the picture's right; its
    outline, behind which the picture is the target's, stays."""
    if not yaw:
        return points
    middle = points[layout.skin].mean(0)
    turned = (points - middle) @ rotation_matrix(yaw, 0.0, 0.0).T + middle
    return np.asarray(points + layout.shape[:, None] * (turned - points), np.float64)


def mix_photos(photos: Sequence[FittedPhoto], weights: Sequence[float]) -> FittedPhoto:
    """Several faces as one, averaged; the weights add up to 1."""
    parts = [(w * one.points, w * one.calm) for w, one in zip(weights, photos, strict=True)]
    return FittedPhoto(np.sum([a for a, _ in parts], 0), np.sum([b for _, b in parts], 0))


def _turn_eye(photo: NDArray[np.float64], eye: Opening, head: Points, rest: Points) -> NDArray[np.float64]:
    """How far an iris goes from where it is on the photo (2,), see `measure_gaze`, to look as the target
    does.

    Along the eye the target's own place counts: eyes are alike there, and photos may look aside. How high an
    iris stands between its lids differs from person to person: there the change against rest counts.
    """
    there, resting = measure_gaze(head, eye), measure_gaze(rest, eye)
    wanted = np.array([there[0], photo[1] + there[1] - resting[1]])
    return np.asarray(np.clip(wanted - photo, -FARTHEST_GAZE, FARTHEST_GAZE), np.float64)


def measure_lids(head: Points, rest: Points, layout: PointLayout, shut: float = SHUT_SEEN) -> list[float]:
    """How far each eye of a face (N, 3) is open, of its gap at rest (N, 3): 0 shut.

    Args:
        head: the face.
        rest: the same person's at rest.
        layout: what the points are.
        shut: what is seen of an eye that is shut, of its resting gap.
    """
    ratios = [
        float(np.clip(gaps(head, eye).mean() / max(gaps(rest, eye).mean(), 0.02), 0, WIDEST_EYE))
        for eye in layout.eyes
    ]
    ratios = [max(ratio - shut, 0) / (1 - shut) for ratio in ratios]
    ratios = [ratio * min(ratio / SHUTTING, 1.0) for ratio in ratios]
    # Eyes move together, unless one clearly doesn't: what is measured of each is noisy.
    apart = abs(ratios[0] - ratios[1])
    share = float(np.clip((WINK[1] - apart) / (WINK[1] - WINK[0]), 0, 1))
    return [ratio + share * (sum(ratios) / 2 - ratio) for ratio in ratios]
