"""A video in another style, as an effect of the pipeline: every frame is changed, whoever is in it.

A network that sees frames one by one draws each a little differently. So what it changes is averaged with
that of the frames around, pixel by pixel, as far as those show the same there: what moves is left alone.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from faceswap_cli.effects.base import ConvertProgress, EffectInput, PreparedEffect
from faceswap_cli.effects.frame_window import drop_image, with_neighbours
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.portrait.style.options import StyleOptions
from faceswap_cli.portrait.style.translate import StyleChange, StyleTranslator, lay_change

WINDOW = 0.07
"""Seconds: deviation of the Gaussian window over which changes are averaged, at smoothing 1."""

ALIKE = 12.0
"""Levels by which a pixel of another frame may differ until it counts for 0.6 only."""

VERSION = 1
"""Goes up when the same settings give other pictures."""


@dataclass(frozen=True)
class StyledFrame:
    """A frame and what is changed of it: a `frame_window.DrawnFrame`."""

    frame: Frame
    found: StyleChange

    def without_images(self) -> StyledFrame:
        """What frames after it are averaged with."""
        return StyledFrame(drop_image(self.frame), self.found)


@dataclass(frozen=True)
class StyleStages:
    """See `base.EffectStages`."""

    translator: StyleTranslator
    look: StyleOptions
    options: EffectOptions

    def draw(self, frames: Iterable[Frame], plan: FacePlan) -> Iterator[StyledFrame]:
        """See EffectStages."""
        for frame in frames:
            yield StyledFrame(frame, self.translator.find_change(frame.image))

    def composite(self, drawn: Iterable[StyledFrame]) -> Iterator[Frame]:
        """See EffectStages."""
        for item, near in with_neighbours(drawn):
            steady = average_changes(item, near, WINDOW * self.options.smoothing)
            canvas = item.frame.canvas()
            made = lay_change(canvas, steady, self.look.strength, self.look.detail)
            canvas[:] = np.rint(made) if canvas.dtype == np.uint8 else made
            yield item.frame.drawn(canvas)

    def mask(self, drawn: Iterable[StyledFrame]) -> Iterator[Image]:
        """See EffectStages: all of each frame."""
        for item in drawn:
            yield np.full(item.frame.image.shape, 255, np.uint8)


def average_changes(item: StyledFrame, near: Sequence[StyledFrame], window: float) -> StyleChange:
    """A frame's change, averaged with those around it where they show the same.

    Args:
        item: the frame.
        near: those around, itself among them.
        window: seconds; 0: it stays as it is.
    """
    own = item.found
    if window <= 0:
        return own
    seen = own.small.astype(np.float32)
    total, weights = np.zeros_like(own.change), np.zeros(own.change.shape[:2], np.float32)
    for one in near:
        if one.found.small.shape != own.small.shape:
            continue
        apart = np.abs(one.found.small - seen).mean(-1)
        late = (one.frame.time - item.frame.time) / window
        weight = np.exp(-0.5 * ((apart / np.float32(ALIKE)) ** 2 + np.float32(late * late)))
        total += weight[..., None] * one.found.change
        weights += weight
    return StyleChange(own.small, total / weights[..., None])


@dataclass(frozen=True)
class StyleEffect:
    """See `base.FaceEffect`.

    Attributes:
        translator: from one kind to the other.
        look: how.
        options: of which the smoothing counts.
    """

    translator: StyleTranslator
    look: StyleOptions
    options: EffectOptions = field(default_factory=EffectOptions)

    @property
    def outcome(self) -> str:
        """See FaceEffect."""
        return "restyled"

    def check(self) -> None:
        """See FaceEffect."""
        self.look.check()
        self.options.check()

    @property
    def cache_key(self) -> list[Any]:
        """See FaceEffect."""
        return ["style", VERSION, self.translator.cache_key, asdict(self.look), asdict(self.options)]

    def prepare(self, clip: EffectInput) -> Generator[ConvertProgress, None, PreparedEffect[StyleStages]]:
        """See FaceEffect: nothing has to be known of the clip."""
        yield from ()
        return PreparedEffect(StyleStages(self.translator, self.look, self.options), clip.targets)

    def warn(self, plan: FacePlan) -> Iterator[str]:
        """See FaceEffect."""
        yield from ()


def frame_times(source: Path) -> list[float]:
    """Seconds at which the frames of a video are shown.

    Raises:
        UserError: it can't be read.
    """
    with VideoReader(source) as frames:
        return [frame.time for frame in frames]


def whole_frames(times: Sequence[float], width: int, height: int) -> FaceTracks:
    """A track that lasts for a whole clip, so that each frame is drawn: its points stand in the middle."""
    count = len(times)
    middle = np.array([width / 2, height / 2], np.float32)
    spread = np.random.default_rng(0).uniform(-0.25, 0.25, (68, 2)).astype(np.float32)
    points = middle + spread * min(width, height)
    return FaceTracks(
        frames=np.arange(count),
        tracks=np.zeros(count, np.int64),
        landmarks=points[None].repeat(count, 0),
        scores=np.ones(count, np.float32),
        times=np.asarray(times, np.float64),
        removed=np.zeros((0, 2), np.int64),
    )
