"""What is behind the person: drawn, taken from the photo, or another picture. Nothing is generated."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.compositing.guided_filter import weighted_mean
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.media.photo import read_photo
from faceswap_cli.portrait.headshot.options import plain_colour

BRIGHT, DARK = (0.80, 0.815, 0.83), (0.43, 0.45, 0.475)
"""Colours of the gradient behind the head and in its far corners."""

FALL_OFF = 0.05
"""How much darker than its middle a plain background other than white is in its corners, as a studio's is."""

LENS = 0.16
"""Standard deviation of the blurred background, in face units."""

SMALL = 24.0
"""Pixels to a unit in which a background is filled where the person was."""


def draw_backdrop(
    what: str,
    picture: FloatArray,
    known: FloatArray,
    head: tuple[float, float],
    unit: float,
) -> FloatArray:
    """The picture behind the person.

    Args:
        what: see HeadshotOptions.background.
        picture: (H, W, 3) in [0, 1], the photo.
        known: (H, W) in [0, 1], where it shows its background.
        head: x and y of the head's middle.
        unit: pixels to a face unit.

    Returns:
        (H, W, 3) in [0, 1].

    Raises:
        UserError: the file can't be read.
    """
    height, width = picture.shape[:2]
    if what in ("keep", "blur"):
        return _own(picture, known, unit, blurred=what == "blur")
    if (colour := plain_colour(what)) is None and what != "gradient":
        return _covering(read_photo(Path(what)).image, width, height)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    far = np.hypot(x - head[0], y - head[1]) / np.float32(np.hypot(width, height) * 0.62)
    bright, dark = (colour, colour) if colour else (BRIGHT, DARK)
    if colour and min(colour) < 0.995:
        dark = tuple((1 - FALL_OFF) * c for c in colour)  # type: ignore[assignment]
    share = np.clip(far, 0, 1)[..., None]
    share = share * share * (3 - 2 * share)
    return np.asarray(
        (1 - share) * np.array(bright, np.float32) + share * np.array(dark, np.float32), np.float32
    )


def dithered(picture: FloatArray, unit: float) -> FloatArray:
    """A smooth picture with noise of less than a level, so that it shows no bands; always the same."""
    noise = np.random.default_rng(round(unit)).normal(0, 0.5 / 255, picture.shape[:2]).astype(np.float32)
    return np.asarray(np.clip(picture + noise[..., None], 0, 1), np.float32)


def _own(picture: FloatArray, known: FloatArray, unit: float, blurred: bool) -> FloatArray:
    """The photo's background, where it is not known filled from around."""
    if not blurred:
        sure = (known > 0.98).astype(np.float32)
        filled = _filled(picture, sure, unit)
        soft = known[..., None]
        return np.asarray(soft * picture + (1 - soft) * filled, np.float32)
    # Bright lights spread out of focus as light does, not as encoded values do.
    sure = np.asarray(cv2.erode(known, np.ones((3, 3))), np.float32)
    filled = _filled(picture, sure, unit) ** 2.2
    sigma = LENS * SMALL
    small = cv2.resize(filled, _small_size(picture.shape, unit), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    whole = cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(whole, 0, 1) ** (1 / 2.2), np.float32)


def _filled(picture: FloatArray, known: FloatArray, unit: float) -> FloatArray:
    size = _small_size(picture.shape, unit)
    weight = np.asarray(cv2.resize(known, size, interpolation=cv2.INTER_AREA), np.float32)
    weight = np.where(weight > 0.9, weight, 0).astype(np.float32)
    if not weight.any():
        weight += 1
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
    smooth = weighted_mean(small, weight, 0.08 * SMALL)
    whole = cv2.resize(smooth, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    sure = (known > 0.98)[..., None]
    return np.asarray(np.where(sure, picture, np.clip(whole, 0, 1)), np.float32)


def _small_size(shape: tuple[int, ...], unit: float) -> tuple[int, int]:
    scale = min(1.0, SMALL / unit)
    return max(2, round(shape[1] * scale)), max(2, round(shape[0] * scale))


def _covering(image: np.ndarray, width: int, height: int) -> FloatArray:
    """A picture's middle, as large as covers the whole."""
    scale = max(width / image.shape[1], height / image.shape[0])
    size = max(width, round(image.shape[1] * scale)), max(height, round(image.shape[0] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    whole = cv2.resize(image, size, interpolation=way)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.asarray(whole[top : top + height, left : left + width].astype(np.float32) / 255, np.float32)
