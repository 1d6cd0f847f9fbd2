"""A stream from a camera to its outputs.

Three threads, each a frame ahead of the next at most: one keeps the camera's newest frame, one finds and
follows faces, one draws. Outputs take what is drawn in threads of their own, so that nothing waits for them.
A frame nobody has time for is left out, never put aside: what is shown is always of now.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from faceswap_cli.effects.base import EffectStream
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.pipeline.assignment import SwapPlan
from faceswap_cli.pipeline.live.cameras import Feed
from faceswap_cli.pipeline.live.follow import FaceFollower, Sight
from faceswap_cli.pipeline.live.guard_watch import GuardWatch
from faceswap_cli.pipeline.live.options import LiveOptions
from faceswap_cli.pipeline.live.outputs.base import Output, Shown
from faceswap_cli.pipeline.live.painter import Painted, Painter
from faceswap_cli.pipeline.live.people import PeopleAtCamera
from faceswap_cli.pipeline.live.quality import QualityControl
from faceswap_cli.pipeline.live.slots import Handover, Newest
from faceswap_cli.pipeline.live.stats import LiveStats
from faceswap_cli.pipeline.live.steady import Steadier
from faceswap_cli.provenance.label import free_corner
from faceswap_cli.provenance.label_corner import Corner
from faceswap_cli.provenance.pixels import PixelMarks

STRENGTH_STEP = 0.1


@dataclass(frozen=True)
class Captured:
    """A frame of the camera, and when it was there (`time.monotonic`)."""

    frame: Frame
    at: float


@dataclass(frozen=True)
class Sighted:
    """A frame in which faces were looked for.

    Attributes:
        captured: it.
        frame: the same, as small as it is worked on.
        sight: what was found.
        waited, found: seconds until it was begun, and that it took.
    """

    captured: Captured
    frame: Frame
    sight: Sight
    waited: float
    found: float


@dataclass
class Controls:
    """What a person may change while it runs.

    Attributes:
        paused: outputs keep their last picture.
        mirror: the camera's picture is turned about.
        next_face: asks for the next one.
        learn_anew: asks to learn faces again: how they rest, and how old they look.
        stronger: steps by which the strength shall change.
    """

    paused: bool = False
    mirror: bool = False
    next_face: bool = False
    learn_anew: bool = False
    stronger: int = 0


@dataclass(frozen=True)
class LiveEffect:
    """What is done to whom.

    Attributes:
        stream: the effect, begun.
        plan: whose faces are changed.
        smoothing: of landmarks, see `EffectOptions`.
        corner: where the label stands.
        label: whether outputs show it that may do without.
    """

    stream: EffectStream
    plan: SwapPlan
    smoothing: float = 1.0
    corner: Corner = Corner.LOWER_RIGHT
    label: bool = True


class LiveSession:
    """Runs a stream; see the module.

    Args:
        feed: the camera.
        effect: what is done.
        analyser: finds faces.
        options: how.
        outputs: where it goes; they are opened already.
        watch: is shown every frame with what was drawn in it, for figures.
    """

    def __init__(
        self,
        feed: Feed,
        effect: LiveEffect,
        analyser: FaceAnalyser,
        options: LiveOptions,
        outputs: Sequence[Output],
        watch: Callable[[Frame, Painted], None] | None = None,
    ) -> None:
        self.feed, self.options, self.outputs = feed, options, outputs
        self.controls = Controls(mirror=options.mirror)
        self.stats = LiveStats()
        self.notes: deque[str] = deque()
        self._effect, self._watch = effect, watch
        self._quality = QualityControl(options.quality, feed.fps)
        self._guard = GuardWatch(effect.plan.guard, feed.name)
        self._follower = FaceFollower(analyser)
        self._steadier = Steadier(effect.smoothing, options.delay > 0)
        people = PeopleAtCamera(effect.plan, IdentityEncoder())
        self._painter = Painter(effect.stream, people, self._steadier, self._guard, options.when_lost)
        self._corner = effect.corner
        self.width, self.height = output_size(effect.stream, feed)
        self._newest, self._sighted = Newest[Captured](), Handover[Sighted]()
        self._stop, self._ended = threading.Event(), threading.Event()
        self._errors: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._guarded, args=(work, after), name=name, daemon=True)
            for name, work, after in (
                ("capture", self._capture, self._newest.close),
                ("find", self._find, self._sighted.close),
                ("draw", self._draw, self._end),
            )
        ]

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more: the camera is gone, it was stopped, or something failed."""
        return self._ended.is_set()

    @property
    def strength(self) -> float | None:
        """Of the effect, see `EffectStream`."""
        return self._effect.stream.strength

    def start(self) -> None:
        """Begin."""
        self._guard.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let what has begun come out, and end."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; whether it has ended."""
        return self._ended.wait(seconds)

    def close(self) -> None:
        """End, and close the outputs.

        Raises:
            Refusal: by the guard.
            UserError: an output can't be written any more.
        """
        self.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(10)
        self._guard.close()
        with contextlib.ExitStack() as stack:
            for output in self.outputs:
                stack.callback(output.close)
        self.stats.dropped = self._newest.dropped
        for error in (self._guard.refusal, self._guard.error, *self._errors):
            if error is not None:
                raise error

    def _guarded(self, work: Callable[[], None], after: Callable[[], None]) -> None:
        """Run a thread's work; what fails there is raised by `close`."""
        try:
            work()
        except BaseException as error:
            self._errors.append(error)
            self.stop()
        finally:
            after()

    def _end(self) -> None:
        """Nothing is drawn any more: nobody shall wait for it."""
        self.stop()
        self._sighted.close()
        self._ended.set()

    def _capture(self) -> None:
        with contextlib.closing(self.feed.read()) as frames:
            for frame in frames:
                if self._stop.is_set() or 0 < self.options.seconds <= frame.time:
                    return
                if not self.controls.paused:
                    self._newest.put(Captured(frame, time.monotonic()))

    def _find(self) -> None:
        while (captured := self._next_captured()) is not None:
            begun = time.monotonic()
            frame = captured.frame
            if self.controls.mirror:
                frame = replace(frame, image=np.ascontiguousarray(frame.image[:, ::-1]))
            level = self._quality.level
            small = replace(frame, image=_scaled(frame.image, level.scale))
            sight = self._follower.follow(small, level.every)
            took = time.monotonic() - begun
            self._sighted.put(
                Sighted(replace(captured, frame=frame), small, sight, begun - captured.at, took)
            )

    def _next_captured(self) -> Captured | None:
        # Where drawing is slower than finding, a frame looked at sooner would only grow old.
        self._sighted.wait_taken()
        return self._newest.take()

    def _draw(self) -> None:
        waiting: deque[tuple[Sighted, bool]] = deque()
        while (one := self._sighted.take()) is not None:
            if self.options.delay > 0:
                for face in one.sight.faces:
                    if not face.doubt:
                        self._steadier.see(one.frame.time, face.face)
                if one.sight.fresh:  # it may have been in the frames before, since the detector looked last
                    waiting = deque((before, True) for before, _ in waiting)
            waiting.append((one, False))
            while waiting and one.frame.time - waiting[0][0].frame.time >= self.options.delay:
                self._come_out(*waiting.popleft())
        while waiting and not self._stop.is_set():
            self._come_out(*waiting.popleft())

    def _come_out(self, one: Sighted, hidden: bool) -> None:
        """Draw a frame and give it to the outputs."""
        if self._guard.refusal or self._guard.error:
            self.stop()
            return
        begun = time.monotonic()
        self._turn_dials(one.sight)
        painted = self._painter.paint(one.frame, one.sight, hidden, self._quality.level)
        image = _sized(painted.image, self.width, self.height)
        shown = self._label(image, one, painted)
        for output in self.outputs:
            output.show(shown)
        self._count(one, painted, begun)
        if self._watch is not None:
            self._watch(one.frame, painted)

    def _label(self, image: Image, one: Sighted, painted: Painted) -> Shown:
        height, width = image.shape[:2]
        scale = width / one.frame.image.shape[1]
        if painted.drawn and self._effect.stream.still is None:
            points = np.stack([face.landmarks for face in painted.drawn]) * scale
            self._corner = free_corner(self._corner, points, height, width)
        labelled = PixelMarks(None, self._corner).on_photo(image)
        plain = labelled if self._effect.label else image
        return Shown(labelled, plain, one.captured.frame.image, one.frame.time, not painted.reason)

    def _count(self, one: Sighted, painted: Painted, begun: float) -> None:
        now, stats = time.monotonic(), self.stats
        stats.shown += 1
        stats.drawn += not painted.reason
        stats.seen += painted.seen
        if painted.reason:
            stats.covered[painted.reason] += 1
        for stage, seconds in (
            ("wait", one.waited),
            ("find", one.found),
            ("draw", now - begun),
            ("whole", now - one.captured.at),
        ):
            stats.time(stage, seconds)
        stats.seconds = max(stats.seconds, one.frame.time)
        self.notes.extend(self._effect.stream.take_notes())
        if painted.drawn and (told := self._quality.timed(one.found, now - begun)):
            self.notes.append(told)

    def _turn_dials(self, sight: Sight) -> None:
        controls, stream = self.controls, self._effect.stream
        if controls.next_face:
            controls.next_face = False
            chosen = self._painter.next_face(sight)
            self.notes.append("all faces are changed" if chosen is None else "only the next face is changed")
        if controls.learn_anew:
            controls.learn_anew = False
            self._painter.learn_anew()
            self.notes.append("faces are learnt anew: look at the camera, calmly")
        steps, controls.stronger = controls.stronger, 0
        if steps and stream.strength is not None:
            stream.strength = float(np.clip(stream.strength + steps * STRENGTH_STEP, 0.1, 1.0))
            self.notes.append(f"strength {stream.strength:.1f}")


def output_size(stream: EffectStream, feed: Feed) -> tuple[int, int]:
    """Width and height of what comes out."""
    if stream.still is None:
        return feed.width, feed.height
    return stream.still.shape[1], stream.still.shape[0]


def _scaled(image: Image, scale: float) -> Image:
    return _sized(image, round(image.shape[1] * scale), round(image.shape[0] * scale))


def _sized(image: Image, width: int, height: int) -> Image:
    """A picture at that size: smaller by area, larger smoothly."""
    if image.shape[:2] == (height, width):
        return image
    way = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=way), np.uint8)
