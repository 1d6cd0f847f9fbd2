"""What is refused: swapping faces that clearly look like children's, and pictures of naked people.

One `SafetyGuard` goes with a command; extract, train and convert ask it in one line each. Both answers are
networks' guesses: see docs/safety.md for how often they are wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike

from faceswap_cli.errors import Refusal, UserError
from faceswap_cli.faces.age.estimator import AgeEstimate, AgeEstimator
from faceswap_cli.faces.face import Face
from faceswap_cli.faces.geometry import STORED_SIDE
from faceswap_cli.faces.identity import track_embedding
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.safety.nudity import NudityDetector
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import FaceRecord
from faceswap_cli.media.frame import Image
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.sample_frames import sample_frames

WEIGHTS = "age_estimator"
"""The network's folder in `models/`. It learned from pictures that may be used for anything, and does nothing
else: the age estimator, which reads adults better, is for non-commercial research only."""

ADULT = 18.0

MINOR = 0.7
"""Mean share of a person's looks below 18 years, as `SafetyGuard.young` takes it, above which the person
counts as a child. Of 1,321 kept faces of adults none was above it, of 123 of invented adults two, of 19 of
children up to 12 fourteen, of 31 of 16 and 17 years one (docs/safety.md). At 0.9 four of the children
less."""

CLEAR = 0.3
"""Faces less clear than this (see `track_embedding.face_clarity`) are no ground to refuse anything on."""

LOOKS = 5
"""Faces of a person or track that are looked at: 20 ms each on one core."""

SAMPLES = 8
"""Frames of a video that are looked at for nudity, spread over it, but no more than one a second: 0.1 s each
on one core."""

CONFIRMED = "adult-confirmed"
"""Setting of a face set that was extracted with --adult-confirmed, and the option's name."""

Young = Mapping[tuple[int, int], float]
"""Tracks that look like children's: mean ages in years by source and track."""

ADULTS = f"If everybody whose face is used is 18 or older, say so by --{CONFIRMED}"


class SafetyGuard:
    """Asks before anything is made whether it may be.

    Args:
        adults_confirmed: the user says that everybody is of age: ages are not asked for.
        device: where the age network runs.
    """

    def __init__(self, adults_confirmed: bool = False, device: str = "cpu") -> None:
        self.adults_confirmed = adults_confirmed
        self._device = device

    @cached_property
    def _estimator(self) -> AgeEstimator:
        return AgeEstimator(self._device, WEIGHTS, ADULT)

    @cached_property
    def _nudity(self) -> NudityDetector | None:
        return NudityDetector.installed()

    @property
    def settings(self) -> dict[str, str]:
        """What a face set remembers of it."""
        return {CONFIRMED: "yes"} if self.adults_confirmed else {}

    def young_tracks(self, faces: FaceSet, records: Iterable[FaceRecord]) -> Young:
        """The tracks of a face set that look like children's.

        Args:
            faces: the set the crops are in.
            records: whose tracks are asked for.
        """
        tracks: dict[tuple[int, int], list[FaceRecord]] = {}
        for record in [] if self.adults_confirmed else records:
            tracks.setdefault((record.source, record.track), []).append(record)
        ages = {key: self._age_if_young(faces, clearest_faces(records)) for key, records in tracks.items()}
        return {key: age for key, age in ages.items() if age is not None}

    def young_faces(self, found: Sequence[tuple[FaceRecord, Image]]) -> Young:
        """The same of a photo's faces, from their crops as face sets store them."""
        ages = {
            (record.source, record.track): self.young(
                [crop], [track_embedding.record_clarity(record)], STORED_SIDE
            )
            for record, crop in found
        }
        return {key: age for key, age in ages.items() if age is not None}

    def check_set(self, faces: FaceSet) -> None:
        """Refuse a face set of a child, unless it was extracted with --adult-confirmed.

        Raises:
            Refusal: its clearest faces look like a child's.
        """
        if self.adults_confirmed or faces.header.settings.get(CONFIRMED):
            return
        age = self._age_if_young(faces, clearest_faces(faces.records))
        if age is not None:
            raise refuse_minor(faces.path, "what it shows", age)

    def check_faces(self, source: Path, image: Image, faces: Sequence[Face]) -> None:
        """Refuse to change children's faces in a picture.

        Args:
            source: for the message.
            image: (H, W, 3) uint8 RGB.
            faces: those that would be changed.

        Raises:
            Refusal: one of them looks like a child's.
        """
        for face in faces:
            age = self.young([self.crop(image, face.landmarks)], [clarity_of_face(face)])
            if age is not None:
                x, y = face.landmarks.mean(0)
                raise refuse_minor(source, f"the face at {x:.0f}, {y:.0f}", age)

    def crop(self, image: Image, landmarks: ArrayLike) -> Image:
        """What the age network sees of a face with `landmarks` (68, 2) in `image` (H, W, 3)."""
        return self._estimator.crop(image, landmarks)

    def young(
        self, crops: Sequence[Image], clarities: Sequence[float], side: float | None = None
    ) -> float | None:
        """The mean age of one person's looks in years if they look like a child's, else None.

        Each look is judged in colour and in grey, and the lower share counts: the estimator knows children
        from a few invented ones only, and takes some of their pictures' style for youth.

        Args:
            crops: aligned pictures (S, S, 3) of the person.
            clarities: how much each tells, see `track_embedding.face_clarity`; unclear ones are passed over.
            side: of the crops in face units; None: as `crop` makes them.
        """
        clear = [crop for crop, clarity in zip(crops, clarities, strict=True) if clarity >= CLEAR]
        if self.adults_confirmed or not clear:
            return None
        side = self._estimator.side if side is None else side
        looks = look_twice(self._estimator, clear, side)
        minor = np.mean([one.minor for one in looks])
        return float(np.mean([one.age for one in looks])) if minor > MINOR else None

    def check_picture(self, source: Path, image: Image) -> None:
        """Refuse a picture (H, W, 3) of a naked person; without nudenet nobody can tell.

        Raises:
            Refusal: it shows one.
        """
        if self._nudity is not None and (seen := self._nudity.seen(image)):
            raise Refusal(
                f"{source} shows nudity ({seen})",
                "This tool puts no faces on naked people and takes none from there",
            )

    def check_video(self, info: MediaInfo) -> None:
        """Refuse a video in which some frames, spread over it, show a naked person.

        Raises:
            Refusal: one does.
        """
        if self._nudity is None:
            return
        length = info.duration if info.duration and math.isfinite(info.duration) else 0.0
        count = max(1, min(SAMPLES, int(length)))
        for seconds in (length * (n + 0.5) / count for n in range(count)):
            for frame in sample_frames(info, seconds, 0)[:1]:
                self.check_picture(info.path, frame.image)

    def _age_if_young(self, faces: FaceSet, records: Sequence[FaceRecord]) -> float | None:
        crops, clarities = [], []
        for record in records:
            try:
                crops.append(faces.crop(record))
            except UserError:  # a crop that can't be read is told by whoever needs it
                continue
            clarities.append(track_embedding.record_clarity(record))
        return self.young(crops, clarities, faces.side)


def look_twice(estimator: AgeEstimator, crops: Sequence[Image], side: float) -> list[AgeEstimate]:
    """Estimates of aligned crops (S, S, 3): `minor` is the lower of what is said in colour and in grey."""
    plain, grey = (estimator.estimate_crops(views, side) for views in (crops, map(_grey, crops)))
    return [replace(a, minor=min(a.minor, b.minor)) for a, b in zip(plain, grey, strict=True)]


def _grey(crop: Image) -> Image:
    """A crop (S, S, 3) without its colours."""
    return cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)  # type: ignore[return-value]


def clearest_faces(records: Sequence[FaceRecord]) -> list[FaceRecord]:
    """The clearest face out of each of LOOKS parts of a person's or a track's length."""
    clarities = [track_embedding.record_clarity(record) for record in records]
    return [records[place] for place in track_embedding.best_faces(clarities, LOOKS)] if records else []


def clarity_of_face(face: Face) -> float:
    """`track_embedding.face_clarity` of a face that was just found."""
    return track_embedding.face_clarity(
        face.score, estimate_pose(face.landmarks), face.landmarks, confidence=face.confidence
    )


def refuse_minor(source: Path, what: str, age: float) -> Refusal:
    """The refusal of a face that looks so many years old."""
    return Refusal(f"{source}: {what} looks like a child's (about {age:.0f} years)", ADULTS)


def describe_left_out(young: Young, faces: int) -> str:
    """What to tell the user of tracks that were left out of a face set."""
    youngest = min(young.values())
    return f"{faces} faces left out: they look like a child's (the youngest about {youngest:.0f}). {ADULTS}"
