"""Faces and shots of a stream of frames. What extraction and conversion have in common."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from faceswap_cli.faces.face import Detection, Face
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.tracking.shot_detection import ShotDetector
from faceswap_cli.media.frame import Frame

BATCH = 16
"""Frames that go through the detector together, at most."""

BATCH_PIXELS = 32_000_000
"""And at most so many pixels: two batches are in memory at a time, 0.2 GB."""

Looked = tuple[Frame, int, list[Face]]
"""A frame, the number of its shot, its faces."""


def analyse(
    frames: Iterable[Frame], stage: FaceAnalyser, batch: int = BATCH, *, start: int = 0, every: int = 1
) -> Generator[Looked]:
    """Find the faces of the wanted frames, in order, while the next ones are being decoded.

    Batches are cut at fixed frame indices, so that an analysis that is taken up again at the end of one
    gives exactly what an uninterrupted one does.

    Args:
        frames: decoded in order, from the first; unwanted ones are only watched for cuts.
        stage: finds the faces.
        batch: frames looked at together, at most.
        start: index of the first frame wanted.
        every: of the rest, every Nth frame is wanted: those whose index it divides.

    Yields:
        Each wanted frame with its shot (counted from the first frame) and its faces, tracks unknown.
    """
    for found in analyse_batches(frames, stage, batch, start=start, every=every):
        yield from found


def analyse_batches(
    frames: Iterable[Frame], stage: FaceAnalyser, batch: int = BATCH, *, start: int = 0, every: int = 1
) -> Generator[list[Looked]]:
    """Like `analyse`, a batch at a time: what was yielded is all there is up to its last frame."""
    waiting: deque[tuple[list[tuple[Frame, int]], Future[list[list[Detection]]]]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="detect") as pool:
        try:
            for group in _groups(frames, batch, start, every):
                waiting.append((group, pool.submit(stage.detector, [frame for frame, _ in group])))
                # The detector is at the group just given to it; meanwhile the one before gets landmarks.
                if len(waiting) > 1:
                    yield _with_landmarks(stage, *waiting.popleft())
            while waiting:
                yield _with_landmarks(stage, *waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()


def batch_size(width: int, height: int, most: int = BATCH) -> int:
    """How many frames of that size go through the detector together; batches begin at its multiples."""
    return max(1, min(most, BATCH_PIXELS // max(1, width * height)))


def _with_landmarks(
    stage: FaceAnalyser, group: list[tuple[Frame, int]], found: Future[list[list[Detection]]]
) -> list[Looked]:
    faces = stage.describe([frame for frame, _ in group], found.result())
    return [(frame, shot, those) for (frame, shot), those in zip(group, faces, strict=True)]


def _groups(frames: Iterable[Frame], batch: int, start: int, every: int) -> Iterator[list[tuple[Frame, int]]]:
    """Wanted frames and their shots, in batches that start at fixed indices whatever `start` is."""
    cuts = ShotDetector()
    group: list[tuple[Frame, int]] = []
    size = 0
    for frame in frames:
        shot = cuts.feed(frame.image)
        if frame.index < start or frame.index % every:
            continue
        size = size or batch_size(frame.image.shape[1], frame.image.shape[0], batch)
        if group and frame.index // every // size != group[0][0].index // every // size:
            yield group
            group = []
        group.append((frame, shot))
    if group:
        yield group
