"""What a driver's face does, against its own rest, over the whole of its clip.

The rest is the median over all frames, never the first one. Pose is what the head does against how it is
held in the median, place and size against those of each shot: behind a cut the camera stands elsewhere.
Everything is steadied without delay, and frames in which no face is found lie between those around.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact.gaps import gaps
from faceswap_cli.effects.reenact.head import fit_head
from faceswap_cli.effects.reenact.layout import PointLayout, Points, face_layout, select_points
from faceswap_cli.effects.reenact.shape import SHUT_SEEN, find_rest, measure_lids
from faceswap_cli.faces.landmarks.pose import rotation_angles
from faceswap_cli.faces.tracking import smoothing
from faceswap_cli.faces.tracking.face_tracks import FaceTracks

POSE_WINDOW = 0.05
"""Seconds: deviation of the Gaussian window over which the head's pose is steadied, at strength 1."""

SHUT_QUANTILE = 0.01
"""Of how far eyes are open over a clip: as open as this, they are shut."""

MOST_SHUT = 0.5
"""A driver whose eyes are never less open than this, of their rest, is not seen to blink."""

MOUTH_QUANTILE = 0.05
"""Of the lips' gaps over a clip: what is seen of a mouth that is shut."""

MOST_PARTED = 0.05
"""Face units: lips that are never nearer are not shut."""


@dataclass(frozen=True)
class DriverMotion:
    """A driver's motion, frame by frame.

    Attributes:
        rest: (N, 3) its face at rest, head coordinates.
        shut: what is seen of its eyes when they are shut, of their gap at rest.
        parted: (K,) gaps that are seen of its lips when they are shut, face units.
        heads: (F, N, 3) float32 its face, head coordinates.
        angles: (F, 3) yaw, pitch, roll in degrees against the median.
        shift: (F, 2) face units against the shot's median.
        size: (F,) of the shot's median.
        seen: (F,) in which frames a face was found.
        points: (F, N, 2) float32 frame pixels.
    """

    rest: Points
    shut: float
    parted: NDArray[np.float64]
    heads: NDArray[np.float32]
    angles: NDArray[np.float64]
    shift: NDArray[np.float64]
    size: NDArray[np.float64]
    seen: NDArray[np.bool_]
    points: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.heads)


def follow_driver(
    tracks: FaceTracks, chosen: Sequence[int], strength: float, neutral: int | None = None
) -> DriverMotion:
    """The motion of a driver.

    Args:
        tracks: of its clip, with dense points.
        chosen: the driver's tracks.
        strength: of the smoothing, 0: none.
        neutral: the frame whose face is the rest; None: the median of all.
    """
    assert tracks.dense is not None
    layout = face_layout()
    parts = [tracks.of_track(track) for track in chosen]
    order = np.argsort(np.concatenate([tracks.frames[places] for places in parts]), kind="stable")
    frames = np.concatenate([tracks.frames[places] for places in parts])[order]
    dense = np.concatenate(
        [
            smoothing.smooth_landmarks(tracks.times[tracks.frames[places]], tracks.dense[places], strength)
            for places in parts
        ]
    )[order]
    points = select_points(dense)
    poses = [fit_head(one, layout) for one in points]
    heads = np.array([pose.lift(one) for one, pose in zip(points, poses, strict=True)])
    nearest = 0 if neutral is None else int(np.abs(frames - neutral).argmin())
    rest = find_rest(heads, layout) if neutral is None else heads[nearest]
    rotations = np.array([pose.rotation for pose in poses])
    middle = mean_rotation(rotations)
    angles = np.array([rotation_angles(rotation @ middle.T) for rotation in rotations])
    shots = tracks.shots if tracks.shots is not None else np.zeros(len(tracks.times), np.int64)
    shift, size = np.zeros((len(frames), 2)), np.ones(len(frames))
    scales, places2d = np.array([pose.scale for pose in poses]), np.array([pose.shift[:2] for pose in poses])
    for shot in np.unique(shots[frames]):
        mine = shots[frames] == shot
        scale = float(np.median(scales[mine]))
        size[mine] = scales[mine] / scale
        shift[mine] = (places2d[mine] - np.median(places2d[mine], axis=0)) / scale
    values = np.column_stack([angles, shift, size])
    values = _steady(tracks.times[frames], shots[frames], values, strength)
    parted = parted_level(heads, layout)
    every = _every_frame(
        frames,
        shots,
        np.hstack([values, heads.reshape(len(frames), -1), points[..., :2].reshape(len(frames), -1)]),
    )
    count = heads.shape[1]
    seen = np.zeros(len(shots), np.bool_)
    seen[frames] = True
    return DriverMotion(
        rest,
        shut_level(heads, rest, layout),
        np.clip(parted, 0, MOST_PARTED),
        every[:, 6 : 6 + 3 * count].reshape(-1, count, 3).astype(np.float32),
        every[:, :3],
        every[:, 3:5],
        every[:, 5],
        seen,
        every[:, 6 + 3 * count :].reshape(-1, count, 2).astype(np.float32),
    )


def mean_rotation(rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) the rotation nearest to the median of some (T, 3, 3)."""
    u, _, vt = np.linalg.svd(np.median(rotations, axis=0))
    return np.asarray(u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt, np.float64)


def shut_level(heads: NDArray[np.float64], rest: Points, layout: PointLayout) -> float:
    """What is seen of this driver's shut eyes: landmarks hardly see lids that meet, of some people less."""
    ratios = [min(measure_lids(head, rest, layout, 0.0)) for head in heads]
    least = float(np.quantile(ratios, SHUT_QUANTILE))
    return max(SHUT_SEEN, least) if least < MOST_SHUT else SHUT_SEEN


def parted_level(heads: NDArray[np.float64], layout: PointLayout) -> NDArray[np.float64]:
    """(K,) the gaps that are seen of a driver's lips when they are shut."""
    found = np.quantile([gaps(head, layout.mouth) for head in heads], MOUTH_QUANTILE, axis=0)
    return np.asarray(found, np.float64)


def _steady(
    times: NDArray[np.float64], shots: NDArray[np.int64], values: NDArray[np.float64], strength: float
) -> NDArray[np.float64]:
    """Values (K, D) smoothed without delay, each shot by itself."""
    if strength <= 0:
        return values
    found = values.copy()
    for shot in np.unique(shots):
        mine = np.flatnonzero(shots == shot)
        if len(mine) > 2:
            found[mine] = smoothing.fit_local_lines(times[mine], values[mine], POSE_WINDOW * strength)[0]
    return found


def _every_frame(
    frames: NDArray[np.int64], shots: NDArray[np.int64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values (K, D) of some frames as those of all (F, D): between two of a shot on the line between them,
    before and after like the nearest; of a shot without any like the shot before."""
    found = np.empty((len(shots), values.shape[1]))
    last = values[0]
    for shot in np.unique(shots):
        mine, known = np.flatnonzero(shots == shot), np.flatnonzero(shots[frames] == shot)
        if not len(known):
            found[mine] = last
            continue
        place = np.interp(mine, frames[known], np.arange(len(known), dtype=np.float64))
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, len(known) - 1)
        share = (place - low)[:, None]
        found[mine] = (1 - share) * values[known[low]] + share * values[known[high]]
        last = values[known[-1]]
    return found
