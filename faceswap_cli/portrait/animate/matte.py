"""Where the person is in a photo: a soft mask of head, hair, neck and body, made once.

The face parser knows skin and hair near the face only. What it says starts a segmentation by colours of the
whole picture (GrabCut: C. Rother, V. Kolmogorov, A. Blake, SIGGRAPH 2004); its edge is then led along the
photo's own by a guided filter (K. He, J. Sun, X. Tang, PAMI 2013), so that strands stay strands.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.quick_arrays import dot_planes
from faceswap_cli.effects.reenact.head import HeadPose
from faceswap_cli.faces.geometry import crop_matrix, warp
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Image

FloatArray = NDArray[np.float32]

SQUARES = (face_parser.SIDE, 3.9)
"""Sides of the squares around the face that are parsed, face units: hair above the brows is in the second
only, and beyond it the parser knows hair no longer."""

COARSE = 48.0
"""Pixels for a face unit at which colours are told apart, at most."""

ROUNDS = 4
"""Of GrabCut."""

CHIN, SHOULDERS = 1.05, 1.75
"""Heights in face units below the middle of the face: the chin, and where shoulders have begun."""

NECK, BODY = 0.3, 1.0
"""Half breadths in face units within which below the chin, and below the shoulders, is surely the person."""

NEAR_HEAD, NEAR_BODY = 0.45, 2.6
"""Face units from the parsed head, and from the body's middle line, beyond which nothing is of the person."""

EDGE = 0.06
"""Face units over which the matte's edge follows the photo's."""

EDGE_NOISE = 2e-4
"""Variance of levels in [0, 1] that is no edge."""


def find_matte(
    image: Image, landmarks: NDArray[np.floating], pose: HeadPose, parser: FaceParser
) -> FloatArray:
    """(H, W) in [0, 1]: how much of each pixel is of the person.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks: (68, 2) pixels.
        pose: of the head.
        parser: of faces.
    """
    scale = min(1.0, COARSE / pose.scale)
    small = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    factors = np.array([small.shape[1] / image.shape[1], small.shape[0] / image.shape[0]])
    head = parse_head(small, (np.asarray(landmarks) + 0.5) * factors - 0.5, parser)
    x, y = _places(small.shape[:2], pose, factors)
    labels = _first_labels(head, x, y, pose.scale * scale)
    cv2.setRNGSeed(0)  # its mixtures of colours begin with random means
    cv2.grabCut(
        np.ascontiguousarray(small[..., ::-1]), labels, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)),
        ROUNDS, cv2.GC_INIT_WITH_MASK,
    )  # fmt: skip
    person = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    person = _without_islands(person, head, pose.scale * scale)
    soft = cv2.GaussianBlur(person.astype(np.float32), (0, 0), 0.8)
    large = cv2.resize(soft, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    found = guided_filter(image, np.clip(large, 0, 1), max(2, round(EDGE * pose.scale)))
    return np.asarray(np.clip((found - 0.06) / 0.88, 0, 1), np.float32)


def parse_head(image: Image, landmarks: NDArray[np.floating], parser: FaceParser) -> FloatArray:
    """(H, W) in [0, 1] where the parser sees face, hair or glasses."""
    found = np.zeros(image.shape[:2], np.float32)
    for side in SQUARES:
        matrix = crop_matrix(landmarks, face_parser.SIZE, side)
        seen = parser.probabilities([warp(image, matrix, face_parser.SIZE)])
        share = face_parser.class_share(seen, (*face_parser.FACE, "hair", "glasses"))[0]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        found = np.maximum(found, cv2.warpAffine(share, matrix, image.shape[1::-1], flags=flags))
    return found


def _places(shape: tuple[int, ...], pose: HeadPose, factors: NDArray[np.float64]) -> tuple[FloatArray, ...]:
    """Each pixel's place in face units, to the head's right and down, upright with the head."""
    up = pose.rotation[:2, 1] / max(float(np.linalg.norm(pose.rotation[:2, 1])), 1e-6)
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    dx = ((columns + 0.5) / factors[0] - 0.5 - pose.shift[0]) / pose.scale
    dy = ((rows + 0.5) / factors[1] - 0.5 - pose.shift[1]) / pose.scale
    return np.asarray(dx * up[1] - dy * up[0], np.float32), np.asarray(dx * up[0] + dy * up[1], np.float32)


def _first_labels(head: FloatArray, x: FloatArray, y: FloatArray, unit: float) -> NDArray[np.uint8]:
    """GrabCut's labels to begin with."""
    labels = np.full(head.shape, cv2.GC_PR_BGD, np.uint8)
    apart = cv2.distanceTransform((head < 0.5).astype(np.uint8), cv2.DIST_L2, 5) / unit
    body = np.abs(x) < np.interp(y, [CHIN, SHOULDERS, SHOULDERS + 0.5], [0.6, 1.4, 1.7])
    labels[(y > CHIN) & body] = cv2.GC_PR_FGD
    labels[(apart < 0.12) & (y < CHIN)] = cv2.GC_PR_FGD
    labels[(y > CHIN - 0.1) & (y < SHOULDERS) & (np.abs(x) < NECK)] = cv2.GC_FGD
    labels[(y > SHOULDERS + 0.3) & (np.abs(x) < BODY)] = cv2.GC_FGD
    labels[(apart > NEAR_HEAD) & (y < CHIN - 0.2)] = cv2.GC_BGD
    labels[(np.abs(x) > NEAR_BODY) & (apart > 0.2)] = cv2.GC_BGD
    inside = cv2.erode(
        (head > 0.5).astype(np.uint8), np.ones((3, 3), np.uint8), iterations=max(1, round(0.04 * unit))
    )
    labels[inside > 0] = cv2.GC_FGD
    return labels


def _without_islands(person: NDArray[np.uint8], head: FloatArray, unit: float) -> NDArray[np.uint8]:
    """What hangs together with the head, its small holes filled."""
    size = max(1, round(0.04 * unit))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * size + 1,) * 2)
    opened = cv2.morphologyEx(person, cv2.MORPH_OPEN, kernel) | (head > 0.6).astype(np.uint8)
    _, parts = cv2.connectedComponents(opened)
    mine = np.unique(parts[(head > 0.6) & (opened > 0)])
    kept = np.isin(parts, mine[mine > 0]).astype(np.uint8)
    _, holes, stats, _ = cv2.connectedComponentsWithStats(1 - kept)
    small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < 0.25 * unit**2)
    return np.asarray(kept | np.isin(holes, small[small > 0]), np.uint8)


def guided_filter(image: Image, mask: FloatArray, radius: int) -> FloatArray:
    """A mask (H, W) whose edges follow those of a picture (H, W, 3)."""
    guide = image.astype(np.float32) / np.float32(255)

    def mean(values: FloatArray) -> FloatArray:
        return np.asarray(cv2.blur(values, (2 * radius + 1,) * 2), np.float32)

    middle, level = mean(guide), mean(mask)
    covariance = np.stack([mean(guide[..., i] * mask) - middle[..., i] * level for i in range(3)], -1)
    system = np.empty((*mask.shape, 3, 3), np.float32)
    for i in range(3):
        for j in range(i, 3):
            own = mean(guide[..., i] * guide[..., j]) - middle[..., i] * middle[..., j]
            system[..., i, j] = system[..., j, i] = own + (EDGE_NOISE if i == j else 0)
    slope = np.asarray(np.linalg.solve(system, covariance[..., None])[..., 0], np.float32)
    offset = level - dot_planes(slope, middle)
    return np.asarray(dot_planes(mean(slope), guide) + mean(offset), np.float32)
