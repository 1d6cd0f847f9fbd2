"""The light of HDR video, and the view of it that faces are looked for, learned and drawn in.

An HDR sample says how much light is to be shown: PQ (SMPTE ST 2084, BT.2100) in cd/m2, HLG (ARIB STD-B67,
BT.2100) as the camera's light, which the display's own curve (OOTF) makes cd/m2 of; here that of a
display of 1000 cd/m2. The view is BT.709 with a gamma of 2.4 (BT.1886), its white at 203 cd/m2 (BT.2408).
Light up to half of that white is shown as it is; above it a logarithm goes smoothly to the clip's peak.
The curve is one for a whole clip and grows strictly, so it does not flicker and can be undone: what is
drawn in the view is given the light that it stands for. What the view cannot show (colours outside of
BT.709, light above the peak) is not lost by that: the rest is kept, and added again as far as the drawn
pixel is as bright as the old one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.media.image import FineImage, Image
from faceswap_cli.media.light_metadata import LightMetadata

PQ, HLG = 16, 18
"""H.273's numbers of the two transfers."""

WHITE = 203.0
"""cd/m2 of a white sheet of paper, and of the view's white as far as the curve leaves it (BT.2408)."""

NOMINAL_PEAK = 1000.0
"""cd/m2: of the display that HLG is made for, and of PQ that does not say its peak."""

BRIGHTEST = 4000.0
"""cd/m2: peaks above it are hardly ever reached, and would darken everything for nothing."""

KNEE = 0.5
"""Share of WHITE up to which the view shows light as it is."""

GAMMA = 2.4
"""Of the view: BT.1886."""

PRIMARIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""x and y (CIE 1931) of red, green and blue by H.273's number: BT.709, BT.2020, P3; the white is D65."""

_D65 = (0.3127, 0.3290)

_STEPS = (1 << 16) - 1
"""Of the tables; finer than 12 bits a sample by far."""

_MOST_SIGNAL = 1.25
"""Signals above 1 are legal in the limited range."""

Floats = NDArray[np.float32]


def peak_of(transfer: int, light: LightMetadata | None) -> float:
    """The light, in cd/m2, that a clip's view shows as its brightest: what the clip says, within reason."""
    said = 0.0
    if transfer == PQ and light is not None:
        said = light.max_cll or (light.luminance[1] if light.luminance else 0.0)
    return min(max(said or NOMINAL_PEAK, WHITE), BRIGHTEST)


class HdrView:
    """Turns an HDR signal into the view and what was drawn there into a signal again; for any thread.

    Signals and views are (H, W, 3) float32 RGB in 0..255; a signal may reach beyond.

    Args:
        transfer: PQ or HLG.
        primaries: of the signal, a key of PRIMARIES.
        peak: cd/m2; see `peak_of`.
    """

    def __init__(self, transfer: int, primaries: int, peak: float) -> None:
        self.transfer = transfer
        to_709 = np.linalg.inv(_to_xyz(PRIMARIES[1])) @ _to_xyz(PRIMARIES[primaries])
        self._to_709 = (to_709 / WHITE).astype(np.float32)
        self._from_709 = (np.linalg.inv(to_709) * WHITE).astype(np.float32)
        self._luminance = _to_xyz(PRIMARIES[primaries])[1:2].astype(np.float32)
        curve = ToneCurve(peak / WHITE)
        brightest = peak / WHITE
        self._shown = _Table(lambda x: 255 * curve.forward(x) ** (1 / GAMMA), brightest, 4)
        self._meant = _Table(lambda v: curve.inverse((v / 255) ** GAMMA), 255.0, 1)

    def to_view(self, signal: FineImage) -> FineImage:
        """What is seen of a signal."""
        return self._shown(_times(self.to_light(signal), self._to_709))

    def to_signal(self, view: FineImage | Image) -> FineImage:
        """The signal that a view stands for."""
        return self._signal(_times(self._meant(view.astype(np.float32)), self._from_709))

    def carry(self, signal: FineImage, view: FineImage, drawn: FineImage) -> FineImage:
        """The signal of what was drawn into its view.

        Args:
            signal: of the picture.
            view: of it, as `to_view` gave it.
            drawn: the view with what was drawn on it.
        """
        before, after = (_times(self._meant(one), self._from_709) for one in (view, drawn))
        # What the view did not show: colours outside of BT.709, light above the peak.
        rest = self.to_light(signal) - before
        old, new = (_times(one, self._luminance).clip(0, None) for one in (before, after))
        share = np.minimum((new + np.float32(1e-4)) / (old + np.float32(1e-4)), 1)
        return self._signal(after + rest * share[..., None])

    def to_light(self, signal: FineImage) -> Floats:
        """(H, W, 3) light in cd/m2."""
        if self.transfer == PQ:
            return _pq_table()(signal)
        scene = _hlg_table()(signal)
        return scene * _OOTF(_times(scene, self._luminance))[..., None]

    def _signal(self, light: Floats) -> FineImage:
        """The signal of (H, W, 3) light in cd/m2; there is none below 0."""
        if self.transfer == PQ:
            return _pq_signal_table()(light)
        scene = light * _INVERSE_OOTF(_times(light, self._luminance))[..., None]
        return _hlg_signal_table()(scene)


class ToneCurve:
    """Light, as a share of white, to the view's light in 0..1, and back: smooth, and strictly growing.

    Up to KNEE it is the light itself; from there `s(u) = ln(1 + a u) / a`, whose slope at 0 is 1 and which
    reaches 1 at the peak. A peak at white needs no curve.

    Args:
        peak: the light that becomes 1; at least 1.
    """

    def __init__(self, peak: float) -> None:
        reach = (peak - KNEE) / (1 - KNEE)
        low, high = 0.0, 64.0
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if math.log1p(middle * reach) > middle else (low, middle)
        self._a = low if reach > 1 + 1e-6 else 0.0

    def forward(self, light: NDArray[np.float64]) -> NDArray[np.float64]:
        """The view's light."""
        u = (np.maximum(light, KNEE) - KNEE) / (1 - KNEE)
        bent = np.log1p(self._a * u) / self._a if self._a else u
        return np.where(light > KNEE, KNEE + (1 - KNEE) * bent, light)

    def inverse(self, shown: NDArray[np.float64]) -> NDArray[np.float64]:
        """The light that is shown so."""
        s = (np.maximum(shown, KNEE) - KNEE) / (1 - KNEE)
        u = np.expm1(self._a * s) / self._a if self._a else s
        return np.where(shown > KNEE, KNEE + (1 - KNEE) * u, shown)


def pq_light(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """cd/m2 of a PQ signal in 0..1 (SMPTE ST 2084's EOTF)."""
    root = np.maximum(signal, 0) ** (1 / _M2)
    return 10_000 * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1)


def pq_signal(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """The PQ signal, 0..1, of light in cd/m2."""
    root = (np.maximum(light, 0) / 10_000) ** _M1
    return ((_C1 + _C2 * root) / (1 + _C3 * root)) ** _M2


def hlg_scene(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The camera's light, 0..1, of an HLG signal in 0..1 (the inverse of BT.2100's OETF)."""
    signal = np.maximum(signal, 0)
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - _HLG_C) / _HLG_A) + _HLG_B) / 12)


def hlg_signal(scene: NDArray[np.float64]) -> NDArray[np.float64]:
    """The HLG signal of the camera's light."""
    scene = np.maximum(scene, 0)
    bright = _HLG_A * np.log(np.maximum(12 * scene - _HLG_B, 1e-9)) + _HLG_C
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_HLG_A = 0.17883277
_HLG_B, _HLG_C = 1 - 4 * _HLG_A, 0.5 - _HLG_A * math.log(4 * _HLG_A)
HLG_GAMMA = 1.2
"""Of the OOTF of a display of 1000 cd/m2."""


class _Table:
    """A function of numbers from 0 to `most`, tabulated; what lies outside is taken for the nearer end.

    Args:
        function: of a float64 array.
        most: the end.
        root: 1 for even steps, 4 for steps that are finer near 0, as those of a fourth root.
    """

    def __init__(
        self, function: Callable[[NDArray[np.float64]], NDArray[np.float64]], most: float, root: int
    ) -> None:
        places = np.arange(_STEPS + 1) / _STEPS
        self._values = function(most * places**root).astype(np.float32)
        self._scale = np.float32(1 / most)
        self._root = root

    def __call__(self, numbers: Floats) -> Floats:
        place = np.clip(numbers * self._scale, 0, 1)
        if self._root == 4:
            np.sqrt(np.sqrt(place, out=place), out=place)
        place *= _STEPS
        values: Floats = self._values[np.rint(place, out=place).astype(np.uint16)]
        return values


@functools.cache
def _pq_table() -> _Table:
    return _Table(lambda signal: pq_light(signal / 255), 255.0, 1)


@functools.cache
def _pq_signal_table() -> _Table:
    return _Table(lambda light: 255 * pq_signal(light), 10_000.0, 4)


_MOST_SCENE = float(hlg_scene(np.array(_MOST_SIGNAL)))


@functools.cache
def _hlg_table() -> _Table:
    return _Table(lambda signal: hlg_scene(signal / 255), 255 * _MOST_SIGNAL, 1)


@functools.cache
def _hlg_signal_table() -> _Table:
    return _Table(lambda scene: 255 * hlg_signal(scene), _MOST_SCENE, 4)


_OOTF = _Table(lambda y: NOMINAL_PEAK * y ** (HLG_GAMMA - 1), _MOST_SCENE, 4)
"""What a pixel's scene light is multiplied by to be cd/m2, of its scene luminance."""

_MOST_LIGHT = NOMINAL_PEAK * _MOST_SCENE**HLG_GAMMA

_INVERSE_OOTF = _Table(
    lambda light: (np.maximum(light, 1e-9) / NOMINAL_PEAK) ** (1 / HLG_GAMMA - 1) / NOMINAL_PEAK,
    _MOST_LIGHT,
    4,
)
"""The way back, of a pixel's luminance in cd/m2."""


def _to_xyz(primaries: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    """(3, 3) from linear RGB to CIE XYZ with Y of white 1 (SMPTE RP 177)."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    x, y = _D65
    return columns * np.linalg.solve(columns, np.array([x / y, 1, (1 - x - y) / y]))


def _times(image: Floats, matrix: Floats) -> Floats:
    """Each pixel's three numbers times an (N, 3) matrix; (H, W) for N = 1."""
    return cv2.transform(np.ascontiguousarray(image), matrix)  # type: ignore[return-value]
