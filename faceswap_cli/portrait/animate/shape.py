"""Where the points of an animated face lie: the photo's own, moved as the driver's move against its rest."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact.gaps import gaps, measure_gaze, set_gaps, set_gaze
from faceswap_cli.effects.reenact.head import HeadPose
from faceswap_cli.effects.reenact.layout import Opening, PointLayout, Points
from faceswap_cli.effects.reenact.shape import FARTHEST_GAZE, measure_lids
from faceswap_cli.faces.landmarks.dense import EXPRESSION_NAMES
from faceswap_cli.faces.landmarks.pose import rotation_matrix
from faceswap_cli.portrait.animate.lids import WARPED
from faceswap_cli.portrait.animate.motion import DriverMotion

NOISE = 0.12
"""Differences of coefficients between the photo and the driver's rest that are none."""

CALMED = (
    "smile_right", "smile_left", "jaw_open", "frown_right", "frown_left", "brow_inner_up",
    "brow_outer_up_right", "brow_outer_up_left", "brow_down_right", "brow_down_left", "pucker", "funnel",
    "stretch", "upper_lip_up", "lower_lip_down",
)  # fmt: skip
"""What of a photo's expression is brought to the driver's rest. Lids and irises are set by themselves."""

SIZES = (0.75, 1.35)
"""Limits of how much larger a part of the photo's face is than the driver's, by which motion is scaled."""

SHUT_LIPS = 0.05
"""Face units: a photo's lips that are nearer are taken to be shut."""

PITCH_SHARE = 0.8
"""The limit of nods and tilts, of that of turns to a side."""

LIMIT_BEGINS = 0.75
"""Share of a limit from which on motion is held back."""

FARTHEST, SIZE_LIMIT = 0.4, 0.12
"""Face units by which a head is moved, and how much larger or smaller it becomes, at most."""


@dataclass(frozen=True)
class PhotoFace:
    """A photo's face, against a driver's.

    Attributes:
        points: (N, 3) as it is, head coordinates.
        calm: (N, 3) with the expression of the driver's rest.
        sizes: (N, 1) by which the driver's motion is scaled.
        shut: (K,) gaps of the photo's lips when they are shut.
    """

    points: Points
    calm: Points
    sizes: NDArray[np.float64]
    shut: NDArray[np.float64]


@dataclass(frozen=True)
class AnimatedShape:
    """Points of an animated face (N, 3), head coordinates.

    Attributes:
        drawn: as they are seen.
        still: with eyes and mouth open, and irises, as on the photo.
        lids: how far each eye is open, as a share of the photo's gap; what is below `lids.WARPED` is not in
            `drawn`.
    """

    drawn: Points
    still: Points
    lids: tuple[float, ...] = (1.0, 1.0)


def match_photo(points: Points, driver: DriverMotion, layout: PointLayout) -> PhotoFace:
    """A photo's face (N, 3) in head coordinates, made comparable with a driver's."""
    names = [EXPRESSION_NAMES.index(name) for name in CALMED]
    apart = layout.head.fit(driver.rest).expression - layout.head.fit(points).expression
    change = np.zeros(len(apart))
    change[names] = np.sign(apart[names]) * np.maximum(np.abs(apart[names]) - NOISE, 0)
    calm = points + np.tensordot(change, layout.head.expression, 1)
    own = gaps(points, layout.mouth)
    shut = np.minimum(own, driver.parted) if own.max() > SHUT_LIPS else own
    return PhotoFace(points, calm, _sizes(calm, driver.rest, layout), shut)


def _sizes(photo: Points, driver: Points, layout: PointLayout) -> NDArray[np.float64]:
    """(N, 1) how much larger each part of a photo's face is than the driver's, in breadth."""
    found = np.ones(len(photo))
    mouth = layout.mouth
    ratio = np.clip(_breadth(photo, mouth) / _breadth(driver, mouth), *SIZES)
    found[:] = 1 + 0.5 * (ratio - 1)  # jaw and cheeks
    found[layout.parts(("mouth",))] = ratio
    found[layout.parts(("brows",))] = 1.0
    return found[:, None]


def _breadth(points: Points, opening: Opening) -> float:
    left, right = points[list(opening.corners), :2]
    return max(float(np.linalg.norm(right - left)), 1e-6)


def animate_shape(
    head: Points,
    driver: DriverMotion,
    photo: PhotoFace,
    layout: PointLayout,
    strength: float,
    regions: Collection[str],
) -> AnimatedShape:
    """The points of an animated face.

    Args:
        head: (N, 3) the driver's in this frame, head coordinates.
        driver: what is known of it.
        photo: the face that is animated.
        layout: what points are.
        strength: how far the driver is followed.
        regions: what follows it, see `options.REGIONS`.
    """
    follows = _following(layout, regions)
    motion = strength * photo.sizes * (head - driver.rest)
    moved = photo.points + np.where(follows, photo.calm - photo.points + motion, 0)
    drawn = moved.copy()
    if "mouth" in regions:
        _set_mouth(drawn, head, driver, photo, layout, strength)
    else:
        set_gaps(drawn, layout.mouth, gaps(photo.points, layout.mouth))
    lids = measure_lids(head, driver.rest, layout, driver.shut)
    lids = [max(1 + strength * (lid - 1), 0.0) if "eyes" in regions else 1.0 for lid in lids]
    for eye, lid in zip(layout.eyes, lids, strict=True):
        own, gaze = gaps(photo.points, eye), measure_gaze(photo.points, eye)
        if "eyes" in regions:
            turned = measure_gaze(head, eye) - measure_gaze(driver.rest, eye)
            set_gaze(drawn, eye, gaze + np.clip(strength * turned, -FARTHEST_GAZE, FARTHEST_GAZE))
            set_gaps(drawn, eye, own * max(lid, WARPED))
        else:
            set_gaze(drawn, eye, gaze)
            set_gaps(drawn, eye, own)
    return AnimatedShape(drawn, _as_photo(moved, photo, layout), tuple(lids))


def _following(layout: PointLayout, regions: Collection[str]) -> NDArray[np.bool_]:
    """(N, 1) the points that follow the driver."""
    eyes, brows = layout.parts(("eyes",)), layout.parts(("brows",))
    found = np.zeros(len(eyes), np.bool_)
    for name, some in (("eyes", eyes), ("brows", brows), ("mouth", ~(eyes | brows))):
        if name in regions:
            found |= some
    return found[:, None]


def _set_mouth(
    drawn: Points, head: Points, driver: DriverMotion, photo: PhotoFace, layout: PointLayout, strength: float
) -> None:
    """Open or shut the mouth, in place: what is shut on the driver is shut here."""
    mouth = layout.mouth
    ratio = np.clip(_breadth(photo.calm, mouth) / _breadth(driver.rest, mouth), *SIZES)
    there, resting = (np.maximum(gaps(one, mouth) - driver.parted, 0) for one in (head, driver.rest))
    opened = resting + strength * (there - resting)
    set_gaps(drawn, mouth, np.maximum(photo.shut + ratio * opened, 0))


def _as_photo(moved: Points, photo: PhotoFace, layout: PointLayout) -> Points:
    """The points (N, 3) with eyes and mouth as on the photo."""
    still = moved.copy()
    set_gaps(still, layout.mouth, gaps(photo.points, layout.mouth))
    for eye in layout.eyes:
        set_gaze(still, eye, measure_gaze(photo.points, eye))
        set_gaps(still, eye, gaps(photo.points, eye))
    return still


def limit_motion(values: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    """Values held back from LIMIT_BEGINS of a limit on, so that they never pass it, and never jump."""
    if limit <= 0:
        return np.zeros_like(values)
    begin = LIMIT_BEGINS * limit
    over = np.maximum(np.abs(values) - begin, 0)
    rest = limit - begin
    return np.asarray(
        np.sign(values) * (np.minimum(np.abs(values), begin) + rest * np.tanh(over / rest)), np.float64
    )


def animate_pose(
    driver: DriverMotion, frame: int, pose: HeadPose, strength: float, yaw_limit: float
) -> HeadPose:
    """The pose of the photo's head, turned as the driver's.

    Args:
        driver: whose.
        frame: its number.
        pose: the photo's.
        strength: how far the driver is followed.
        yaw_limit: degrees by which it is turned at most.
    """
    asked = strength * driver.angles[frame]
    limits = np.array([1, PITCH_SHARE, PITCH_SHARE]) * yaw_limit
    angles = np.array(
        [float(limit_motion(np.array(one), most)) for one, most in zip(asked, limits, strict=True)]
    )
    # A turn that is held back moves the face less, too.
    held = float(np.linalg.norm(angles) / max(float(np.linalg.norm(asked)), 1e-6)) if np.any(asked) else 1.0
    shift = limit_motion(strength * held * driver.shift[frame], FARTHEST)
    size = 1 + limit_motion(np.array(strength * (driver.size[frame] - 1)), SIZE_LIMIT)
    place = pose.shift + pose.scale * np.append(shift, 0.0)
    return HeadPose(rotation_matrix(*angles) @ pose.rotation, pose.scale * float(size), place)


def beyond_limit(driver: DriverMotion, strength: float, yaw_limit: float) -> NDArray[np.bool_]:
    """(F,) the frames whose pose is held back."""
    limits = np.array([1, PITCH_SHARE, PITCH_SHARE]) * yaw_limit
    return np.asarray((np.abs(strength * driver.angles) > limits).any(1), np.bool_)
