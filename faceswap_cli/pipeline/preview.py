"""What a conversion would look like, seen in a few moments: for previews, sheets and dry runs.

All moments together are one short clip, whose frames and tracks are numbered anew: an effect prepares for it
as for the whole video. Each moment is drawn as the conversion draws it, with the frames around it for
everything that is steadied over time. The guard is asked as by the conversion itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from faceswap_cli.compositing.contact_sheet import window_around
from faceswap_cli.effects.base import EffectInput, EffectStages, FaceEffect, PreparedEffect, run_to_end
from faceswap_cli.effects.frame_window import BLOCK, COLOUR_REACH
from faceswap_cli.effects.planned_faces import FacePlan, plan_faces
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.pipeline.assignment import Assignment, SwapPlan, assign_faces
from faceswap_cli.pipeline.checks import check_children
from faceswap_cli.pipeline.frame_sources import FramesInMemory
from faceswap_cli.pipeline.preview_clips import PreviewClip

T = TypeVar("T")

SPACING = -(-(3 * COLOUR_REACH + 1) // BLOCK) * BLOCK
"""Numbers from a moment's first frame to the next one's: a moment has up to 2 * COLOUR_REACH + 1 frames,
begins with a block, and is out of the next one's reach."""


@dataclass(frozen=True)
class PreviewFace:
    """A face of a moment's middle frame.

    Attributes:
        track: its track's number.
        width: of the face, in frame pixels.
        distance: to the nearest person to be changed; None if it doesn't matter who it is.
        target: which of the plan's targets it is; None: it is left alone.
    """

    track: int
    width: float
    distance: float | None
    target: int | None

    @property
    def drawn(self) -> bool:
        """Whether it is changed."""
        return self.target is not None


@dataclass(frozen=True)
class ChosenClips:
    """Moments whose faces are chosen, and may be changed.

    Attributes:
        clips: their frames and tracks numbered as in `together`.
        together: all of them as one clip.
        assignment: whose faces they are.
    """

    clips: Sequence[PreviewClip]
    together: EffectInput
    assignment: Assignment


@dataclass(frozen=True)
class Preview:
    """Moments, and an effect that is ready to draw them.

    Attributes:
        chosen: the moments.
        prepared: the effect.
        plan: which faces it changes, where.
    """

    chosen: ChosenClips
    prepared: PreparedEffect[EffectStages]
    plan: FacePlan

    @property
    def clips(self) -> Sequence[PreviewClip]:
        """The moments."""
        return self.chosen.clips

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know of the people who are changed."""
        return self.prepared.notes

    def faces(self, clip: PreviewClip) -> list[PreviewFace]:
        """The faces of a moment's middle frame, and which of them are changed."""
        faces, matches = self.chosen.together.tracks, self.chosen.assignment.matches
        distances = {match.track: min(match.wanted, default=None) for match in matches}
        return [
            PreviewFace(
                track, _width(faces.landmarks[place]), distances.get(track), self.prepared.targets.get(track)
            )
            for place in faces.of_frame(_middle(clip).index)
            for track in [int(faces.tracks[place])]
        ]

    def convert(self, clip: PreviewClip) -> list[Frame]:
        """All frames of a moment with their faces changed."""
        stages = self.prepared.stages
        return list(stages.composite(stages.draw(clip.frames, self.plan)))

    def render(self, clip: PreviewClip) -> tuple[Image, Image]:
        """A moment's middle frame with its faces changed, and where: the mask as grey levels (H, W, 3)."""
        stages = self.prepared.stages
        drawn = list(stages.draw(clip.frames, self.plan))
        done = _nth(stages.composite(drawn), clip.middle)
        return done.image, _nth(stages.mask(drawn), clip.middle)

    def changes(self, clip: PreviewClip) -> bool:
        """Whether anybody in a moment's middle frame is changed."""
        return bool(self.plan.faces(_middle(clip).index))

    def window(self, clip: PreviewClip) -> tuple[int, int, int, int]:
        """The part of the frame to show, x0 y0 x1 y1: around the changed faces, all of it if none."""
        height, width = _middle(clip).image.shape[:2]
        faces = self.plan.faces(_middle(clip).index)
        if not faces:
            return 0, 0, width, height
        return window_around(np.concatenate([face.landmarks for face in faces]), (height, width))


def choose_faces(info: MediaInfo, clips: Sequence[PreviewClip], plan: SwapPlan) -> ChosenClips:
    """Decide whose faces are changed in a few moments of a video, or in a photo.

    Raises:
        Refusal: by the plan's guard, as of the whole: nudity, or a face that would be changed looks like a
            child's.
    """
    is_photo = info.kind == "photo"
    if plan.guard and is_photo:
        plan.guard.check_picture(info.path, clips[0].frames[0].image)
    elif plan.guard:
        plan.guard.check_video(info)
    clips, together = _join(info.path, clips, is_photo)
    assignment = run_to_end(assign_faces(together, plan))
    together = replace(together, targets=assignment.targets)
    if plan.guard:
        check_children(together, plan.guard)
    return ChosenClips(clips, together, assignment)


def prepare_preview(chosen: ChosenClips, effect: FaceEffect) -> Preview:
    """Let an effect find out what it must know of the moments.

    Like the conversion, but from these alone: what is told of people, an age say, may differ somewhat.
    """
    effect.check()
    prepared = run_to_end(effect.prepare(chosen.together))
    plan = plan_faces(chosen.together.tracks, prepared.targets, effect.options.smoothing)
    return Preview(chosen, prepared, plan)


def _join(
    source: Path, clips: Sequence[PreviewClip], is_photo: bool
) -> tuple[list[PreviewClip], EffectInput]:
    """Moments with frames and tracks numbered anew, and all of them as one clip."""
    joined: list[PreviewClip] = []
    times = np.zeros(SPACING * len(clips))
    tracks = 0
    for number, clip in enumerate(clips):
        first = SPACING * number
        frames = [replace(frame, index=first + frame.index) for frame in clip.frames]
        faces = replace(clip.faces, frames=clip.faces.frames + first, tracks=clip.faces.tracks + tracks)
        times[first : first + SPACING] = frames[-1].time
        times[first : first + len(frames)] = [frame.time for frame in frames]
        tracks += len(faces.track_numbers())
        joined.append(replace(clip, frames=frames, faces=faces))
    together = EffectInput(
        source,
        FaceTracks.concatenate([clip.faces for clip in joined], times),
        FramesInMemory([frame for clip in joined for frame in clip.frames]),
        is_photo=is_photo,
    )
    return joined, together


def _middle(clip: PreviewClip) -> Frame:
    return clip.frames[clip.middle]


def _nth(items: Iterator[T], number: int) -> T:
    return next(itertools.islice(items, number, None))


def _width(landmarks: FloatArray) -> float:
    return float(np.linalg.norm(landmarks[16] - landmarks[0]))
