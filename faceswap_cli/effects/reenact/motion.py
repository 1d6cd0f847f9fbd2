"""What is known of a track before any of its faces is drawn: how its face rests, and which photo fits
when."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.effects.base import ConvertProgress, EffectInput
from faceswap_cli.effects.reenact import folds
from faceswap_cli.effects.reenact.folds import SkinLight
from faceswap_cli.effects.reenact.head import HeadPose, fit_head
from faceswap_cli.effects.reenact.layout import Points, face_layout, select_points
from faceswap_cli.effects.reenact.shape import FittedPhoto, find_rest, fit_photo, mix_photos
from faceswap_cli.effects.reenact.source import FacePoints, SourcePhoto, nearest_source
from faceswap_cli.errors import UserError
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, transform
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.journal import fingerprint

LEAST_FRAMES = 12
"""A face that is seen in fewer frames has no known rest, and its folds are not carried."""

LEAST_SHARE = 0.02
"""A photo of which less is seen is not drawn."""

CROSS_FADE = 5
"""Frames over which one photo is changed for another."""

REST_FRAMES = 5
"""Frames that say how a face's skin looks at rest."""


@dataclass(frozen=True)
class DrawnPerson:
    """Who is drawn.

    Attributes:
        photos: of one person; or of several people who are mixed.
        weights: of several people, adding up to 1; None: it is one person, and the nearest photo is taken.
    """

    photos: Sequence[SourcePhoto]
    weights: Sequence[float] | None = None


@dataclass(frozen=True)
class TrackMotion:
    """How a track's face moves.

    Attributes:
        rest: (N, 3) head coordinates of its face at rest.
        frames: (K,) its frames.
        shares: (K, P) how much of each photo is seen in each of them.
        photos: each photo's face, placed on this one at rest.
        person: the face that all photos together show.
        calmest: the frames in which it is nearest to its rest; none if it is seen too shortly.
        skin: its lightness at rest; None if that is not known.
    """

    rest: Points
    frames: NDArray[np.int64]
    shares: NDArray[np.float64]
    photos: Sequence[FittedPhoto]
    person: FittedPhoto
    calmest: Sequence[int] = ()
    skin: SkinLight | None = None

    def shares_at(self, frame: int) -> list[tuple[int, float]]:
        """See `shares_of_frame`."""
        return shares_of_frame(self.frames, self.shares, frame)


def shares_of_frame(
    frames: NDArray[np.int64], shares: NDArray[np.float64], frame: int
) -> list[tuple[int, float]]:
    """The photos that a frame is drawn from and how much of each, that of which most is seen first.

    Args:
        frames: (K,) a track's, rising.
        shares: (K, P) in each of them.
        frame: one of them, or one of a gap that was filled: then the frame before counts.
    """
    row = shares[max(int(np.searchsorted(frames, frame, "right")) - 1, 0)]
    found = [(int(n), float(row[n])) for n in np.argsort(-row, kind="stable") if row[n] > LEAST_SHARE]
    total = sum(share for _, share in found)
    return [(number, share / total) for number, share in found]


def follow_track(frames: NDArray[np.int64], dense: ArrayLike, person: DrawnPerson) -> TrackMotion:
    """A track's face at rest, and from which photos each frame is drawn.

    Args:
        frames: (K,) their numbers, in order.
        dense: (K, 222, 3) frame pixels, see `landmarks.dense`.
        person: who is drawn.
    """
    layout = face_layout()
    points = select_points(dense)
    poses = [fit_head(one, layout) for one in points]
    heads = [pose.lift(one) for one, pose in zip(points, poses, strict=True)]
    rest = find_rest(heads, layout)
    calmest: list[int] = []
    if len(frames) >= LEAST_FRAMES:
        calmest = [int(frames[k]) for k in folds.nearest_rest(np.array(heads), rest, layout, REST_FRAMES)]
    photos = [fit_photo(source.head, rest, layout) for source in person.photos]
    weights = person.weights or [1 / len(photos)] * len(photos)
    if person.weights is not None:
        shares = np.tile(np.asarray(person.weights, np.float64), (len(frames), 1))
    else:
        shares = _shares_of_nearest(frames, poses, heads, person.photos)
    numbers = np.asarray(frames, np.int64)
    return TrackMotion(rest, numbers, shares, photos, mix_photos(photos, weights), calmest)


def _shares_of_nearest(
    frames: NDArray[np.int64],
    poses: Sequence[HeadPose],
    heads: Sequence[Points],
    photos: Sequence[SourcePhoto],
) -> NDArray[np.float64]:
    """(K, P) one photo for each frame, the nearest, and a cross-fade of CROSS_FADE frames where it
    changes."""
    nearest: list[int] = []
    for pose, head in zip(poses, heads, strict=True):
        before = nearest[-1] if nearest else None
        nearest.append(nearest_source(photos, pose, head, face_layout(), before))
    taken = np.eye(len(photos))[nearest]
    return taken if len(photos) == 1 else fade_shares(np.asarray(frames), taken)


def fade_shares(frames: NDArray[np.int64], taken: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, P) shares of photos, of which one is taken in each of some frames, with a cross-fade of CROSS_FADE
    frames where it changes."""
    reach = CROSS_FADE // 2
    first, beyond = np.searchsorted(frames, frames - reach), np.searchsorted(frames, frames + reach, "right")
    sums = np.concatenate([np.zeros((1, taken.shape[1])), np.cumsum(taken, axis=0)])
    return np.asarray((sums[beyond] - sums[first]) / (beyond - first)[:, None], np.float64)


def face_points(landmarks: ArrayLike, dense: ArrayLike) -> FacePoints:
    """A face's points as they are found: (68, 2) and (222, 3)."""
    return FacePoints(np.asarray(landmarks, np.float64), select_points(dense))


def require_dense(dense: FloatArray | None, whose: str) -> FloatArray:
    """Dense points, which must be known.

    Raises:
        UserError: only 68 points are.
    """
    if dense is None:
        raise UserError(
            f"of {whose} only 68 points are known: too few to move a photo by",
            "Leave --landmarks out; extract an older face set again",
        )
    return dense


def measure_rest(
    clip: EffectInput, motions: Mapping[int, TrackMotion], parser: FaceParser
) -> Generator[ConvertProgress, None, dict[int, SkinLight]]:
    """The skin of each track's face at rest, from its calmest frames, or as an earlier run found it."""
    key = fingerprint([clip.cache_key, parser.mark, [list(motion.calmest) for motion in motions.values()]])
    if (known := clip.recall("rest", key)) is None:
        known = {"skins": _find_rest(clip, motions, parser)}
        clip.keep("rest", key, known)
    yield from ()
    # What has just been found, too, is taken as it was kept: whoever goes on later must draw the same.
    return {int(track): folds.unpack_skin(rows) for track, rows in known["skins"].items()}


def _find_rest(
    clip: EffectInput, motions: Mapping[int, TrackMotion], parser: FaceParser
) -> dict[str, list[list[int]]]:
    """The packed skin of each track's face at rest."""
    found: dict[int, list[SkinLight]] = {}
    for frame, places in clip.read_faces(_calmest_places(clip, motions)):
        for place in places:
            found.setdefault(int(clip.tracks.tracks[place]), []).append(
                _look_at_skin(frame.image, clip, place, parser)
            )
    return {str(track): folds.pack_skin(folds.rest_light(some)) for track, some in found.items()}


def _calmest_places(clip: EffectInput, motions: Mapping[int, TrackMotion]) -> dict[int, list[int]]:
    """Places in the clip's tracks of each track's calmest faces, by frame number."""
    wanted: dict[int, list[int]] = {}
    for track, motion in motions.items():
        for place in clip.tracks.of_track(track):
            if (frame := int(clip.tracks.frames[place])) in motion.calmest:
                wanted.setdefault(frame, []).append(int(place))
    return wanted


def _look_at_skin(image: NDArray[np.uint8], clip: EffectInput, place: int, parser: FaceParser) -> SkinLight:
    dense = require_dense(clip.tracks.dense, "a face")
    at = face_points(clip.tracks.landmarks[place], dense[place])
    crop = parser.crop(image, at.landmarks)
    free = face_parser.occlusion(parser.probabilities([crop]))[0]
    matrix = crop_matrix(at.landmarks, face_parser.SIZE, face_parser.SIDE)
    return folds.flatten_skin(crop, transform(at.points[:, :2], matrix), free, face_layout())
