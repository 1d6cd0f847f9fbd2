"""What the landmark network is shown: labelled faces, turned, lit, spoilt and covered at random."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from faceswap_cli.faces import geometry
from faceswap_cli.faces.landmarks.mean_shape import MIRROR

Random = np.random.Generator


@dataclass(frozen=True)
class Sample:
    """One picture and what is to be said of it.

    Attributes:
        image: (S, S, 3) uint8.
        points: (68, 2) its pixels.
        weight: (68,) how far the label is to be trusted, 0..1.
        visible: (68,) bool.
        face: whether it shows one; if not, the rest means nothing.
    """

    image: np.ndarray
    points: np.ndarray
    weight: np.ndarray
    visible: np.ndarray
    face: bool


def sample(
    random: Random,
    crop: np.ndarray,
    points: np.ndarray,
    weight: np.ndarray,
    visible: np.ndarray,
    other: np.ndarray,
    size: int,
    side: float,
) -> Sample:
    """A random view of a labelled face.

    Args:
        random: what is drawn from.
        crop, points, weight, visible: the face.
        other: (H, W, 3) uint8, any other picture, to cut coverings from.
        size, side: of the view, in pixels and face units.
    """
    if random.random() < 0.5:
        crop, points = crop[:, ::-1], points * [-1, 1] + [crop.shape[1] - 1, 0]
        points, weight, visible = points[MIRROR], weight[MIRROR], visible[MIRROR]
    image, moved, visible = show(random, crop, points, visible, other, view(random, points, size, side), size)
    return Sample(image, moved, weight, visible, True)


def show(
    random: Random,
    crop: np.ndarray,
    points: np.ndarray,
    visible: np.ndarray,
    other: np.ndarray,
    matrix: np.ndarray,
    size: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A view (size, size, 3) through `matrix`, perhaps covered, cut off, spoilt; its points; which are seen.

    Args:
        random: what is drawn from.
        crop: (S, S, 3) uint8.
        points: (N, 2) in its pixels.
        visible: (N,) bool.
        other: (H, W, 3) uint8, any other picture, to cut coverings from.
        matrix: (2, 3) from the crop to the view.
        size: of the view.
    """
    image = geometry.warp(np.ascontiguousarray(crop), matrix, size)
    moved = geometry.transform(points, matrix)
    visible = visible.copy()
    if random.random() < 0.4:
        for _ in range(random.integers(1, 3)):
            covered = cover(random, image, moved, other)
            places = np.rint(moved).astype(int).clip(0, size - 1)
            visible &= ~covered[places[:, 1], places[:, 0]]
    if random.random() < 0.12:
        visible &= cut_off(random, image, moved)
    return spoil(random, image), moved, visible


def no_face(random: Random, crop: np.ndarray, size: int) -> Sample:
    """As `hide_face`, as a sample."""
    nothing = np.zeros(68)
    return Sample(hide_face(random, crop, size), np.zeros((68, 2)), nothing, nothing > 0, False)


def hide_face(random: Random, crop: np.ndarray, size: int) -> np.ndarray:
    """A picture without a face: a piece of one so large, or so far off, that none is to be seen; or noise."""
    kind = random.random()
    if kind < 0.15:
        noise = random.integers(0, 256, (size, size, 3), np.uint8)
        image = cv2.GaussianBlur(noise, (0, 0), float(np.exp(random.uniform(-1, 3))))
        image = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX)
    elif kind < 0.5:  # beside the face
        part = random.uniform(0.14, 0.22) * crop.shape[0]
        image = _piece(random, crop, part, corner=True, size=size)
    elif kind < 0.75:  # a piece of skin, an eye, a cheek, hair
        image = _piece(random, crop, random.uniform(0.06, 0.14) * crop.shape[0], corner=False, size=size)
    else:  # the parts of a face, but not as one
        cells = int(random.choice([2, 3, 4]))
        whole = cv2.resize(crop, (size // cells * cells,) * 2)
        step = whole.shape[0] // cells
        tiles = [
            np.rot90(whole[y : y + step, x : x + step], int(random.integers(4)))
            for y in range(0, whole.shape[0], step)
            for x in range(0, whole.shape[0], step)
        ]
        order = random.permutation(len(tiles))
        rows = [
            np.concatenate([tiles[i] for i in order[r * cells : (r + 1) * cells]], 1) for r in range(cells)
        ]
        image = cv2.resize(np.concatenate(rows), (size, size))
    return spoil(random, np.ascontiguousarray(image))


def _piece(random: Random, crop: np.ndarray, part: float, *, corner: bool, size: int) -> np.ndarray:
    last = crop.shape[0] - part
    x, y = random.uniform(0, last, 2)
    if corner:
        x = random.choice([0.0, last])
    x, y, part = int(x), int(y), max(8, int(part))
    return cv2.resize(crop[y : y + part, x : x + part], (size, size), interpolation=cv2.INTER_CUBIC)


def view(
    random: Random,
    points: np.ndarray,
    size: int,
    side: float,
    most_roll: float = 110,
    wide_share: float = 0.4,
) -> np.ndarray:
    """A matrix (2, 3) from the crop to a view.

    Mostly nearly upright, often (`wide_share`) turned by any angle to `most_roll` degrees; a little sheared
    and stretched, as perspective does.
    """
    wide = random.random() < wide_share
    angle = np.radians(random.uniform(-most_roll, most_roll) if wide else random.normal(0, 9))
    scale = np.exp(random.normal(0, 0.14 if wide else 0.07))
    shift = random.normal(0, 0.055 if wide else 0.03, 2).clip(-0.12, 0.12) * size
    stretch = np.exp(random.normal(0, 0.035))
    shear = random.normal(0, 0.035)
    linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * linear @ np.array([[stretch, shear], [0, 1 / stretch]])
    base = geometry.crop_matrix(points, size, side).astype(np.float64)
    middle = (size - 1) / 2
    offset = linear @ (base[:, 2] - middle) + middle + shift
    return np.hstack([linear @ base[:, :2], offset[:, None]])


def cover(random: Random, image: np.ndarray, points: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Draw something in front of the face; returns where (S, S) bool."""
    size = image.shape[0]
    mask = np.zeros((size, size), np.uint8)
    at = points[random.integers(68)] + random.normal(0, 0.08 * size, 2)
    kind = random.random()
    if kind < 0.3:
        axes = tuple(int(v) for v in random.uniform(0.08, 0.3, 2) * size)
        cv2.ellipse(mask, _pixel(at), axes, random.uniform(0, 180), 0, 360, 255, -1)
    elif kind < 0.55:
        corners = at + random.normal(0, 0.2 * size, (int(random.integers(3, 7)), 2))
        cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(corners).astype(np.int32)), 255)
    elif kind < 0.85:
        _hand(random, mask, at)
    else:
        end = at + random.normal(0, 0.7 * size, 2)
        cv2.line(mask, _pixel(at), _pixel(end), 255, int(random.uniform(0.02, 0.12) * size) + 1)
    texture = _texture(random, image, other, size)
    soft = cv2.GaussianBlur(mask, (0, 0), 0.8).astype(np.float32)[..., None] / 255
    shade = cv2.GaussianBlur(mask, (0, 0), 0.03 * size).astype(np.float32)[..., None] / 255
    shaded = image * (1 - random.uniform(0, 0.5) * shade)
    image[:] = np.rint(shaded * (1 - soft) + texture * soft).clip(0, 255).astype(np.uint8)
    return mask > 127


def _hand(random: Random, mask: np.ndarray, at: np.ndarray) -> None:
    """Fingers side by side, and the palm."""
    size = mask.shape[0]
    angle, width = random.uniform(0, 2 * np.pi), random.uniform(0.05, 0.09) * size
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    spread = random.uniform(0.0, 0.12)
    for finger in range(int(random.integers(2, 5))):
        start = at + across * width * 1.15 * (finger - 1.5)
        direction = along + across * spread * (finger - 1.5)
        end = start + direction * random.uniform(0.25, 0.4) * size
        cv2.line(mask, _pixel(start), _pixel(end), 255, max(2, int(width)))
    cv2.ellipse(mask, _pixel(at - along * width), (int(width * 2.2),) * 2, 0, 0, 360, 255, -1)


def _texture(random: Random, image: np.ndarray, other: np.ndarray, size: int) -> np.ndarray:
    """What a covering is made of: one colour, another picture, or the face's own skin from elsewhere."""
    kind = random.random()
    if kind < 0.3:
        flat = np.full((size, size, 3), random.uniform(0, 255, 3), np.float32)
        return flat + cv2.GaussianBlur(random.normal(0, 40, (size, size, 3)), (0, 0), 3)
    if kind < 0.6:
        y, x = (int(random.integers(0, max(1, n - size))) for n in other.shape[:2])
        return cv2.resize(other[y : y + size, x : x + size], (size, size)).astype(np.float32)
    skin = image[size // 2 : size // 2 + size // 5, size // 4 : 3 * size // 4]
    skin = cv2.resize(skin, (size, size), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return cv2.GaussianBlur(skin, (0, 0), 3) * random.uniform(0.75, 1.2)


def cut_off(random: Random, image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Repeat a row or column up to one side, as beyond a frame's edge; (68,) which points remain."""
    size = image.shape[0]
    edge = int(random.uniform(0.05, 0.35) * size)
    side = int(random.integers(4))
    turned = np.rot90(image, side)
    turned[:edge] = turned[edge]
    inside = (
        points[:, 1] > edge,
        points[:, 0] < size - edge,
        points[:, 1] < size - edge,
        points[:, 0] > edge,
    )
    return inside[side]


def spoil(random: Random, image: np.ndarray) -> np.ndarray:
    """Light, colour, darkness, blur, lost resolution, noise, JPEG."""
    size = image.shape[0]
    x = image.astype(np.float32)
    gain = np.exp(random.normal(0, 0.15, 3) * (random.random() < 0.5) + random.normal(0, 0.25))
    x = x * gain + random.normal(0, 12)
    if random.random() < 0.3:
        x = 255 * (x.clip(0, 255) / 255) ** np.exp(random.normal(0, 0.4))
    if random.random() < 0.1:
        x = x * random.uniform(0.1, 0.4)
    if random.random() < 0.25:  # light from one side
        axis = np.linspace(-1, 1, size, dtype=np.float32)
        angle = random.uniform(0, 2 * np.pi)
        slope = axis[None, :] * np.cos(angle) + axis[:, None] * np.sin(angle)
        x = x * (1 + random.uniform(0, 0.7) * slope)[..., None]
    if random.random() < 0.15:
        x = np.repeat(x.mean(2, keepdims=True), 3, 2)
    if random.random() < 0.2:
        x = cv2.GaussianBlur(x, (0, 0), random.uniform(0.4, 2.2))
    elif random.random() < 0.1:
        length = int(random.integers(3, 9))
        kernel = np.zeros((length, length), np.float32)
        end = (random.uniform(0, 1, 2) * (length - 1)).astype(int)
        cv2.line(kernel, (0, int(end[0])), (length - 1, int(end[1])), 1.0)
        x = cv2.filter2D(x, -1, kernel / max(kernel.sum(), 1))
    if random.random() < 0.2:
        small = int(random.uniform(0.14, 0.6) * size)
        x = cv2.resize(cv2.resize(x, (small, small), interpolation=cv2.INTER_AREA), (size, size))
    if random.random() < 0.25:
        x = x + random.normal(0, random.uniform(1, 14), x.shape).astype(np.float32)
    out = np.rint(x.clip(0, 255)).astype(np.uint8)
    if random.random() < 0.2:
        quality = int(random.integers(12, 70))
        _, data = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, quality])
        out = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return out


def _pixel(at: np.ndarray) -> tuple[int, int]:
    return int(at[0]), int(at[1])
