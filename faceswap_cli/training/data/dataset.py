"""A face set as tensors: what the network is shown, what it should draw, and where that counts.

The label of every sample is the *aligned* crop itself, cut once with a good filter; only the input is
shifted, turned, zoomed and warped. So a decoder never spends capacity or sharpness on drawing a face at
every offset: whatever the input's jitter, it draws the face where alignment puts it, which is also where
convert pastes it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.errors import UserError
from faceswap_cli.faces.geometry import FACE_SIDE, transform
from faceswap_cli.faces.landmarks.dense import GROUPS
from faceswap_cli.faces.landmarks.dense_states import measure_states
from faceswap_cli.faces.landmarks.hull import raised_hull
from faceswap_cli.faces.parsing.face_parser import SIDE as PARSER_SIDE
from faceswap_cli.faces.parsing.face_parser import FaceParser, hair, occlusion
from faceswap_cli.faces.sets.faceset import FaceRecord, FaceSet
from faceswap_cli.media.frame import Image
from faceswap_cli.training.data.sampling import pose_and_expression
from faceswap_cli.training.data.state_balance import UNKNOWN
from faceswap_cli.training.engine.accelerate import take_rows

FEATURES = (np.arange(36, 42), np.arange(42, 48), np.arange(48, 60))
"""Eyes and mouth in the 68 points: where a face's expression is, and where loss counts more."""

DENSE_FEATURES = tuple(GROUPS[name] for name in ("right_lids", "left_lids", "lips_outer"))
"""The same in the dense points: the outlines of lids and lips, wherever these are at the moment."""

OPPONENT = np.array([[3**-0.5] * 3, [2**-0.5, 0, -(2**-0.5)], [6**-0.5, -2 * 6**-0.5, 6**-0.5]], np.float32)
"""RGB in [0, 1] to lightness, warm-cool and magenta-green. Orthonormal: its transpose leads back. Contrast
is matched along these axes and not along R, G and B, which all three are mostly lightness: so a face from
grey-graded footage takes on the other's colourfulness, red lips included."""

LEAST_FREE = 0.4
"""When less of a face than this is called free, the parser is thought wrong (it calls very dark faces so),
and the whole face is learnt."""

LOW_PASS, LEAST_LOW_PASS = 0.3, 0.1
"""Standard deviation, in crop pixels, of the low-pass before shrinking to 1 / sqrt(2); below the second,
nothing is done."""

BROAD, FINGERTIP = 32, 18
"""What covers the face is broad from twice this part of the side on, and nothing is learnt up to that part of
the side around it."""

MOST_FACES = 6000
"""Of a larger face set so many faces are taken, evenly spread, where samples lie in memory or on a card:
1.2 GB at 128 px, 4 GB at 256 px. Samples that are read memory-mapped may be more, see `cache`."""

PICTURES = ("wide", "target", "mask", "weight", "free")
"""What is large in Faces."""

LEAST_FACES = 4
"""Fewer pictures of a person than this are refused."""


@dataclass(frozen=True)
class Faces:
    """One person's samples, all uint8 but the statistics; N samples, R the network's resolution.

    Attributes:
        wide: (N, 3, W, W) RGB with a margin around the network's square, source of the warped inputs.
        target: (N, 3, R, R) RGB, what the network should draw.
        mask: (N, 1, R, R), 255 inside the face as far as no hair hangs into it, soft at the edge.
        weight: (N, 1, R, R), 255 on eyes and mouth, soft.
        free: (N, 1, R, R), 0 where a hand, hair or a microphone stands before the face: there the picture
            is not the person's, and must not be learnt as if it were.
        mean: (N, 3) float32 mean colour of the free face, in OPPONENT coordinates.
        std: (N, 3) float32 standard deviation of it, likewise.
        traits: (N, TRAITS) float32 pose and expression, see sampling.pose_and_expression.
        in_view: (N,) float32 share of the face that is free.
        states: (N, 3) float32 see `dense_states`; -1 where the face set has 68 points only.
    """

    wide: Tensor
    target: Tensor
    mask: Tensor
    weight: Tensor
    free: Tensor
    mean: Tensor
    std: Tensor
    traits: Tensor
    in_view: Tensor
    states: Tensor

    def __len__(self) -> int:
        return len(self.target)

    @property
    def device(self) -> torch.device:
        """Where picked samples are. The pictures may lie in the computer's memory all the same."""
        return self.mean.device

    def to(self, device: torch.device) -> Self:
        """The same on another device: 0.1 to 0.7 MB a face."""
        return type(self)(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def pick(self, index: Tensor) -> Faces:
        """The samples of an index (M,) on any device."""
        return self._picked(index, index)

    def _picked(self, rows: Tensor, index: Tensor) -> Faces:
        """The samples whose pictures are in `rows` and all else at `index`."""
        where = {f.name: rows if f.name in PICTURES else index for f in fields(Faces)}
        return Faces(**{k: take_rows(getattr(self, k), v, self.device) for k, v in where.items()})

    def pick_colours(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, each (M, 3), of an index (M,) on any device."""
        return take_rows(self.mean, index, self.device), take_rows(self.std, index, self.device)


def check_enough(face_set: FaceSet, least: int = LEAST_FACES) -> None:
    """Raise a UserError if there are too few faces to learn a person from."""
    if len(face_set) < least:
        raise UserError(
            f"{face_set.path} holds {len(face_set)} faces, too few to learn a person from",
            f"Extract at least {least}, better some hundreds, of varied pose and expression",
        )


def load_faces(
    face_set: FaceSet,
    resolution: int,
    parser: FaceParser | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Faces:
    """Decode a face set into memory: about 190 KB a face at 128 px; of a large set MOST_FACES.

    Args:
        face_set: the person's crops.
        resolution: side R of the network's pictures.
        parser: tells what stands before the faces; None: nothing does.
        progress: called with faces done and faces in all.

    Raises:
        UserError: see check_enough.
    """
    check_enough(face_set)
    records = choose_records(face_set, MOST_FACES)
    columns: list[NDArray[np.generic]] = []
    for number, row in enumerate(prepare_all(face_set, records, resolution, parser)):
        if not columns:  # filled in place: stacking at the end would hold everything twice
            columns = [np.empty((len(records), *value.shape), value.dtype) for value in row]
        for column, value in zip(columns, row, strict=True):
            column[number] = value
        progress(number + 1, len(records))
    return faces_from_columns(columns)


def choose_records(face_set: FaceSet, most: int) -> list[FaceRecord]:
    """Up to `most` of a set's faces, evenly spread."""
    return [face_set.records[index] for index in spread_indices(len(face_set), most)]


def prepare_all(
    face_set: FaceSet, records: Sequence[FaceRecord], resolution: int, parser: FaceParser | None = None
) -> Generator[list[NDArray[np.generic]], None, None]:
    """What `prepare` makes of each face, in order.

    Raises:
        UserError: a crop is gone or damaged.
    """

    def load(record: FaceRecord) -> list[NDArray[np.generic]]:
        face = record.face
        landmarks = transform(face.landmarks, record.matrix)
        states, features = UNKNOWN, [landmarks[feature] for feature in FEATURES]
        if face.dense is not None and face.expression is not None:
            states = measure_states(face.dense, face.expression)
            outlines = transform(face.dense[:, :2], record.matrix)
            features = [outlines[feature] for feature in DENSE_FEATURES]
        crop = face_set.crop(record)
        return prepare(crop, landmarks, face_set.side, resolution, parser, features, states)

    with ThreadPoolExecutor(2) as pool:  # OpenCV decodes and resamples outside Python's lock
        yield from pool.map(load, records)


def faces_from_columns(columns: Sequence[NDArray[np.generic]]) -> Faces:
    """Samples from the stacked columns of `prepare`; the tensors share their memory."""
    wide, target, mask, weight, free, *rest = map(torch.from_numpy, columns)
    masks = (mask[:, None], weight[:, None], free[:, None])
    return Faces(_planes(wide), _planes(target), *masks, *rest)


def _planes(images: Tensor) -> Tensor:
    """(N, H, W, 3) to a (N, 3, H, W) view, which is the channels-last memory format."""
    return images.permute(0, 3, 1, 2)


def prepare(
    crop: Image,
    landmarks: NDArray[np.float64],
    side: float,
    resolution: int,
    parser: FaceParser | None = None,
    features: Sequence[NDArray[np.float64]] | None = None,
    states: NDArray[np.float32] = UNKNOWN,
) -> list[NDArray[np.generic]]:
    """One face set crop to the columns of Faces, in their order.

    Args:
        crop: (S, S, 3) uint8 RGB.
        landmarks: (68, 2) crop pixels.
        side: the crop's side in face units.
        resolution: R.
        parser: tells what stands before the face; None: nothing does.
        features: outlines (K, 2) of eyes and mouth in crop pixels, if better ones than of the 68 are known.
        states: (3,) see Faces.
    """
    size = crop.shape[0]
    features = [landmarks[feature] for feature in FEATURES] if features is None else features
    zoom = resolution / FACE_SIDE * side / size  # network pixels per crop pixel
    to_target = np.array([[zoom, 0, 0], [0, zoom, 0]])
    to_target[:, 2] = (resolution - 1) / 2 - zoom * (size - 1) / 2
    wide_size = wide_side(resolution, side)
    to_wide = to_target.copy()
    to_wide[:, 2] = (wide_size - 1) / 2 - zoom * (size - 1) / 2
    target = _resample(crop, to_target, resolution)
    wide = _resample(crop, to_wide, wide_size)
    points = transform(landmarks, to_target)
    # A little inside the hull: beyond the true jaw the label is background, which must not be learnt.
    mask = _soft_polygons([raised_hull(points)], resolution, -resolution / 48, resolution / 64)
    weight = _soft_polygons(
        [transform(feature, to_target) for feature in features], resolution, resolution / 24, resolution / 48
    )
    free = np.ones_like(mask)
    if parser is not None:
        free, locks = _seen(parser, crop, landmarks, mask)
        # Hands come and go, the face behind them is still to be shown. Hair that hangs into the face stays:
        # the mask ends at it, or the other head would get locks drawn on its cheeks.
        mask = mask * (1 - locks)
    mean, std = _colour(target, mask * free)
    in_view = np.float32((mask * free).sum() / max(float(mask.sum()), 1.0))
    masks = [_bytes(mask), _bytes(weight), _bytes(free)]
    return [wide, target, *masks, mean, std, pose_and_expression(landmarks), np.array(in_view), states]


def _seen(
    parser: FaceParser, crop: Image, landmarks: NDArray[np.float64], mask: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(R, R) in [0, 1] each: 0 where the parser sees something before the face, and 1 where it sees hair."""
    found = parser.probabilities([parser.crop(crop, landmarks)])
    free, locks = (_in_network_pixels(one[0], mask.shape[0]) for one in (occlusion(found), hair(found)))
    if (free * mask).sum() < LEAST_FREE * mask.sum():
        return np.ones_like(mask), np.zeros_like(mask)
    return np.minimum(free, 1 - _fingertips(free, mask)), locks


def _in_network_pixels(seen: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """What the parser said, in its own pixels, in those of the network's square: (size, size) in [0, 1]."""
    zoom = (size / FACE_SIDE) / (seen.shape[0] / PARSER_SIDE)
    matrix = np.array([[zoom, 0, 0], [0, zoom, 0]])
    matrix[:, 2] = (size - 1) / 2 - zoom * (seen.shape[0] - 1) / 2
    moved = cv2.warpAffine(seen, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return np.clip(moved, 0, 1).astype(np.float32)


def _fingertips(free: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """(R, R) in [0, 1]: 1 around what broadly covers the face.

    The parser sees a hand, but not the last of its fingertips and not its shadow; both were learnt as part of
    the mouth they lay on. Hair along the face's edge is narrow and stays as it is.
    """
    size = mask.shape[0]
    covered = ((free < 0.5) & (mask > 0.5)).astype(np.uint8)
    broad = cv2.morphologyEx(covered, cv2.MORPH_OPEN, _disc(size / BROAD))
    around = cv2.dilate(broad, _disc(size / FINGERTIP)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(around, (0, 0), size / 128), np.float32)


def _disc(radius: float) -> NDArray[np.uint8]:
    side = 2 * round(radius) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))  # type: ignore[return-value]


def wide_side(resolution: int, side: float) -> int:
    """Side of the wide pictures in pixels for crops of `side` face units."""
    return round(resolution * side / FACE_SIDE)


def _resample(crop: Image, matrix: NDArray[np.float64], size: int) -> Image:
    """Cubic, after a low-pass that grows from nothing with the shrinking.

    Face set crops hold hardly more detail than a network's picture can. A stronger low-pass costs sharpness
    that nothing brings back: 0.4 network pixels cost a third of a person's Laplacian variance at 128 px.
    """
    zoom = float(matrix[0, 0])
    sigma = LOW_PASS * (max(zoom**-2, 1.0) - 1) ** 0.5
    if sigma > LEAST_LOW_PASS:
        crop = cv2.GaussianBlur(crop, (0, 0), sigma)  # type: ignore[assignment]
    return cv2.warpAffine(  # type: ignore[return-value]
        crop, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def _soft_polygons(
    polygons: Sequence[NDArray[np.float64]], size: int, grow: float, blur: float
) -> NDArray[np.float32]:
    """Filled convex hulls, grown by `grow` pixels (below 0: shrunk) and blurred, in [0, 1]."""
    canvas = np.zeros((size, size), np.uint8)
    for polygon in polygons:
        hull = cv2.convexHull(polygon.astype(np.float32))
        cv2.fillConvexPoly(canvas, np.rint(hull * 16).astype(np.int32), 255, cv2.LINE_AA, shift=4)
    if abs(grow) >= 1:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * int(abs(grow)) + 1,) * 2)
        canvas = (cv2.dilate if grow > 0 else cv2.erode)(canvas, kernel)  # type: ignore[assignment]
    return cv2.GaussianBlur(canvas, (0, 0), blur).astype(np.float32) / np.float32(255)


def _bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(values * 255).astype(np.uint8)


def _colour(image: Image, mask: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation inside a mask, each (3,) float32 in OPPONENT coordinates."""
    values = image.reshape(-1, 3).astype(np.float32) / 255 @ OPPONENT.T
    weights = mask.reshape(-1, 1) / max(float(mask.sum()), 1.0)
    mean = (values * weights).sum(0)
    std = np.sqrt(((values - mean) ** 2 * weights).sum(0))
    return mean.astype(np.float32), std.astype(np.float32)


def spread_indices(count: int, wanted: int) -> Iterator[int]:
    """Up to `wanted` indices spread evenly over `count`."""
    wanted = min(count, wanted)
    return (round(i * (count - 1) / max(wanted - 1, 1)) for i in range(wanted))
