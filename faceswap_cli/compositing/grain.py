"""Grain: how much a frame has around a face, and giving a drawn face what it lacks.

Grain is measured in two bands, the finest detail and that of half its frequency: between them lies how fine
the grain is, after the camera's own processing, resampling and compression. It is measured on the flat parts
of a face, by a low quantile over small patches, so that features don't count. The same measure is taken of
the drawn face, and the difference is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from faceswap_cli.compositing.colour.spaces import FloatImage

Energies = NDArray[np.float64]

PATCH = 5
"""Side in pixels of the patches whose flattest are believed."""

FLATTEST = 0.3
"""Quantile of the patches' energies that is taken for grain."""

PATCHES = (12, 400)
"""With fewer patches nothing is said; of more, so many are looked at."""

MOST = 14.0
"""Standard deviation in 8-bit grey levels of the strongest grain that is believed, in each band."""


@dataclass(frozen=True)
class Grain:
    """Grain of a face in its frame.

    Attributes:
        energy: (4,) variances in squared 8-bit grey levels: luma in the finest and in the next band, and the
            two colour differences (Cr, Cb) in the next band; video has no finer ones.
        fresh: share of it, 0..1, that is another in the next frame; the rest is texture that moves with the
            skin. nan where nobody knows.
        weight: how much it counts; 0 when nothing was measured.
    """

    energy: Energies
    fresh: float
    weight: float


NO_GRAIN = Grain(np.zeros(4), float("nan"), 0.0)


def measure_grain(region: NDArray[np.uint8] | FloatImage, where: FloatImage) -> Grain:
    """The grain of a part of a frame (H, W, 3), 0..255, where `where` (H, W) is above a half."""
    fine, coarse = np.asarray(cv2.cvtColor(region, cv2.COLOR_RGB2GRAY)), np.asarray(cv2.pyrDown(region))
    for inside in (where > 0.5, np.ones(where.shape, np.bool_)):  # of a small face all around it, too
        patches = _patches(fine, inside), _patches(coarse, inside[::2, ::2])
        if all(len(one) >= PATCHES[0] for one in patches):
            bands = _flat_energy(patches[0]), _flat_energy(_colour_differences(patches[1]))
            return Grain(np.minimum(np.concatenate(bands), MOST**2), float("nan"), 1.0)
    return NO_GRAIN


def _patches(picture: NDArray[np.generic], inside: NDArray[np.bool_]) -> FloatImage:
    """(K, P + 2, P + 2, C) patches of (H, W) or (H, W, C) that lie inside, with a pixel around each."""
    whole = cv2.erode(inside.astype(np.uint8), np.ones((PATCH, PATCH), np.uint8)) > 0
    step = max(2, int(np.sqrt(np.count_nonzero(whole) / PATCHES[1])))
    rows, columns = np.nonzero(whole[::step, ::step])
    reach = PATCH // 2 + 1
    bordered = cv2.copyMakeBorder(picture, reach, reach, reach, reach, cv2.BORDER_REFLECT_101)  # type: ignore[arg-type]
    if bordered.ndim == 2:
        bordered = bordered[..., None]
    windows = sliding_window_view(bordered, (2 * reach + 1, 2 * reach + 1), axis=(0, 1))
    return np.moveaxis(windows[step * rows, step * columns], 1, -1).astype(np.float32)


def _colour_differences(patches: FloatImage) -> FloatImage:
    """RGB patches as luma and colour differences (Y, Cr, Cb), 0..255."""
    flat = patches.reshape(1, -1, 3) / np.float32(255)
    return (cv2.cvtColor(flat, cv2.COLOR_RGB2YCrCb) * np.float32(255)).reshape(patches.shape)


def _flat_energy(patches: FloatImage) -> Energies:
    """(C,) energy of the finest detail in the flattest of some patches, see `_patches`."""
    rows = (patches[:, :-2] + 2 * patches[:, 1:-1] + patches[:, 2:]) / np.float32(4)
    soft = (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / np.float32(4)
    energies = ((patches[:, 1:-1, 1:-1] - soft) ** 2).mean((1, 2))
    place = int(FLATTEST * (len(energies) - 1))
    return np.asarray(np.partition(energies, place, axis=0)[place], np.float64)


def fresh_share(before: FloatImage, now: FloatImage, where: FloatImage) -> float:
    """How much of the finest detail of a face is another one frame later: 0 nothing, 1 all of it.

    Args:
        before: (S, S, 3) aligned crop of the frame before, in [0, 1].
        now: the same of this frame.
        where: (S, S) where to look.
    """
    inside = where > 0.5
    bands = []
    for crop in (before, now):
        luma = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
        bands.append(luma - cv2.GaussianBlur(luma, (3, 3), 0))
    change, both = bands[1] - bands[0], bands[0] ** 2 + bands[1] ** 2
    fine = cv2.blur(both, (PATCH, PATCH))
    if np.count_nonzero(inside) < PATCHES[0] * PATCH:
        return float("nan")
    flat = inside & (fine <= np.quantile(fine[inside], FLATTEST))
    return float(np.clip((change[flat] ** 2).sum() / max(both[flat].sum(), 1e-12), 0, 1))


def average_grain(grains: Sequence[Grain], weights: Sequence[float]) -> Grain:
    """Grain averaged over frames; where no frame knows how much is fresh, all of it is."""
    shares = np.array([w * g.weight for w, g in zip(weights, grains, strict=True)])
    total = float(shares.sum())
    if total <= 0:
        return NO_GRAIN
    energy = sum((s * g.energy for s, g in zip(shares, grains, strict=True)), np.zeros(4)) / total
    known = [(s, g.fresh) for s, g in zip(shares, grains, strict=True) if not np.isnan(g.fresh)]
    weight = sum(s for s, _ in known)
    fresh = sum(s * f for s, f in known) / weight if weight > 0 else 1.0
    return Grain(energy, float(fresh), 1.0)


def add_grain(
    patch: FloatImage, where: FloatImage, wanted: Grain, seed: tuple[int, int], amount: float
) -> FloatImage:
    """A drawn patch with the grain it lacks.

    Args:
        patch: (H, W, 3) RGB in [0, 1], in frame pixels.
        where: (H, W) in [0, 1], the face.
        wanted: the frame's own grain.
        seed: frame and track: another run gives the same grain.
        amount: 0 (none) to 1 (all that is missing).
    """
    if amount <= 0 or wanted.weight <= 0:
        return patch
    own = measure_grain(patch * np.float32(255), where)
    missing = np.maximum(wanted.energy - own.energy, 0) * wanted.fresh
    deviations = amount * _deviations(missing)
    if deviations.max() < 0.15:  # of a grey level: nobody sees it
        return patch
    noise = _noise(patch.shape[:2], deviations, seed)
    return np.asarray(cv2.scaleAdd(noise, 1 / 255, patch), np.float32)


def _deviations(missing: Energies) -> Energies:
    """(4,) deviations of fine luma noise and of coarse noise (Y, Cr, Cb) that together have energies (4,)."""
    response = _response()
    fine, coarse = np.linalg.solve(response, missing[:2])
    # Fine noise is in the next band too, and so the other way round. Where the other band has no room for it,
    # the finest counts: it is what the eye takes for grain.
    if coarse < 0:
        fine, coarse = missing[0] / response[0, 0], 0.0
    elif fine < 0:
        fine, coarse = 0.0, min(missing[0] / response[0, 1], missing[1] / response[1, 1])
    return np.asarray(np.sqrt([fine, coarse, *(missing[2:] / response[1, 1])]), np.float64)


@cache
def _response() -> Energies:
    """(2, 2) energy in each band (row) of fine and of coarse luma noise (column) of deviation 1."""
    where = np.ones((512, 512), np.float32)
    noise = [_noise((512, 512), np.eye(4)[kind], (0, 0)) + np.float32(128) for kind in range(2)]
    return np.stack([measure_grain(picture, where).energy[:2] for picture in noise], axis=1)


def _noise(shape: tuple[int, ...], deviations: Energies, seed: tuple[int, int]) -> FloatImage:
    """(H, W, 3) RGB noise of these deviations: fine luma and coarse Y, Cr, Cb."""
    height, width = shape
    random = np.random.Generator(np.random.SFC64([part % 2**32 for part in seed]))
    half = (height // 2 + 1, width // 2 + 1)
    planes = [_white(half, random) for _ in deviations[1:]]
    # OpenCV's ways: NumPy's take several times as long where three channels lie together.
    coarse = cv2.transform(cv2.merge(planes), _TO_RGB * deviations[1:].astype(np.float32))
    total = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    fine = cv2.cvtColor(np.ascontiguousarray(_white(shape, random)), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.scaleAdd(fine, float(deviations[0]), total), np.float32)


def _white(shape: tuple[int, ...], random: np.random.Generator) -> FloatImage:
    """(H, W) white noise of deviation 1: another part of one field each time, which costs next to nothing."""
    top, left = (int(start) for start in random.integers(0, _FIELD // 2, 2))
    bottom, right = top + shape[0], left + shape[1]
    field = _field()
    if max(bottom, right) > _FIELD:
        field = np.tile(field, (-(-bottom // _FIELD), -(-right // _FIELD)))
    return field[top:bottom, left:right]


_FIELD = 1024
"""Side of the field of noise; a larger face sees it repeated."""


@cache
def _field() -> FloatImage:
    noise = np.random.Generator(np.random.SFC64(0)).standard_normal((_FIELD, _FIELD), np.float32)
    return np.asarray(noise, np.float32)


_TO_RGB = np.array([[1, 1.403, 0], [1, -0.714, -0.344], [1, 0, 1.773]], np.float32)
"""From luma and colour differences (Y, Cr, Cb) to RGB, ITU-R BT.601."""
