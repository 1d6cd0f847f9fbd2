"""The light on a face: measured on its skin, and carried from the target's to the drawn one.

In the logarithm of the colours a light is added, not multiplied. To the logarithm over a face's skin nine
spherical harmonics of the surface's normals are fitted (R. Ramamoorthi and P. Hanrahan, An efficient
representation for irradiance environment maps, SIGGRAPH 2001): they tell where light comes from, and know
nothing of an eye socket or a beard. The face's own colour is in the constant one. A drawn face is multiplied
by the target's fit over the photo's. A gain on linear values is a power of it on the encoded ones, so that no
picture is made linear here.

Normals are those of the layout's mean head: they are looked up between a face's points by a spline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact.layout import PointLayout, Points
from faceswap_cli.effects.reenact.warp import Box, FloatArray, fit_spline, grid_points

DARKEST = 4 / 255
"""Added before the logarithm: what is darker has no colour to speak of."""

STRONGEST = 0.5
"""Limit of the logarithm of a gain on encoded values, from the face's middle gain."""

CONTRAST = ((0.45, 1.1), (0.35, 1.2))
"""Limits of how a face's contrast is changed, in lightness and in colour."""

SMALL = np.float32(0.35)
"""Differences of the logarithm up to about this are scaled, larger ones (brows, pupils, nostrils) moved."""

LUMA = np.array([0.299, 0.587, 0.114], np.float32)

NODES = 33
"""Along a side, at which normals are worked out."""

_RIDGE = 0.02
"""How strongly all harmonics but the constant are held near 0, per unit of weight."""

_SMOOTH = 0.02
"""Stiffness of the splines that normals are looked up by."""


@dataclass(frozen=True)
class Shading:
    """Light and colour of a face's skin.

    Attributes:
        factors: (9, 3) of the harmonics, for the logarithm of each encoded channel.
        weight: how much skin it was measured on, in pixels of the parser's crop; 0 says nothing is known.
        contrast: spread of what the harmonics leave of the skin, in lightness and in colour.
    """

    factors: NDArray[np.float64]
    weight: float
    contrast: tuple[float, float] = (0.0, 0.0)

    def at(self, normals: FloatArray) -> FloatArray:
        """Logarithm of the shading (H, W, 3) of a surface whose camera normals are `normals` (H, W, 3)."""
        return np.asarray(harmonics(normals) @ self.factors.astype(np.float32), np.float32)


def log_light(colour: FloatArray) -> FloatArray:
    """The logarithm of encoded colours in [0, 1]."""
    return np.asarray(np.log(np.maximum(colour, 0) + np.float32(DARKEST)), np.float32)


def relight(colour: FloatArray, gain: FloatArray) -> FloatArray:
    """Encoded colours (H, W, 3), multiplied by the exponential of `gain` as `log_light` sees it."""
    return np.asarray(np.clip((colour + DARKEST) * np.exp(gain) - DARKEST, 0, 1), np.float32)


def scene_light(
    colour: FloatArray, own_at: FloatArray, gain: FloatArray, own: Shading, scene: Shading
) -> FloatArray:
    """A drawn face in the scene's light, and of the scene's contrast.

    A low-key photo has deep shadows, a graded film pale cheeks: what the harmonics leave is scaled to the
    spread that the target's skin has, in lightness only where it is small, so that brows stay dark.

    Args:
        colour: (H, W, 3) encoded, in the photo's light.
        own_at: (H, W, 3) logarithm of the photo's shading.
        gain: (H, W, 3) of the scene's over it.
        own: of the photo.
        scene: of the frame.
    """
    rest = log_light(colour) - own_at
    light = (rest @ LUMA)[..., None]
    ratios = [s / max(o, 1e-3) for s, o in zip(scene.contrast, own.contrast, strict=True)]
    of_light, of_colour = (np.clip(r, *limits) for r, limits in zip(ratios, CONTRAST, strict=True))
    flatter = np.float32(of_light - 1) * SMALL * np.tanh(light / SMALL) + np.float32(of_colour - 1) * (
        rest - light
    )
    return relight(colour, np.asarray(gain + flatter, np.float32))


def scene_gain(there: FloatArray, own: FloatArray) -> FloatArray:
    """Logarithm of the gain between two shadings (..., 3), whose direction alone is limited."""
    gain = there - own
    middle = np.median(gain.reshape(-1, 3), axis=0)
    return np.asarray(middle + np.clip(gain - middle, -STRONGEST, STRONGEST), np.float32)


def harmonics(normals: FloatArray) -> FloatArray:
    """(..., 9) real spherical harmonics up to the second order, but for factors, of (..., 3) normals."""
    x, y, z = (normals[..., i] for i in range(3))
    one = np.ones_like(x)
    parts = [one, x, y, z + 0.85, x * y, y * z, 3 * z * z - 2, x * z, x * x - y * y]
    return np.asarray(np.stack(parts, -1), np.float32)


def fit_shading(
    light: FloatArray, weight: FloatArray, points: Points, rotation: NDArray[np.float64], layout: PointLayout
) -> Shading:
    """The shading of a face.

    Args:
        light: (S, S, 3) logarithm of an aligned crop.
        weight: (S, S) where its skin is.
        points: (N, 2 or 3) of the face in the crop.
        rotation: (3, 3) of the head.
        layout: what the points are.
    """
    half = light.shape[1] // 2, light.shape[0] // 2
    small = np.asarray(cv2.resize(weight, half, interpolation=cv2.INTER_AREA), np.float32)
    total, rows = float(small.sum()) * 4, small > 0.05
    if total < 64 or not rows.any():
        return Shading(np.zeros((9, 3)), 0.0)
    summed = cv2.resize(light * weight[..., None], half, interpolation=cv2.INTER_AREA)
    mean = summed / np.maximum(small, np.float32(1e-4))[..., None]
    box = (0, 0, light.shape[1], light.shape[0])
    coarse = camera_normals(points, rotation, layout, box)
    normals = np.asarray(cv2.resize(coarse, half, interpolation=cv2.INTER_LINEAR), np.float32)
    basis, values = harmonics(normals[rows]).astype(np.float64), mean[rows].astype(np.float64)
    counts = small[rows].astype(np.float64)
    factors = _ridge(basis, values, counts)
    # Brows that the parser let through, glints and moles are none of the light.
    off = np.abs(values - basis @ factors).mean(1)
    spread = 1.5 * max(float(np.median(off)), 0.02)
    counts = counts / np.maximum(off / spread, 1)
    factors = _ridge(basis, values, counts)
    rest = values - basis @ factors
    lightness = rest @ LUMA.astype(np.float64)
    colours = np.sqrt(((rest - lightness[:, None]) ** 2).mean(1))
    contrast = tuple(float(np.sqrt(np.average(p**2, weights=counts))) for p in (lightness, colours))
    return Shading(factors, total, (contrast[0], contrast[1]))


def _ridge(
    basis: NDArray[np.float64], values: NDArray[np.float64], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    held = np.full(basis.shape[1], _RIDGE * counts.sum())
    held[0] = 0
    weighted = basis * counts[:, None]
    system = weighted.T @ basis + np.diag(held)
    return np.asarray(np.linalg.solve(system, weighted.T @ values), np.float64)


def average_shading(shadings: Sequence[Shading], weights: Sequence[float]) -> Shading:
    """Shadings averaged over frames; each counts by its `weights` entry and by how much skin it saw."""
    shares = np.array([w * s.weight for w, s in zip(weights, shadings, strict=True)])
    total = float(shares.sum())
    if total <= 0:
        return Shading(np.zeros((9, 3)), 0.0)
    factors = np.einsum("k,kij->ij", shares, np.stack([s.factors for s in shadings]))
    contrast = (shares / total) @ np.array([s.contrast for s in shadings])
    known = total / max(float(np.sum(weights)), 1e-9)
    return Shading(factors / total, known, (float(contrast[0]), float(contrast[1])))


def camera_normals(
    points: Points, rotation: NDArray[np.float64], layout: PointLayout, box: Box
) -> FloatArray:
    """(NODES, NODES, 3) unit normals over a box, as the camera sees a head whose points (N, 2 or 3) lie
    there."""
    return rotate_normals(head_normals(points, layout, box), rotation)


def rotate_normals(normals: FloatArray, rotation: NDArray[np.float64]) -> FloatArray:
    """Normals (..., 3) of the head as the camera sees them."""
    return np.asarray(normals @ rotation.T.astype(np.float32), np.float32)


def head_normals(points: Points, layout: PointLayout, box: Box) -> FloatArray:
    """(NODES, NODES, 3) unit normals over a box in head coordinates; see `camera_normals`."""
    found = fit_spline(points[layout.skin, :2], mean_normals(layout), _SMOOTH)(grid_points(box, NODES))
    found = np.clip(found, -1.2, 1.2)
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)
    return found.reshape(NODES, NODES, 3).astype(np.float32)


@cache
def mean_normals(layout: PointLayout) -> Points:
    """(K, 3) unit normals of the layout's mean head at its points of skin, towards the viewer."""
    skin = layout.head.mean[layout.skin]
    depth = fit_spline(skin[:, :2], skin[:, 2:], 5e-3)
    step = 0.02
    at = skin[:, :2]
    slope = [(depth(at + move) - depth(at - move))[:, 0] / (2 * step) for move in np.eye(2) * step]
    # The surface is z(x, y); it looks to where z falls, which is to the viewer.
    normals = np.column_stack([slope[0], slope[1], -np.ones(len(at))])
    return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True), np.float64)
