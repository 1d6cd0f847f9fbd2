"""Small face sets of invented crops, and processes that die at a chosen moment."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from faceswap_cli.faces import geometry
from faceswap_cli.faces.landmarks.packed_points import pack_points
from faceswap_cli.faces.sets.faceset import FaceRecord, FaceSet, FaceSetWriter, Header, Source
from faceswap_cli.faces.sets.records import as_stored
from tests.dense_faces import OPEN_LIDS, dense_of, expression_of

SIZE = 64
HEADER = Header(SIZE, geometry.STORED_SIDE, {"every": "1", "min-size": "24"})


def record(name: str, frame: int, **changes: object) -> FaceRecord:
    landmarks = (geometry.MEAN_FACE * 40 + (200, 150)).astype(np.float32)
    matrix = geometry.crop_matrix(landmarks, SIZE, geometry.STORED_SIDE)
    box = np.array([150, 100, 250, 220], np.float32)
    plain = FaceRecord(name, 0, frame, frame / 25, frame, box, landmarks, matrix, 0.99, -1, 0, 0.8, (0, 0, 0))
    return as_stored(replace(plain, **changes))


def packed(lids: float = OPEN_LIDS, mouth: float = 0.1, gaze: float = 0.0) -> str:
    """Dense points and expression of a record's face, see `dense_faces`."""
    landmarks = record("x.jpg", 0).landmarks
    dense = dense_of(landmarks, (lids, lids), mouth, gaze)
    return pack_points(landmarks, dense, expression_of(gaze_x_left=gaze, gaze_x_right=gaze))


def crop(level: int, number: int) -> np.ndarray:
    """A grey crop that is like no other: its number is drawn into the corner."""
    image = np.full((SIZE, SIZE, 3), level, np.uint8)
    image[:8, :8] = number % 256
    return image


def make_set(
    path: Path,
    count: int = 12,
    name: str = "clip.mp4",
    change: Callable[[int], dict[str, object]] = lambda k: {},
    track: Callable[[int], int] = lambda k: 0,
    level: Callable[[int], int] = lambda k: 128,
) -> Path:
    """Make a set, or add another video to it. `change` gives what is special about the kth face's record."""
    path.mkdir(exist_ok=True)
    stem = Path(name).stem
    with FaceSetWriter(path, HEADER) as writer:
        known = writer.add_source(Source(-1, name, f"/films/{name}", "video", 640, 360, stem, 1, 1))
        found = [
            (record(f"{stem}_{k:06d}_0.jpg", k, source=known.id, **change(k)), crop(level(k), k))
            for k in range(count)
        ]
        writer.add(replace(known, seen=count), found)
        writer.finish(replace(known, seen=count), {one.crop: track(k) for k, (one, _) in enumerate(found)})
    return path


def files(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []


def contents(folder: Path) -> dict[str, bytes]:
    """Every crop's bytes by its name, wherever in the set it lies."""
    return {
        one.crop: FaceSet.open(folder).crop_path(one).read_bytes() for one in FaceSet.open(folder).records
    }


def pictures(*folders: Path) -> list[bytes]:
    """The bytes of all pictures in some folders, in an order of their own: none may ever be lost."""
    return sorted(path.read_bytes() for folder in folders for path in folder.glob("*.jpg"))


def killed(work: Callable[[], object], method: str, calls: int) -> bool:
    """Do `work` in a process of its own, killed before its nth call of a Path method; whether that came."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    real, count = getattr(Path, method), 0

    def deadly(*arguments, **options):
        nonlocal count
        count += 1
        if count > calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)

    setattr(Path, method, deadly)
    try:
        work()
    finally:
        os._exit(0)
