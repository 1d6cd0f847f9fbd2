"""Alignment: where a face's crop lies in its frame, by a similarity fit to a mean face.

Coordinate frames: *frame* pixels, *crop* pixels (S x S, origin at the top left corner, pixel centres at
integers) and *face units*, in which the mean face is given: the distance between the outer eye corners
is 1, x grows to the right, y downwards, and the origin is the centroid of the 51 interior points.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.face import AlignedFace, Face, FloatArray
from faceswap_cli.media.frame import Image

# Generalised Procrustes mean of dlib's 68 points on the 122 frontal portraits of the Face Research Lab
# London Set (DeBruine & Jones 2017, CC BY 4.0), made symmetric by adding every face's mirror image.
# fmt: off
MEAN_FACE: NDArray[np.float64] = np.array(
    [
        [-0.8167, -0.2626], [-0.8010, -0.0486], [-0.7703, 0.1605], [-0.7343, 0.3701],
        [-0.6716, 0.5687], [-0.5578, 0.7390], [-0.4003, 0.8769], [-0.2140, 0.9765],
        [0.0000, 1.0071], [0.2140, 0.9765], [0.4003, 0.8769], [0.5578, 0.7390],
        [0.6716, 0.5687], [0.7343, 0.3701], [0.7703, 0.1605], [0.8010, -0.0486],
        [0.8167, -0.2626], [-0.6762, -0.4467], [-0.5791, -0.5550], [-0.4328, -0.5957],
        [-0.2834, -0.5797], [-0.1376, -0.5271], [0.1376, -0.5271], [0.2834, -0.5797],
        [0.4328, -0.5957], [0.5791, -0.5550], [0.6762, -0.4467], [0.0000, -0.3559],
        [0.0000, -0.2239], [0.0000, -0.0954], [0.0000, 0.0386], [-0.1540, 0.1541],
        [-0.0792, 0.1773], [0.0000, 0.1985], [0.0792, 0.1773], [0.1540, 0.1541],
        [-0.5000, -0.3024], [-0.4150, -0.3636], [-0.3056, -0.3614], [-0.2131, -0.2931],
        [-0.3117, -0.2667], [-0.4203, -0.2634], [0.2131, -0.2931], [0.3056, -0.3614],
        [0.4150, -0.3636], [0.5000, -0.3024], [0.4203, -0.2634], [0.3117, -0.2667],
        [-0.3161, 0.4341], [-0.1963, 0.3739], [-0.0835, 0.3416], [0.0000, 0.3618],
        [0.0835, 0.3416], [0.1963, 0.3739], [0.3161, 0.4341], [0.1994, 0.5232],
        [0.0888, 0.5567], [0.0000, 0.5644], [-0.0888, 0.5567], [-0.1994, 0.5232],
        [-0.2622, 0.4383], [-0.0848, 0.4214], [0.0000, 0.4271], [0.0848, 0.4214],
        [0.2622, 0.4383], [0.0855, 0.4480], [0.0000, 0.4573], [-0.0855, 0.4480],
    ]
)
# fmt: on

INTERIOR = slice(17, 68)
"""Brows, nose, eyes and mouth: the points a face is aligned by. The jaw line moves with the mouth."""

FACE_SIDE = 2.0
"""Side of the square a network sees, in face units: brow to chin and ear to ear with little else, so that
the pixels go to the face."""

STORED_SIDE = 2.75
"""Side of the crops of a face set, in face units: room around the face for rotation, zoom and shift."""

FACE_CENTRE = (0.0, 0.13)
"""Middle of both squares, in face units."""


def fit_similarity(source: ArrayLike, target: ArrayLike) -> NDArray[np.float64]:
    """The least-squares similarity (rotation, uniform scale, shift) that maps `source` onto `target`.

    S. Umeyama, Least-squares estimation of transformation parameters between two point patterns,
    PAMI 1991. Reflections are excluded.

    Args:
        source: (N, 2) points, N >= 2.
        target: (N, 2) points.

    Returns:
        (2, 3) float64 matrix.
    """
    a, b = np.asarray(source, np.float64), np.asarray(target, np.float64)
    mean_a, mean_b = a.mean(0), b.mean(0)
    a, b = a - mean_a, b - mean_b
    # In the plane the optimum has a closed form: the mean of b * conj(a) over the mean of |a|^2.
    za, zb = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    z = (zb * za.conj()).sum() / max(float((abs(za) ** 2).sum()), 1e-12)
    linear = np.array([[z.real, -z.imag], [z.imag, z.real]])
    return np.hstack([linear, (mean_b - linear @ mean_a)[:, None]])


def crop_matrix(landmarks: ArrayLike, size: int, side: float = FACE_SIDE) -> FloatArray:
    """The similarity from frame pixels to the pixels of an aligned crop.

    Args:
        landmarks: (68, 2) frame pixels.
        size: the crop's side in pixels.
        side: the crop's side in face units.

    Returns:
        (2, 3) float32.
    """
    points = np.asarray(landmarks, np.float64)
    return fit_similarity(points[INTERIOR], mean_face(size, side)[INTERIOR]).astype(np.float32)


def mean_face(size: int, side: float = FACE_SIDE) -> NDArray[np.float64]:
    """The mean face in the pixels of an aligned crop: (68, 2)."""
    return (MEAN_FACE - FACE_CENTRE) * (size / side) + (size - 1) / 2


def warp(image: Image, matrix: ArrayLike, size: int) -> Image:
    """Cut a (size, size) crop out of `image`; beyond the frame's edge the last pixel is repeated.

    Cubic, because every linear resampling between camera and screen costs about a quarter of the finest
    detail; a crop that shrinks the face is low-passed first, because plain sampling would alias.
    """
    m = np.asarray(matrix, np.float64)
    shrink = 1.0 / max(float(np.hypot(m[0, 0], m[1, 0])), 1e-6)
    if shrink > 2.0:  # halve by area averaging until less than a factor of 2 is left
        factor = 2 ** int(np.log2(shrink))
        image, m = _reduced_region(image, m, size, factor)
    return cv2.warpAffine(image, m, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _reduced_region(
    image: Image, matrix: NDArray[np.float64], size: int, factor: int
) -> tuple[Image, NDArray[np.float64]]:
    """Only the part of the frame the crop can see, shrunk `factor` times, and the matrix for it."""
    corners = transform(np.array([[0, 0], [size, 0], [0, size], [size, size]]), invert(matrix))
    height, width = image.shape[:2]
    x0, y0 = np.clip(np.floor(corners.min(0)).astype(int) - factor, 0, [width - 1, height - 1])
    x1, y1 = np.clip(np.ceil(corners.max(0)).astype(int) + factor, [x0 + 1, y0 + 1], [width, height])
    (x0, x1), (y0, y1) = _whole_blocks(x0, x1, width, factor), _whole_blocks(y0, y1, height, factor)
    region = image[y0:y1, x0:x1]
    new = (max(1, round((x1 - x0) / factor)), max(1, round((y1 - y0) / factor)))
    small = cv2.resize(region, new, interpolation=cv2.INTER_AREA)
    # Pixel centres: X_small = (X_frame - x0 + .5) * scale - .5
    scale = np.array([new[0] / (x1 - x0), new[1] / (y1 - y0)])
    linear = matrix[:, :2] / scale
    shift = matrix[:, :2] @ (np.array([x0, y0]) - 0.5 + 0.5 / scale) + matrix[:, 2]
    return small, np.hstack([linear, shift[:, None]])  # type: ignore[return-value]


def _whole_blocks(start: int, end: int, length: int, block: int) -> tuple[int, int]:
    """A stretch of a side of `length` pixels, extended to whole blocks, if there is room: by whole numbers
    OpenCV shrinks several times as fast."""
    size = -(-(end - start) // block) * block
    if size > length:
        return start, end
    start = min(start, length - size)
    return start, start + size


def align(image: Image, face: Face, size: int, side: float = FACE_SIDE) -> AlignedFace:
    """Cut `face` out of `image`, upright and at a fixed size."""
    matrix = crop_matrix(face.landmarks, size, side)
    return AlignedFace(warp(image, matrix, size), matrix, face)


def transform(points: ArrayLike, matrix: ArrayLike) -> NDArray[np.float64]:
    """Points (N, 2) through a (2, 3) matrix."""
    m = np.asarray(matrix, np.float64)
    return np.asarray(points, np.float64) @ m[:, :2].T + m[:, 2]


def invert(matrix: ArrayLike) -> NDArray[np.float64]:
    """The inverse of a (2, 3) similarity or affine matrix."""
    m = np.asarray(matrix, np.float64)
    inverse = np.linalg.inv(m[:, :2])
    return np.hstack([inverse, -(inverse @ m[:, 2])[:, None]])


def interocular(landmarks: ArrayLike) -> float:
    """Distance between the outer eye corners, in the unit of the points."""
    points = np.asarray(landmarks, np.float64)
    return float(np.linalg.norm(points[45] - points[36]))
