"""What a face's features are, and from that what is done to it so that they become what is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.apply_change import measure_colourfulness
from faceswap_cli.compositing.colour.recolour import PartColour, PartMove
from faceswap_cli.compositing.colour.spaces import to_space
from faceswap_cli.effects.edit.attribute_road import read_attribute
from faceswap_cli.effects.edit.colour_road import (
    MISSING,
    PART_OF,
    Scene,
    cut_part,
    is_seen,
    measure_colour,
    parser_parts,
    plan_colour,
    read_colour,
)
from faceswap_cli.effects.edit.drawn_road import (
    PARTS,
    Drawing,
    DrawnReading,
    drawn_names,
    plan_drawing,
    read_drawn,
)
from faceswap_cli.effects.edit.features import FEATURES, Value, show_value
from faceswap_cli.effects.edit.parts import parse_parts
from faceswap_cli.effects.edit.shape_moves import ShapeChange
from faceswap_cli.effects.edit.shape_road import read_shapes, see_shape
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.errors import UserError
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Image

MEASURED = 90.0
"""Pixels to a face unit in which colours are measured, at most."""

LIGHTEST, WHITE = 0.98, 93.0
"""Quantile of the lightness in a face's square that tells the exposure, and what it is in good light."""

CHROMA, TINTED = (2.0, 6.0), 0.6
"""Mean CIELAB chroma of a face's square in grey pictures, and in those of one hue; and how much colour the
latter, such as a film's grading, get."""

SAME = 0.02
"""Numbers nearer than this are the same."""


@dataclass(frozen=True)
class FaceReading:
    """What the features of a face are.

    Attributes:
        shapes: by name.
        colours: what parts look like, by their names.
        scene: in what light.
        drawn: what there is of what can be drawn, by name.
    """

    shapes: Mapping[str, float]
    colours: Mapping[str, PartColour]
    scene: Scene
    drawn: Mapping[str, DrawnReading] = field(default_factory=dict)


@dataclass(frozen=True)
class FaceEdit:
    """What is done to a face.

    Attributes:
        colours: what moves each part's colours, by feature.
        shapes: how its shape changes, by feature; attributes are among them.
        drawn: what is drawn, by feature.
        lines: what is read and what becomes of it, in words.
        missing: why features are left alone, in words.
    """

    colours: Mapping[str, PartMove] = field(default_factory=dict)
    shapes: Mapping[str, ShapeChange] = field(default_factory=dict)
    drawn: Mapping[str, Drawing] = field(default_factory=dict)
    lines: Sequence[str] = ()
    missing: Sequence[str] = ()

    def __bool__(self) -> bool:
        """Whether anything is done."""
        return bool(self.colours or self.shapes or self.drawn)


def require_points(dense: FloatArray | None, names: Iterable[str]) -> None:
    """Raise a UserError where features can't be changed for want of dense points."""
    if dense is None and any(_wants_points(name) for name in names):
        raise UserError(
            "shapes, lips, eyes and what is drawn can't be changed with these landmarks",
            "Use --landmarks auto",
        )


def _wants_points(name: str) -> bool:
    """Whether a feature can't be changed without dense points."""
    return FEATURES[name].road != "colour" or name in ("lips", "iris", "teeth")


def read_face(parser: FaceParser, image: Image, face: PlannedFace, names: Mapping[str, Value]) -> FaceReading:
    """What some features of a face are.

    Args:
        parser: of faces.
        image: (H, W, 3) uint8 RGB.
        face: in its pixels.
        names: of the features.
    """
    shapes = [name for name in names if FEATURES[name].road == "shape"]
    found: dict[str, float] = {}
    if shapes:
        assert face.dense is not None and face.expression is not None
        found = read_shapes(shapes, see_shape(face.dense, face.expression))
    found |= {
        name: read_attribute(name, image, face.landmarks)
        for name in names
        if FEATURES[name].road == "attribute"
    }
    parts = sorted({PART_OF[name] for name in names if name in PART_OF})
    drawn = drawn_names(names)
    if not parts and not drawn:
        return FaceReading(found, {}, Scene())
    [parsed] = parse_parts(parser, [(image, face.landmarks)], asked_parts(names))
    colours = {
        part: measure_colour(cut_part(part, image, face.landmarks, face.dense, parsed, MEASURED))
        for part in parts
    }
    there = read_drawn(drawn, parser, image, face, parsed) if drawn else {}
    return FaceReading(found, colours, _see_scene(parser.crop(image, face.landmarks)), there)


def asked_parts(names: Iterable[str]) -> list[str]:
    """The parts that the parser is asked for, for features to change."""
    asked = dict.fromkeys(names, 0.0)
    return sorted({*parser_parts(asked), *(PARTS if drawn_names(asked) else ())})


def _see_scene(crop: NDArray[np.uint8]) -> Scene:
    """In what light a face is seen, by its parser's crop."""
    light = crop.astype(np.float32) / np.float32(255)
    lab = to_space(light, "lab")
    lightest = float(np.quantile(lab[..., 0], LIGHTEST))
    chroma = float(np.hypot(lab[..., 1], lab[..., 2]).mean())
    low, high = CHROMA
    tinted = TINTED * float(np.clip((chroma - low) / (high - low), 0, 1))
    return Scene(float(np.clip(lightest / WHITE, 0.5, 1.0)), max(measure_colourfulness(light), tinted))


def combine_readings(readings: Sequence[FaceReading]) -> FaceReading:
    """Several readings of one person as one: medians, of colours over those that see the part."""
    if len(readings) == 1:
        return readings[0]
    shapes = {name: float(np.median([one.shapes[name] for one in readings])) for name in readings[0].shapes}
    colours = {}
    for part in readings[0].colours:
        seen = [one.colours[part] for one in readings if is_seen(part, one.colours[part])]
        every = seen or [one.colours[part] for one in readings]
        colours[part] = PartColour(
            np.median([one.mean for one in every], axis=0),
            float(np.median([one.spread for one in every])),
            float(np.median([one.area for one in every])),
        )
    scene = Scene(
        float(np.median([one.scene.exposure for one in readings])),
        float(np.median([one.scene.colourful for one in readings])),
    )
    drawn = {name: _middle([one.drawn[name] for one in readings]) for name in readings[0].drawn}
    return FaceReading(shapes, colours, scene, drawn)


def _middle(readings: Sequence[DrawnReading]) -> DrawnReading:
    """The one in the middle, of those that say that something can be drawn, if there are as many."""
    able = [one for one in readings if not one.missing]
    some = able if 2 * len(able) >= len(readings) else [one for one in readings if one.missing]
    return sorted(some, key=lambda one: str(one.now))[len(some) // 2]


def plan_edit(reading: FaceReading, wanted: Mapping[str, Value], strength: float = 1.0) -> FaceEdit:
    """What is done to a face so that its features become what is asked for."""
    colours: dict[str, PartMove] = {}
    shapes: dict[str, ShapeChange] = {}
    drawn: dict[str, Drawing] = {}
    lines, missing = [], []
    for name, value in wanted.items():
        reached: Value = value
        if name in PART_OF:
            part = PART_OF[name]
            if not is_seen(part, reading.colours[part]):
                missing.append(f"{name}: {MISSING[part]}, so that nothing is painted")
                continue
            now = read_colour(name, reading.colours[part], reading.scene)
            move = plan_colour(name, value, reading.colours[part], reading.scene)
            if move is not None:
                colours[name] = move
        elif name in reading.drawn:
            there = reading.drawn[name]
            now = there.now
            if there.missing:
                missing.append(f"{name}: {there.missing}")
                continue
            drawing = plan_drawing(name, there, value, strength, reading.scene.colourful)
            if drawing is not None:
                drawn[name] = drawing
                reached = drawing.after if isinstance(drawing.after, str) else round(drawing.after, 2)
            elif not isinstance(now, str) and not isinstance(value, str) and value < now - 0.05 and strength:
                missing.append(f"{name}: {show_value(now)} is there, and none of it can be taken away")
                continue
        else:
            assert not isinstance(value, str)
            now = round(reading.shapes[name], 2)
            if abs(value - reading.shapes[name]) >= SAME:
                change = ShapeChange.limited(name, reading.shapes[name], value)
                shapes[name] = change.scaled(strength)
                reached = round(change.after, 2)
        same = name not in {*colours, *shapes, *drawn}
        lines.append(f"{name} {show_value(now)} -> {_becomes(value, reached, same)}")
    return FaceEdit(colours, shapes, drawn, lines, missing)


def _becomes(value: Value, reached: Value, same: bool) -> str:
    """What becomes of a feature, in words."""
    if same:
        return "as it is already"
    return show_value(reached) + ("" if reached == value else f" ({show_value(value)} can't be drawn)")
