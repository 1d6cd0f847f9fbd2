"""A motion without a driver: breath, a little turning and glancing, and blinks, in a loop without a seam.

Everything that sways does so a whole number of times in a loop; blinks and glances may lie across its end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact.gaps import gaps, measure_gaze, set_gaps, set_gaze
from faceswap_cli.effects.reenact.layout import PointLayout, Points, face_layout
from faceswap_cli.faces.landmarks.dense import EXPRESSION_NAMES
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.portrait.animate.motion import DriverMotion

TURNS = (2.6, 1.2, 1.0)
"""Degrees of yaw, pitch and roll, about."""

SWAY, BREATH = 0.02, 0.008
"""Face units: to the sides, and up and down with a breath."""

BREATH_SECONDS, SLOW_SECONDS = 3.5, 6.0
"""Of a breath, and of the slowest swaying."""

BLINK_EVERY, CLOSING, OPENING = 3.2, 0.1, 0.2
"""Seconds between blinks, about, and how long lids take to shut and to open."""

GLANCE_EVERY, GLANCE, GLANCE_SECONDS = 2.0, 0.035, 0.08
"""Seconds between glances, how far one goes in widths of the eye, and how long that takes."""

EXPRESSIONS = {"smile_right": 0.07, "smile_left": 0.07, "brow_inner_up": 0.08, "brow_outer_up_right": 0.05,
               "brow_outer_up_left": 0.05}  # fmt: skip
"""Coefficients that sway, and how far."""


def idle_motion(head: Points, frames: int, seconds: float, seed: int) -> DriverMotion:
    """A loop of a face that moves by itself.

    Args:
        head: (N, 3) the photo's face, head coordinates.
        frames: of the loop.
        seconds: that it lasts.
        seed: of its chances.
    """
    layout, random = face_layout(), np.random.default_rng([seed, 20_26])
    phase = np.arange(frames) / frames
    angles = np.stack([size * _sway(random, phase, seconds) for size in TURNS], 1)
    breath = BREATH * np.sin(2 * np.pi * phase * max(1, round(seconds / BREATH_SECONDS)))
    shift = np.stack([SWAY * _sway(random, phase, seconds), breath], 1)
    change = np.zeros((frames, len(EXPRESSION_NAMES)))
    sways = {name.rpartition("_")[0]: _sway(random, phase, seconds) for name in EXPRESSIONS}
    for name, size in EXPRESSIONS.items():
        change[:, EXPRESSION_NAMES.index(name)] = size * sways[name.rpartition("_")[0]]
    heads = head + np.tensordot(change, layout.head.expression, 1)
    lids, gaze = _blinks(random, frames, seconds), _glances(random, frames, seconds)
    for number in range(frames):
        _set_eyes(heads[number], head, layout, float(lids[number]), gaze[number])
    return DriverMotion(
        head,
        0.0,
        np.maximum(gaps(head, layout.mouth), 0),
        heads.astype(np.float32),
        angles,
        shift,
        np.ones(frames),
        np.zeros(frames, np.bool_),
        np.zeros((frames, len(head), 2), np.float32),
    )


def _sway(random: np.random.Generator, phase: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """(T,) smooth, about between -1 and 1, the same at both ends."""
    slowest = max(1, round(seconds / SLOW_SECONDS))
    found = np.zeros(len(phase))
    for times, share in ((slowest, 0.6), (slowest + 1, 0.3), (2 * slowest + 1, 0.2)):
        found += share * np.sin(2 * np.pi * (times * phase + random.uniform()))
    return found


def _around(frames: int, seconds: float, at: float) -> NDArray[np.float64]:
    """(T,) seconds of each frame from a moment, the shorter way round the loop."""
    apart = np.arange(frames) / frames * seconds - at
    return np.asarray((apart + seconds / 2) % seconds - seconds / 2, np.float64)


def _blinks(random: np.random.Generator, frames: int, seconds: float) -> NDArray[np.float64]:
    """(T,) how far the lids are open, 1: as on the photo."""
    count = max(1, round(seconds / BLINK_EVERY))
    found = np.ones(frames)
    for number in range(count):
        at = (number + 0.5 + random.uniform(-0.3, 0.3)) * seconds / count
        apart = _around(frames, seconds, at)
        length = np.where(apart < 0, CLOSING, OPENING)
        shut = np.clip(1.15 - np.abs(apart) / length, 0, 1)
        found = np.minimum(found, 1 - shut * shut * (3 - 2 * shut))
    return found


def _glances(random: np.random.Generator, frames: int, seconds: float) -> NDArray[np.float64]:
    """(T, 2) where the irises are against the photo, widths of the eye."""
    count = max(2, round(seconds / GLANCE_EVERY))
    starts = (np.arange(count) + random.uniform(0, 0.6, count)) * seconds / count
    places = random.uniform(-1, 1, (count, 2)) * np.array([GLANCE, 0.3 * GLANCE])
    places[0] = 0
    now = np.arange(frames) / frames * seconds
    found = np.zeros((frames, 2))
    for number in range(count):
        step = places[number] - places[number - 1]
        share = np.clip((now - starts[number]) / GLANCE_SECONDS, 0, 1)
        found += share[:, None] * step
    return np.asarray(places[-1] + found, np.float64)


def _set_eyes(
    points: Points, photo: Points, layout: PointLayout, open_share: float, gaze: NDArray[np.float64]
) -> None:
    """Set lids and irises, in place."""
    for eye in layout.eyes:
        set_gaze(points, eye, measure_gaze(photo, eye) + gaze)
        set_gaps(points, eye, open_share * gaps(photo, eye))


def repeat_face(faces: FaceTracks, frames: int, rate: float) -> FaceTracks:
    """The first of a photo's faces as a track of so many frames."""
    return FaceTracks(
        frames=np.arange(frames),
        tracks=np.zeros(frames, np.int64),
        landmarks=faces.landmarks[:1].repeat(frames, 0),
        scores=faces.scores[:1].repeat(frames),
        times=np.arange(frames) / rate,
        removed=np.zeros((0, 2), np.int64),
    )
