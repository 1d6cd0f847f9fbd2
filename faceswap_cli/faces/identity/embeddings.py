"""Identity embeddings of a face set's tracks, from its crops, and a store of them in the set's folder.

The store is `.identity.safetensors`: embeddings by crop, with the size and time of the crop's file, and the
checksum of the network they came from. What does not fit any more is left out when it is read, so that it
can be deleted at any time and never has to be.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from faceswap_cli import zoo
from faceswap_cli.errors import UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.identity import track_embedding
from faceswap_cli.faces.identity.identity_encoder import BATCH, NUMBERS, WEIGHTS, IdentityEncoder, cut_chip
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import FaceRecord
from faceswap_cli.files import write_bytes
from faceswap_cli.limits import check_limit, check_regular, parse_json
from faceswap_cli.media.frame import Image

STORE = ".identity.safetensors"

SAVE_EVERY = 64 * BATCH
"""New embeddings after which the store is written: about half a minute of work on one core."""

TrackKey = tuple[int, int]
"""Source id and track number."""


@dataclass(frozen=True)
class TrackPortrait:
    """Who a track is.

    Attributes:
        embedding: (128,) float32.
        clarity: of its clearest look, see `track_embedding.face_clarity`.
    """

    embedding: FloatArray
    clarity: float


@dataclass(frozen=True)
class TrackEmbedding:
    """Progress: `done` of `total` crops have embeddings."""

    done: int
    total: int


class EmbeddingStore:
    """Embeddings that are kept in a face set's folder.

    Args:
        faces: the face set.
    """

    def __init__(self, faces: FaceSet) -> None:
        self._faces = faces
        self._path = faces.path / STORE
        self._network = str(zoo.card(WEIGHTS).facts["sha256"])
        self._known = self._read()
        self._new = 0

    def get(self, record: FaceRecord) -> FloatArray | None:
        """The embedding (128,) of a crop, if it is known and the crop's file is the same as then."""
        known = self._known.get(record.crop)
        return known[1] if known and known[0] == self._mark(record) else None

    def put(self, record: FaceRecord, embedding: FloatArray) -> None:
        """Keep an embedding; every `SAVE_EVERY` the file is written."""
        self._known[record.crop] = self._mark(record), embedding
        self._new += 1
        if self._new >= SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Write the file, if there is anything new. A folder that can't be written is no error."""
        if not self._new:
            return
        names = sorted(self._known)
        tensors: dict[str, NDArray[Any]] = {
            "embeddings": np.stack([self._known[name][1] for name in names]).astype(np.float32),
            "marks": np.array([self._known[name][0] for name in names], np.int64),
        }
        try:
            write_bytes(self._path, save(tensors, {"network": self._network, "crops": json.dumps(names)}))
        except UserError:
            return  # it only saves time
        self._new = 0

    def _mark(self, record: FaceRecord) -> tuple[int, int]:
        """Size in bytes and time of change of a crop's file; zeros if it is gone."""
        try:
            about = self._faces.crop_path(record).stat()
        except OSError:
            return 0, 0
        return about.st_size, about.st_mtime_ns

    def _read(self) -> dict[str, tuple[tuple[int, int], FloatArray]]:
        try:
            check_limit("weights_bytes", check_regular(self._path), self._path.name)
            with safe_open(self._path, "numpy") as file:
                facts = file.metadata() or {}
                if facts.get("network") != self._network:
                    return {}
                names = parse_json(facts["crops"])
                embeddings, marks = file.get_tensor("embeddings"), file.get_tensor("marks")
        except (OSError, UserError, SafetensorError, ValueError, KeyError):
            return {}
        if not isinstance(names, list) or not np.isfinite(embeddings).all():
            return {}
        if embeddings.shape != (len(names), NUMBERS) or marks.shape != (len(names), 2):
            return {}
        return {
            name: ((int(size), int(changed)), embedding)
            for name, (size, changed), embedding in zip(names, marks, embeddings, strict=True)
        }


def choose_portraits(
    faces: FaceSet,
    tracks: Mapping[TrackKey, Sequence[FaceRecord]],
    encoder: IdentityEncoder,
    store: EmbeddingStore | None = None,
) -> Generator[TrackEmbedding, None, dict[TrackKey, TrackPortrait]]:
    """Look at the best crops of each track. Crops that can't be read are passed over.

    Args:
        faces: the set.
        tracks: the faces of each track in the order of time.
        encoder: makes the embeddings.
        store: keeps them, also when the work is stopped.

    Yields:
        Progress.

    Returns:
        The portraits of all tracks of which any crop could be read.
    """
    chosen = {key: _best_records(records) for key, records in tracks.items()}
    wanted = [record for records in chosen.values() for record in records]
    known: dict[str, FloatArray] = {}
    missing = []
    for record in wanted:
        embedding = store.get(record) if store else None
        if embedding is None:
            missing.append(record)
        else:
            known[record.crop] = embedding
    yield TrackEmbedding(len(known), len(wanted))
    before = len(known)
    try:
        for start in range(0, len(missing), BATCH):
            batch = list(_chips(faces, missing[start : start + BATCH]))
            embedded = encoder.embed_chips(picture for _, picture in batch)
            for (record, _), embedding in zip(batch, embedded, strict=True):
                known[record.crop] = embedding
                if store:
                    store.put(record, embedding)
            yield TrackEmbedding(before + min(start + BATCH, len(missing)), len(wanted))
    finally:
        if store:
            store.save()
    seen = {key: [r for r in records if r.crop in known] for key, records in chosen.items()}
    return {key: _portrait(records, known) for key, records in seen.items() if records}


def _best_records(records: Sequence[FaceRecord]) -> list[FaceRecord]:
    clarities = [track_embedding.record_clarity(record) for record in records]
    return [records[place] for place in track_embedding.best_faces(clarities)]


def _chips(faces: FaceSet, records: Sequence[FaceRecord]) -> Iterator[tuple[FaceRecord, Image]]:
    for record in records:
        try:
            crop = faces.crop(record)
        except UserError:
            continue
        yield record, cut_chip(crop, geometry.transform(record.landmarks, record.matrix))


def _portrait(records: Sequence[FaceRecord], known: Mapping[str, FloatArray]) -> TrackPortrait:
    clarities = [track_embedding.record_clarity(record) for record in records]
    embeddings = np.stack([known[record.crop] for record in records])
    return TrackPortrait(track_embedding.combine_embeddings(embeddings, clarities), max(clarities))


def tracks_in_one_picture(tracks: Mapping[TrackKey, Sequence[FaceRecord]]) -> list[tuple[TrackKey, TrackKey]]:
    """Pairs of tracks of which some frame shows both: they are two people."""
    by_frame: dict[tuple[int, int], list[TrackKey]] = {}
    for key, records in tracks.items():
        for record in records:
            by_frame.setdefault((record.source, record.frame), []).append(key)
    pairs = {(min(a, b), max(a, b)) for keys in by_frame.values() for a in keys for b in keys if a != b}
    return sorted(pairs)
