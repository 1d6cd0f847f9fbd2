#!/usr/bin/env python3
"""Cut hands out of videos, to be laid over faces by `scripts/train/mask.py`.

    python -m scripts.data.mask_hands VIDEO... -o HANDS.npz --sheet hands.png
    python -m scripts.data.mask_hands VIDEO... -o HANDS.npz --leave-out 1 15 27

MediaPipe's hand landmarks (Apache-2.0; `pip install mediapipe==0.10.21`, no dependency of faceswap) say
where a hand is, grabCut (C. Rother et al., SIGGRAPH 2004) finds its outline. Look at the sheet: cut-outs
that are not hands are left out by their numbers.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from scripts.data.mask_occluders import Array, Hand

FINGERS = ((0, 1, 2, 3, 4), (0, 5, 6, 7, 8), (0, 9, 10, 11, 12), (0, 13, 14, 15, 16), (0, 17, 18, 19, 20))
WIDTHS = (0.34, 0.27, 0.25, 0.25, 0.22)
"""Of the fingers at their roots, in palms (wrist to root of the middle finger)."""

PALM = (0, 1, 2, 5, 9, 13, 17)
LEAST_PALM = 28
"""Pixels; smaller hands are too coarse."""

EVERY = 3
SIZE = 192
"""Longer side of a cut-out in pixels, at least."""


def skeleton(shape: tuple[int, int], points: Array, palm: float, width: float) -> Array:
    """(H, W) uint8 mask of a hand's 21 points, its fingers `width` times as thick as usual."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(points[list(PALM)].astype(np.int32)), 255)
    for finger, root in zip(FINGERS, WIDTHS, strict=True):
        for number, (a, b) in enumerate(itertools.pairwise(finger)):
            if number == 0 and finger[1] != 1:
                continue
            thick = max(1, round(root * (1 - 0.12 * number) * palm * width))
            cv2.line(mask, points[a].astype(int).tolist(), points[b].astype(int).tolist(), 255, thick)
    return mask


def cut(image: Array, points: Array, face: Array | None) -> Hand | None:
    """One hand of an RGB picture; None if it is too small, before the face, at the edge or unclear."""
    palm = float(np.linalg.norm(points[9] - points[0]))
    if palm < LEAST_PALM:
        return None
    arm = (points[0] - points[9]) / palm
    wrist = points[0] + 0.5 * palm * arm
    low = np.floor(np.minimum(points.min(0) - 0.35 * palm, wrist - 0.3 * palm)).astype(int)
    high = np.ceil(np.maximum(points.max(0) + 0.35 * palm, wrist + 0.3 * palm)).astype(int)
    height, width = image.shape[:2]
    if (low < 2).any() or high[0] > width - 2 or high[1] > height - 2:
        return None
    if face is not None and (low < face[2:]).all() and (high > face[:2]).all():
        return None
    scale = max(1.0, SIZE / float((high - low).max()))
    crop = image[low[1] : high[1], low[0] : high[0]]
    crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    points, palm = (points - low + 0.5) * scale - 0.5, palm * scale
    sure, maybe = (skeleton(crop.shape[:2], points, palm, width) for width in (0.55, 1.25))
    end = (points[0] + arm * 0.6 * palm).astype(int).tolist()
    cv2.line(maybe, points[0].astype(int).tolist(), end, 255, int(0.65 * palm))
    maybe = cv2.dilate(maybe, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (int(0.1 * palm) | 1,) * 2))
    mask = np.where(sure > 0, cv2.GC_FGD, np.where(maybe > 0, cv2.GC_PR_FGD, cv2.GC_BGD)).astype(np.uint8)
    cv2.grabCut(crop, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    found = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, parts, figures, _ = cv2.connectedComponentsWithStats(found)
    if count < 2:
        return None
    hand = parts == 1 + np.argmax(figures[1:, cv2.CC_STAT_AREA])
    if hand[sure > 0].mean() < 0.9:
        return None
    # A little inside the outline: no fringe of the old background.
    alpha = np.clip((cv2.GaussianBlur(hand.astype(np.float32), (0, 0), 1.0) - 0.35) / 0.5, 0, 1)
    return Hand(crop, (alpha * 255).astype(np.uint8), points[0], points[0] - points[9], palm)


def hands_of(path: Path, mediapipe: Any) -> Iterator[Hand]:
    """The hands of every third frame that are clear of the face."""
    finder = mediapipe.solutions.hands.Hands(
        max_num_hands=2, model_complexity=1, min_detection_confidence=0.6, min_tracking_confidence=0.6
    )
    detector = mediapipe.solutions.face_detection.FaceDetection(0, 0.5)
    capture = cv2.VideoCapture(str(path))
    number = -1
    while True:
        fine, image = capture.read()
        if not fine:
            return
        number += 1
        image = image[..., ::-1].copy()
        size = np.array([image.shape[1], image.shape[0]])
        found = finder.process(image).multi_hand_landmarks
        if number % EVERY or not found:
            continue
        for one in found:
            points = np.array([[p.x, p.y] for p in one.landmark]) * size
            hand = cut(image, points, _face(detector, image, size))
            if hand is not None:
                yield hand


def _face(detector: Any, image: Array, size: Array) -> Array | None:
    """x0 y0 x1 y1 of the face with its hair, in pixels."""
    found = detector.process(image).detections
    if not found:
        return None
    box = found[0].location_data.relative_bounding_box
    low = np.array([box.xmin - 0.15 * box.width, box.ymin - 0.6 * box.height])
    high = np.array([box.xmin + 1.15 * box.width, box.ymin + 1.25 * box.height])
    return np.concatenate([low * size, high * size])


def sheet(hands: list[Hand]) -> Array:
    """All cut-outs on green, with their numbers."""
    tiles = []
    for number, hand in enumerate(hands):
        alpha = hand.alpha[..., None] / 255
        picture = hand.image * alpha + np.array([0, 160, 0]) * (1 - alpha)
        scale = 110 / max(picture.shape[:2])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:110, :110]
        tile = np.zeros((110, 110, 3), np.uint8)
        tile[: small.shape[0], : small.shape[1]] = small
        cv2.putText(tile, str(number), (2, 107), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 0), 1)
        tiles.append(tile)
    tiles += [np.zeros((110, 110, 3), np.uint8)] * (-len(tiles) % 14)
    return np.concatenate([np.concatenate(tiles[i : i + 14], 1) for i in range(0, len(tiles), 14)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--leave-out", nargs="*", type=int, default=[], help="numbers on the sheet")
    parser.add_argument("--sheet", type=Path, help="picture of all cut-outs")
    options = parser.parse_args()
    try:
        import mediapipe
    except ImportError:
        sys.exit("finding hands needs MediaPipe: pip install mediapipe==0.10.21")
    hands = [hand for path in options.videos for hand in hands_of(path, mediapipe)]
    if options.sheet:
        cv2.imwrite(str(options.sheet), sheet(hands)[..., ::-1])
    kept = [hand for number, hand in enumerate(hands) if number not in options.leave_out]
    values = {f"{name}{i}": getattr(hand, name) for i, hand in enumerate(kept) for name in vars(hand)}
    np.savez_compressed(options.output, count=len(kept), **values)
    print(f"{len(kept)} hands")


if __name__ == "__main__":
    main()
