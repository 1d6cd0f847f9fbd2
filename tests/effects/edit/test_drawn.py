"""Beards, glasses, make-up and freckles on a photo's face, and what is said where they can't be."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.effects.edit.beard import beard_area, read_beard
from faceswap_cli.effects.edit.drawn_road import (
    Drawing,
    DrawnReading,
    apply_drawings,
    plan_drawing,
    read_drawn,
    see_drawn,
)
from faceswap_cli.effects.edit.freckles import COUNT, spots
from faceswap_cli.effects.edit.glasses_styles import NONE, STYLES
from faceswap_cli.effects.edit.parts import parse_parts
from faceswap_cli.effects.edit.plan import asked_parts
from faceswap_cli.effects.edit.strands import draw_strands
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Frame

PICTURE = Path(__file__).resolve().parents[2] / "data" / "face.jpg"
NAMES = ("beard", "glasses", "makeup", "freckles")


@pytest.fixture(scope="module")
def seen():
    """A picture, its face, the parser and what it says."""
    image = np.ascontiguousarray(cv2.imread(str(PICTURE))[..., ::-1])
    face = build_analyser(thorough=True).find([Frame(0, 0.0, image)])[0][0]
    planned = PlannedFace(0, face.landmarks, 0, face.dense, face.expression)
    parser = FaceParser()
    [parsed] = parse_parts(parser, [(image, face.landmarks)], asked_parts(NAMES))
    return image, planned, parser, parsed


def draw(seen, **drawings):
    image, face, _, parsed = seen
    canvas = image.copy()
    made = apply_drawings(
        canvas, face, parsed, {name: Drawing(0.0, value) for name, value in drawings.items()}
    )
    return canvas, made


@pytest.mark.parametrize("name", NAMES)
def test_pixels_change_where_it_is_said_and_nowhere_else(seen, name):
    canvas, made = draw(seen, **{name: "round" if name == "glasses" else 0.8})
    changed = (canvas != seen[0]).any(-1)
    assert changed.sum() > 100 and not (changed & ~made).any() and made.mean() < 0.4


def test_the_same_is_drawn_every_time(seen):
    assert np.array_equal(draw(seen, beard=0.7, freckles=0.5)[0], draw(seen, beard=0.7, freckles=0.5)[0])


def test_more_of_a_beard_is_darker_and_is_read_as_more(seen):
    _, face, _, parsed = seen
    shades, readings = [], []
    for amount in (0.3, 0.6, 1.0):
        canvas, _ = draw(seen, beard=amount)
        drawn = see_drawn(canvas, face, parsed)
        where = beard_area(drawn)
        shades.append(float((drawn.cut(canvas).mean(-1) * where).sum() / where.sum()))
        readings.append(read_beard(drawn.cut(canvas), drawn))
    assert shades[0] > shades[1] > shades[2] and readings[0] <= readings[1] <= readings[2]


def test_sunglasses_darken_the_eyes_and_clear_ones_do_not(seen):
    image, face, _, _ = seen
    eyes = np.rint(face.landmarks[36:48]).astype(int)
    before, dark, clear = (
        picture[eyes[:, 1], eyes[:, 0]].mean()
        for picture in (image, draw(seen, glasses="sunglasses")[0], draw(seen, glasses="thin")[0])
    )
    assert dark < 0.5 * before and clear > 0.75 * before


def test_freckles_keep_clear_of_eyes_and_lips(seen):
    image, face, _, _ = seen
    canvas, _ = draw(seen, freckles=1.0)
    changed = (canvas != image).any(-1)
    for some in ([36, 37, 38, 39, 40, 41], [42, 43, 44, 45, 46, 47], range(48, 60)):
        ring = face.landmarks[list(some)]
        inside = np.zeros(changed.shape, np.uint8)
        ring = ring.mean(0) + 0.6 * (ring - ring.mean(0))
        cv2.fillPoly(inside, [np.rint(ring).astype(np.int32)], 1)
        assert changed.any() and not changed[inside > 0].any()
    assert len(spots()) <= COUNT


def test_a_grey_picture_stays_grey(seen):
    image, face, _, parsed = seen
    grey = np.repeat(image.mean(-1, keepdims=True).astype(np.uint8), 3, axis=2)
    canvas = grey.copy()
    drawings = {"makeup": Drawing(0.0, 1.0, 0.0), "freckles": Drawing(0.0, 1.0, 0.0)}
    apply_drawings(canvas, face, parsed, drawings)
    assert np.abs(canvas.astype(int) - canvas.mean(-1, keepdims=True)).max() <= 3 and (canvas != grey).any()


def test_a_covered_chin_gets_no_beard(seen):
    image, face, parser, _ = seen
    scarf = image.copy()
    scarf[int(face.landmarks[33, 1]) :] = (40, 90, 160)
    [parsed] = parse_parts(parser, [(scarf, face.landmarks)], asked_parts(NAMES))
    found = read_drawn(["beard"], parser, scarf, face, parsed)["beard"]
    assert "covered" in found.missing
    assert not read_drawn(["beard"], parser, image, face, seen[3])["beard"].missing


def test_worn_glasses_are_seen(seen):
    image, face, parser, parsed = seen
    assert read_drawn(["glasses"], parser, image, face, parsed)["glasses"] == DrawnReading(NONE)
    worn, _ = draw(seen, glasses="sunglasses")
    found = read_drawn(["glasses"], parser, worn, face, parsed)["glasses"]
    assert "worn already" in found.missing


def test_nothing_is_planned_for_what_is_there():
    beard = DrawnReading(0.5)
    assert plan_drawing("beard", beard, 0.5, 1.0, 1.0) is None
    assert plan_drawing("beard", beard, 0.2, 1.0, 1.0) is None  # none is taken away
    assert plan_drawing("beard", beard, 1.0, 0.5, 1.0).after == 0.75
    assert plan_drawing("glasses", DrawnReading(NONE), NONE, 1.0, 1.0) is None
    assert all(plan_drawing("glasses", DrawnReading(NONE), name, 1.0, 1.0) for name in STYLES)


def test_a_hair_is_drawn_along_its_line_and_thinner_than_a_pixel_paler():
    lines = np.array([[[2.0, 10.0], [9.0, 10.0], [16.0, 10.0]]])
    strong, faint = (np.ones((20, 20, 3), np.float32) for _ in range(2))
    draw_strands(strong, lines, np.zeros((1, 3)), 1.5)
    draw_strands(faint, lines, np.zeros((1, 3)), 0.2)
    assert strong[10, 9, 0] < 0.2 < faint[10, 9, 0] < 0.9
    assert (strong[:7] == 1).all() and (strong[14:] == 1).all()
