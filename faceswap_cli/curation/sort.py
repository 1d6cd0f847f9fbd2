"""Sorting a face set: the crops' files get ranks before their names, so that a file manager shows the order.

Each rename is whole by itself and the index is not touched (see `crop_files`): a sort that is killed at any
moment leaves every face in the set, and sorting again finishes it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.curation.measures import (
    Measured,
    MeasureProgress,
    measure_brightness,
    stored_measure,
    stored_states,
)
from faceswap_cli.curation.similarity import (
    SimilarityResult,
    distances_to_median,
    embeddings,
    measure_similarity,
    nearest_distances,
)
from faceswap_cli.errors import UserError
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
from faceswap_cli.faces.landmarks.dense_states import STATES
from faceswap_cli.faces.sets.crop_files import check_single, crop_name, ranked_name, rename_crops
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import CROPS
from faceswap_cli.files import locked, said_plainly, sync_folder

ORDERS = {
    "blur": "blurred first",
    "size": "small first",
    "yaw": "looking to the picture's left first",
    "pitch": "looking down first",
    "roll": "tilted against the clock first",
    "brightness": "dark first",
    "likeness": "least like the face in --to first",
    "outlier": "farthest from the set's typical face first",
    "quality": "worst first",
    "time": "by source and time, which gives the files their own names back",
    "track": "by source and track",
    "confidence": "unsure landmarks first",
    "lids": "shut eyes first",
    "mouth": "shut mouths first",
    "gaze": "eyes to the picture's left first",
}
"""What faces can be sorted by, and which come first: those one may want to delete, where there are such."""


@dataclass(frozen=True)
class SortResult:
    """What a sort did.

    Attributes:
        faces: how many the set holds.
        renamed: crops whose file has another name now.
        unreadable: crops that could not be measured; they stand first.
        like: the face that they were compared with.
    """

    faces: int
    renamed: int
    unreadable: int
    like: SimilarityResult | None = None


def sort_faces(
    path: Path, by: str, reverse: bool = False, to: Path | None = None
) -> Generator[MeasureProgress, None, SortResult]:
    """Rename the crops of a face set in an order.

    Args:
        path: the set's folder.
        by: one of `ORDERS`.
        reverse: the other way round (crops that can't be read stay first).
        to: a photo with a face, for "likeness".

    Raises:
        UserError: no such order, no such set, its extraction is not finished, a crop is there twice, another
            process works in it, the photo is missing or has no face, or the folder can't be written.
    """
    _check(by, to)
    check_complete(FaceSet.open(path))
    like = measure_similarity(to, IdentityEncoder()) if to else None
    with locked(path):
        faces = FaceSet.open(path)
        check_complete(faces)
        check_single(path)
        values = yield from _values(faces, by, like)
        broken = np.isnan(values)
        order = _order(np.where(broken, -np.inf, -values if reverse else values))
        plain = by == "time" and not reverse
        old = [faces.crop_file(faces.records[place]) for place in order]
        new = [crop_name(file) if plain else ranked_name(crop_name(file), k) for k, file in enumerate(old)]
        with said_plainly(path / CROPS):
            renamed = rename_crops(path, zip(old, new, strict=True))
            sync_folder(path / CROPS)
    return SortResult(len(faces), renamed, int(broken.sum()), like)


def check_complete(faces: FaceSet) -> None:
    """Raise a UserError if the extraction into a set was cut off: its tracks are not known yet."""
    for source in faces.sources.values():
        if not source.complete:
            raise UserError(
                f"{faces.path} is not finished: extract stopped in {source.name} at frame {source.seen}",
                "Run the same `faceswap extract` again first",
            )


def _check(by: str, to: Path | None) -> None:
    if by not in ORDERS:
        raise UserError(f"--by {by} is not known", f"Use one of: {', '.join(ORDERS)}")
    if by == "likeness" and to is None:
        raise UserError("--by likeness needs somebody to compare with", "Give a photo of a face with --to")
    if by != "likeness" and to is not None:
        raise UserError(f"--to has no meaning for --by {by}", "Use it with --by likeness")


def _order(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Places from the least value to the largest; equal ones stay in the order of time."""
    return np.argsort(values, kind="stable")


def _values(faces: FaceSet, by: str, like: SimilarityResult | None) -> Measured:
    """One figure a face; the least comes first."""
    if by == "brightness":
        return (yield from measure_brightness(faces))
    if by == "outlier":
        return -distances_to_median((yield from embeddings(faces, IdentityEncoder())))
    if like is not None:
        return -nearest_distances((yield from embeddings(faces, IdentityEncoder())), [like])
    return _by_state(faces, by) if by in STATES else _KNOWN[by](faces)


def _by_state(faces: FaceSet, by: str) -> NDArray[np.float64]:
    states = stored_states(faces, faces.records)
    if states is None:
        raise UserError(
            f"{faces.path} has no dense points, which --by {by} needs, or not of all its faces",
            "Extract the faces anew, into another folder, with landmarks that give them",
        )
    return states[:, STATES.index(by)].astype(np.float64)


def _by_track(faces: FaceSet) -> NDArray[np.float64]:
    """Places of the faces' tracks among all tracks."""
    places = {key: place for place, key in enumerate(sorted(faces.tracks()))}
    return np.array([places[record.source, record.track] for record in faces.records], np.float64)


_KNOWN: dict[str, Callable[[FaceSet], NDArray[np.float64]]] = {
    "blur": lambda faces: stored_measure(faces, "sharpness"),
    "time": lambda faces: np.arange(len(faces), dtype=np.float64),
    "track": _by_track,
    **{
        name: lambda faces, name=name: stored_measure(faces, name)  # type: ignore[misc]
        for name in ("size", "yaw", "pitch", "roll", "quality", "confidence")
    },
}
"""Orders that need no look at the crops."""
