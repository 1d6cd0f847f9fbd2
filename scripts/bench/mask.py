#!/usr/bin/env python3
"""How well the bundled face parser sees faces it was not trained on, and how fast.

    python -m scripts.bench.mask DATA --hands HANDS.npz

DATA is the folder that `scripts/data/mask_data.py` wrote; only its held-out faces are looked at. HANDS
(`scripts/data/mask_hands.py`) should come from a video that training did not see. Figures are intersection
over union (IoU) on crops of 128 pixels: with the teacher's labels on bare faces, and with the known outline
of what was laid over them.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from faceswap_cli.compositing import temporal_masks
from faceswap_cli.compositing.masks import hull_depth
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import interocular, mean_face
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.faces.tracking.smoothing import smooth_landmarks
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.networks.perception.parsing import CLASSES
from scripts.data.mask_augment import UNKNOWN, WIDE_SIZE, Faces, laid, load_hands, place, recoloured
from scripts.data.mask_occluders import Array, Hand, Layer, Random, box, cut_hand, drawn_hand, microphone
from scripts.train.mask import held_out, read_faces

OCCLUDER = CLASSES.index("occluder")

Maker = Callable[[Random, float, Array], Layer]


def view(crop: Array, label: Array) -> tuple[Array, Array]:
    """The parser's own view of a wide crop: (128, 128, 3) and (128, 128)."""
    scale = face_parser.SIZE / face_parser.SIDE / (WIDE_SIZE / 3.9)
    shift = (face_parser.SIZE - 1) / 2 - scale * (WIDE_SIZE - 1) / 2
    matrix, size = np.array([[scale, 0, shift], [0, scale, shift]]), (face_parser.SIZE,) * 2
    return (
        cv2.warpAffine(crop, matrix, size, flags=cv2.INTER_AREA),
        cv2.warpAffine(label, matrix, size, flags=cv2.INTER_NEAREST, borderValue=UNKNOWN),
    )


def bare(faces: Faces, numbers: list[int]) -> tuple[list[Array], list[Array]]:
    """Held-out faces as they are."""
    pairs = [view(faces.crops[i], faces.labels[i]) for i in numbers]
    return [p[0] for p in pairs], [p[1] for p in pairs]


def covered(faces: Faces, numbers: list[int], make: Maker, own_skin: bool) -> tuple[list[Array], list[Array]]:
    """Held-out faces with one thing before each; hands in the face's own colours, or in their own."""
    images, labels = [], []
    for number in numbers:
        random = np.random.default_rng((1, number))
        points = faces.points[number].astype(np.float64)
        unit = interocular(points)
        image, label = faces.crops[number].astype(np.float32), faces.labels[number]
        for _ in range(20):  # until it covers some of the face
            layer = make(random, unit, place(random, points, unit))
            if 0.08 < (layer.alpha > 0.5)[np.isin(label, range(1, 6))].mean() < 0.7:
                break
        if own_skin:
            layer = recoloured(random, layer, image, np.isin(label, (1, 4)), own=True)
        image, label = laid(random, image, label.copy(), layer)
        one = view(np.clip(image, 0, 255).astype(np.uint8), label)
        images.append(one[0])
        labels.append(one[1])
    return images, labels


def agreement(found: list[Array], labels: list[Array]) -> Iterator[tuple[str, float]]:
    """IoU of each class over all pictures together."""
    guess, truth = np.stack(found), np.stack(labels)
    known = truth != UNKNOWN
    for number, name in enumerate(CLASSES):
        mine, its = (guess == number) & known, truth == number
        if its.sum() > 50:
            yield name, float((mine & its).sum() / (mine | its).sum())


def region(found: Array, labels: list[Array]) -> float:
    """IoU of the visible face: what `face_parser.occlusion` leaves free, against all labels of face parts."""
    truth = np.stack(labels)
    face, mine = np.isin(truth, range(1, 6)), face_parser.occlusion(found) > 0.5
    mine &= truth != UNKNOWN
    return float((mine & face).sum() / (mine | face).sum())


def swapped_over(found: Array, labels: list[Array]) -> float:
    """Share of the pixels of things on or beside the face that a swap would cover."""
    truth = np.stack(labels)
    face = (np.isin(truth, range(1, 6)) | (truth == OCCLUDER)).astype(np.uint8)
    inside = np.stack([cv2.erode(one, np.ones((5, 5))) > 0 for one in face])
    return float((face_parser.occlusion(found) > 0.5)[(truth == OCCLUDER) & inside].mean())


def lost(found: Array, labels: list[Array]) -> float:
    """Share of the bare face that is taken for covered."""
    return float((face_parser.occlusion(found) <= 0.5)[np.isin(np.stack(labels), range(1, 6))].mean())


def shake(path: Path, seer: face_parser.FaceParser) -> tuple[float, float]:
    """Mean change from frame to frame inside the hull of a clip with one face: as parsed, and steadied."""
    stage, seen = build_analyser(), []
    with VideoReader(path) as reader:
        for frame in reader:
            found = stage.find([frame])[0]
            if found:
                seen.append((frame.time, frame.image, found[0].landmarks))
    times = [time for time, _, _ in seen]
    smooth = smooth_landmarks(times, np.stack([points for _, _, points in seen]))
    crops = [seer.crop(image, points) for (_, image, _), points in zip(seen, smooth, strict=True)]
    raw = face_parser.occlusion(seer.probabilities(crops)).astype(np.float16)
    steadied = []
    for number, mask in enumerate(raw):
        near = range(max(0, number - temporal_masks.REACH), min(len(raw), number + temporal_masks.REACH + 1))
        steadied.append(temporal_masks.steady_mask(mask, [(times[k] - times[number], raw[k]) for k in near]))
    inside = hull_depth(mean_face(face_parser.SIZE, face_parser.SIDE), face_parser.SIZE) > 0
    first, second = (
        float(np.abs(np.diff(np.stack(masks).astype(np.float32), axis=0))[:, inside].mean())
        for masks in (raw, steadied)
    )
    return first, second


def speed(parser: face_parser.FaceParser, threads: int, seconds: float = 4.0) -> tuple[float, float]:
    """Crops a second, and crops for each second of processor time (what an idle core would do)."""
    torch.set_num_threads(threads)
    crops = list(
        np.random.default_rng(0).integers(0, 256, (8, face_parser.SIZE, face_parser.SIZE, 3), np.uint8)
    )
    parser.probabilities(crops)
    started, busy, count = time.monotonic(), time.process_time(), 0
    while time.monotonic() - started < seconds:
        parser.probabilities(crops)
        count += len(crops)
    return count / (time.monotonic() - started), count / (time.process_time() - busy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--hands", type=Path, required=True)
    parser.add_argument("--clips", type=Path, nargs="*", default=[], help="of one face, for the steadiness")
    parser.add_argument("--save", type=Path, help="also write the figures as JSON")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    faces, facts = read_faces(options.data)
    numbers = [i for i, fact in enumerate(facts) if held_out(fact)]
    hands: list[Hand] = load_hands(options.hands)
    seer = face_parser.FaceParser("cpu")
    figures: dict[str, float] = {"held-out faces": len(numbers)}
    images, labels = bare(faces, numbers)
    found = seer.probabilities(images)
    print(f"{len(numbers)} held-out faces; IoU with the teacher on bare ones:")
    for name, value in agreement(list(found.argmax(1)), labels):
        print(f"  {name:10} {value:.3f}")
        figures[f"IoU {name}"] = round(value, 3)
    figures["IoU face region"] = round(region(found, labels), 3)
    figures["bare face lost"] = round(lost(found, labels), 4)
    print(f"  region     {figures['IoU face region']:.3f}; bare face lost {figures['bare face lost']:.2%}")

    def real(random: Random, unit: float, at: Array) -> Layer:
        return cut_hand(random, hands[random.integers(len(hands))], WIDE_SIZE, unit, at)

    makers: dict[str, tuple[Maker, bool]] = {
        "real hands, own skin": (real, True),
        "real hands, another's": (real, False),
        "drawn hands, own skin": (lambda r, u, at: drawn_hand(r, WIDE_SIZE, u, at), True),
        "microphones": (lambda r, u, at: microphone(r, WIDE_SIZE, u, at), False),
        "phones, cups": (lambda r, u, at: box(r, WIDE_SIZE, u, at), False),
    }
    print("things before the face:   IoU  region IoU  covered by the swap  bare face lost")
    for name, (make, own) in makers.items():
        images, labels = covered(faces, numbers, make, own)
        found = seer.probabilities(images)
        thing = dict(agreement(list(found.argmax(1)), labels)).get("occluder", 0.0)
        over, gone = swapped_over(found, labels), lost(found, labels)
        print(f"  {name:22} {thing:.3f} {region(found, labels):11.3f} {over:20.1%} {gone:15.1%}")
        figures |= {f"IoU {name}": round(thing, 3), f"covered, {name}": round(over, 3)}
    for clip in options.clips:
        before, after = shake(clip, seer)
        print(f"{clip.name}: the mask changes by {before:.4f} a frame as parsed, {after:.4f} steadied")
    machine = f"{platform.machine()}, torch {torch.__version__}"
    for threads in (1, 2):
        rate, per_core = speed(seer, threads)
        print(f"{threads} threads: {rate:.0f} crops/s, {per_core:.0f} for a second of a core ({machine})")
    if options.save:
        options.save.write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
