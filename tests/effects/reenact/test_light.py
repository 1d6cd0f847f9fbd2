"""The scene's light on a drawn face."""

import numpy as np
import pytest

from faceswap_cli.effects.reenact import light
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.faces.landmarks.pose import rotation_matrix

SIZE = 128
LAYOUT = face_layout()
POINTS = LAYOUT.head.mean[:, :2] * SIZE / 2.75 + (SIZE - 1) / 2
LEVEL = rotation_matrix(0, 0, 0)
BOX = (0, 0, SIZE, SIZE)


def disc():
    y, x = np.mgrid[:SIZE, :SIZE]
    return (np.hypot(x - 64, y - 66) < 30).astype(np.float32)


def lit(direction, strength=0.3, albedo=(0.6, 0.45, 0.35)):
    """A face of one colour, lit from one direction."""
    normals = light.camera_normals(POINTS, LEVEL, LAYOUT, BOX)
    rows = np.linspace(0, light.NODES - 1, SIZE).round().astype(int)
    shade = np.exp(strength * normals[rows][:, rows] @ np.asarray(direction, np.float32))
    return np.clip(shade[..., None] * np.array(albedo), 0, 1).astype(np.float32)


def fitted(picture, rotation=LEVEL):
    return light.fit_shading(light.log_light(picture), disc(), POINTS, rotation, LAYOUT)


def test_normals_look_at_the_viewer_and_to_their_sides():
    normals = light.mean_normals(LAYOUT)
    mean = LAYOUT.head.mean[LAYOUT.skin]
    inner = np.abs(mean[:, 0]) < 0.4
    assert (normals[inner, 2] < -0.45).all()
    assert normals[mean[:, 0].argmin(), 0] < -0.3 < 0.3 < normals[mean[:, 0].argmax(), 0]


def test_the_light_of_a_face_is_found_again():
    picture = lit((-1, 0, 0))
    shading = fitted(picture)
    normals = light.camera_normals(POINTS, LEVEL, LAYOUT, BOX)
    found = np.exp(shading.at(normals))
    nose = light.NODES // 2
    left, right = found[nose, nose - 6], found[nose, nose + 6]
    assert (left > right).all()
    inside = disc() > 0
    rows = np.linspace(0, light.NODES - 1, SIZE).round().astype(int)
    assert np.abs(found[rows][:, rows] - light.DARKEST - picture)[inside].mean() < 0.02


def test_a_face_gets_the_scenes_tone():
    own, scene = fitted(lit((0, 0, 0), albedo=(0.3, 0.2, 0.15))), fitted(lit((0, 0, 0)))
    normals = light.camera_normals(POINTS, LEVEL, LAYOUT, BOX)
    gain = light.scene_gain(scene.at(normals), own.at(normals))
    dark = np.tile(np.float32([0.3, 0.2, 0.15]), (light.NODES, light.NODES, 1))
    found = light.scene_light(dark, own.at(normals), gain, own, scene)
    assert np.allclose(found[10:24, 10:24].mean((0, 1)), (0.6, 0.45, 0.35), atol=0.03)


def test_a_pale_scene_makes_colours_pale_and_leaves_brows_dark():
    pale, strong = (
        light.Shading(np.zeros((9, 3)), 99.0, (0.1, 0.01)),
        light.Shading(np.zeros((9, 3)), 99.0, (0.1, 0.05)),
    )
    flat = np.zeros((1, 2, 3), np.float32)
    picture = np.float32([[[0.9, 0.5, 0.5], [0.05, 0.05, 0.05]]])
    found = light.scene_light(picture, flat, flat, strong, pale)
    assert np.ptp(found[0, 0]) < 0.6 * np.ptp(picture[0, 0])
    assert found[0, 1].max() < 0.1


def test_nothing_seen_is_nothing_known():
    empty = light.fit_shading(np.zeros((SIZE, SIZE, 3), np.float32), 0 * disc(), POINTS, LEVEL, LAYOUT)
    assert empty.weight == 0
    assert light.average_shading([empty], [1.0]).weight == 0


def test_skin_that_is_seen_nowhere_surely_is_none():
    faint = np.full((SIZE, SIZE), 0.02, np.float32)
    shading = light.fit_shading(light.log_light(lit((0, 0, -1))), faint, POINTS, LEVEL, LAYOUT)
    assert shading.weight == 0 and not shading.factors.any()


def test_frames_count_by_what_was_seen_of_them():
    one, other = light.Shading(np.ones((9, 3)), 300.0), light.Shading(np.zeros((9, 3)), 100.0)
    assert light.average_shading([one, other], [1.0, 1.0]).factors[0, 0] == pytest.approx(0.75)
