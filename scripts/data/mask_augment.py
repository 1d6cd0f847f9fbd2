"""What the parser is shown: labelled crops with things laid over them, moved, lit and spoilt at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.networks.perception.parsing import CLASSES
from scripts.data.mask_occluders import (
    Array,
    Hand,
    Layer,
    Random,
    box,
    cloth,
    cut_hand,
    drawn_hand,
    face_cover,
    microphone,
    spectacles,
    strands,
    thin,
)

UNKNOWN = 255
"""Label of pixels that the loss leaves out."""

WIDE_SIDE, WIDE_SIZE = 3.9, 224
"""Side of the stored crops in face units and pixels: room to turn, shift and shrink them in."""

UNIT = WIDE_SIZE / WIDE_SIDE

CLEAN = 0.27
"""Share of samples with nothing laid over them."""

SAME_SKIN = 0.6
"""Share of hands that are given the face's own colours: the ones that are hard, and the most common."""


@dataclass(frozen=True)
class Faces:
    """Labelled crops.

    Attributes:
        crops: (N, WIDE_SIZE, WIDE_SIZE, 3) uint8.
        labels: (N, WIDE_SIZE, WIDE_SIZE) uint8, numbers in CLASSES or UNKNOWN.
        points: (N, 68, 2) float32 landmarks in crop pixels.
    """

    crops: Array
    labels: Array
    points: Array


def load_hands(path: Path) -> list[Hand]:
    """Hands that `scripts/data/mask_hands.py` cut out."""
    with np.load(path) as data:
        return [
            Hand(
                data[f"image{i}"],
                data[f"alpha{i}"],
                data[f"wrist{i}"],
                data[f"arm{i}"],
                float(data[f"palm{i}"]),
            )
            for i in range(int(data["count"]))
        ]


def sample(
    random: Random, faces: Faces, number: int, hands: Sequence[Hand], size: int, side: float
) -> tuple[Array, Array]:
    """A random view of one face.

    Returns:
        (size, size, 3) uint8 and (size, size) uint8 labels.
    """
    image, label = faces.crops[number].astype(np.float32), faces.labels[number].copy()
    if random.random() > CLEAN:
        for _ in range(1 if random.random() < 0.75 else 2):
            image, label = covered(random, faces, number, image, label, hands)
    image, label = moved(random, image, label, size, side)
    return spoilt(random, image), label


def covered(
    random: Random, faces: Faces, number: int, image: Array, label: Array, hands: Sequence[Hand]
) -> tuple[Array, Array]:
    """The picture with one more thing in it, and its labels."""
    points = faces.points[number].astype(np.float64)
    unit = float(np.linalg.norm(points[45] - points[36]))
    kind = random.random()
    centre = place(random, points, unit)
    skin = np.isin(label, (1, 4))
    behind = False
    if kind < 0.5 and hands:
        real = random.random() < 0.72
        hand = hands[random.integers(len(hands))]
        layer = (
            cut_hand(random, hand, WIDE_SIZE, unit, centre)
            if real
            else drawn_hand(random, WIDE_SIZE, unit, centre)
        )
        layer = recoloured(random, layer, image, skin, random.random() < SAME_SKIN)
        behind = random.random() < 0.1  # a chin on a hand, a head before it: the face is all there
    elif kind < 0.62:
        layer = microphone(random, WIDE_SIZE, unit, centre)
        if hands and random.random() < 0.5:  # somebody holds it
            image, label = laid(random, image, label, layer)
            grip = centre + np.array([random.normal(0, 0.2), random.uniform(0.4, 0.9)]) * unit
            layer = cut_hand(random, hands[random.integers(len(hands))], WIDE_SIZE, unit * 0.9, grip)
            layer = recoloured(random, layer, image, skin, random.random() < SAME_SKIN)
    elif kind < 0.69:
        layer = box(random, WIDE_SIZE, unit, centre)
    elif kind < 0.75:
        other = faces.crops[random.integers(len(faces.crops))]
        layer = cloth(random, WIDE_SIZE, unit, centre, other)
    elif kind < 0.79:
        layer = thin(random, WIDE_SIZE, unit, centre)
    elif kind < 0.82:
        layer = face_cover(random, WIDE_SIZE, points)
    elif kind < 0.90:
        layer = strands(random, WIDE_SIZE, points, hair_tone(random, image, label))
    else:
        if (label == CLASSES.index("glasses")).sum() > 40:
            return image, label
        layer, gleam = spectacles(random, WIDE_SIZE, points, dark=random.random() < 0.35)
        light = random.uniform(120, 255)
        image = image + (light - image) * gleam[..., None]
    return laid(random, image, label, layer, behind)


def place(random: Random, points: Array, unit: float) -> Array:
    """Where something stands: before the face, at the mouth or chin, beside it."""
    middle, chin = points[30], points[8]
    at = random.random()
    if at < 0.15:  # at the jaw: a chin or a cheek that leans on a hand
        centre = points[random.integers(2, 15)] + random.normal(0, 0.2, 2) * unit
    elif at < 0.5:
        centre = middle + random.normal(0, 0.5, 2) * unit
    elif at < 0.7:
        centre = (points[51] + chin) / 2 + random.normal(0, (0.4, 0.25)) * unit
    elif at < 0.85:
        centre = chin + (chin - middle) * random.uniform(0, 0.7) + random.normal(0, 0.3, 2) * unit
    else:
        centre = points[random.choice([0, 16, 2, 14, 19, 24])] + random.normal(0, 0.35, 2) * unit
    return np.asarray(centre)


def recoloured(random: Random, layer: Layer, image: Array, skin: Array, own: bool) -> Layer:
    """A hand in the face's `own` colours, or in somebody else's."""
    rows, columns = np.nonzero(layer.alpha > 0.02)
    if len(rows) < 100:
        return layer
    box = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
    inside = layer.alpha[box] > 0.5
    lab = cv2.cvtColor(np.clip(layer.colour[box], 0, 255).astype(np.uint8), cv2.COLOR_RGB2LAB).astype(
        np.float32
    )
    mean, spread = (
        (lab[inside].mean(0), lab[inside].std(0) + 1e-3) if inside.any() else (lab.mean((0, 1)), np.ones(3))
    )
    if own and skin.sum() > 200:
        thin_out = (slice(None, None, 3), slice(None, None, 3))
        seen = np.clip(image[thin_out], 0, 255).astype(np.uint8)
        face = cv2.cvtColor(seen, cv2.COLOR_RGB2LAB).astype(np.float32)[skin[thin_out]]
        wanted = face.mean(0) + random.normal(0, (9, 2.5, 3))
        factor = np.array([np.clip(face[:, 0].std() / spread[0], 0.5, 1.6), 0.9, 0.9]) * random.uniform(
            0.7, 1.1
        )
    else:
        wanted = mean + random.normal(0, (25, 5, 6))
        factor = np.full(3, random.uniform(0.7, 1.3))
    lab = (lab - mean) * factor.astype(np.float32) + wanted.astype(np.float32)
    colour = layer.colour.copy()
    colour[box] = cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)
    return Layer(colour, layer.alpha, layer.name, layer.shadow)


def hair_tone(random: Random, image: Array, label: Array) -> Array:
    """(3,) the colour of the face's own hair, or any."""
    hair = label == CLASSES.index("hair")
    if hair.sum() > 100 and random.random() < 0.75:
        return image[hair].mean(0) * random.uniform(0.7, 1.2)
    return np.array(
        [(30, 22, 18), (80, 55, 35), (150, 110, 65), (190, 185, 180)][random.integers(4)], np.float32
    )


def laid(
    random: Random, image: Array, label: Array, layer: Layer, behind: bool = False
) -> tuple[Array, Array]:
    """A layer over a picture, with the soft shadow it throws; or behind the face."""
    alpha = np.clip(layer.alpha, 0, 1)
    if random.random() < 0.7:
        alpha = cv2.GaussianBlur(alpha, (0, 0), random.uniform(0.4, 1.3))
    if behind:
        alpha = alpha * np.isin(label, (0, UNKNOWN))
    elif layer.shadow and random.random() < 0.6:
        shift = random.normal(0, 5, 2)
        dark = cv2.warpAffine(alpha, np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), alpha.shape[::-1])
        dark = cv2.GaussianBlur(dark, (0, 0), random.uniform(2, 9))
        image = image * (1 - random.uniform(0, 0.55) * dark)[..., None]
    image = image + (layer.colour - image) * alpha[..., None]
    label = np.where(alpha > 0.5, np.uint8(CLASSES.index(layer.name)), label)
    return image, label


def moved(random: Random, image: Array, label: Array, size: int, side: float) -> tuple[Array, Array]:
    """Turned, sized, shifted and mirrored as badly placed landmarks would have it."""
    strong = random.random() < 0.15
    roll = np.radians(random.normal(0, 16 if strong else 5))
    scale = float(np.clip(np.exp(random.normal(0, 0.16 if strong else 0.06)), 0.72, 1.5)) * size / side / UNIT
    shift = random.normal(0, 0.14 if strong else 0.05, 2) * size / side
    linear = scale * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    if random.random() < 0.5:
        linear = linear @ np.diag([-1.0, 1.0])
    middle = np.full(2, (WIDE_SIZE - 1) / 2)
    matrix = np.hstack([linear, ((size - 1) / 2 + shift - linear @ middle)[:, None]])
    image = np.clip(image, 0, 255).astype(np.uint8)
    flags = cv2.INTER_CUBIC if random.random() < 0.5 else cv2.INTER_LINEAR
    image = cv2.warpAffine(image, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    label = cv2.warpAffine(
        label,
        matrix,
        (size, size),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=UNKNOWN,
    )
    return image, label


def spoilt(random: Random, image: Array) -> Array:
    """Another light, another camera: (S, S, 3) uint8."""
    x = image.astype(np.float32) / 255
    size = x.shape[0]
    if random.random() < 0.7:
        x = np.clip(x, 0, 1) ** np.exp(random.normal(0, 0.3))
        x = x * np.exp(random.normal(0, 0.15)) * np.exp(random.normal(0, 0.07, 3)).astype(np.float32)
        x = (x - 0.5) * random.uniform(0.7, 1.25) + 0.5
    if random.random() < 0.2:
        x = x * np.exp(random.uniform(np.log(0.04), np.log(0.6)))
    grey = x.mean(2, keepdims=True)
    x = grey + (x - grey) * (0.0 if random.random() < 0.08 else random.uniform(0.5, 1.3))
    if random.random() < 0.15:  # half the face in the dark
        angle = random.uniform(0, 2 * np.pi)
        axis = np.linspace(-1, 1, size, dtype=np.float32)
        ramp = 1 / (1 + np.exp(-5 * (np.cos(angle) * axis[None] + np.sin(angle) * axis[:, None])))
        x = x * (1 - random.uniform(0.3, 0.85) * ramp)[..., None].astype(np.float32)
    if random.random() < 0.3:
        small = max(20, round(size / random.uniform(1.2, 4)))
        x = cv2.resize(x, (small, small), interpolation=cv2.INTER_AREA)
        x = cv2.resize(x, (size, size), interpolation=cv2.INTER_CUBIC)
    elif random.random() < 0.3:
        x = cv2.GaussianBlur(x, (0, 0), random.uniform(0.3, 1.8))
    if random.random() < 0.4:
        x = x + random.uniform(0, 0.06) * random.standard_normal(x.shape, np.float32)
    image = np.clip(x * 255, 0, 255).astype(np.uint8)
    if random.random() < 0.35:
        quality = int(random.integers(25, 92))
        done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        assert done
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return image
