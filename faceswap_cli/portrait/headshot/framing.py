"""How a head is placed in a business photo: straightened, its eyes on one line, its size by the crop.

Lengths are in face units (1 unit is the distance between the outer eye corners, about 9 cm): a head is about
2.6 units high, shoulders are about 4.5 wide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import fit_similarity, interocular, mean_face, transform
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.media.frame import Image

MOST_ROLL = 30.0
"""Degrees up to which a tilted head is straightened; beyond them it is turned by so many."""

UNSURE_YAW = 55.0
"""From here on the eyes tell little of the roll, and the picture is left as level as it is."""

WIDE, EYES_IN_WIDE = 8.0, 2.6
"""Side in units of the square in which the person is looked for, and how far below its top the eyes are."""

NEAR, EYES_IN_NEAR = 5.6, 2.3
"""The same of a square in which they are looked at a second time."""

EDGE = 0.1
"""Width in units of the strip along the photo's edge in which a person is cut by it."""

TURNED = 0.45
"""How far behind the eyes the middle of a head in profile lies, in units."""

NOSE_TO_CHIN = 1.363
"""Between the root of the nose and the chin of the mean face, in units."""


LOWER, ASIDE = 0.09, 0.5
"""How far below the crop's line eyes may come, in shares of the height, and by how many units more a picture
may be wider than twice what is seen of the person on one side, before it is made tighter."""


@dataclass(frozen=True)
class Crop:
    """A way of cropping.

    Attributes:
        aspect: width over height.
        height: of the picture, in units.
        eyes: where the eye line lies, as a share of the height from the top.
        headroom: least room above the hair, in shares of the height.
    """

    aspect: float
    height: float
    eyes: float
    headroom: float


CROPS = {
    "4:5": Crop(4 / 5, 5.3, 0.405, 0.06),
    "1:1": Crop(1.0, 4.9, 0.42, 0.06),
    # ISO/IEC 19794-5 and ICAO 9303: 35 x 45 mm, the head 70-80 % of the height.
    "passport": Crop(35 / 45, 3.5, 0.47, 0.05),
}


@dataclass(frozen=True)
class Limits:
    """How far a picture may reach, in units from the middle of the eyes: x to the right, y downwards."""

    left: float = -np.inf
    top: float = -np.inf
    right: float = np.inf
    bottom: float = np.inf


@dataclass(frozen=True)
class Framing:
    """Where a business photo lies in the photo.

    Attributes:
        matrix: (2, 3) from the photo's pixels to the picture's.
        width, height: of the picture in pixels.
        unit: pixels of the picture to a face unit.
    """

    matrix: NDArray[np.float64]
    width: int
    height: int
    unit: float

    def cut(self, photo: Image) -> Image:
        """The picture (height, width, 3); beyond the photo's edge its last pixels are repeated."""
        shrink = 1 / max(float(np.hypot(*self.matrix[:, 0])), 1e-6)
        matrix = self.matrix
        if shrink > 1.5:  # low-passed first: plain sampling would alias
            photo = cv2.GaussianBlur(photo, (0, 0), 0.45 * shrink)  # type: ignore[assignment]
        flags = cv2.INTER_CUBIC if shrink <= 1.5 else cv2.INTER_LINEAR
        return cv2.warpAffine(  # type: ignore[return-value]
            photo, matrix, (self.width, self.height), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )

    def inside(self, photo_shape: tuple[int, ...]) -> FloatArray:
        """(height, width): 1 where the picture shows the photo, 0 beyond its edge."""
        whole = np.ones(photo_shape[:2], np.uint8)
        found = cv2.warpAffine(whole, self.matrix, (self.width, self.height), flags=cv2.INTER_NEAREST)
        return np.asarray(found, np.float32)

    def points(self, points: ArrayLike) -> NDArray[np.float64]:
        """Points (N, 2) of the photo in the picture."""
        return transform(points, self.matrix)


@dataclass(frozen=True)
class HeadPlace:
    """Where a head is in the photo.

    Attributes:
        eyes: (2,) in the photo's pixels: the middle of the eyes, of a turned head a place behind it.
        unit: pixels to a face unit.
        roll: by which it is straightened, in degrees.
    """

    eyes: NDArray[np.float64]
    unit: float
    roll: float

    def framing(self, left: float, top: float, width: float, height: float, scale: float) -> Framing:
        """A picture by its place in units, seen from the eyes, and its pixels to a unit."""
        angle = np.radians(self.roll)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * scale / self.unit
        shift = -turn @ self.eyes - scale * np.array([left, top]) - 0.5
        matrix = np.hstack([turn, shift[:, None]])
        return Framing(matrix, max(1, round(width * scale)), max(1, round(height * scale)), scale)

    def wide(self, pixels: int) -> Framing:
        """The square in which the person is looked for; its side in pixels."""
        return self.framing(-WIDE / 2, -EYES_IN_WIDE, WIDE, WIDE, pixels / WIDE)

    def near(self, pixels: int) -> Framing:
        """A narrower one, in which hair is seen better."""
        return self.framing(-NEAR / 2, -EYES_IN_NEAR, NEAR, NEAR, pixels / NEAR)


def place_head(landmarks: ArrayLike, straighten: bool = True) -> HeadPlace:
    """Where a head is, by its 68 landmarks (68, 2) in the photo's pixels."""
    points = np.asarray(landmarks, np.float64)
    fit = fit_similarity(mean_face(2, 2.0)[17:], points[17:])
    # Turned heads look narrow: then their height says more of their size.
    tall = 0.95 * float(np.linalg.norm(points[8] - points[27])) / NOSE_TO_CHIN
    unit = max(interocular(points), float(np.hypot(*fit[:, 0])), tall)
    yaw, _, roll = estimate_pose(points)
    # Of a turned head the eyes are on the side that it looks to.
    back = -TURNED * unit * np.sin(np.radians(yaw)) * np.array([1.0, 0.0])
    if not straighten or abs(yaw) > UNSURE_YAW:
        roll = 0.0
    return HeadPlace(points[36:48].mean(0) + back, unit, float(np.clip(roll, -MOST_ROLL, MOST_ROLL)))


def choose_framing(
    head: HeadPlace, crop: Crop, limits: Limits, hair_top: float, chin: float, scale: float
) -> tuple[Framing, bool]:
    """Place a head in a picture.

    Args:
        head: where it is in the photo.
        crop: how it is to be cropped.
        limits: beyond which the photo shows no more of the person.
        hair_top: of the head with what it wears, in units from the eyes (negative).
        chin: likewise.
        scale: pixels to a unit.

    Returns:
        The framing, and whether the head fits into the limits; else it is cut where the photo ends.
    """
    height = max(crop.height, (chin - hair_top + 0.9) / (1 - crop.headroom) if crop.height > 4 else 0.0)
    height = max(height, -hair_top / (crop.eyes - crop.headroom) if -hair_top < 2.4 else height)
    least = chin - max(hair_top, limits.top) + 0.25
    room = min(limits.bottom - limits.top, (limits.right - limits.left) / crop.aspect)
    kept = room >= least and limits.bottom >= chin + 0.2
    # Eyes stay near their line and near the middle, and the picture becomes tighter for it.
    lower = limits.bottom / (1 - crop.eyes - LOWER)
    middle = (2 * min(-limits.left, limits.right) + ASIDE) / crop.aspect
    room = min(room, max(least, min(lower, middle)))
    bottom = limits.bottom
    if not kept:  # from the hair to where the photo ends
        bottom = min(limits.bottom, chin + 0.6)
        room = max(bottom - max(hair_top - 0.05 * crop.height, limits.top), 1.5)
    height = min(height, room)
    width = height * crop.aspect
    top = min(-crop.eyes * height, hair_top - crop.headroom * height)
    left = float(np.clip(-width / 2, limits.left, limits.right - width)) if kept else -width / 2
    top = float(np.clip(top, limits.top, bottom - height)) if kept else bottom - height
    return head.framing(left, top, width, height, scale), kept


def find_limits(person: FloatArray, wide: Framing, photo_shape: tuple[int, ...]) -> Limits:
    """How far the photo shows the person, by the side on which they leave it.

    Args:
        person: (S, S) share of the person in the wide square, which repeats the photo's edge beyond it.
        wide: that square.
        photo_shape: of the photo.
    """
    y, x = np.mgrid[: wide.height, : wide.width]
    back = cv2.invertAffineTransform(wide.matrix)
    at = np.stack([x, y], -1).reshape(-1, 2) @ back[:, :2].T + back[:, 2]
    at_x, at_y = np.moveaxis(at.reshape(*person.shape, 2), -1, 0)
    near = EDGE * wide.unit * float(np.hypot(*back[:, 0]))
    height, width = photo_shape[:2]
    within = (at_x >= 0) & (at_y >= 0) & (at_x < width) & (at_y < height)
    here = (person > 0.5) & within
    unit_x, unit_y = x / wide.unit - WIDE / 2, y / wide.unit - EYES_IN_WIDE
    limits = Limits()
    below = here & (at_y > height - near)
    if (middle := below & (abs(unit_x) < 1.5)).any():
        limits = replace(limits, bottom=float(unit_y[middle].min()) + EDGE / 2)
    # Hair that only comes near the upper edge is whole, and a drawn background goes on above it.
    if (above := here & (at_y < 0.4 * near) & (unit_y < 0)).any():
        limits = replace(limits, top=float(unit_y[above].max()) - EDGE / 4)
    rows = here & (unit_y < min(limits.bottom, 2.9))
    if (side := rows & (at_x < near)).any():
        limits = replace(limits, left=float(unit_x[side].max()) - EDGE / 2)
    if (side := rows & (at_x > width - near)).any():
        limits = replace(limits, right=float(unit_x[side].min()) + EDGE / 2)
    return limits


def whole_photo_limits(head: HeadPlace, photo_shape: tuple[int, ...]) -> Limits:
    """Within which a picture shows nothing but the photo, whose background is kept."""
    height, width = photo_shape[:2]
    straight = head.framing(0, 0, 1, 1, 1.0)
    corners = straight.points([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]) + 0.5
    sides = np.sort(corners, axis=0)
    # The middle two corners on each axis span the largest upright rectangle, near enough, for small rolls.
    return Limits(sides[1, 0], sides[1, 1], sides[2, 0], sides[2, 1])
