"""A photo that moves as the faces of a clip do: what the pipeline runs over the driver's video."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.base import ConvertProgress, EffectInput, EffectStream, PreparedEffect
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.effects.reenact.layout import Points, face_layout
from faceswap_cli.effects.reenact.motion import require_dense
from faceswap_cli.errors import UserError
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.portrait.animate.driven_faces import AnimatedFace, DrivenFace
from faceswap_cli.portrait.animate.idle import idle_motion
from faceswap_cli.portrait.animate.motion import DriverMotion, follow_driver
from faceswap_cli.portrait.animate.mouth import skin_tone
from faceswap_cli.portrait.animate.options import AnimateOptions
from faceswap_cli.portrait.animate.render import Portrait, draw_frame
from faceswap_cli.portrait.animate.shape import beyond_limit, match_photo
from faceswap_cli.portrait.animate.stream import PuppetStream

VERSION = 2
"""Raised when the same settings begin to give other pictures."""

TONE_FRAMES = 5
"""Of the driver, that say how light its skin is."""

BESIDE = 0.1
"""Share of a driver's frames in which another face may be seen before it counts as a clip of two people."""


@dataclass(frozen=True)
class AnimateStages:
    """See `base.EffectStages`. A frame depends on no other one: all that is steadied is so beforehand."""

    image: Image
    faces: Sequence[DrivenFace]
    options: AnimateOptions

    def draw(self, frames: Iterable[Frame], plan: FacePlan) -> Iterator[Frame]:
        """See EffectStages."""
        layout = face_layout()
        for frame in frames:
            canvas = self.image.copy()
            for one in self.faces:
                draw_frame(
                    one.face.portrait, one.photo, one.motion, frame.index, self.options, layout,
                    one.interior(frame), canvas,
                )  # fmt: skip
            yield replace(frame, image=canvas, picture=None, fine=None)

    def composite(self, drawn: Iterable[Frame]) -> Iterator[Frame]:
        """See EffectStages."""
        yield from drawn

    def mask(self, drawn: Iterable[Frame]) -> Iterator[Image]:
        """See EffectStages."""
        for frame in drawn:
            changed = (frame.image != self.image).any(-1)
            yield np.repeat((255 * changed).astype(np.uint8)[..., None], 3, -1)


@dataclass(frozen=True)
class AnimateEffect:
    """See `base.FaceEffect`.

    Attributes:
        image: (H, W, 3) uint8, the photo.
        faces: those of it that move.
        options: how.
        idle: seconds of a loop that each face moves through by itself; None: it follows a driver.
    """

    image: Image
    faces: Sequence[AnimatedFace]
    options: AnimateOptions = field(default_factory=AnimateOptions)
    idle: float | None = None

    @property
    def outcome(self) -> str:
        """See FaceEffect."""
        return "animated"

    def check(self) -> None:
        """See FaceEffect."""
        self.options.check()

    @property
    def cache_key(self) -> list[Any]:
        """See FaceEffect."""
        faces = [
            [_digest(one.portrait.points), one.target, one.mouth and _digest(one.mouth.image)]
            for one in self.faces
        ]
        return ["animate", VERSION, _digest(self.image), faces, asdict(self.options), self.idle]

    def prepare(self, clip: EffectInput) -> Generator[ConvertProgress, None, PreparedEffect[AnimateStages]]:
        """See FaceEffect: the driver's rest and its motion come from the whole clip."""
        yield from ()
        if self.idle is not None:
            return PreparedEffect(self._move_idly(clip, self.idle), clip.targets)
        require_dense(clip.tracks.dense, f"the faces of {clip.source.name}")
        layout, neutral = face_layout(), self._neutral(clip)
        driven, targets, notes = [], dict[int, int](), list[str]()
        for one in self.faces:
            chosen = _driver_tracks(clip, one.target)
            targets.update(dict.fromkeys(chosen, one.target))
            motion = follow_driver(clip.tracks, chosen, self.options.smoothing, neutral)
            photo = match_photo(one.portrait.head, motion, layout)
            gain = _mouth_gain(clip, chosen, one.portrait)
            driven.append(DrivenFace(one, motion, photo, gain))
            notes += _notes(clip, chosen, motion, one, self.options)
        return PreparedEffect(AnimateStages(self.image, driven, self.options), targets, notes=notes)

    def open_stream(self) -> EffectStream:
        """See `base.StreamingEffect`: one face moves."""
        return PuppetStream(self.image, self.faces[0], self.options)

    def warn(self, plan: FacePlan) -> Iterator[str]:
        """See FaceEffect: all is told when the driver is looked at."""
        yield from ()

    def _move_idly(self, clip: EffectInput, seconds: float) -> AnimateStages:
        layout, driven = face_layout(), []
        for number, one in enumerate(self.faces):
            motion = idle_motion(one.portrait.head, len(clip.tracks.times), seconds, number)
            driven.append(DrivenFace(one, motion, match_photo(one.portrait.head, motion, layout), np.ones(3)))
        return AnimateStages(self.image, driven, self.options)

    def _neutral(self, clip: EffectInput) -> int | None:
        if self.options.neutral == "auto":
            return None
        last = len(clip.tracks.times) - 1
        try:
            number = int(self.options.neutral)
        except ValueError:
            number = -1
        if not 0 <= number <= last:
            raise UserError(
                f"--neutral {self.options.neutral} can't be used", f"Use auto, or a frame from 0 to {last}"
            )
        return number


def _driver_tracks(clip: EffectInput, target: int) -> list[int]:
    """The tracks of a driver, of which no two are seen at once.

    Raises:
        UserError: the clip shows two people.
    """
    tracks = [track for track, of in clip.targets.items() if of == target]
    if not tracks:
        raise UserError(f"a driver was not found in {clip.source}", "Look at --map and --driver-face")
    tracks.sort(key=lambda track: -len(clip.tracks.of_track(track)))
    chosen: list[int] = []
    taken: set[int] = set()
    beside = 0
    for track in tracks:
        frames = set(clip.tracks.frames[clip.tracks.of_track(track)].tolist())
        if frames & taken:
            beside += len(frames & taken)
            continue
        chosen.append(track)
        taken |= frames
    if beside > BESIDE * len(taken):
        raise UserError(
            f"{clip.source} shows two people at once",
            "Say who drives by --driver-face PHOTO, or cut the clip",
        )
    return sorted(chosen)


def _mouth_gain(clip: EffectInput, tracks: Sequence[int], portrait: Portrait) -> NDArray[np.float64]:
    """(3,) by which the driver's mouth becomes as light as the photo."""
    places = np.concatenate([clip.tracks.of_track(track) for track in tracks])
    some = places[np.linspace(0, len(places) - 1, TONE_FRAMES).astype(int)]
    wanted: dict[int, list[int]] = {}
    for place in sorted({int(one) for one in some}):
        wanted.setdefault(int(clip.tracks.frames[place]), []).append(place)
    dense = require_dense(clip.tracks.dense, "a face")
    tones = [
        skin_tone(frame.image, dense[place][68:, :2])
        for frame, these in clip.read_faces(wanted)
        for place in these
    ]
    own = skin_tone(portrait.image, portrait.points[:, :2])
    return np.asarray(own / np.maximum(np.median(tones, axis=0), 1.0), np.float64)


def _notes(
    clip: EffectInput,
    tracks: Sequence[int],
    motion: DriverMotion,
    face: AnimatedFace,
    options: AnimateOptions,
) -> Iterator[str]:
    """What the user should know of a driver."""
    shots = clip.tracks.shots
    cuts = len(np.unique(shots[motion.seen])) - 1 if shots is not None else 0
    if cuts:
        yield f"{clip.source.name} has {cuts} cuts: the head may jump there"
    lost = int((~motion.seen).sum())
    if lost:
        yield (
            f"in {lost} of {len(motion)} frames of {clip.source.name} no face is seen: the motion there is "
            "guessed"
        )
    if "pose" in options.regions:
        beyond = int(beyond_limit(motion, options.strength, options.yaw_limit).sum())
        if beyond:
            yield (
                f"in {beyond} of {len(motion)} frames the head would turn farther than --yaw-limit "
                f"({options.yaw_limit:g} degrees): it is held back"
            )
    if face.mouth is None and "mouth" in options.regions:
        yield "where the mouth opens farther than on the photo, the driver's teeth are seen"


def _digest(array: NDArray[Any] | Points | None) -> str:
    return "" if array is None else hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
