"""What a conversion would look like, in one picture: a few moments before the long work, or many settings.

Each moment is drawn as the conversion draws it, with the frames around it for everything that is steadied
over time; only the numbers of frames that go through the networks together differ.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from faceswap_cli.compositing import blend
from faceswap_cli.effects.base import EffectStages, FaceEffect
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.effects.swap.composite import steady_alpha
from faceswap_cli.effects.swap.effect import SwapEffect
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.effects.swap.render import RenderedFrame
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
from faceswap_cli.faces.identity.track_embedding import allowed_distance, face_clarity
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.media.frame import Image
from faceswap_cli.pipeline import assignment
from faceswap_cli.pipeline.assignment import SwapPlan
from faceswap_cli.pipeline.plan import make_plan
from faceswap_cli.pipeline.preview_clips import PreviewClip

ROOM = 2.0
"""How much of the frame a picture on a sheet shows, in heights of the face."""

LEAST_SIDE = 64
"""And at least so many pixels."""


class PreviewRenderer(Protocol):
    """All that draws a moment."""

    @property
    def cast(self) -> SwapPlan:
        """Whose faces are changed."""
        ...

    @property
    def effect(self) -> FaceEffect:
        """What changes them."""
        ...

    @property
    def done(self) -> str:
        """What becomes of faces, in a word."""
        ...

    @property
    def said(self) -> Sequence[str]:
        """What the user should know of the people."""
        ...

    def ready(self, source: Path, moments: Sequence[PreviewClip]) -> PreviewRenderer:
        """One that knows what all the moments of a source say of the people in them."""
        ...

    def stages(self, moment: PreviewClip) -> EffectStages:
        """What draws the frames of a moment."""
        ...

    def mask(self, item: Any, around: Sequence[Any]) -> Image:
        """Where a frame is changed, as grey levels (H, W, 3).

        Args:
            item: what the first of the stages made of it.
            around: the same of the moment's frames.
        """
        ...


@dataclass(frozen=True)
class SwapPreview:
    """A `PreviewRenderer` of swaps.

    Attributes:
        cast: who is replaced, and who draws the new faces.
        effect: draws them.
    """

    cast: SwapPlan
    effect: SwapEffect

    @property
    def done(self) -> str:
        """See PreviewRenderer."""
        return "replaced"

    @property
    def said(self) -> Sequence[str]:
        """See PreviewRenderer."""
        return ()

    def ready(self, source: Path, moments: Sequence[PreviewClip]) -> SwapPreview:
        """See PreviewRenderer."""
        return self

    def stages(self, moment: PreviewClip) -> EffectStages:
        """See PreviewRenderer."""
        return self.effect.ready_stages()

    def mask(self, item: Any, around: Sequence[Any]) -> Image:
        """See PreviewRenderer."""
        return _mask(item, around, self.effect.options)


@dataclass(frozen=True)
class PreviewFace:
    """A face of a moment's middle frame.

    Attributes:
        track: its track's number in the moment.
        width: of the face, in frame pixels.
        distance: to the nearest person to be replaced; None if it doesn't matter who it is.
        role: who draws it; None: it is left alone.
    """

    track: int
    width: float
    distance: float | None
    role: int | None

    @property
    def drawn(self) -> bool:
        """Whether it is replaced."""
        return self.role is not None


def faces_of_clip(moment: PreviewClip, painter: PreviewRenderer) -> list[PreviewFace]:
    """The faces of a moment's middle frame, and which of them are replaced."""
    if moment.found is None:
        return []
    seen, cast = moment.found, painter.cast
    places = np.nonzero(seen.frames == moment.middle)[0]
    verdicts = [_verdict(moment, int(place), cast) for place in places] if cast.asks_who else []
    roles = assignment.assign_tracks(cast, verdicts, seen.frames[places], seen.tracks[places]).roles
    if not cast.asks_who:
        roles = {int(seen.tracks[place]): 0 for place in places}
    nearest = {verdict.track: min(verdict.wanted, default=None) for verdict in verdicts}
    return [
        PreviewFace(track, _width(seen.landmarks[place]), nearest.get(track), roles.get(track))
        for place in places
        for track in [int(seen.tracks[place])]
    ]


def _verdict(moment: PreviewClip, place: int, cast: SwapPlan) -> assignment.TrackMatch:
    assert moment.found is not None
    landmarks = moment.found.landmarks[place]
    embedding = IdentityEncoder().embed(moment.frames[moment.middle].image, [landmarks])[0]
    clearness = face_clarity(float(moment.found.scores[place]), estimate_pose(landmarks), landmarks)
    return assignment.match_embedding(
        int(moment.found.tracks[place]), 1, allowed_distance(clearness, cast.threshold), embedding, cast
    )


def _width(landmarks: FloatArray) -> float:
    return float(np.linalg.norm(landmarks[16] - landmarks[0]))


def plan_clip(moment: PreviewClip, painter: PreviewRenderer) -> FacePlan | None:
    """The faces to draw in a moment's frames; None if there are none."""
    if moment.found is None:
        return None
    roles = {one.track: one.role for one in faces_of_clip(moment, painter) if one.role is not None}
    alone = set(moment.found.track_numbers()) - set(roles)
    return make_plan(moment.found, painter.effect.options.smoothing, alone, roles)


def render_preview(moment: PreviewClip, painter: PreviewRenderer) -> tuple[Image, Image]:
    """A moment's middle frame with its faces drawn, and where: the mask as grey levels (H, W, 3)."""
    frame = moment.frames[moment.middle]
    nothing = np.zeros_like(frame.image)
    plan = plan_clip(moment, painter)
    if plan is None:
        return frame.image, nothing
    stages = painter.stages(moment)
    drawn = list(stages.draw(moment.frames, plan))
    done = next(itertools.islice(stages.composite(drawn), moment.middle, None))
    return done.image, painter.mask(drawn[moment.middle], drawn)


def _mask(item: RenderedFrame, around: Sequence[RenderedFrame], options: SwapOptions) -> Image:
    mask = np.zeros_like(item.frame.image)
    for face in item.faces:
        alpha = steady_alpha(face, item.frame, around, options)
        white = np.ones((*alpha.shape, 3), np.float32)
        blend.paste(mask, white, alpha, face.matrix)
    return mask


def preview_window(moment: PreviewClip, plan: FacePlan | None) -> tuple[int, int, int, int]:
    """The part of the frame to show, x0 y0 x1 y1: around the faces that are drawn, all of it if none."""
    height, width = moment.frames[moment.middle].image.shape[:2]
    faces = plan.faces(moment.middle) if plan is not None else []
    if not faces:
        return 0, 0, width, height
    points = np.concatenate([face.landmarks for face in faces])
    return window_around(points, (height, width))


def window_around(
    points: FloatArray, shape: tuple[int, int], room: float = ROOM
) -> tuple[int, int, int, int]:
    """The part of a picture (height, width) to show, x0 y0 x1 y1, for faces with landmarks (N, 2)."""
    height, width = shape
    (left, top), (right, bottom) = points.min(0), points.max(0)
    tall = min(height, max(room * (bottom - top), room * (right - left), LEAST_SIDE))
    wide = min(width, max(tall, room / 2 * (right - left)))
    x0 = int(np.clip((left + right - wide) / 2, 0, width - wide))
    # The points end at the brows: a little more above.
    y0 = int(np.clip((top + bottom - tall) / 2 - 0.06 * tall, 0, height - tall))
    return x0, y0, x0 + int(wide), y0 + int(tall)
