"""Whose face is it? Tracks that are clearly of someone else are left alone.

A track is judged as a whole, by a few of its best faces spread over its length: a recogniser that looks
at every frame alone changes its mind in profile and in motion, and the swap would blink.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.plan import Found
from faceswap_cli.faces.geometry import interocular
from faceswap_cli.faces.identity import THRESHOLD, IdentityEncoder
from faceswap_cli.faces.pose import pose
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.reader import VideoReader

LOOKS = 5
"""Faces of a track that are looked at."""

NEAREST = 0.25
"""A face's distance to a person is this quantile of its distances to the person's reference faces: some of
those are turned or blurred and far from everything."""


@dataclass(frozen=True)
class Verdict:
    """How far a track is from the wanted person.

    Attributes:
        track: its number.
        distance: between identity embeddings; the same person below identity.THRESHOLD.
        faces: how many frames the track has.
    """

    track: int
    distance: float
    faces: int

    @property
    def wanted(self) -> bool:
        """Not clearly someone else."""
        return bool(self.distance <= THRESHOLD)


def distance(embeddings: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """From a few faces (N, 128) of one track to the reference faces (K, 128) of a person.

    The lesser half of the faces' distances counts, by its median: poor looks only ever add distance.
    """
    apart = np.linalg.norm(embeddings[:, None].astype(np.float64) - reference[None], axis=2)
    each = np.sort(np.quantile(apart, NEAREST, axis=1))
    return float(np.median(each[: (len(each) + 1) // 2]))


def best_looks(found: Found, track: int, count: int = LOOKS) -> list[int]:
    """Places in `found` of a track's best faces: large, frontal, sure; one from each part of its length."""
    places = found.of_track(track)
    parts = np.array_split(places, min(count, len(places)))
    return [int(max(part, key=lambda place: _clarity(found, int(place)))) for part in parts]


def _clarity(found: Found, place: int) -> float:
    landmarks = found.landmarks[place]
    yaw, pitch, _ = pose(landmarks)
    turned = max(0.05, 1 - (abs(yaw) / 60) ** 2 - (abs(pitch) / 60) ** 2)
    return float(found.scores[place]) * interocular(landmarks) * turned


def look(info: MediaInfo, found: Found, reference: NDArray[np.float32]) -> Iterator[int | list[Verdict]]:
    """Read the video once more, look at the best faces of each track, and judge.

    Yields:
        The numbers of the frames read, and last the verdicts, one a track.
    """
    wanted = sorted((int(found.frames[p]), p) for t in found.track_numbers() for p in best_looks(found, t))
    by_frame: dict[int, list[int]] = {}
    for frame, place in wanted:
        by_frame.setdefault(frame, []).append(place)
    encoder = IdentityEncoder()
    embeddings: dict[int, list[NDArray[np.float32]]] = {}
    with VideoReader(info.path, info) as reader:
        for frame_read in reader:
            places = by_frame.pop(frame_read.index, [])
            if places:
                looks = encoder.embed(frame_read.image, [found.landmarks[p] for p in places])
                for place, embedding in zip(places, looks, strict=True):
                    embeddings.setdefault(int(found.tracks[place]), []).append(embedding)
            yield frame_read.index
            if not by_frame:
                break
    yield [
        Verdict(track, distance(np.stack(seen), reference), len(found.of_track(track)))
        for track, seen in sorted(embeddings.items())
    ]


def spoken(verdicts: Sequence[Verdict]) -> str | None:
    """What to tell the user of tracks that are left alone; None when there are none."""
    others = [verdict for verdict in verdicts if not verdict.wanted]
    if not others:
        return None
    nearest = min(verdict.distance for verdict in others)
    tracks = f"{len(others)} of {len(verdicts)} face tracks"
    return (
        f"{tracks} ({sum(v.faces for v in others)} faces) left alone: someone else "
        f"(identity distance {nearest:.2f} or more, the same person has up to {THRESHOLD:.2f})"
    )
