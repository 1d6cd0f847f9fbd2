"""Parts of faces, as a parser tells them and as they are."""

import itertools
from collections.abc import Sequence

import numpy as np

from faceswap_cli.effects.edit import parts
from faceswap_cli.effects.edit.parts import crown_of, fade_ends, fill_dents, parse_parts, parse_track_parts
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import mean_face
from faceswap_cli.faces.parsing.face_parser import SIZE, FaceParser
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.perception.parsing import CLASSES


def test_a_crown_has_no_dent_and_what_may_not_be_filled_stays() -> None:
    y, x = np.mgrid[:80, :80]
    crown = np.hypot(x - 40, y - 40) < 25
    dented = (crown & ~(np.hypot(x - 40, y - 15) < 8)).astype(np.float32)
    above = y < 45
    filled = np.maximum(dented, fill_dents(dented, above))
    assert (filled[above & crown] > 0.5).mean() > 0.98 and dented[above & crown].mean() < 0.95
    assert not fill_dents(dented, above)[~above].any() and filled[np.hypot(x - 40, y - 40) > 28].max() < 0.01
    assert not fill_dents(np.zeros((8, 8), np.float32), np.ones((8, 8), bool)).any()


class CountingParser(FaceParser):
    """Says that what is light is hair, and counts the faces that it is asked about."""

    def __init__(self) -> None:
        super().__init__("cpu")
        self.asked = 0

    def probabilities(self, crops: Sequence[Image]) -> FloatArray:
        found = np.zeros((len(crops), len(CLASSES), SIZE, SIZE), np.float32)
        found[:, CLASSES.index("hair")] = np.stack([crop.mean(-1) / 255 for crop in crops])
        found[:, CLASSES.index("skin")] = 1 - found[:, CLASSES.index("hair")]
        self.asked += len(crops) // VIEWS
        return found


VIEWS = 5  # of a face, where hair is asked for


def scene(bright: int, top: int = 20, track: int = 0) -> tuple[Image, PlannedFace]:
    """A dark picture with a light bar above a face, and that face."""
    image = np.full((160, 160, 3), 20, np.uint8)
    image[top : top + 40, 50:110] = bright
    return image, PlannedFace(track, (mean_face(64, 2.0) + 48).astype(np.float32))


def ask(faces: Sequence[tuple[Image, PlannedFace]]) -> tuple[int, list[FloatArray]]:
    """How many faces were parsed, and where each one's hair is."""
    parser = CountingParser()
    found = parse_track_parts(parser, faces, ("hair",))
    return parser.asked, [one["hair"] for one in found]


def alone(face: tuple[Image, PlannedFace]) -> FloatArray:
    return parse_parts(CountingParser(), [(face[0], face[1].landmarks)], ("hair",))[0]["hair"]


def test_of_frames_that_look_alike_a_few_are_parsed() -> None:
    faces = [scene(200 + (k % 2)) for k in range(8)]
    asked, hair = ask(faces)
    assert asked == 3
    assert all(np.abs(one - alone(face)).max() < 0.02 for one, face in zip(hair, faces, strict=True))


def test_between_two_answers_nothing_jumps() -> None:
    faces = [scene(200 + 2 * k) for k in range(5)]
    asked, hair = ask(faces)
    assert asked == 2
    steps = [float(np.abs(b - a).max()) for a, b in itertools.pairwise(hair)]
    assert max(steps) < 1.5 * np.mean(steps) and np.array_equal(hair[4], alone(faces[4]))


def test_what_moves_fast_is_parsed_anew_and_a_jump_is_not_smeared() -> None:
    for faces in (
        [scene(220, 20 + 12 * k) for k in range(5)],
        [scene(220, 20 if k < 2 else 70) for k in range(5)],
    ):
        _, hair = ask(faces)
        assert all(np.abs(one - alone(face)).max() < 0.02 for one, face in zip(hair, faces, strict=True))


def test_another_track_has_answers_of_its_own() -> None:
    faces = [scene(220, 20 + 50 * (k % 2), k % 2) for k in range(8)]
    asked, hair = ask(faces)
    assert asked == 4
    assert all(np.abs(one - alone(face)).max() < 0.02 for one, face in zip(hair, faces, strict=True))


HEIGHT = (((np.arange(parts.SIZE) + 0.5) / parts.SIZE - 0.5)[:, None] * parts.SIDE).astype(np.float32)
"""(SIZE, 1) face units below the face's middle; its transpose: to the right of it."""


def test_between_a_head_and_another_ones_hair_nothing_is_filled() -> None:
    across = np.abs(HEIGHT.T - 1.0)
    hair = ((HEIGHT < -1.1) & (HEIGHT > -1.6) & (across > 0.25) & (across < 1.2)).astype(np.float32)
    filled = fill_dents(hair, crown_of(HEIGHT))
    assert filled[(HEIGHT < -1.1) & (HEIGHT > -1.6) & (np.abs(HEIGHT.T - 0.3) < 0.2)].min() > 0.5
    assert not filled[:, HEIGHT[:, 0] > 1.05].any()


def test_hair_that_is_longer_than_the_square_is_not_cut_off_along_a_line() -> None:
    share = fade_ends(HEIGHT)[:, 0]
    assert (share[HEIGHT[:, 0] < 0.9] == 1).all()
    assert share[-1] == 0
    assert np.abs(np.diff(share)).max() < 0.025
