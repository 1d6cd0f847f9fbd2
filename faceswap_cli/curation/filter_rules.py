"""Which faces of a set fail which demands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.curation.filter_options import FilterRules
from faceswap_cli.curation.measures import Measured, MeasureProgress, measure_brightness, stored_measure
from faceswap_cli.curation.similarity import (
    SimilarityResult,
    embeddings,
    measure_similarity,
    nearest_distances,
)
from faceswap_cli.curation.sort import check_complete
from faceswap_cli.errors import UserError
from faceswap_cli.faces.identity.identity_encoder import THRESHOLD, IdentityEncoder
from faceswap_cli.faces.sets.crop_files import crop_name
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import CROPS
from faceswap_cli.faces.tracking.false_positive_tracks import find_doubtful
from faceswap_cli.limits import read_limited

MINIMA = {
    "size": "smaller than {:g} px",
    "sharpness": "sharpness below {:g}",
    "score": "score below {:g}",
    "confidence": "landmarks' confidence below {:g}",
    "quality": "quality below {:g}",
    "brightness": "darker than {:g}",
}
"""Figures that may be demanded to be at least so large, and what is said of faces that fall short."""

MAXIMA = {
    "yaw": "turned by more than {:g} degrees (yaw)",
    "pitch": "looking up or down by more than {:g} degrees (pitch)",
    "roll": "tilted by more than {:g} degrees (roll)",
    "brightness": "lighter than {:g}",
}
"""Figures that may be demanded to be at most so large; of angles their absolute value counts."""


@dataclass(frozen=True)
class FailingFaces:
    """The faces that fail.

    Attributes:
        reasons: why, by crop name.
        unreadable: crops that could not be measured and fail for no other reason: they stay.
        likenesses: the faces they were compared with.
    """

    reasons: Mapping[str, Sequence[str]]
    unreadable: int
    likenesses: tuple[SimilarityResult, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many faces fail for each reason; one may fail for several."""
        return dict(Counter(reason for reasons in self.reasons.values() for reason in reasons))


def apply_rules(faces: FaceSet, rules: FilterRules) -> Generator[MeasureProgress, None, FailingFaces]:
    """Find the faces of a set that fail.

    Raises:
        UserError: a list can't be read or names unknown crops, there is no such track, the extraction is not
            finished and so tracks are not known, or a photo is missing or has no face.
    """
    failing: dict[str, list[str]] = {}
    unreadable: set[str] = set()

    def crops(where: NDArray[np.bool_]) -> list[str]:
        return [faces.records[place].crop for place in np.flatnonzero(where)]

    def fail(bad: NDArray[np.bool_], reason: str) -> None:
        for crop in crops(bad):
            failing.setdefault(crop, []).append(reason)

    for bad, reason in _told(faces, rules):  # the quick ones first: they may end in an error
        fail(bad, reason)
    likenesses = [measure_similarity(photo, IdentityEncoder()) for photo in (*rules.like, *rules.unlike)]
    measured: dict[str, NDArray[np.float64]] = {}
    for name, bound, reason, is_least in _bounds(rules):
        if name not in measured:
            measured[name] = yield from _measure(faces, name)
        fail(measured[name] < bound if is_least else measured[name] > bound, reason)
    if likenesses:
        found = yield from embeddings(faces, IdentityEncoder())
        measured["identity"] = found[:, 0]
        for bad, reason in _unlike(found, likenesses, rules):
            fail(bad, reason)
    for values in measured.values():
        unreadable.update(crops(np.isnan(values)))
    return FailingFaces(failing, len(unreadable - set(failing)), tuple(likenesses))


def _unlike(
    found: NDArray[np.float64], likenesses: Sequence[SimilarityResult], rules: FilterRules
) -> list[tuple[NDArray[np.bool_], str]]:
    """Faces that resemble nobody they should, and those that resemble somebody they should not."""
    threshold = THRESHOLD if rules.threshold is None else rules.threshold
    like, unlike = likenesses[: len(rules.like)], likenesses[len(rules.like) :]
    told = []
    if like:
        told.append((nearest_distances(found, like) > threshold, f"not like {_names(like)}"))
    if unlike:
        told.append((nearest_distances(found, unlike) <= threshold, f"like {_names(unlike)}"))
    return told


def _names(likenesses: Sequence[SimilarityResult]) -> str:
    return " or ".join(one.photo.name for one in likenesses)


def _bounds(rules: FilterRules) -> list[tuple[str, float, str, bool]]:
    """Each bound: the figure, the bound, what is said, whether it is a lower one."""
    least = [(name, bound, MINIMA[name].format(bound), True) for name, bound in rules.least.items()]
    most = [(name, bound, MAXIMA[name].format(bound), False) for name, bound in rules.most.items()]
    return least + most


def _measure(faces: FaceSet, name: str) -> Measured:
    if name == "brightness":
        return (yield from measure_brightness(faces))
    values = stored_measure(faces, name)
    return np.abs(values) if name in ("yaw", "pitch", "roll") else values


def _told(faces: FaceSet, rules: FilterRules) -> list[tuple[NDArray[np.bool_], str]]:
    """Faces that fail because of their track, or because somebody says so."""
    told = []
    if rules.list is not None:
        names = _listed(faces, rules.list)
        told.append((_where(faces, lambda record: record.crop in names), f"on the list {rules.list.name}"))
    if rules.tracks or rules.doubtful:
        check_complete(faces)
    for wanted in rules.tracks:
        key = _track(faces, wanted)
        told.append((_where(faces, lambda r, key=key: (r.source, r.track) == key), f"of track {wanted}"))
    if rules.doubtful:
        # Crops that are gone count as well: a track is not doubtful because half of it was deleted.
        why = find_doubtful([*faces.records, *faces.deleted])
        told.append((_where(faces, lambda r: (r.source, r.track) in why), "of a doubtful track"))
    return told


def _where(faces: FaceSet, wanted: Callable[..., bool]) -> NDArray[np.bool_]:
    return np.array([wanted(record) for record in faces.records], bool)


def _track(faces: FaceSet, wanted: str) -> tuple[int, int]:
    """The source and number of a track.

    Raises:
        UserError: there is none, or several.
    """
    name, _, number = wanted.rpartition(":")
    keys = {(record.source, record.track) for record in [*faces.records, *faces.deleted]}
    found = [
        key for key in sorted(keys) if str(key[1]) == number and name in ("", faces.sources[key[0]].name)
    ]
    if not found:
        raise UserError(
            f"{faces.path} has no track {wanted}", "Look for tracks on the review sheet; use N or SOURCE:N"
        )
    if len(found) > 1:
        first, second = (f"{faces.sources[source].name}:{number}" for source, _ in found[:2])
        raise UserError(
            f"{len(found)} sources have a track {number}", f"Say which one: {first} or {second}, for example"
        )
    return found[0]


def _listed(faces: FaceSet, path: Path) -> set[str]:
    """The crops that a list names, by crop name; lines may be paths and have ranks.

    Raises:
        UserError: it can't be read, or names crops that the set never had.
    """
    try:
        lines = read_limited(path, "card_bytes").decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UserError(
            f"the list {path} can't be read: {reason}", "Save one from the review sheet, sheet.html"
        ) from error
    named = [line.strip().replace("\\", "/").rpartition("/")[2] for line in lines if line.strip()]
    known = {record.crop for record in [*faces.records, *faces.deleted]}
    unknown = [file for file in named if crop_name(file) not in known]
    if unknown:
        raise UserError(
            f"{len(unknown)} of {len(named)} names on {path} are no crops of {faces.path} "
            f"({unknown[0]}{', ...' if len(unknown) > 1 else ''})",
            f"Nothing was moved. Use a list made for this set, one file name of {CROPS} a line",
        )
    return {crop_name(file) for file in named}
