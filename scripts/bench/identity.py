"""How fast and how surely faces are told apart here: time a face, false rejects and false accepts.

python -m scripts.bench.identity --pairs LONDON [--strangers FOLDER...] [--tracks FACES...] [--most N]

A folder of pictures may hold a labels.csv with the columns file and sex, and id where one person has
several pictures. `--pairs` has several of each person, `--strangers` one. `--tracks` are face sets of one
person each.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.faces.face import Face
from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.faces.geometry import interocular
from faceswap_cli.faces.identity.embeddings import choose_portraits
from faceswap_cli.faces.identity.identity_encoder import (
    CHIP,
    CHIP_SIDE,
    IdentityEncoder,
    cut_chip,
    identity_distance,
)
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.media.frame import Frame, Image

LIMITS = (0.45, 0.5, 0.55, 0.6)

EYES = (36, 24, 18, 14, 10)
"""Eye distances in pixels to which faces are shrunk."""


@dataclass(frozen=True)
class Set:
    """Faces of pictures: chips (N, 150, 150, 3), embeddings (N, 128), whose they are, and their sex."""

    chips: np.ndarray
    embeddings: np.ndarray
    people: np.ndarray
    sexes: np.ndarray


def load(folder: Path, most: int, stage: FaceAnalyser, encoder: IdentityEncoder) -> Set:
    """The largest face of each picture."""
    labels = folder / "labels.csv"
    rows = list(csv.DictReader(labels.open())) if labels.is_file() else []
    rows = rows or [{"file": path.name} for path in sorted(folder.glob("*.jpg"))]
    chips, people, sexes = [], [], []
    for row in rows[:: max(1, len(rows) // most)]:
        image = cv2.imread(str(folder / row["file"]))
        faces = stage.find([Frame(0, 0.0, image[..., ::-1].copy())])[0] if image is not None else []
        if faces:
            face: Face = max(faces, key=lambda one: interocular(one.landmarks))
            chips.append(cut_chip(image[..., ::-1].copy(), face.landmarks))
            people.append(row.get("id") or row["file"])
            sexes.append((row.get("sex") or "?")[0])
    return Set(np.stack(chips), encoder.embed_chips(chips), np.array(people), np.array(sexes))


def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.stack([identity_distance(one, b) for one in a])


def false_accepts(name: str, faces: Set) -> None:
    """Strangers that are taken for one person, of all pairs and of those of one sex."""
    rows, columns = np.triu_indices(len(faces.people), 1)
    away = apart(faces.embeddings, faces.embeddings)[rows, columns]
    strangers = faces.people[rows] != faces.people[columns]
    for sex in ("all", *sorted(set(faces.sexes) - {"?"})):
        chosen = strangers.copy()
        if sex != "all":
            chosen &= (faces.sexes[rows] == sex) & (faces.sexes[columns] == sex)
        line(f"{name}, strangers, {sex}", away[chosen], away[chosen][:, None] < LIMITS)


def false_rejects(name: str, faces: Set) -> None:
    rows, columns = np.triu_indices(len(faces.people), 1)
    away = apart(faces.embeddings, faces.embeddings)[rows, columns]
    away = away[faces.people[rows] == faces.people[columns]]
    if len(away):
        line(f"{name}, one person", away, away[:, None] > LIMITS)


def small_faces(faces: Set, encoder: IdentityEncoder) -> None:
    """The second picture of each person made small, against the first as it is."""
    first = [np.nonzero(faces.people == person)[0] for person in np.unique(faces.people)]
    pairs = np.array([two[:2] for two in first if len(two) > 1])
    if not len(pairs):
        return
    for eyes in EYES:
        shrunk = encoder.embed_chips(small(faces.chips[i], eyes) for i in pairs[:, 1])
        away = apart(faces.embeddings[pairs[:, 0]], shrunk)
        same = np.diag(away)
        line(f"eyes {eyes} px apart, one person", same, same[:, None] > LIMITS)
        others = away[~np.eye(len(away), dtype=bool)]
        line(f"eyes {eyes} px apart, strangers", others, others[:, None] < LIMITS)


def small(picture: Image, eyes: int) -> Image:
    side = max(1, round(eyes * CHIP_SIDE))
    shrunk = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (CHIP, CHIP), interpolation=cv2.INTER_CUBIC)


def tracks(folders: Iterable[Path], encoder: IdentityEncoder) -> None:
    """Embeddings of tracks: of one set, that is one person, and of two."""
    found, owner = [], []
    for folder in folders:
        faces = FaceSet.open(folder)
        steps = choose_portraits(faces, faces.tracks(), encoder)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                found += [one.embedding for one in stop.value.values()]
                owner += [folder.name] * len(stop.value)
                break
    if len(found) < 2:
        return
    away = apart(np.stack(found), np.stack(found))
    rows, columns = np.triu_indices(len(found), 1)
    same = np.array(owner)[rows] == np.array(owner)[columns]
    away = away[rows, columns]
    line("tracks, one person", away[same], away[same][:, None] > LIMITS)
    line("tracks, strangers", away[~same], away[~same][:, None] < LIMITS)


def line(name: str, away: np.ndarray, wrong: np.ndarray) -> None:
    if len(away):
        spread = " ".join(f"{value:.2f}" for value in np.quantile(away, [0, 0.05, 0.5, 0.95, 1]))
        shares = "".join(f"{100 * share:9.3f}" for share in wrong.mean(0))
        print(f"{name:38}{len(away):9}  {spread}{shares}", flush=True)


def speed(encoder: IdentityEncoder) -> None:
    """Processor time of one thread, which others at work on the machine disturb less than wall time."""
    import torch

    torch.set_num_threads(1)
    noise = np.random.default_rng(0).integers(0, 255, (32, CHIP, CHIP, 3), np.uint8)
    for count in (1, 8, 32):
        encoder.embed_chips(noise[:count])
        best = float("inf")
        for _ in range(5):
            started = time.process_time()
            encoder.embed_chips(noise[:count])
            best = min(best, time.process_time() - started)
        print(f"{count:3} faces at once: {1e3 * best / count:.1f} ms a face")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--strangers", type=Path, nargs="*", default=[])
    parser.add_argument("--tracks", type=Path, nargs="*", default=[])
    parser.add_argument("--most", type=int, default=1000, help="pictures of a folder, about")
    options = parser.parse_args()
    encoder = IdentityEncoder()
    speed(encoder)
    stage = build_analyser(device="cpu")
    print(f"{'':38}{'pairs':>9}  least 5% half 95% most  ", end="")
    print("".join(f"{limit:>8}%" for limit in LIMITS) + "  wrong at")
    if options.pairs:
        pairs = load(options.pairs, options.most, stage, encoder)
        false_rejects(options.pairs.name, pairs)
        false_accepts(options.pairs.name, pairs)
        small_faces(pairs, encoder)
    for folder in options.strangers:
        false_accepts(folder.name, load(folder, options.most, stage, encoder))
    tracks(options.tracks, encoder)


if __name__ == "__main__":
    main()
