"""Things that get in front of a face, for teaching the parser what it must not take for one.

Everything here returns a `Layer` as large as the picture it is meant for. Lengths are pixels of that
picture; `unit` is the length of one face unit in them (see faceswap_cli/faces/geometry.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Random = np.random.Generator
Array = np.ndarray

SKIN_TONES = ((70, 46, 36), (112, 74, 54), (150, 104, 80), (186, 136, 108), (214, 170, 142), (236, 200, 178))
"""RGB of skin from dark to fair, in daylight."""


@dataclass(frozen=True)
class Hand:
    """A hand cut out of a frame.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        alpha: (H, W) uint8, 255 on the hand.
        wrist: (2,) its pixels, and `arm` (2,) the direction in which the forearm goes on.
        palm: length from the wrist to the root of the middle finger in its pixels, about 1 face unit.
    """

    image: Array
    alpha: Array
    wrist: Array
    arm: Array
    palm: float


@dataclass(frozen=True)
class Layer:
    """Something to be laid over a picture.

    Attributes:
        colour: (S, S, 3) float32, 0..255.
        alpha: (S, S) float32, 0..1.
        name: the class of its pixels.
        shadow: whether it stands off the face and throws a shadow on it.
    """

    colour: Array
    alpha: Array
    name: str = "occluder"
    shadow: bool = True


def blob(random: Random, size: int, centre: Array, radius: float, corners: int = 8) -> Array:
    """(S, S) float32 mask of a smooth random outline."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False) + random.uniform(0, 2 * np.pi)
    far = radius * random.uniform(0.55, 1.25, corners)
    fine = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    order = np.argsort(angle % (2 * np.pi))
    reach = np.interp(fine, (angle % (2 * np.pi))[order], far[order], period=2 * np.pi)
    reach = cv2.GaussianBlur(np.tile(reach, 3)[None].astype(np.float32), (0, 0), 1.5)[0, 48:96]
    points = centre + reach[:, None] * np.stack([np.cos(fine), np.sin(fine)], 1)
    return filled(size, points)


def filled(size: int, points: Array) -> Array:
    """(S, S) float32 mask of a polygon (K, 2), its edge smoothed."""
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.rint(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return mask.astype(np.float32) / 255


def stroke(mask: Array, points: Array, width: float) -> None:
    """Draw a line through `points` (K, 2) with round ends into a uint8 mask."""
    thick = max(1, round(width))
    cv2.polylines(mask, [np.rint(points * 16).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 4)


def clouds(random: Random, size: int, grain: float) -> Array:
    """(S, S) float32 smooth noise of mean 0 and standard deviation about 1."""
    small = max(2, round(size / grain))
    noise = random.standard_normal((small, small), np.float32)
    return cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)


def rounded(alpha: Array, depth: float) -> Array:
    """Shading of a bulging thing from its mask: 0 at the edge, 1 from `depth` pixels inside."""
    inside = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    t = np.clip(inside / max(depth, 1.0), 0, 1)
    return np.sqrt(1 - (1 - t) ** 2)


def lit(random: Random, size: int, strength: float) -> Array:
    """(S, S, 1) a gradient of light across the picture around 1."""
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    angle = random.uniform(0, 2 * np.pi)
    return (1 + strength * (np.cos(angle) * axis[None] + np.sin(angle) * axis[:, None]))[..., None]


def skin_tone(random: Random) -> Array:
    """(3,) a random skin colour."""
    at = random.uniform(0, len(SKIN_TONES) - 1)
    low = int(at)
    tones = np.array(SKIN_TONES, np.float32)
    high = min(low + 1, len(tones) - 1)
    return tones[low] + (tones[high] - tones[low]) * (at - low)


def cut_hand(random: Random, hand: Hand, size: int, unit: float, centre: Array) -> Layer:
    """A real hand, turned and sized at random, often with a forearm or a sleeve."""
    scale = unit / hand.palm * random.uniform(0.65, 1.3)
    angle = random.uniform(0, 2 * np.pi)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if random.random() < 0.5:
        linear = linear @ np.diag([-1.0, 1.0])
    ys, xs = np.nonzero(hand.alpha > 127)
    middle = np.array([xs.mean(), ys.mean()])
    matrix = np.hstack([linear, (centre - linear @ middle)[:, None]])
    colour = cv2.warpAffine(
        hand.image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    alpha = cv2.warpAffine(hand.alpha, matrix, (size, size), flags=cv2.INTER_LINEAR).astype(np.float32) / 255
    colour = colour.astype(np.float32)
    if random.random() < 0.7 and (alpha > 0.5).any():
        wrist = linear @ hand.wrist + matrix[:, 2]
        arm = linear @ hand.arm
        arm /= max(float(np.hypot(*arm)), 1e-6)
        colour, alpha = _with_arm(random, colour, alpha, wrist, arm, unit)
    if random.random() < 0.2:
        colour, alpha = moving(random, colour, alpha, unit)
    return Layer(colour, alpha)


def _with_arm(
    random: Random, colour: Array, alpha: Array, wrist: Array, arm: Array, unit: float
) -> tuple[Array, Array]:
    """The hand before a forearm that leaves the picture."""
    size = alpha.shape[0]
    width = unit * random.uniform(0.5, 0.72)
    mask = np.zeros((size, size), np.uint8)
    bare = random.random() < 0.55
    start = wrist - arm * unit * 0.15 if bare else wrist + arm * unit * 0.15
    stroke(mask, np.stack([start, wrist + arm * unit * 4]), width)
    limb = mask.astype(np.float32) / 255
    shade = 0.72 + 0.28 * rounded(limb, width / 2)
    own = np.median(colour[alpha > 0.5], axis=0)
    base = own if bare else random.uniform(15, 235, 3).astype(np.float32)
    texture = 1 + (0.03 if bare else 0.12) * clouds(random, size, 6 if bare else 3)
    painted = base * (shade * texture)[..., None]
    over = alpha[..., None]
    return painted * (1 - over) + colour * over, np.maximum(alpha, limb)


def moving(random: Random, colour: Array, alpha: Array, unit: float) -> tuple[Array, Array]:
    """Blurred by fast motion along a random direction."""
    length = max(3, round(unit * random.uniform(0.08, 0.35)))
    kernel = np.zeros((length, length), np.float32)
    angle = random.uniform(0, np.pi)
    half = (length - 1) / 2 * np.array([np.cos(angle), np.sin(angle)])
    middle = (length - 1) / 2
    ends = np.rint(np.array([middle - half, middle + half])).astype(int)
    cv2.line(kernel, tuple(map(int, ends[0])), tuple(map(int, ends[1])), 1.0, 1)
    kernel /= kernel.sum()
    soft = cv2.filter2D(alpha, -1, kernel)
    weighted = cv2.filter2D(colour * alpha[..., None], -1, kernel)
    return weighted / np.maximum(soft, 1e-3)[..., None], soft


def drawn_hand(random: Random, size: int, unit: float, centre: Array) -> Layer:
    """A hand of capsules: a palm, and fingers that bend and spread at random, shaded like cylinders."""
    palm = unit * random.uniform(0.7, 1.15)
    angle = random.uniform(0, 2 * np.pi)
    up = np.array([np.cos(angle), np.sin(angle)])
    side = np.array([-up[1], up[0]]) * random.choice([-1, 1])
    spread, bend = random.uniform(0.02, 0.3), random.uniform(-0.1, 0.45)
    shade, alpha = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    parts: list[tuple[Array, float]] = []
    back = centre - up * palm * 0.5
    parts.append(
        (np.stack([back - up * palm * random.uniform(0.5, 3.0), back]), palm * random.uniform(0.5, 0.66))
    )
    parts.append(
        (np.stack([centre - side * palm * 0.2 - up * palm * 0.3, centre + side * palm * 0.2]), palm * 0.62)
    )
    parts.append(
        (np.stack([centre + side * palm * 0.25 - up * palm * 0.3, centre - side * palm * 0.2]), palm * 0.6)
    )
    curled = random.random() < 0.3
    for number in range(4):
        if random.random() < 0.12:
            continue
        root = centre + side * palm * (number - 1.5) * 0.23 + up * palm * 0.25
        length = (
            palm
            * (0.78, 0.88, 0.82, 0.64)[number]
            * (random.uniform(0.25, 0.5) if curled else random.uniform(0.8, 1.1))
        )
        turn = (number - 1.5) * spread + random.normal(0, 0.07)
        points = [root]
        for part in (0.45, 0.3, 0.25):
            turn += bend * random.uniform(0.3, 1) * (part < 0.4)
            points.append(points[-1] + (np.cos(turn) * up + np.sin(turn) * side) * length * part)
        parts.append((np.array(points), palm * random.uniform(0.19, 0.23)))
    if random.random() < 0.8:
        root = centre - side * palm * 0.42 - up * palm * 0.35
        tip = root + (up * random.uniform(0.3, 0.9) - side * random.uniform(0.2, 0.8)) * palm * 0.6
        parts.append((np.stack([root, (root + tip) / 2 + up * palm * 0.06, tip]), palm * 0.24))
    for points, width in parts:
        mask = np.zeros((size, size), np.uint8)
        stroke(mask, points, width)
        one = mask.astype(np.float32) / 255
        bulge = rounded(one, width / 2)
        # What comes later lies on top: it darkens what is beside it, as fingers do each other.
        near = cv2.GaussianBlur(one, (0, 0), max(1.0, width * 0.12))
        shade = np.where(one > 0.5, 0.62 + 0.38 * bulge, shade * (1 - 0.35 * near))
        alpha = np.maximum(alpha, one)
    shade = cv2.GaussianBlur(shade, (0, 0), max(0.6, palm * 0.015))
    tone = skin_tone(random)
    texture = 1 + 0.035 * clouds(random, size, 3) + 0.05 * clouds(random, size, 14)
    colour = tone * (shade * texture)[..., None] * lit(random, size, random.uniform(0, 0.3))
    red = np.clip(clouds(random, size, 20), 0, 2)[..., None] * np.array([8, -4, -4], np.float32)
    colour = colour + red
    if random.random() < 0.2:
        colour, alpha = moving(random, colour, alpha, unit)
    return Layer(colour.astype(np.float32), alpha)


def microphone(random: Random, size: int, unit: float, centre: Array) -> Layer:
    """A ball of foam or mesh on a stick."""
    radius = unit * random.uniform(0.16, 0.42)
    angle = np.pi / 2 + random.normal(0, 0.6)
    along = np.array([np.cos(angle), np.sin(angle)])
    stick = np.zeros((size, size), np.uint8)
    stroke(
        stick,
        np.stack([centre + along * radius * 0.5, centre + along * unit * 4]),
        radius * random.uniform(0.5, 1.3),
    )
    ball = np.zeros((size, size), np.uint8)
    axes = (radius, radius * random.uniform(0.85, 1.4))
    box = ((float(centre[0]), float(centre[1])), (2 * axes[0], 2 * axes[1]), float(np.degrees(angle) - 90))
    cv2.ellipse(ball, box, 255, -1, cv2.LINE_AA)
    dark = random.random() < 0.75
    tone = random.uniform(8, 60) * np.ones(3) if dark else random.uniform(20, 230, 3)
    handle = (
        random.uniform(8, 80) * np.ones(3) if random.random() < 0.7 else random.uniform(60, 210) * np.ones(3)
    )
    top, low = ball.astype(np.float32) / 255, stick.astype(np.float32) / 255
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    pitch = random.uniform(2.5, 5)
    mesh = 0.5 + 0.5 * np.sin(rows * 2 * np.pi / pitch) * np.sin(columns * 2 * np.pi / pitch)
    grain = mesh if random.random() < 0.5 else np.clip(0.5 + 0.35 * clouds(random, size, 1.5), 0, 1)
    light = (0.45 + 0.75 * rounded(top, radius)) * (0.7 + 0.6 * grain)
    colour = tone * light[..., None] + random.uniform(0, 50) * (rounded(top, radius)[..., None] > 0.97)
    shaft = handle * (0.5 + 0.6 * rounded(low, radius * 0.4))[..., None]
    colour = np.where(top[..., None] > 0.5, colour, shaft) * lit(random, size, 0.3)
    return Layer(colour.astype(np.float32), np.maximum(top, low))


def box(random: Random, size: int, unit: float, centre: Array) -> Layer:
    """A phone, cup, book or sheet of paper: a quadrangle of one colour or two, or with lines on it."""
    half = unit * random.uniform(0.2, 0.75, 2)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half * random.uniform(0.85, 1.1, (4, 2))
    angle = random.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    alpha = filled(size, corners @ turn.T + centre)
    colour = np.ones((size, size, 1), np.float32) * random.uniform(0, 255, 3)
    if random.random() < 0.5:
        inner = filled(size, corners @ turn.T * random.uniform(0.6, 0.95) + centre)[..., None]
        colour = colour * (1 - inner) + random.uniform(0, 255, 3) * inner
    if random.random() < 0.3:
        rows = np.sin(np.arange(size) * 2 * np.pi / random.uniform(4, 14))[:, None, None] > 0.4
        colour = np.where(rows, colour * random.uniform(0.3, 1.2), colour)
    colour = colour * lit(random, size, 0.5) * (1 + 0.05 * clouds(random, size, 4))[..., None]
    return Layer(colour.astype(np.float32), alpha)


def cloth(random: Random, size: int, unit: float, centre: Array, texture: Array) -> Layer:
    """A random outline filled with a piece of another picture, or with one colour and folds."""
    alpha = blob(random, size, centre, unit * random.uniform(0.25, 0.8), int(random.integers(5, 12)))
    if random.random() < 0.5:
        colour = np.roll(texture, random.integers(0, size, 2), (0, 1)).astype(np.float32)
    else:
        folds = 1 + 0.25 * np.sin(clouds(random, size, 40) * 4)
        colour = random.uniform(5, 245, 3) * folds[..., None]
    return Layer(colour.astype(np.float32), alpha)


def thin(random: Random, size: int, unit: float, centre: Array) -> Layer:
    """A pen, a stalk, a cable, a microphone's boom: a thin curve."""
    angle = random.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    bow = np.array([-along[1], along[0]]) * unit * random.normal(0, 0.25)
    t = np.linspace(-1, 1, 12)[:, None]
    points = centre + along * t * unit * random.uniform(0.4, 2.5) + bow * (1 - t**2)
    width = unit * random.uniform(0.05, 0.16)
    mask = np.zeros((size, size), np.uint8)
    stroke(mask, points, width)
    alpha = mask.astype(np.float32) / 255
    colour = random.uniform(0, 240, 3) * (0.6 + 0.5 * rounded(alpha, width / 2))[..., None]
    return Layer(colour.astype(np.float32), alpha)


def face_cover(random: Random, size: int, points: Array) -> Layer:
    """A cloth or paper mask over nose and mouth."""
    jaw = points[2:15]
    top = points[28] + random.uniform(-0.3, 0.6) * (points[30] - points[28])
    middle = points.mean(0)
    outline = np.concatenate([jaw + 0.06 * (jaw - middle), top[None]])
    alpha = filled(size, outline)
    tone = (
        random.choice([(235, 238, 240), (150, 195, 215), (25, 25, 28)])
        if random.random() < 0.7
        else random.uniform(0, 255, 3)
    )
    pleats = 1 + 0.08 * np.sin(np.arange(size) * 2 * np.pi / random.uniform(8, 20))[:, None, None]
    colour = np.array(tone, np.float32) * pleats * (0.7 + 0.3 * rounded(alpha, size * 0.12))[..., None]
    return Layer(colour.astype(np.float32), alpha, shadow=False)


def strands(random: Random, size: int, points: Array, tone: Array) -> Layer:
    """Locks of hair that fall over forehead, temples and cheeks."""
    mask = np.zeros((size, size), np.uint8)
    width = float(np.linalg.norm(points[45] - points[36]))
    brow = points[17:27].mean(0)
    up = brow - points[51]
    up = up / max(float(np.hypot(*up)), 1e-6)
    side = np.array([-up[1], up[0]])
    root = brow + up * width * 0.7 + side * width * random.uniform(-0.8, 0.8)
    for _ in range(int(random.integers(2, 14))):
        start = root + side * width * random.normal(0, 0.15)
        drop = random.uniform(0.35, 1.6) * width
        sweep = side * width * random.normal(0, 0.3)
        t = np.linspace(0, 1, 10)[:, None]
        stroke(mask, start - up * drop * t + sweep * t**2, random.uniform(0.01, 0.07) * width)
    alpha = mask.astype(np.float32) / 255
    sheen = 1 + 0.25 * clouds(random, size, 5)
    return Layer((tone * sheen[..., None]).astype(np.float32), alpha * random.uniform(0.8, 1), "hair")


def spectacles(random: Random, size: int, points: Array, dark: bool) -> tuple[Layer, Array]:
    """Glasses, drawn by the landmarks.

    Returns:
        Frames, with the lenses where they are dark, and (S, S) how much a clear lens lightens what is
        behind it.
    """
    width = float(np.linalg.norm(points[45] - points[36]))
    across = (points[45] - points[36]) / max(width, 1e-6)
    down = np.array([-across[1], across[0]])
    frame, lens = np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint8)
    thick = width * random.uniform(0.02, 0.085)
    tall, wide = random.uniform(0.15, 0.3), random.uniform(0.21, 0.32)
    if dark:
        tall, wide = random.uniform(0.2, 0.34), random.uniform(0.25, 0.36)
    power = random.choice([2.0, 2.5, 3.5, 6.0])
    turn = np.linspace(0, 2 * np.pi, 40)
    shape = np.stack([np.cos(turn), np.sin(turn)], 1)
    shape = np.sign(shape) * np.abs(shape) ** (2 / power)
    lower = random.uniform(-0.04, 0.08)
    inner, outer = [], []
    for eye, sign in ((slice(36, 42), -1), (slice(42, 48), 1)):
        middle = points[eye].mean(0) + (across * sign * 0.03 + down * lower) * width
        ring = middle + (shape[:, :1] * wide * across + shape[:, 1:] * tall * down) * width
        cv2.fillPoly(lens, [np.rint(ring * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        if random.random() < 0.9:
            stroke(frame, ring, thick)
        inner.append(middle - across * sign * wide * width)
        outer.append(middle + across * sign * wide * width)
    arch = (inner[0] + inner[1]) / 2 - down * width * random.uniform(0.02, 0.08)
    stroke(frame, np.stack([inner[0], arch, inner[1]]), max(thick, 1))
    for end, ear in zip(outer, (points[0], points[16]), strict=True):
        # The temples: short where the head looks ahead.
        stroke(frame, np.stack([end, end + 0.8 * (ear - down * width * 0.1 - end)]), max(thick * 0.8, 1))
    alpha = frame.astype(np.float32) / 255
    glass = lens.astype(np.float32) / 255
    tone = random.uniform(5, 60, 3) if random.random() < 0.6 else random.uniform(20, 220, 3)
    colour = np.ones((size, size, 1), np.float32) * tone * (1 + 0.2 * clouds(random, size, 10))[..., None]
    if dark:
        shade = random.uniform(5, 60, 3) * lit(random, size, 0.9)
        colour = np.where(alpha[..., None] > 0.5, colour, shade)
        colour = colour + np.clip(clouds(random, size, 30), 0, 3)[..., None] * random.uniform(0, 40)
        return Layer(
            colour.astype(np.float32), np.maximum(alpha, glass * random.uniform(0.82, 1)), "glasses"
        ), glass * 0
    gleam = glass * np.clip(clouds(random, size, 25), 0, 2) * random.uniform(
        0, 0.25
    ) + glass * random.uniform(0, 0.08)
    return Layer(colour.astype(np.float32), alpha, "glasses"), gleam
