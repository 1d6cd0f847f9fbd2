"""Cloth as light shows it: a height above the picture gives normals, and these what the face's light makes.

Heights are in pixels. The light comes from above in front, as far to a side as it does on the face.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from faceswap_cli.faces.face import FloatArray

AMBIENT = 0.42
"""Share of the light that comes from everywhere."""


def light_from(slope: tuple[float, float]) -> FloatArray:
    """Where the light comes from (3,): x to the right, y downwards, z to the viewer.

    Args:
        slope: of the logarithm of the light over the face, see `retouch.light_slope`.
    """
    direction = np.array([np.clip(1.3 * slope[0], -0.75, 0.75), -0.62, 0.78])
    return np.asarray(direction / np.linalg.norm(direction), np.float32)


def lit(height: FloatArray, light: FloatArray) -> FloatArray:
    """How brightly a surface is lit, 1 where it faces the viewer.

    Args:
        height: (H, W) above the picture, in pixels.
        light: (3,) see `light_from`.
    """
    dx = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    dy = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    along = (-dx * light[0] - dy * light[1] + light[2]) / np.sqrt(dx * dx + dy * dy + 1)
    return np.asarray(AMBIENT + (1 - AMBIENT) * np.maximum(along, 0) / light[2], np.float32)


def rounded(mask: FloatArray, radius: float) -> FloatArray:
    """The height of an area whose rim is round: 0 at its edge, `radius` from there on inwards."""
    inside = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    left = 1 - np.clip(inside / max(radius, 1), 0, 1)
    height = np.sqrt(np.maximum(1 - left * left, 0)) * np.float32(max(radius, 1))
    return _blurred(np.asarray(height, np.float32), max(0.12 * radius, 0.7))


def shadow(mask: FloatArray, light: FloatArray, reach: float) -> FloatArray:
    """(H, W) in [0, 1]: what an area keeps the light from, that far behind it."""
    move = np.array([[1, 0, -light[0] * reach], [0, 1, -light[1] * reach]], np.float64)
    moved = cv2.warpAffine(mask, move, mask.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    return _blurred(np.asarray(moved, np.float32), max(0.6 * reach, 0.7))


def _blurred(values: FloatArray, sigma: float) -> FloatArray:
    """A Gaussian blur; a wide one is computed on a smaller picture, which takes a tenth of the time."""
    step = int(sigma / 2.5)
    if step < 2:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)
    height, width = values.shape
    small = cv2.resize(values, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / step)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def folds(shape: tuple[int, int], size: float, angle: float, stretch: float, seed: int) -> FloatArray:
    """Soft random heights of standard deviation 1 that run along a direction; the same for the same seed.

    Args:
        shape: of the picture.
        size: width of a fold in pixels.
        angle: of their direction in degrees from the horizontal, clockwise.
        stretch: length over width.
        seed: of the random numbers.
    """
    step = max(1, int(size / 6))  # what is smooth needs few pixels
    small = -(-shape[0] // step), -(-shape[1] // step)
    wide = size / step
    count = int(np.hypot(*small) / max(wide, 1)) + 8
    random = np.random.default_rng(seed)
    noise = random.normal(size=(count, max(8, int(count / stretch) + 4))).astype(np.float32)
    noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.9), np.float32)
    noise = (noise - noise.mean()) / max(float(noise.std()), 1e-6)
    turn = np.radians(angle)
    y, x = np.mgrid[: small[0], : small[1]].astype(np.float32)
    x, y = x - np.float32(small[1] / 2), y - np.float32(small[0] / 2)
    along = (x * np.cos(turn) + y * np.sin(turn)) / (wide * stretch) + noise.shape[1] / 2
    across = (-x * np.sin(turn) + y * np.cos(turn)) / wide + noise.shape[0] / 2
    found = cv2.remap(
        noise, along.astype(np.float32), across.astype(np.float32), cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    if step > 1:
        found = cv2.resize(found, (small[1] * step, small[0] * step), interpolation=cv2.INTER_CUBIC)
    return np.asarray(found[: shape[0], : shape[1]], np.float32)


@lru_cache(maxsize=1)
def weave(shape: tuple[int, int], unit: float, seed: int) -> FloatArray:
    """Factors around 1 of woven wool: a diagonal of threads, unevenly thick, and finer noise."""
    thread = max(unit / 90, 1.0)
    grain = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    soft = cv2.GaussianBlur(grain, (0, 0), 0.6 * thread)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    twill = np.sin((x + y) * np.float32(2 * np.pi / (3.2 * thread)) + 2 * soft)
    slubs = folds(shape, 1.6 * thread, 90, 14, seed + 1)
    return np.asarray(
        1 + 0.035 * soft / max(float(soft.std()), 1e-6) + 0.02 * twill + 0.02 * slubs, np.float32
    )
