"""How steady landmarks are, and whether smoothing lags or overshoots: on known motion, and on real clips.

python -m scripts.bench.tracking PHOTO [--clips VIDEO...] [--noise 4] [--strength 1]

The photo (one face, a quarter to two thirds of its height) is moved, turned and scaled along known paths at
25 frames a second, with new noise in every frame; faces are found and steadied as in a conversion. All
figures but the lag are pixels of an aligned crop of 256 x 256 (128 to the eye distance).

still: jitter, the root mean square of what is left of the error after its slow part (0.4 s) is taken away.
swing, shake: error against the known path, its mean taken away (landmarkers and truth differ by a constant),
and lag in milliseconds, from the peak of the cross-correlation of the speeds.
jump: how far the path shoots over its goal after a move of 0.2 s.
clips: noise from one frame to the next in the stillest third of each track's frames, by second
differences. What moves there is in it, too: nobody holds still.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces import geometry
from faceswap_cli.faces.analysis import analyse
from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.faces.tracking.smoothing import fit_local_lines, smooth_landmarks
from faceswap_cli.faces.tracking.tracks import link_tracks
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.photo import read_photo
from faceswap_cli.media.reader import VideoReader

RATE, COUNT = 25.0, 75
WIDTH, HEIGHT = 640, 360
CROP_EYES = 128.0
"""Pixels of the eye distance in a crop of 256: its side is two face units."""

Array = NDArray[np.float64]
Motion = Callable[[float], tuple[float, float, float, float]]
"""Seconds to (right, down, degrees with the clock, scale)."""

MOTIONS: dict[str, Motion] = {
    "still": lambda t: (0, 0, 0, 1),
    "swing": lambda t: (
        60 * np.sin(2.0 * t), 25 * np.cos(2.6 * t), 20 * np.sin(1.7 * t), 1 + 0.12 * np.sin(1.3 * t),
    ),
    "shake": lambda t: (25 * np.sin(12.0 * t), 0, 6 * np.sin(12.0 * t + 1), 1),
    "jump": lambda t: (80 * float(np.clip((t - 1.4) / 0.2, 0, 1)), 0, 0, 1),
}  # fmt: skip


def moved(photo: Image, motion: tuple[float, float, float, float]) -> tuple[Image, Array]:
    """The photo in a frame, and the matrix that put it there."""
    right, down, degrees, scale = motion
    fit = min(WIDTH / photo.shape[1], HEIGHT / photo.shape[0])
    matrix = cv2.getRotationMatrix2D((photo.shape[1] / 2, photo.shape[0] / 2), -degrees, fit * scale)
    matrix[:, 2] += np.array([WIDTH, HEIGHT]) / 2 - np.array([photo.shape[1], photo.shape[0]]) / 2
    matrix[:, 2] += (right, down)
    how = cv2.INTER_AREA if fit * scale < 0.5 else cv2.INTER_CUBIC
    frame = cv2.warpAffine(photo, matrix, (WIDTH, HEIGHT), flags=how, borderMode=cv2.BORDER_REPLICATE)
    return frame, matrix  # type: ignore[return-value]


def frames_of(photo: Image, motion: Motion, noise: float) -> tuple[list[Frame], list[Array]]:
    """The moving photo, and the matrices from the photo to each frame."""
    generator = np.random.default_rng(0)
    frames, matrices = [], []
    for i in range(COUNT):
        image, matrix = moved(photo, motion(i / RATE))
        noisy = image + generator.normal(0, noise, image.shape)
        frames.append(Frame(i, i / RATE, noisy.round().clip(0, 255).astype(np.uint8)))
        matrices.append(matrix)
    return frames, matrices


def tracks_of(stage: FaceAnalyser, frames: list[Frame]) -> list[tuple[Array, Array]]:
    """Times (N,) and landmarks (N, 68, 2) of each track."""
    looked = list(analyse(frames, stage))
    found = [(frame.index, face) for frame, _, faces in looked for face in faces]
    times, shots = [frame.time for frame in frames], [shot for _, shot, _ in looked]
    faces = link_tracks(FaceTracks.of_faces(found, times, shots))
    return [
        (faces.times[faces.frames[places]], faces.landmarks[places].astype(np.float64))
        for places in map(faces.of_track, faces.track_numbers())
    ]


def per_crop(landmarks: Array) -> float:
    """Crop pixels in a frame pixel."""
    return CROP_EYES / float(np.median(np.linalg.norm(landmarks[:, 45] - landmarks[:, 36], axis=1)))


def quick(times: Array, paths: Array) -> Array:
    """Paths (N, 68, 2) without their slow part."""
    slow, _ = fit_local_lines(times, paths.reshape(len(paths), -1), 0.4 / 2.5)
    return paths - slow.reshape(paths.shape)


def rms(errors: Array) -> float:
    return float(np.sqrt((errors**2).sum(-1).mean()))


def lag(times: Array, found: Array, truth: Array) -> float:
    """Milliseconds by which the found middle of a face follows the true one; none if nothing moves."""
    a, b = (np.diff(path.mean(1), axis=0) for path in (found, truth))
    if rms(b) < 0.3:
        return 0.0
    a, b = a - a.mean(0), b - b.mean(0)
    shifts = np.arange(-5, 6)
    fits = []
    for shift in shifts:
        x, y = (a[shift:], b[: len(b) - shift]) if shift >= 0 else (a[:shift], b[-shift:])
        fits.append(float((x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum())))
    k = int(np.clip(np.argmax(fits), 1, len(fits) - 2))
    before, at, after = fits[k - 1 : k + 2]
    peak = shifts[k] + 0.5 * (before - after) / (before - 2 * at + after)
    return float(peak * np.diff(times).mean() * 1e3)


def known(stage: FaceAnalyser, photo: Image, noise: float, strength: float) -> None:
    """The table for known motion."""
    print(f"{'':8}{'found':>7}{'jitter':>18}{'error':>18}{'lag ms':>18}{'overshoot':>18}")
    base: Array | None = None
    for name, motion in MOTIONS.items():
        frames, matrices = frames_of(photo, motion, noise)
        tracks = tracks_of(stage, frames)
        times, raw = max(tracks, key=lambda track: len(track[0]))
        places = np.round(times * RATE).astype(int)
        if base is None:  # the face's shape: the mean of its still frames, in the photo's pixels
            base = geometry.transform(raw.mean(0), geometry.invert(matrices[0]))
        truth = np.stack([geometry.transform(base, matrices[i]) for i in places])
        smooth = smooth_landmarks(times, raw, strength).astype(np.float64)
        unit = per_crop(raw)
        cells = []
        for path in (raw, smooth):
            error = path - truth
            over = (path.mean(1) - truth.mean(1))[times > 1.6, 0].max() if name == "jump" else 0.0
            cells.append(
                (
                    rms(quick(times, error)) * unit,
                    rms(error - error.mean(0)) * unit,
                    lag(times, path, truth),
                    over * unit,
                )
            )
        print(
            f"{name:8}{len(times):4}/{COUNT}"
            + "".join(f"{a:9.2f} >{b:7.2f}" for a, b in zip(*cells, strict=True))
        )


def real(stage: FaceAnalyser, path: Path, strength: float) -> None:
    """One line for each track of a clip that is long enough."""
    with VideoReader(path) as reader:
        frames = list(reader)
    for times, raw in tracks_of(stage, frames):
        if len(times) < 25:
            continue
        smooth = smooth_landmarks(times, raw, strength).astype(np.float64)
        middle = smooth[:, 27:36].mean(1)
        speed = np.array([np.linalg.norm(b - a) for a, b in pairwise(middle)])
        still = np.flatnonzero(speed[:-1] <= np.quantile(speed, 1 / 3))
        unit = per_crop(raw)
        noise = [rms(np.diff(path, 2, axis=0)[still]) / np.sqrt(6) * unit for path in (raw, smooth)]
        print(f"{path.name:44}{len(times):5} frames, noise {noise[0]:.2f} > {noise[1]:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photo", type=Path)
    parser.add_argument("--clips", type=Path, nargs="*", default=[])
    parser.add_argument("--noise", type=float, default=4.0, help="standard deviation, grey levels")
    parser.add_argument("--strength", type=float, default=1.0)
    options = parser.parse_args()
    stage = build_analyser(device="cpu")
    print(stage.explanation)
    known(stage, read_photo(options.photo).image, options.noise, options.strength)
    for path in options.clips:
        real(stage, path, options.strength)


if __name__ == "__main__":
    main()
