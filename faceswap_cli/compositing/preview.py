"""What a conversion would look like, in one picture: a few moments before the long work, or many settings.

Each moment is drawn as the conversion draws it, with the frames around it for everything that is steadied
over time; only the numbers of frames that go through the networks together differ.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing import blend, who
from faceswap_cli.compositing.drawing import DrawnFrame, composite, draw, steady_alpha
from faceswap_cli.compositing.moments import Moment
from faceswap_cli.compositing.options import ConvertOptions
from faceswap_cli.compositing.plan import Plan, make_plan
from faceswap_cli.faces.identity import IdentityEncoder
from faceswap_cli.faces.looks import allowed, clarity
from faceswap_cli.faces.parsing import FaceParser
from faceswap_cli.faces.pose import pose
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.renderer import Renderer

ROOM = 2.0
"""How much of the frame a picture on a sheet shows, in heights of the face."""

LEAST_SIDE = 64
"""And at least so many pixels."""


@dataclass(frozen=True)
class Painter:
    """All that draws a moment, but the settings.

    Attributes:
        renderer: draws the new faces.
        parser: for masks that need it.
        reference: (K, 128) identity embeddings of the person to replace; None replaces everyone.
    """

    renderer: Renderer
    parser: FaceParser | None = None
    reference: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Person:
    """A face of a moment's middle frame.

    Attributes:
        track: its track's number in the moment.
        width: of the face, in frame pixels.
        distance: to the person to replace; None if everyone is replaced.
        drawn: whether it is replaced.
    """

    track: int
    width: float
    distance: float | None
    drawn: bool


def people(moment: Moment, reference: NDArray[np.float32] | None) -> list[Person]:
    """The faces of a moment's middle frame, and which of them are replaced."""
    if moment.found is None:
        return []
    seen = []
    for place in np.nonzero(moment.found.frames == moment.middle)[0]:
        landmarks = moment.found.landmarks[place]
        distance, drawn = None, True
        if reference is not None:
            image = moment.frames[moment.middle].image
            embedding = IdentityEncoder().embed(image, [landmarks])[0]
            distance = who.distance(embedding, reference)
            drawn = distance <= allowed(
                clarity(float(moment.found.scores[place]), pose(landmarks), landmarks)
            )
        width = float(np.linalg.norm(landmarks[16] - landmarks[0]))
        seen.append(Person(int(moment.found.tracks[place]), width, distance, drawn))
    return seen


def plan_of(moment: Moment, options: ConvertOptions, reference: NDArray[np.float32] | None) -> Plan | None:
    """The faces to draw in a moment's frames; None if there are none."""
    if moment.found is None:
        return None
    wanted = people(moment, reference if options.identity else None)
    alone = {person.track for person in wanted if not person.drawn}
    return make_plan(moment.found, options.smoothing, alone)


def paint(moment: Moment, options: ConvertOptions, painter: Painter) -> tuple[Image, Image]:
    """A moment's middle frame swapped, and where: the mask as grey levels (H, W, 3)."""
    frame = moment.frames[moment.middle]
    nothing = np.zeros_like(frame.image)
    plan = plan_of(moment, options, painter.reference)
    if plan is None:
        return frame.image, nothing
    drawn = list(draw(moment.frames, plan, painter.renderer, options, painter.parser))
    swapped = next(itertools.islice(composite(drawn, options), moment.middle, None))
    return swapped.image, _mask(drawn[moment.middle], drawn, options)


def _mask(item: DrawnFrame, around: Sequence[DrawnFrame], options: ConvertOptions) -> Image:
    mask = np.zeros_like(item.frame.image)
    for face in item.faces:
        alpha = steady_alpha(face, item.frame, around, options)
        white = np.ones((*alpha.shape, 3), np.float32)
        blend.paste(mask, white, alpha, face.matrix)
    return mask


def window(moment: Moment, plan: Plan | None) -> tuple[int, int, int, int]:
    """The part of the frame to show, x0 y0 x1 y1: around the faces that are drawn, all of it if none."""
    height, width = moment.frames[moment.middle].image.shape[:2]
    faces = plan.faces(moment.middle) if plan is not None else []
    if not faces:
        return 0, 0, width, height
    points = np.concatenate([face.landmarks for face in faces])
    (left, top), (right, bottom) = points.min(0), points.max(0)
    tall = min(height, max(ROOM * (bottom - top), ROOM * (right - left), LEAST_SIDE))
    wide = min(width, max(tall, ROOM / 2 * (right - left)))
    x0 = int(np.clip((left + right - wide) / 2, 0, width - wide))
    # The points end at the brows: a little more above.
    y0 = int(np.clip((top + bottom - tall) / 2 - 0.06 * tall, 0, height - tall))
    return x0, y0, x0 + int(wide), y0 + int(tall)
