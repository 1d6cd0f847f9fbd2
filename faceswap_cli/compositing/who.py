"""Whose face is it? Tracks that are clearly of someone else are left alone.

A track is judged as a whole, by the embedding of its best faces (see `faces.looks`): judged frame by frame,
the swap would blink.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.plan import Found
from faceswap_cli.faces import looks
from faceswap_cli.faces.geometry import transform
from faceswap_cli.faces.identity import THRESHOLD, IdentityEncoder, chip, chip_matrix
from faceswap_cli.faces.identity import distance as apart
from faceswap_cli.faces.pose import pose
from faceswap_cli.faces.quality import sharpness
from faceswap_cli.media.frame import Image
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.reader import VideoReader

NEAREST = 0.25
"""A face's distance to a person is this quantile of its distances to the person's reference faces: some of
those are turned or blurred and far from everything."""


@dataclass(frozen=True)
class Verdict:
    """How far a track is from the wanted person.

    Attributes:
        track: its number.
        distance: between identity embeddings.
        faces: how many frames the track has.
        limit: up to which distance it may be the wanted person; more for a track of poor faces.
    """

    track: int
    distance: float
    faces: int
    limit: float = THRESHOLD

    @property
    def wanted(self) -> bool:
        """Not clearly someone else."""
        return bool(self.distance <= self.limit)


def distance(embedding: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """From a face's or a track's embedding (128,) to the reference faces (K, 128) of a person."""
    return float(np.quantile(apart(reference, embedding), NEAREST))


def look(info: MediaInfo, found: Found, reference: NDArray[np.float32]) -> Iterator[int | list[Verdict]]:
    """Read the video once more, look at the best faces of each track, and judge.

    Yields:
        The numbers of the frames read, and last the verdicts, one a track.
    """
    wanted = sorted((int(found.frames[p]), p) for t in found.track_numbers() for p in _best(found, t))
    by_frame: dict[int, list[int]] = {}
    for frame, place in wanted:
        by_frame.setdefault(frame, []).append(place)
    encoder = IdentityEncoder()
    seen: dict[int, list[tuple[NDArray[np.float32], float]]] = {}
    with VideoReader(info.path, info) as reader:
        for frame_read in reader:
            places = by_frame.pop(frame_read.index, [])
            if places:
                image = frame_read.image
                embeddings = encoder.embed(image, [found.landmarks[p] for p in places])
                for place, embedding in zip(places, embeddings, strict=True):
                    clearness = _clarity(found, place, _crispness(image, found.landmarks[place]))
                    seen.setdefault(int(found.tracks[place]), []).append((embedding, clearness))
            yield frame_read.index
            if not by_frame:
                break
    yield [_verdict(track, found, of_track, reference) for track, of_track in sorted(seen.items())]


def _best(found: Found, track: int) -> list[int]:
    """Places in `found` of a track's best faces, one from each part of its length."""
    places = found.of_track(track)
    return [int(places[n]) for n in looks.best_looks([_clarity(found, int(place)) for place in places])]


def _clarity(found: Found, place: int, crispness: float = looks.CRISP) -> float:
    landmarks = found.landmarks[place]
    return looks.clarity(float(found.scores[place]), pose(landmarks), landmarks, crispness)


def _crispness(image: Image, landmarks: NDArray[np.float32]) -> float:
    return sharpness(chip(image, landmarks), transform(landmarks, chip_matrix(landmarks)))


def _verdict(
    track: int,
    found: Found,
    seen: Sequence[tuple[NDArray[np.float32], float]],
    reference: NDArray[np.float32],
) -> Verdict:
    clarities = [clearness for _, clearness in seen]
    embedding = looks.combined(np.stack([one for one, _ in seen]), clarities)
    faces = len(found.of_track(track))
    return Verdict(track, distance(embedding, reference), faces, looks.allowed(max(clarities)))


def spoken(verdicts: Sequence[Verdict]) -> str | None:
    """What to tell the user of tracks that are left alone; None when there are none."""
    others = [verdict for verdict in verdicts if not verdict.wanted]
    if not others:
        return None
    nearest, limit = min(verdict.distance for verdict in others), max(verdict.limit for verdict in others)
    tracks = f"{len(others)} of {len(verdicts)} face tracks"
    return (
        f"{tracks} ({sum(v.faces for v in others)} faces) left alone: someone else "
        f"(identity distance {nearest:.2f} or more, the same person has up to {limit:.2f})"
    )
