"""Light evened, shine and blemishes softened. No shape changes: nothing is moved, and edges stay.

Skin is taken apart into three bands. The finest, its texture, stays, or it would look like plastic; of the
middle one, blemishes and blotches, a share is taken away, more of small dark spots; the coarse one is light
and form, of which only the slope across the face and the shine are changed.
"""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_cli.compositing.guided_filter import box_mean, guided_filter, weighted_mean
from faceswap_cli.faces.face import FloatArray

LUMA = np.array([0.299, 0.587, 0.114], np.float32)

BRIGHTEST = 0.88
"""Where the brightest parts of a well exposed person lie."""

MOST_GAIN = 1.6
"""By which a dark photo is brightened, in the dark parts of it, at most."""

STRONGEST = 0.32
"""Limit of the logarithm of what evens the light, on encoded values."""

TEXTURE, BLOTCH = 0.010, 0.07
"""Ends of the middle band, in face units."""


def retouch(
    front: FloatArray, alpha: FloatArray, skin: FloatArray, face: np.ndarray, unit: float, strength: float
) -> FloatArray:
    """The person in even light.

    Args:
        front: (H, W, 3) in [0, 1], the person's colours.
        alpha: (H, W) in [0, 1].
        skin: (H, W) in [0, 1], bare skin of the face without eyes, brows and mouth.
        face: (68, 2) landmarks in the picture.
        unit: pixels to a face unit.
        strength: 0 to 1.
    """
    if strength <= 0:
        return front
    done = soften_blemishes(without_specks(front, skin), skin, unit, strength)
    done = soften_shine(done, skin, unit, strength)
    done = even_light(done, skin, face, unit, strength)
    return expose(done, alpha, strength)


def expose(front: FloatArray, alpha: FloatArray, strength: float) -> FloatArray:
    """A dark photo made lighter, by its brightest parts: how dark somebody's skin is says nothing of it.

    The curve keeps black black and white white: gx / (1 + (g - 1) x).
    """
    light = front[alpha > 0.9] @ LUMA
    if not light.size:
        return front
    bright = float(np.clip(np.percentile(light, 98.5), 0.05, 0.98))
    # The gain that takes `bright` to BRIGHTEST on that curve.
    gain = BRIGHTEST * (1 - bright) / (bright * (1 - BRIGHTEST))
    gain = 1 + min(1.6 * strength, 1) * (min(gain, MOST_GAIN) - 1)
    if gain <= 1:
        return front
    return np.asarray(gain * front / (1 + (gain - 1) * front), np.float32)


def even_light(
    front: FloatArray, skin: FloatArray, face: np.ndarray, unit: float, strength: float
) -> FloatArray:
    """The slope of light across a face made flatter, as a reflector beside it would."""
    slope = light_slope(front, skin, face, unit)
    height, width = front.shape[:2]
    middle = face[27:36].mean(0)
    x = np.tanh((np.arange(width, dtype=np.float32) - middle[0]) / unit / 1.2) * 1.2
    y = np.tanh((np.arange(height, dtype=np.float32) - middle[1]) / unit / 1.2) * 1.2
    gain = -(0.7 * slope[0] * x[None] + 0.35 * slope[1] * y[:, None]) * strength
    gain = np.clip(gain, -STRONGEST, STRONGEST).astype(np.float32)[..., None]
    # Lightened shadows keep below white: the gain is taken on the curve of `expose`.
    scale = np.exp(gain)
    return np.asarray(scale * front / (1 + (scale - 1) * front), np.float32)


def light_slope(front: FloatArray, skin: FloatArray, face: np.ndarray, unit: float) -> tuple[float, float]:
    """By how much the logarithm of the light changes over one unit to the right and one downwards.

    A plane is fitted to the skin's, features and beards counting less the farther they are from it.
    """
    step = max(1, round(unit / 40))
    weight = skin[::step, ::step].ravel()
    if weight.sum() < 30:
        return 0.0, 0.0
    light = np.log(np.maximum(front[::step, ::step] @ LUMA, 0.02)).ravel()
    y, x = np.mgrid[: skin.shape[0] : step, : skin.shape[1] : step].astype(np.float32)
    middle = face[27:36].mean(0)
    basis = np.stack(
        [np.ones_like(weight), (x.ravel() - middle[0]) / unit, (y.ravel() - middle[1]) / unit], -1
    )
    own = weight.copy()
    factors = np.zeros(3)
    for _ in range(4):
        system = (basis * own[:, None]).T @ basis + np.diag([0.0, 1, 1]) * 0.01 * weight.sum()
        factors = np.linalg.solve(system, (basis * own[:, None]).T @ light)
        off = np.abs(light - basis @ factors)
        own = weight / np.maximum(off / 0.2, 1)
    return float(factors[1]), float(factors[2])


def without_specks(front: FloatArray, skin: FloatArray) -> FloatArray:
    """Skin without single pixels that stick out, as a dark photo's noise has them: there it is their
    neighbours' median."""
    levels = np.round(255 * front).astype(np.uint8)
    median = cv2.medianBlur(levels, 5).astype(np.float32) / 255
    off = np.abs((front - median) @ LUMA)
    usual = float(np.median(off[skin > 0.6])) if (skin > 0.6).any() else 0.0
    share = (skin * np.clip((off - 4 * usual - 0.01) / 0.02, 0, 1))[..., None]
    return np.asarray(front + share * (median - front), np.float32)


def soften_blemishes(front: FloatArray, skin: FloatArray, unit: float, strength: float) -> FloatArray:
    """Spots and blotches fainter; the finest texture and every edge stay."""
    fine = np.asarray(cv2.GaussianBlur(front, (0, 0), max(TEXTURE * unit, 0.5)), np.float32)
    coarse = np.stack([guided_filter(fine, fine[..., i], BLOTCH * unit, 1.2e-3) for i in range(3)], -1)
    middle = fine - coarse
    spot = np.clip(-(middle @ LUMA) / 0.025, 0, 1)[..., None]
    share = skin[..., None] * strength * (0.55 + 0.35 * spot)
    return np.asarray(np.clip(front - share * middle, 0, 1), np.float32)


def soften_shine(front: FloatArray, skin: FloatArray, unit: float, strength: float) -> FloatArray:
    """Highlights on skin lower, and in the skin's own colour again."""
    if skin.sum() < 30:
        return front
    step = max(1, round(unit / 30))
    small, weight = front[::step, ::step], skin[::step, ::step]
    typical = weighted_mean(np.ascontiguousarray(small), np.ascontiguousarray(weight), 0.3 * unit / step)
    typical = np.asarray(cv2.resize(typical, front.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    light, usual = front @ LUMA, typical @ LUMA
    over = np.maximum(light - 1.12 * usual - 0.02, 0)
    over = box_mean(over.astype(np.float32), 0.012 * unit)
    share = (skin * strength * np.clip(over / 0.06, 0, 1))[..., None]
    lower = front - (0.75 * over)[..., None]
    coloured = typical * ((lower @ LUMA) / np.maximum(usual, 0.02))[..., None]
    return np.asarray(np.clip(front + share * (0.6 * lower + 0.4 * coloured - front), 0, 1), np.float32)
