"""What faces of a set can be sorted and filtered by.

Most figures lie in the index. Brightness is measured in the crops, which are read one by one and forgotten,
so that a set of any length needs no memory for its pictures.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.landmarks.dense_states import STATES, measure_states
from faceswap_cli.faces.quality import face_brightness, face_quality
from faceswap_cli.faces.sets.dense_points import has_dense
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import FaceRecord
from faceswap_cli.limits import read_limited
from faceswap_cli.media.photo_header import photo_header

T = TypeVar("T")

REPORT = 200
"""Crops between two reports."""

_REDUCED = 4
"""JPEG decoding at a quarter of the size is several times faster, and the mean stays the same."""


@dataclass(frozen=True)
class MeasureProgress:
    """How far measuring is.

    Attributes:
        done, total: crops that were read, and are to be read.
    """

    done: int
    total: int


Measured = Generator[MeasureProgress, None, NDArray[np.float64]]
"""Reports, and in the end one figure a record; nan where a crop can't be read."""


def record_quality(record: FaceRecord, crop_size: int) -> float:
    """A stored face's quality, 0 (worst) to 1."""
    return face_quality(record.score, record.sharpness, record.pose, record.landmarks, crop_size)


def face_extent(record: FaceRecord) -> float:
    """A face's size: the longer side of its box in frame pixels."""
    return float((record.box[2:] - record.box[:2]).max())


STORED: dict[str, Callable[[FaceRecord, int], float]] = {
    "size": lambda record, _: face_extent(record),
    "sharpness": lambda record, _: record.sharpness,
    "yaw": lambda record, _: record.pose[0],
    "pitch": lambda record, _: record.pose[1],
    "roll": lambda record, _: record.pose[2],
    "score": lambda record, _: record.score,
    "confidence": lambda record, _: record.confidence,
    "quality": record_quality,
}
"""Figures that the index has, from a record and the crops' side in pixels."""


def stored_measure(faces: FaceSet, name: str) -> NDArray[np.float64]:
    """One of the figures in `STORED`, of every record."""
    return np.array([STORED[name](record, faces.crop_size) for record in faces.records], np.float64)


def stored_states(faces: FaceSet, records: Sequence[FaceRecord]) -> NDArray[np.float32] | None:
    """(N, 3) lids, mouth and gaze of some of a set's records, see `dense_states`; None if it can't say."""
    if not has_dense(faces):
        return None
    found = np.empty((len(records), len(STATES)), np.float32)
    for place, record in enumerate(records):
        face = record.face
        assert face.dense is not None and face.expression is not None
        found[place] = measure_states(face.dense, face.expression)
    return found


def measure_brightness(faces: FaceSet) -> Measured:
    """How light each face is, see `quality.face_brightness`."""

    def one(record: FaceRecord) -> float:
        return _brightness(faces.crop_path(record), record, faces.crop_size)

    return (yield from collect_measures(order_faces(one, faces.records), len(faces)))


def collect_measures(values: Iterable[float], total: int) -> Measured:
    """Put values that come one by one into an array, with a report now and then."""
    figures = np.empty(total, np.float64)
    for place, value in enumerate(values):
        figures[place] = value
        if (place + 1) % REPORT == 0 or place + 1 == total:
            yield MeasureProgress(place + 1, total)
    return figures


def order_faces(function: Callable[[FaceRecord], T], records: Sequence[FaceRecord]) -> Iterator[T]:
    """Results for the records in their order, by a few threads that run only a little ahead."""
    threads = min(4, os.cpu_count() or 1)
    waiting: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for record in records:
            waiting.append(pool.submit(function, record))
            if len(waiting) > 4 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _brightness(path: Path, record: FaceRecord, crop_size: int) -> float:
    try:
        header = photo_header(path)
        data = np.frombuffer(read_limited(path, "photo_bytes"), np.uint8)
    except (OSError, UserError):  # deleted while we were at work, or not ours to read
        return float("nan")
    fits = header is not None and (header.width, header.height) == (crop_size, crop_size)
    grey = cv2.imdecode(data, cv2.IMREAD_REDUCED_GRAYSCALE_4) if fits else None
    if grey is None or grey.shape != (-(-crop_size // _REDUCED),) * 2:
        return float("nan")
    points = geometry.transform(record.landmarks, record.matrix)
    return face_brightness(grey, (points + 0.5) / _REDUCED - 0.5)  # type: ignore[arg-type]
