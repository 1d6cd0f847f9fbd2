"""How good a swap is, in figures: beside the original video, and beside the two people.

No figure alone proves anything: a recogniser can be content with a ghost. They are to be read together,
and the video is to be looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.evaluation import metrics
from faceswap_cli.faces import geometry
from faceswap_cli.faces.analysis import analyse
from faceswap_cli.faces.face import Face
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.identity import identity_encoder
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.reader import VideoReader

REFERENCES = 24
"""Crops of each person that identities are measured against."""

IDENTITY_EVERY = 8
"""Identity is measured in every Nth frame: a look costs 0.1 s."""

STEADIED = 2
"""Landmarks are averaged over so many frames on either side before they stabilise crops for the flicker."""


@dataclass(frozen=True)
class SwapReport:
    """Figures of a swap; means over its frames, nan where nothing could be measured.

    Attributes:
        frames: frames compared.
        faces: frames in which the face was found in the original.
        found: share of those in which it was found again in the swap.
        sharpness: Laplacian variance inside the face, swap over original; median. 1 is as sharp.
        landmarks: distance of the faces' interior points, % of the inter-ocular distance.
        to_a: identity distance of the swapped faces to person A, who was replaced.
        to_b: the same to person B, who was put on.
        before_a, before_b: both for the original's faces.
        real_b: the same distance between B's own pictures.
        nearer: share of the measured faces that are nearer to B than to A.
        inside: change inside the face, grey levels (0..255).
        ring: change in a ring just outside it.
        flicker: temporal high-frequency energy inside the face, swap over original. 1 is as steady.
    """

    frames: int
    faces: int
    found: float
    sharpness: float
    landmarks: float
    to_a: float
    to_b: float
    before_a: float
    before_b: float
    real_b: float
    nearer: float
    inside: float
    ring: float
    flicker: float

    @property
    def likeness(self) -> float:
        """How far the swap came from the original's distance to B to that of B's own pictures; 1 is there."""
        return (self.before_b - self.to_b) / max(self.before_b - self.real_b, 1e-6)

    def table(self) -> str:
        """The figures in plain text, one a line, each with what it means."""
        rows = [
            ("frames, with a face", f"{self.frames}, {self.faces}", ""),
            ("found again", f"{self.found:.0%}", "of them; a face that is none is not found"),
            ("sharpness", f"{self.sharpness:.2f}", "of the original's Laplacian variance (1 is as sharp)"),
            (
                "landmarks moved",
                f"{self.landmarks:.1f} %",
                "of the eye distance (pose and expression kept: < 5)",
            ),
            (
                "identity to A",
                f"{self.to_a:.2f}",
                f"the original has {self.before_a:.2f}; one person is < {identity_encoder.THRESHOLD:.2f}",
            ),
            (
                "identity to B",
                f"{self.to_b:.2f}",
                f"the original has {self.before_b:.2f}, B's own pictures {self.real_b:.2f}",
            ),
            ("likeness to B", f"{self.likeness:.0%}", "of the way to what B's own pictures reach"),
            ("nearer to B", f"{self.nearer:.0%}", "of the faces measured"),
            ("change inside", f"{self.inside:.1f}", "grey levels"),
            ("change in the ring", f"{self.ring:.1f}", "grey levels just outside (encoding alone: 1 to 2)"),
            ("flicker", f"{self.flicker:.2f}", "of the original's (1 is as steady)"),
        ]
        known = [row for row in rows if "nan" not in row[1]]
        return "\n".join(f"{name:20} {value:>9}  {meaning}".rstrip() for name, value, meaning in known)


def evaluate_swap(
    original: Path,
    swapped: Path,
    faces_a: FaceSet | NDArray[np.float32] | None,
    faces_b: FaceSet | NDArray[np.float32] | None,
    stage: FaceAnalyser,
    most: int = 250,
) -> SwapReport:
    """Measure a swapped video beside its original.

    Args:
        original: the video before.
        swapped: after: the same frames.
        faces_a: who was replaced: a face set, or (K, 128) embeddings. None leaves their figures nan. Where
            the original shows several people, the one nearest to A is followed.
        faces_b: who was put on.
        stage: finds faces; in both videos, and in nothing but their pictures.
        most: frames looked at from the beginning, at most.

    Raises:
        UserError: the videos differ in size, or there is no face in the original.
    """
    references = (_embeddings(faces_a), _embeddings(faces_b))
    tally = _Tally(references)
    with VideoReader(original) as before, VideoReader(swapped) as after:
        if (before.info.width, before.info.height) != (after.info.width, after.info.height):
            raise UserError(f"{swapped} is not as large as {original}", "Give a video and its conversion")
        old, new = analyse(_first(before, most), stage), analyse(_first(after, most), stage)
        for (frame, shot, faces), (result, _, again) in zip(old, new, strict=False):
            tally.add(frame, result, shot, faces, again)
    if not tally.faces:
        raise UserError(f"no face was found in {original}", "Give a video with one")
    return tally.report()


def source_embeddings(faces: FaceSet, count: int = REFERENCES) -> NDArray[np.float32]:
    """Embeddings (K, 128) of a face set's person: crops spread over the sharper half of the set."""
    ranked = sorted(faces.records, key=lambda record: -record.sharpness)
    half = ranked[: max(min(count, len(ranked)), len(ranked) // 2)]
    chosen = half[:: max(1, len(half) // count)][:count]
    encoder = identity_encoder.IdentityEncoder()
    found = [
        encoder.embed(faces.crop(record), [geometry.transform(record.landmarks, record.matrix)])
        for record in chosen
    ]
    return np.concatenate(found) if found else np.zeros((0, 128), np.float32)


def _embeddings(faces: FaceSet | NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    found = source_embeddings(faces) if isinstance(faces, FaceSet) else faces
    return found if found is not None and len(found) else None


def _first(frames: VideoReader, most: int) -> Iterator[Frame]:
    for frame in frames:
        yield frame
        if frame.index + 1 >= most:
            return


@dataclass
class _Tally:
    """Sums up frame by frame; keeps numbers, and the few frames that steadying landmarks needs."""

    references: tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]
    frames: int = 0
    faces: int = 0
    found: int = 0
    sharpness: list[float] = field(default_factory=list)
    landmarks: list[float] = field(default_factory=list)
    inside: list[float] = field(default_factory=list)
    ring: list[float] = field(default_factory=list)
    before: list[tuple[float, float]] = field(default_factory=list)
    after: list[tuple[float, float]] = field(default_factory=list)
    flicker: metrics.Flicker = field(default_factory=lambda: metrics.Flicker(2))
    encoder: identity_encoder.IdentityEncoder = field(default_factory=identity_encoder.IdentityEncoder)
    waiting: list[tuple[Frame, Frame, Face]] = field(default_factory=list)
    last: tuple[int, Face] | None = None  # the shot and the face that are being followed

    def add(
        self, frame: Frame, result: Frame, shot: int, faces: Sequence[Face], again: Sequence[Face]
    ) -> None:
        """Take in one frame, its result, and the faces that were found in each."""
        self.frames += 1
        face = self._followed(frame, shot, faces)
        if face is None:
            self._flush()
            return
        self.faces += 1
        old, new = frame.image, result.image
        original = metrics.sharpness_inside(old, face.landmarks)
        self.sharpness.append(metrics.sharpness_inside(new, face.landmarks) / max(original, 1e-6))
        self.inside.append(metrics.inner_change(old, new, face.landmarks))
        self.ring.append(metrics.ring_change(old, new, face.landmarks))
        self._steady(frame, result, face)
        other = _nearest(face, again)
        if other is None:
            return
        self.found += 1
        self.landmarks.append(metrics.landmark_distance(face.landmarks, other.landmarks))
        if (self.found - 1) % IDENTITY_EVERY == 0 and any(r is not None for r in self.references):
            self.before.append(self._identity(frame, face))
            self.after.append(self._identity(result, other))

    def _followed(self, frame: Frame, shot: int, faces: Sequence[Face]) -> Face | None:
        """The face to judge: that of the frame before, or else the likest to A, or else the largest."""
        if self.last is None or self.last[0] != shot:
            self._flush()
            self.last = None
        face = _nearest(self.last[1], faces) if self.last else None
        if face is None and faces:
            self._flush()
            face = self._likest(frame, faces)
        if face is not None:
            self.last = (shot, face)
        return face

    def _likest(self, frame: Frame, faces: Sequence[Face]) -> Face:
        if self.references[0] is None or len(faces) == 1:
            return max(faces, key=lambda face: geometry.interocular(face.landmarks))
        return min(faces, key=lambda face: self._identity(frame, face)[0])

    def _identity(self, frame: Frame, face: Face) -> tuple[float, float]:
        """Distances to A and to B: to the nearest quarter of their references."""
        one = self.encoder.embed(frame.image, [face.landmarks])
        a, b = (
            float("nan")
            if r is None
            else float(np.quantile(identity_encoder.identity_distance(r, one), 0.25))
            for r in self.references
        )
        return a, b

    def _steady(self, frame: Frame, result: Frame, face: Face) -> None:
        """Feed the flicker the frame that now has its neighbours on both sides."""
        self.waiting.append((frame, result, face))
        if len(self.waiting) > 2 * STEADIED:
            middle = self.waiting[STEADIED]
            landmarks = np.mean([entry[2].landmarks for entry in self.waiting], axis=0)
            self.flicker.add([middle[0].image, middle[1].image], landmarks)
            del self.waiting[0]

    def _flush(self) -> None:
        self.waiting.clear()
        self.flicker.cut()

    def report(self) -> SwapReport:
        """The means."""
        before, after = _means(self.before), _means(self.after)
        nearer = [b < a for a, b in self.after if not math.isnan(a + b)]
        return SwapReport(
            frames=self.frames,
            faces=self.faces,
            found=self.found / self.faces,
            sharpness=_median(self.sharpness),
            landmarks=_mean(self.landmarks),
            to_a=after[0],
            to_b=after[1],
            before_a=before[0],
            before_b=before[1],
            real_b=choose_face(self.references[1]),
            nearer=_mean([float(value) for value in nearer]),
            inside=_mean(self.inside),
            ring=_mean(self.ring),
            flicker=self.flicker.ratio(1),
        )


def choose_face(references: NDArray[np.float32] | None) -> float:
    """Mean distance of one person's embeddings (K, 128), each to the nearest quarter of the others."""
    if references is None or len(references) < 2:
        return float("nan")
    found = []
    for index, one in enumerate(references):
        others = np.delete(references, index, axis=0)
        found.append(float(np.quantile(identity_encoder.identity_distance(others, one[None]), 0.25)))
    return float(np.mean(found))


def _nearest(face: Face, others: Sequence[Face]) -> Face | None:
    """Of `others` the one at the same place; None when none is within half an eye distance."""
    if not others:
        return None
    best = min(others, key=lambda other: float(np.abs(other.landmarks - face.landmarks).mean()))
    apart = float(np.linalg.norm(best.landmarks - face.landmarks, axis=1).mean())
    return best if apart < 0.5 * geometry.interocular(face.landmarks) else None


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _median(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.median(known)) if known else float("nan")


def _means(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return _mean([a for a, _ in pairs]), _mean([b for _, b in pairs])
