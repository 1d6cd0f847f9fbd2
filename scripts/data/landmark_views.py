"""Turned views of a face from one picture of it, by a mesh over the 3-D mean face.

After X. Zhu et al., Face alignment across large poses: a 3D solution, CVPR 2016 ("face profiling"): landmarks
and points of the cheeks get the mean face's depth, the surroundings recede, and the picture is drawn anew,
triangle by triangle from back to front, turned. It looks like paper, but the landmarks are known exactly,
also where the head hides them.
"""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_cli.faces import geometry
from faceswap_cli.faces.landmarks.mean_shape import DEPTH

FAR = -1.1
"""Depth of the picture's border, in face units."""

_INNER = (36, 36, 31, 48, 48, 59, 58, 57)
"""For jaw points 0..7 the feature point the cheek runs to."""

_INNER_RIGHT = (45, 45, 35, 54, 54, 55, 56, 57)


def turned(
    crop: np.ndarray, points: np.ndarray, yaw: float, pitch: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A face turned further.

    Args:
        crop: (S, S, 3) uint8, upright, with room around the face.
        points: (68, 2) crop pixels.
        yaw: degrees; above 0 the face turns to the picture's right.
        pitch: degrees; above 0 it looks further up.

    Returns:
        The new picture, the new points (68, 2), and (68,) whether each can be seen.
    """
    size = crop.shape[0]
    unit = 1.0 / float(np.hypot(*geometry.fit_similarity(points[17:], geometry.MEAN_FACE[17:])[0, :2]))
    flat, depth = _mesh(points, size)
    solid = np.column_stack([flat, -depth * unit])  # z into the picture
    centre = np.append((points[36:48].mean(0) + points[30]) / 2, 0.25 * unit)
    moved = (solid - centre) @ rotate_head(yaw, pitch).T + centre
    # The border stays where it is; what lies between is pulled along.
    border = np.arange(len(flat)) >= len(flat) - BORDER
    moved[border, :2] = flat[border]
    triangles = triangulate(flat, size)
    picture = bend(crop, *draw_map(flat, moved, triangles, size))
    landmarks, visible = _landmarks(solid, moved, yaw)
    return picture, landmarks, visible


BORDER = 16
"""Points of `surround` that lie on the picture's border, the last ones."""


def _mesh(points: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) of the mesh and their depths (N,) in face units: landmarks, cheeks, head, border."""
    flat, depth = [*points], [*DEPTH]
    sides = [(i, inner) for i, inner in enumerate(_INNER)]
    sides += [(16 - i, inner) for i, inner in enumerate(_INNER_RIGHT)]
    for jaw, inner in sides:
        for part in (0.35, 0.7):
            flat.append(points[jaw] * (1 - part) + points[inner] * part)
            depth.append(DEPTH[jaw] + (DEPTH[inner] - DEPTH[jaw]) * np.sin(part * np.pi / 2))
    around, deep = surround(points, size)
    return np.vstack([flat, around]).clip(0, size - 1), np.array([*depth, *deep])


def surround(points: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) of head and border around a face's 68, and their depths (N,) in face units."""
    to_crop = geometry.fit_similarity(geometry.MEAN_FACE[17:], points[17:])
    ring = []
    for angle in np.radians(np.linspace(200, 340, 9)):  # forehead, then the crown behind it
        ring.append(
            (
                0.78 * np.cos(angle),
                -0.35 + 0.75 * np.sin(angle),
                0.15 + 0.1 * np.sin(angle) ** 2 - 0.45 * np.cos(angle) ** 2,
            )
        )
        ring.append((1.0 * np.cos(angle), -0.3 + 1.15 * np.sin(angle), -0.35 - 0.3 * np.cos(angle) ** 2))
    ring += [  # beside and below the jaw: ears, neck
        (1.12 * np.cos(angle), 0.05 + 1.25 * np.sin(angle), -0.75 + 0.1 * np.sin(angle))
        for angle in np.radians(np.linspace(0, 180, 7))
    ]
    flat = [*geometry.transform(np.array(ring)[:, :2], to_crop)]
    depth = [value for _, _, value in ring]
    last = size - 1
    edge = np.linspace(0, last, 5)
    border = [(x, y) for x in edge for y in edge if x in (0, last) or y in (0, last)]
    assert len(border) == BORDER
    flat += [np.array(p, float) for p in border]
    depth += [FAR] * BORDER
    return np.array(flat).clip(0, last), np.array(depth)


def rotate_head(yaw: float, pitch: float) -> np.ndarray:
    """x right, y down, z into the picture; the face looks along -z."""
    y, p = np.radians(-yaw), np.radians(pitch)
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    return turn @ nod


def triangulate(flat: np.ndarray, size: int) -> np.ndarray:
    """Delaunay triangles (T, 3) as indices into `flat`."""
    division = cv2.Subdiv2D((-1, -1, size + 2, size + 2))
    places: dict[tuple[int, int], int] = {}
    for i, (x, y) in enumerate(flat):
        key = (round(float(x) * 8), round(float(y) * 8))
        if key not in places:
            places[key] = i
            division.insert((key[0] / 8, key[1] / 8))
    found = []
    for triangle in np.asarray(division.getTriangleList()).reshape(-1, 3, 2):
        keys = [(round(float(x) * 8), round(float(y) * 8)) for x, y in triangle]
        if all(key in places for key in keys):
            found.append([places[key] for key in keys])
    return np.array(found)


def bend(crop: np.ndarray, from_x: np.ndarray, from_y: np.ndarray) -> np.ndarray:
    """The picture whose pixels come from these places (size, size) of `crop`."""
    return cv2.remap(crop, from_x, from_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def draw_map(
    flat: np.ndarray, moved: np.ndarray, triangles: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where each output pixel comes from, x and y (size, size): painter's algorithm over the triangles."""
    axis = np.arange(size, dtype=np.float32)
    from_x, from_y = np.meshgrid(axis, axis)
    from_x, from_y = from_x.copy(), from_y.copy()
    order = np.argsort(-moved[triangles][:, :, 2].mean(1))
    for a, b, c in triangles[order]:
        new, old = moved[[a, b, c], :2], flat[[a, b, c]]
        (ax, ay), (bx, by), (cx, cy) = new
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        before = (old[1, 0] - old[0, 0]) * (old[2, 1] - old[0, 1]) - (old[2, 0] - old[0, 0]) * (
            old[1, 1] - old[0, 1]
        )
        if area * before <= 1e-6:  # seen from behind
            continue
        x0, x1 = max(int(np.floor(new[:, 0].min())), 0), min(int(np.ceil(new[:, 0].max())), size - 1)
        y0, y1 = max(int(np.floor(new[:, 1].min())), 0), min(int(np.ceil(new[:, 1].max())), size - 1)
        if x1 < x0 or y1 < y0:
            continue
        xs, ys = np.meshgrid(axis[x0 : x1 + 1], axis[y0 : y1 + 1])
        v = ((xs - ax) * (cy - ay) - (cx - ax) * (ys - ay)) / area
        w = ((bx - ax) * (ys - ay) - (xs - ax) * (by - ay)) / area
        inside = (v >= -1e-4) & (w >= -1e-4) & (v + w <= 1 + 1e-4)
        u = 1 - v - w
        region = np.s_[y0 : y1 + 1, x0 : x1 + 1]
        from_x[region][inside] = (u * old[0, 0] + v * old[1, 0] + w * old[2, 0])[inside]
        from_y[region][inside] = (u * old[0, 1] + v * old[1, 1] + w * old[2, 1])[inside]
    return from_x, from_y


def _landmarks(solid: np.ndarray, moved: np.ndarray, yaw: float) -> tuple[np.ndarray, np.ndarray]:
    """Where the 68 points went; far jaw points that the cheek hides move to its edge, as people mark them."""
    points = moved[:68, :2].copy()
    visible = np.ones(68, bool)
    away = -1.0 if yaw > 0 else 1.0
    # A face that turns to the picture's right hides its right half: the far side is where x is great.
    far = range(9, 17) if yaw > 0 else range(8)
    for jaw in far:
        base = 68 + 2 * (8 + (16 - jaw)) if yaw > 0 else 68 + 2 * jaw
        curve = moved[[jaw, base, base + 1], :2]
        extreme = curve[np.argmin(away * curve[:, 0])]
        if away * extreme[0] < away * points[jaw, 0] - 0.5:
            points[jaw] = (extreme[0], points[jaw, 1])
            visible[jaw] = False
    nose = moved[27:31, :2]
    for i in (*range(17, 22), *range(36, 42)) if yaw < 0 else (*range(22, 27), *range(42, 48)):
        ridge = np.interp(points[i, 1], nose[:, 1], nose[:, 0]) if abs(yaw) > 1 else points[i, 0]
        if away * points[i, 0] > away * ridge:  # behind the bridge of the nose
            visible[i] = False
    return points, visible
