from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from faceswap_cli.curation import grouping
from faceswap_cli.curation.grouping import check_names, merge_people, write_people
from faceswap_cli.curation.people import cluster_tracks
from faceswap_cli.curation.people_groups import UNSORTED, GroupingResult
from faceswap_cli.errors import UserError
from faceswap_cli.faces.identity.embeddings import (
    STORE,
    EmbeddingStore,
    TrackPortrait,
    choose_portraits,
    tracks_in_one_picture,
)
from faceswap_cli.faces.identity.identity_encoder import NUMBERS, IdentityEncoder
from faceswap_cli.faces.identity.track_embedding import (
    allowed_distance,
    best_faces,
    combine_embeddings,
    face_clarity,
)
from faceswap_cli.faces.sets.faceset import FaceSet
from tests.face_sets import contents, make_set, record


def greedy(
    points: np.ndarray, threshold: float, apart: set[tuple[int, int]], weights: np.ndarray
) -> list[list[int]]:
    """The definition, pair by pair: join the nearest two again and again."""
    groups = [[n] for n in range(len(points))]
    squares = ((points[:, None] - points) ** 2).sum(-1)
    while True:
        nearest = (threshold**2, -1, -1)
        for i, one in enumerate(groups):
            for j, other in enumerate(groups[:i]):
                if any((a, b) in apart or (b, a) in apart for a in one for b in other):
                    continue
                share = np.outer(weights[one], weights[other])
                away = float((share * squares[np.ix_(one, other)]).sum() / share.sum())
                nearest = min(nearest, (away, j, i))
        _, i, j = nearest
        if i < 0:
            return sorted(sorted(group) for group in groups)
        groups[i] += groups.pop(j)


@pytest.mark.parametrize("seed", range(12))
def test_clusters_are_those_of_the_definition(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 28))
    points, weights = random.normal(size=(count, 3)), random.uniform(0.2, 3, count)
    apart = {(int(a), int(b)) for a, b in random.integers(0, count, (count // 2, 2)) if a != b}
    threshold = float(random.uniform(0.3, 3))
    before = points.copy(), weights.copy()
    found = cluster_tracks(points, threshold, apart, weights)
    assert found == greedy(points, threshold, apart, weights)
    assert (points == before[0]).all() and (weights == before[1]).all()


def test_nothing_and_one_thing_are_clusters_too() -> None:
    assert cluster_tracks(np.zeros((0, 128)), 0.5) == []
    assert cluster_tracks(np.zeros((1, 128)), 0.5) == [[0]]
    assert cluster_tracks(np.zeros((4, 128)), 0.5) == [[0, 1, 2, 3]]
    assert cluster_tracks(np.zeros((3, 128)), 0.5, [(0, 1), (0, 2), (1, 2)]) == [[0], [1], [2]]


def somebody(person: int, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """An embedding near `person`'s own; two people are about .85 apart."""
    own = np.random.default_rng(person).normal(size=NUMBERS) * 0.6 / np.sqrt(NUMBERS)
    off = np.random.default_rng(1000 + seed).normal(size=NUMBERS) * noise / np.sqrt(NUMBERS)
    return (own + off).astype(np.float32)


def test_poor_tracks_join_a_person_but_make_none() -> None:
    known = {(0, n): TrackPortrait(somebody(n % 2, 0.2, n), 0.9) for n in range(4)}
    known[0, 8] = TrackPortrait(somebody(0, 0.3, 8), 0.05)
    known[0, 9] = TrackPortrait(somebody(7), 0.05)
    assert merge_people(known, [], 0.45) == [[(0, 0), (0, 2), (0, 8)], [(0, 1), (0, 3)]]
    held = merge_people(known, [((0, 0), (0, 2)), ((0, 2), (0, 8))], 0.45)
    assert held == [[(0, 0), (0, 8)], [(0, 1), (0, 3)], [(0, 2)]]


def test_tracks_of_one_frame_are_two_people() -> None:
    tracks = {
        (0, 0): [record("a.jpg", 3), record("b.jpg", 4)],
        (0, 1): [record("c.jpg", 4)],
        (0, 2): [record("d.jpg", 5)],
        (1, 0): [record("e.jpg", 4, source=1)],
    }
    assert tracks_in_one_picture(tracks) == [((0, 0), (0, 1))]


def test_looks() -> None:
    points = record("a.jpg", 0).landmarks
    ahead = face_clarity(0.99, (0, 0, 0), points)
    assert ahead > 0.8
    for worse in (
        face_clarity(0.99, (45, 0, 0), points),
        face_clarity(0.99, (0, 0, 0), points / 3),
        face_clarity(0.99, (0, 0, 0), points, 0.05),
        face_clarity(0.99, (0, 0, 0), points, confidence=0.4),
    ):
        assert worse < 0.7 * ahead
        assert allowed_distance(worse) >= allowed_distance(ahead)
    assert best_faces([0.1, 0.9, 0.2, 0.3, 0.8, 0.7], 2) == [1, 4]
    assert best_faces([0.5], 7) == [0]
    two = np.stack([somebody(1), somebody(2)])
    assert np.linalg.norm(combine_embeddings(two, [0.9, 0.1]) - two[0]) < 0.05


@pytest.fixture
def crowd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two videos; tracks 0 and 1 of the first and 0 of the second are one person, who shares no frame with
    herself; track 2 is another. A third video shows someone in one frame."""
    path = make_set(
        tmp_path / "faces", 9, "one.mp4", track=lambda k: k // 3, level=lambda k: 40 + 20 * (k // 6)
    )
    make_set(path, 4, "two.mp4", level=lambda k: 40)
    make_set(path, 1, "three.mp4", level=lambda k: 200)

    def by_level(self: IdentityEncoder, chips: Sequence[np.ndarray]) -> np.ndarray:
        """Grey crops stand for people: here only the grouping is looked at, not the network."""
        levels = [int(np.median(one)) // 20 for one in chips]
        return np.stack([somebody(level) for level in levels]) if levels else np.zeros((0, 128), np.float32)

    monkeypatch.setattr(IdentityEncoder, "embed_chips", by_level)
    return path


def group(path: Path, **options: object) -> GroupingResult:
    steps = grouping.find_people(FaceSet.open(path), IdentityEncoder(), **options)
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        return stop.value


def test_people_become_face_sets(crowd: Path, tmp_path: Path) -> None:
    (crowd / "crops" / "one_000001_0.jpg").unlink()
    before = contents(crowd), (crowd / "faces.jsonl").read_bytes()
    found = group(crowd, names=["Ann"])
    assert [(p.name, p.faces, p.tracks) for p in found.people] == [
        ("Ann", 9, ((0, 0), (0, 1), (1, 0))),
        ("person_2", 3, ((0, 2),)),
    ]
    assert (found.singles, found.unsorted, found.faces) == (1, ((2, 0),), 13)
    write_people(FaceSet.open(crowd), found, tmp_path / "people")
    assert (contents(crowd), (crowd / "faces.jsonl").read_bytes()) == before
    ann = FaceSet.open(tmp_path / "people" / "Ann")
    assert len(ann) == 9 and [r.crop for r in ann.deleted] == ["one_000001_0.jpg"]
    assert {s.name: (s.faces, s.complete) for s in ann.sources.values()} == {
        "one.mp4": (6, True),
        "two.mp4": (4, True),
        "three.mp4": (0, True),
    }
    everything = {**contents(tmp_path / "people" / "person_2"), **contents(tmp_path / "people" / UNSORTED)}
    assert {**contents(tmp_path / "people" / "Ann"), **everything} == before[0]
    page = (tmp_path / "people" / "people.html").read_text(encoding="utf-8")
    assert page.index("Ann") < page.index("person_2") < page.index(UNSORTED)
    assert (tmp_path / "people" / "people.jpg").stat().st_size > 1000
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["faces", "people"]


def test_a_folder_that_is_in_use_is_left_alone(crowd: Path, tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="not empty"):
        write_people(FaceSet.open(crowd), group(crowd), tmp_path / "people")
    assert [entry.name for entry in (tmp_path / "people").iterdir()] == ["letter.txt"]


def test_unfinished_and_empty_sets_are_refused(crowd: Path) -> None:
    index = crowd / "faces.jsonl"
    whole = index.read_text()
    index.write_text(whole.replace('"complete":true', '"complete":false', 1))
    with pytest.raises(UserError, match=r"only a part of one\.mp4"):
        group(crowd)
    index.write_text(whole)
    for crop in (crowd / "crops").iterdir():
        crop.unlink()
    with pytest.raises(UserError, match="holds no faces"):
        group(crowd)


@pytest.mark.parametrize("names", [["a/b"], [""], ["x", "X"], ["unsorted"], ["person_3"], ["a."], ["a\n"]])
def test_names_that_are_no_folders_names_are_refused(names: list[str]) -> None:
    with pytest.raises(UserError, match="--names"):
        check_names(names)


def test_embeddings_are_kept_while_the_crop_is_the_same(crowd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = group(crowd)
    assert (crowd / STORE).is_file()
    asked: list[int] = []
    embed = IdentityEncoder.embed_chips

    def counted(self: IdentityEncoder, chips: object) -> np.ndarray:
        pictures = list(chips)
        asked.append(len(pictures))
        return embed(self, pictures)

    monkeypatch.setattr(IdentityEncoder, "embed_chips", counted)
    assert group(crowd) == first and sum(asked) == 0
    changed = crowd / "crops" / "two_000002_0.jpg"
    changed.write_bytes((crowd / "crops" / "one_000007_0.jpg").read_bytes() + b" ")
    group(crowd)
    assert sum(asked) == 1
    (crowd / STORE).write_bytes(b"not a store")
    group(crowd)
    assert sum(asked) == 15


def test_what_was_measured_before_an_interruption_is_kept(
    crowd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faceswap_cli.faces.identity.embeddings.BATCH", 4)
    faces = FaceSet.open(crowd)
    steps = choose_portraits(faces, faces.tracks(), IdentityEncoder(), EmbeddingStore(faces))
    assert [next(steps).done for _ in range(3)] == [0, 4, 8]
    steps.close()
    assert next(choose_portraits(faces, faces.tracks(), IdentityEncoder(), EmbeddingStore(faces))).done == 8
