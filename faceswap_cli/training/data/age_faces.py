"""A face set whose people's ages are known, as an ageing network is trained with.

Ages come from a table beside the photos or in the face set, or from the photos' names: `faces.age.labels`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.faces.age.estimator import AgeEstimator
from faceswap_cli.faces.age.labels import LABELS, OLDEST, YOUNGEST, Label, from_name, read_labels
from faceswap_cli.faces.age.mask import ageing_mask
from faceswap_cli.faces.parsing.face_parser import SIDE, SIZE, FaceParser
from faceswap_cli.faces.sets.faceset import FaceRecord, FaceSet

FEWEST = 40
"""Faces without which there is nothing to learn about ages."""

SURE = 0.8
"""The estimator's word on a sex is taken from this share on."""

AT_ONCE = 32
"""Crops that are looked at together."""


@dataclass
class LabelledFaces:
    """Aligned faces with ages; see `ageing_batches.AgedFaces`.

    Attributes:
        faces: the set they lie in.
        records: theirs, N.
        age: (N,) years.
        female: (N,) 1, 0, or 0.5 where nobody knows.
        masks: (N, SIZE, SIZE) uint8, where they may change.
        side, mask_side: of crops and masks in face units.
        notes: what the user should know.
    """

    faces: FaceSet
    records: list[FaceRecord]
    age: NDArray[np.float64]
    female: NDArray[np.float64]
    masks: NDArray[np.uint8]
    side: float
    mask_side: float = SIDE
    notes: list[str] = field(default_factory=list)

    @property
    def share(self) -> NDArray[np.float64]:
        """(N,) ones: no face comes up more often than others of its age and sex."""
        return np.ones(len(self.age))

    def crop(self, index: int) -> NDArray[np.uint8]:
        """(S, S, 3) RGB."""
        return self.faces.crop(self.records[index])

    def mask(self, index: int) -> NDArray[np.uint8]:
        """(SIZE, SIZE): 255 where the face may change."""
        return np.asarray(self.masks[index])


def load_labelled_faces(faces: FaceSet, stop: Callable[[], bool] = lambda: False) -> LabelledFaces:
    """The faces of a set whose age is known: the largest of each photo.

    Raises:
        UserError: too few ages are known, a table is damaged, or a crop can't be read.
    """
    labels = _labels(faces)
    chosen, said = [], []
    for record in _largest(faces):
        label = labels.get(record.source)
        if label and YOUNGEST <= label.age <= OLDEST:
            chosen.append(record)
            said.append(label)
    if len(chosen) < FEWEST:
        raise UserError(
            f"of {len(faces.sources)} photos {len(chosen)} show a face whose age ({YOUNGEST:.0f} to "
            f"{OLDEST:.0f}) is known; {FEWEST} are too few already",
            f"Name ages in {LABELS} (file,age) beside the photos, or in the photos' names (anna_age34.jpg)",
        )
    female, masks = _seen(faces, chosen, stop)
    given = np.array([np.nan if label.female is None else label.female for label in said])
    known = np.where(np.isnan(given), female, given)
    notes = []
    if passed := len(faces.records) - len(chosen):
        notes.append(f"{passed} faces are passed over: not of known age, or second in a photo")
    ages = np.array([label.age for label in said])
    return LabelledFaces(faces, chosen, ages, known, masks, faces.side, notes=notes)


def _largest(faces: FaceSet) -> list[FaceRecord]:
    """The largest face of each photo; a labelled photo is of one person."""
    found: dict[int, FaceRecord] = {}
    for record in faces.records:
        best = found.get(record.source)
        if best is None or _extent(record) > _extent(best):
            found[record.source] = record
    return list(found.values())


def _extent(record: FaceRecord) -> float:
    return float(np.ptp(record.landmarks[:, 1]))


def _labels(faces: FaceSet) -> dict[int, Label]:
    """What is known of each source."""
    tables: dict[Path, Mapping[str, Label]] = {}

    def table(folder: Path) -> Mapping[str, Label]:
        if folder not in tables:
            file = folder / LABELS
            tables[folder] = read_labels(file) if file.is_file() else {}
        return tables[folder]

    found = {}
    for number, source in faces.sources.items():
        label = (
            table(Path(source.path).parent).get(source.name)
            or table(faces.path).get(source.name)
            or from_name(source.name)
        )
        if label:
            found[number] = label
    return found


def _seen(
    faces: FaceSet, records: list[FaceRecord], stop: Callable[[], bool]
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Sexes, by the estimator, and masks, by the parser."""
    parser, estimator = FaceParser(), AgeEstimator()
    female, masks = [], []
    for start in range(0, len(records), AT_ONCE):
        if stop():
            raise KeyboardInterrupt  # nothing is trained yet
        crops = [faces.crop(record) for record in records[start : start + AT_ONCE]]
        small = [cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for crop in crops]
        masks.append(ageing_mask(parser.probabilities(small)))  # type: ignore[arg-type]
        female += [said.female for said in estimator.estimate_crops(crops, faces.side)]
    sure = [1.0 if share > SURE else 0.0 if share < 1 - SURE else 0.5 for share in female]
    return np.array(sure), np.rint(np.concatenate(masks) * 255).astype(np.uint8)
