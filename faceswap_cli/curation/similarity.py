"""Whom the faces of a set look like: identity distances of crops, to a photo or to the set's middle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.curation.measures import Measured, MeasureProgress
from faceswap_cli.errors import UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.identity.embeddings import EmbeddingStore
from faceswap_cli.faces.identity.identity_encoder import (
    BATCH,
    NUMBERS,
    IdentityEncoder,
    cut_chip,
    identity_distance,
)
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import FaceRecord
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.photo import read_photo


@dataclass(frozen=True)
class SimilarityResult:
    """The face in a photo.

    Attributes:
        photo: the file.
        embedding: (128,) float32, of its largest face.
        faces: how many the photo has.
    """

    photo: Path
    embedding: FloatArray
    faces: int


def measure_similarity(photo: Path, encoder: IdentityEncoder) -> SimilarityResult:
    """Look at the largest face in a photo.

    Raises:
        UserError: the photo can't be read, or no face is found in it.
    """
    image = read_photo(photo).image
    [faces] = build_analyser(device="cpu", thorough=True).find([Frame(0, 0.0, image)])
    if not faces:
        raise UserError(
            f"no face found in {photo}", "Give a photo that shows the face larger and from the front"
        )
    largest = max(faces, key=lambda face: geometry.interocular(face.landmarks))
    return SimilarityResult(photo, encoder.embed(image, [largest.landmarks])[0], len(faces))


def embeddings(faces: FaceSet, encoder: IdentityEncoder) -> Measured:
    """Identity embeddings of all crops of a set, kept in the set's store as they are made.

    Returns:
        (N, 128), rows of nan where a crop can't be read.
    """
    store = EmbeddingStore(faces)
    found = np.full((len(faces), NUMBERS), np.nan)
    missing = []
    for place, record in enumerate(faces.records):
        known = store.get(record)
        if known is None:
            missing.append(place)
        else:
            found[place] = known
    known_ones = len(faces) - len(missing)
    try:
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            chips = list(_chips(faces, batch))
            for (place, _), embedding in zip(chips, encoder.embed_chips(c for _, c in chips), strict=True):
                found[place] = embedding
                store.put(faces.records[place], embedding)
            yield MeasureProgress(known_ones + start + len(batch), len(faces))
    finally:
        store.save()
    return found


def nearest_distances(
    found: NDArray[np.float64], likenesses: Sequence[SimilarityResult]
) -> NDArray[np.float64]:
    """Distances (N,) of embeddings (N, 128) to the nearest of some faces; nan where there is no embedding."""
    apart = np.stack([identity_distance(found, likeness.embedding) for likeness in likenesses])
    return np.asarray(apart.min(axis=0), np.float64)


def distances_to_median(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances (N,) of embeddings (N, 128) to their median, number by number; nan where there is none."""
    known = found[~np.isnan(found).any(axis=1)]
    return identity_distance(found, np.median(known, axis=0)) if len(known) else np.full(len(found), np.nan)


def _chips(faces: FaceSet, places: Sequence[int]) -> Iterator[tuple[int, Image]]:
    """The chips of those crops that can be read."""
    for place in places:
        record: FaceRecord = faces.records[place]
        try:
            crop = faces.crop(record)
        except UserError:
            continue
        yield place, cut_chip(crop, geometry.transform(record.landmarks, record.matrix))
