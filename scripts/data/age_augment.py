"""Another light, another camera, another frame: what a face's age must not be read from.

Much of what is easy to learn about age in collections of pictures is not age: old people's pictures are
older, smaller and greyer. So size, blur, noise, compression and colour are drawn at random here; and because
most labelled pictures end at the ears and the hair line, what is beyond is drawn at random, too.
"""

from __future__ import annotations

import cv2
import numpy as np

Array = np.ndarray
Random = np.random.Generator

TURN, SIZES, SHIFT = 6.0, 0.07, 0.035
"""Standard deviations of the turn (degrees), the size (logarithm) and the shift (share of the side)."""


def sample(random: Random, crop: Array, corners: Array, other: Array, inner: float, size: int) -> Array:
    """One view of a face.

    Args:
        random: where all chance comes from.
        crop: (S, S, 3) uint8 RGB.
        corners: (4, 2) of the picture that it was cut from, in its pixels.
        other: another crop, which may lie where this one's picture ended.
        inner: share of the crop's side that the network sees.
        size: of the view in pixels.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    image = surrounded(random, crop, corners, other)
    return spoilt(random, moved(random, image, inner, size))


def plain(crop: Array, inner: float, size: int) -> Array:
    """The view without any chance: its middle."""
    return cv2.warpAffine(crop, _matrix(crop.shape[0], inner, size), (size, size), flags=cv2.INTER_LINEAR)


def compressed(image: Array, quality: int) -> Array:
    """An image (H, W, 3) uint8 after JPEG."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def surrounded(random: Random, crop: Array, corners: Array, other: Array) -> Array:
    """The crop with something else where its picture ended; pictures that go on are ended at random."""
    size = crop.shape[0]
    inside = np.zeros((size, size), np.uint8)
    if random.random() < 0.5:  # where the labelled faces cut out tightly end
        x, y = np.array([0.5, 0.5]) * size + random.normal(0, 0.02, 2) * size
        half = random.uniform(0.32, 0.5) * size
        cut = np.array(
            [[x - half, y - half], [x + half, y - half], [x + half, y + half], [x - half, y + half]]
        )
    else:
        cut = corners
    cv2.fillConvexPoly(inside, np.rint(corners).astype(np.int32), 255)
    window = np.zeros_like(inside)
    cv2.fillConvexPoly(window, np.rint(cut).astype(np.int32), 255)
    inside &= window
    if inside.min() == 255 or (cut is corners and random.random() < 0.3):
        return crop
    return cv2.copyTo(crop, inside, np.array(_beyond(random, crop, inside, other), order="C"))


def _beyond(random: Random, crop: Array, inside: Array, other: Array) -> Array:
    """What may lie around a face: its edge drawn out, one colour, noise, a mirror image or another
    picture."""
    kind = random.random()
    x, y, width, height = cv2.boundingRect(inside)
    size = crop.shape[0]
    borders = (y, size - y - height, x, size - x - width)
    if kind < 0.4 and width > 1 and height > 1:
        way = cv2.BORDER_REPLICATE if random.random() < 0.7 else cv2.BORDER_REFLECT
        return cv2.copyMakeBorder(crop[y : y + height, x : x + width], *borders, way)
    if kind < 0.6:
        colour = (
            random.integers(0, 256, 3) if random.random() < 0.5 else np.full(3, random.choice([0, 127, 255]))
        )
        return np.broadcast_to(colour.astype(np.uint8), crop.shape)
    if kind < 0.7:
        small = random.integers(0, 256, (6, 6, 3), np.uint8)
        return cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)
    if kind < 0.85:
        small = cv2.resize(crop, (8, 8), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.roll(other, size // 2, axis=1)  # its background, rather than its face


def _matrix(size: int, inner: float, out: int) -> Array:
    """(2, 3) from a crop's pixels to those of its middle part, so many pixels large."""
    scale = out / (size * inner)
    return np.hstack([np.eye(2) * scale, np.full((2, 1), (out - 1) / 2 - scale * (size - 1) / 2)])


def moved(random: Random, crop: Array, inner: float, size: int) -> Array:
    """Turned, sized, shifted and mirrored as landmarks that are a little off would have it."""
    angle, zoom = np.radians(random.normal(0, TURN)), np.exp(random.normal(0, SIZES))
    shift = random.normal(0, SHIFT, 2) * size
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if random.random() < 0.5:
        turn = turn @ np.diag([-1.0, 1.0])
    base = _matrix(crop.shape[0], inner, size)
    middle = (size - 1) / 2
    matrix = np.hstack([turn @ base[:, :2], (turn @ (base[:, 2] - middle) + middle + shift)[:, None]])
    flags = cv2.INTER_CUBIC if random.random() < 0.4 else cv2.INTER_LINEAR
    return cv2.warpAffine(crop, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def spoilt(random: Random, image: Array) -> Array:
    """Another light and another camera: (S, S, 3) uint8."""
    image = _detail(random, _lit(random, image))
    if random.random() < 0.45:
        image = compressed(image, int(random.integers(30, 96)))
    return image


def _lit(random: Random, image: Array) -> Array:
    """Gamma, brightness, contrast, tint and colourfulness."""
    if random.random() < 0.2:
        return image
    levels = np.arange(256, dtype=np.float32)[:, None] / 255
    gain = np.exp(random.normal(0, 0.12) + random.normal(0, 0.06, 3)).astype(np.float32)
    curve = (levels ** np.float32(np.exp(random.normal(0, 0.25))) - 0.5) * np.float32(
        random.uniform(0.75, 1.25)
    )
    table = np.clip((curve + 0.5) * gain * 255, 0, 255).astype(np.uint8)
    image = cv2.LUT(image, np.ascontiguousarray(table[None]))
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    colour = 0.0 if random.random() < 0.1 else random.uniform(0.5, 1.35)
    return cv2.addWeighted(image, colour, grey, 1 - colour, 0)


def _detail(random: Random, image: Array) -> Array:
    """Less detail, or more of it than there is: small pictures, blur, noise, sharpening."""
    size, kind = image.shape[0], random.random()
    if kind < 0.35:
        small = max(24, round(size / random.uniform(1.1, 3.0)))
        way = cv2.INTER_AREA if random.random() < 0.7 else cv2.INTER_LINEAR
        image = cv2.resize(image, (small, small), interpolation=way)
        if random.random() < 0.4:
            image = compressed(image, int(random.integers(40, 96)))
        way = cv2.INTER_CUBIC if random.random() < 0.5 else cv2.INTER_LINEAR
        image = cv2.resize(image, (size, size), interpolation=way)
    elif kind < 0.55:
        image = cv2.GaussianBlur(image, (0, 0), random.uniform(0.3, 1.4))
    elif kind < 0.7:
        soft = cv2.GaussianBlur(image, (0, 0), random.uniform(0.6, 1.5))
        amount = random.uniform(0.3, 1.2)
        image = cv2.addWeighted(image, 1 + amount, soft, -amount, 0)
    if random.random() < 0.35:
        noise = random.standard_normal(image.shape, np.float32) * np.float32(random.uniform(1, 12))
        if random.random() < 0.5:  # coarse grain
            noise = 1.6 * cv2.GaussianBlur(noise, (0, 0), 0.8)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image
