"""The road of drawing: a beard, glasses, make-up and freckles, drawn in the picture's own pixels.

No network draws anything. What there is already is read where it can be: a beard by its darkness, glasses by
the parser. What is asked of make-up and freckles comes beside what there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.effects.edit.beard import beard_area, draw_beard, read_beard
from faceswap_cli.effects.edit.colour_road import cut_part
from faceswap_cli.effects.edit.drawn_face import DrawnFace, see_face
from faceswap_cli.effects.edit.features import FEATURES, Value
from faceswap_cli.effects.edit.freckles import draw_freckles
from faceswap_cli.effects.edit.glasses import WORN, draw_glasses
from faceswap_cli.effects.edit.glasses_styles import NONE
from faceswap_cli.effects.edit.makeup import draw_makeup
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.faces.parsing.face_parser import FaceParser, class_share
from faceswap_cli.media.frame import FineImage, Image

PARTS = ("brows", "hair", "skin")
"""What the parser is asked for."""

WORN_ALREADY = "worn"
"""What is read of a face with glasses."""

LEAST_CLEAR = 0.45
"""Share of a place that has to be seen to be skin, for something to be drawn there."""

LEAST_BEARD = 0.12
"""A reading of less is shadow."""


@dataclass(frozen=True)
class Drawing:
    """One thing that is drawn.

    Attributes:
        before: what there is.
        after: what there shall be: a number, or a style.
        colourful: how much colour the picture has, 0..1.
    """

    before: Value
    after: Value
    colourful: float = 1.0


@dataclass(frozen=True)
class DrawnReading:
    """What is read of one thing: what there is, and why nothing can be drawn; "" where it can."""

    now: Value
    missing: str = ""


def drawn_names(names: Iterable[str]) -> list[str]:
    """Those of some features that are drawn, in the order in which they are drawn."""
    asked = set(names)
    return [name for name, feature in FEATURES.items() if feature.road == "drawn" and name in asked]


def read_drawn(
    names: Iterable[str], parser: FaceParser, image: Image, face: PlannedFace, parsed: Mapping[str, FloatMask]
) -> dict[str, DrawnReading]:
    """What there is on a face of what can be drawn.

    Args:
        names: of the features.
        parser: of faces.
        image: (H, W, 3) uint8 RGB.
        face: in its pixels, with dense points.
        parsed: PARTS, see `parts.parse_parts`.
    """
    seen = see_drawn(image, face, parsed)
    found = {}
    for name in names:
        if seen is None:
            found[name] = DrawnReading(0.0, "the face lies outside the picture")
        elif name == "glasses":
            share = class_share(parser.probabilities([parser.crop(image, face.landmarks)]), ("glasses",))
            worn = float(share.mean()) > WORN
            found[name] = DrawnReading(
                WORN_ALREADY if worn else NONE,
                "glasses are worn already, and what is behind them is not in the picture" if worn else "",
            )
        elif name == "beard":
            found[name] = _read_beard(seen.cut(image), seen)
        else:
            clear = _clear(seen, seen.bump((0.0, 0.0), 0.4, 0.3)) >= LEAST_CLEAR
            found[name] = DrawnReading(0.0, "" if clear else "the face is covered, so that nothing is drawn")
    return found


def _read_beard(picture: NDArray[np.float32], face: DrawnFace) -> DrawnReading:
    bare = DrawnFace(face.box, face.points, face.pose, {**face.mattes, "skin": np.ones_like(face.skin)})
    where = beard_area(bare)
    if _clear(face, where) < LEAST_CLEAR:
        return DrawnReading(0.0, "chin and cheeks are covered, so that nothing is drawn")
    now = read_beard(picture, face)
    return DrawnReading(round(now, 2) if now > LEAST_BEARD else 0.0)


def _clear(face: DrawnFace, where: FloatMask) -> float:
    """How much of a place is skin."""
    return float((face.skin * where).sum() / max(float(where.sum()), 1e-6))


def see_drawn(
    canvas: Image | FineImage, face: PlannedFace, parsed: Mapping[str, FloatMask]
) -> DrawnFace | None:
    """A face that something is drawn on; None if it lies outside the picture."""
    assert face.dense is not None
    regions = {name: cut_part(name, canvas, face.landmarks, face.dense, parsed, np.inf) for name in PARTS}
    return see_face(canvas, face.dense, regions)


def apply_drawings(
    canvas: Image | FineImage,
    face: PlannedFace,
    parsed: Mapping[str, FloatMask],
    drawings: Mapping[str, Drawing],
) -> NDArray[np.bool_] | None:
    """Draw on a face, in place.

    Args:
        canvas: (H, W, 3) RGB in 0..255.
        face: in its pixels, with dense points.
        parsed: PARTS, see `parts.parse_parts`.
        drawings: what, by feature.

    Returns:
        (H, W) where; None if it lies outside the picture.
    """
    seen = see_drawn(canvas, face, parsed)
    if seen is None:
        return None
    picture = seen.cut(canvas)
    where = np.zeros(picture.shape[:2], np.float32)
    for name in drawn_names(drawings):
        np.maximum(where, _draw(name, picture, seen, drawings[name]), out=where)
    seen.put(canvas, picture, where)
    x0, y0, x1, y1 = seen.box
    made = np.zeros(canvas.shape[:2], np.bool_)
    made[y0:y1, x0:x1] = where > 0
    return made


def _draw(name: str, picture: NDArray[np.float32], face: DrawnFace, drawing: Drawing) -> FloatMask:
    if name == "glasses":
        return draw_glasses(picture, face, str(drawing.after))
    after = float(drawing.after)
    if name == "beard":
        return draw_beard(picture, face, float(drawing.before), after, drawing.colourful)
    if name == "makeup":
        return draw_makeup(picture, face, after, drawing.colourful)
    return draw_freckles(picture, face, after, drawing.colourful)


def plan_drawing(
    name: str, reading: DrawnReading, value: Value, strength: float, colourful: float
) -> Drawing | None:
    """What is drawn so that a feature becomes what is asked for; None if it is so already, or can't be."""
    if name == "glasses":
        return (
            Drawing(reading.now, value, colourful)
            if value not in (NONE, reading.now) and strength > 0
            else None
        )
    before, after = float(reading.now), float(value)
    after = before + strength * (after - before)
    return Drawing(before, min(after, FEATURES[name].high), colourful) if after > before + 0.02 else None
