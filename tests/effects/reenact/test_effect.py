"""A photo's own pixels on another face."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.effects.base import EffectInput, run_to_end
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.effects.reenact.effect import ReenactEffect
from faceswap_cli.effects.reenact.gaps import set_gaps
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.motion import LEAST_FRAMES, DrawnPerson, face_points, follow_track
from faceswap_cli.effects.reenact.options import ReenactOptions
from faceswap_cli.effects.reenact.source import nearest_source, prepare_source, transform_points
from faceswap_cli.evaluation.metrics import hull_mask, landmark_distance
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.journal import Journal
from faceswap_cli.media.frame import Frame
from faceswap_cli.pipeline.frame_sources import FramesInMemory

PICTURE = Path(__file__).resolve().parents[2] / "data" / "face.jpg"
PLAIN = ReenactOptions(grain=0.0, defocus=0.0, motion_blur=0.0, refine="off")
PARSER = FaceParser()
LAYOUT = face_layout()
HALF = np.float32([0.5, 0.5, 0])


def read():
    return np.ascontiguousarray(cv2.imread(str(PICTURE))[..., ::-1])


@pytest.fixture(scope="module")
def face():
    """A picture and the dense points of its face."""
    image = read()
    return image, build_analyser(thorough=True).find([Frame(0, 0.0, image)])[0][0].dense


@pytest.fixture(scope="module")
def source(face):
    return photo_of(*face)


def photo_of(image, dense):
    return prepare_source(image, face_points(dense[:68, :2], dense), face_layout(), PARSER)


def prepared(images, dense, source, options=PLAIN, first=0, open_journal=None):
    """The stages for a track, and what they draw."""
    count = len(images)
    person = source if isinstance(source, DrawnPerson) else DrawnPerson([source])
    landmarks = dense[:, :68, :2]
    told = {"dense": dense, "expression": np.zeros((count, 26), np.float32)}
    numbers, zeros = np.arange(first, first + count), np.zeros(count, np.int64)
    times = np.arange(first + count) / 25
    tracks = FaceTracks(
        numbers, zeros, landmarks, zeros.astype(np.float32), times, np.zeros((0, 2), np.int64), **told
    )
    frames = [Frame(int(n), float(times[n]), image) for n, image in zip(numbers, images, strict=True)]
    clip = EffectInput(PICTURE, tracks, FramesInMemory(frames), {0: 0}, open_journal=open_journal)
    stages = run_to_end(ReenactEffect([person], options, PARSER).prepare(clip)).stages
    return stages, list(stages.draw(frames, FacePlan(numbers, zeros, landmarks, {0: 0}, **told)))


def converted(*asked, **how):
    stages, drawn = prepared(*asked, **how)
    return [frame.image for frame in stages.composite(drawn)]


def test_a_face_on_itself_is_itself(face, source):
    image, dense = face
    landmarks = dense[:68, :2]
    [done] = converted([image], dense[None], source)
    inside = hull_mask(landmarks, image.shape, -0.1)
    assert np.abs(done.astype(int) - image)[inside].mean() < 6
    outside = ~hull_mask(landmarks, image.shape, 0.15)
    assert np.array_equal(done[outside], image[outside])


def test_the_mask_is_white_where_pixels_change(face):
    image, dense = face
    landmarks = dense[:68, :2]
    photo = photo_of(255 - image // 2, dense)
    stages, drawn = prepared([image], dense[None], photo)
    [done], [mask] = list(stages.composite(drawn)), list(stages.mask(drawn))
    assert mask.shape == image.shape and mask.dtype == np.uint8
    outside = cv2.dilate(mask, np.ones((3, 3))) == 0
    assert np.array_equal(done.image[outside], image[outside])
    assert mask[hull_mask(landmarks, image.shape, -0.2)].mean() > 150


def test_a_darker_photo_of_the_same_face_gets_the_scenes_light(face):
    image, dense = face
    landmarks = dense[:68, :2]
    dark = (image * 0.5).astype(np.uint8)
    [done] = converted([image], dense[None], photo_of(dark, dense))
    inside = hull_mask(landmarks, image.shape, -0.1)
    assert abs(done[inside].mean() - image[inside].mean()) < 8


def test_the_face_goes_where_the_target_is(face, source):
    image, dense = face
    matrix = cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), 12, 0.9)
    moved = cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    points = transform_points(dense.astype(np.float64), matrix).astype(np.float32)
    [done] = converted([moved], points[None], source)
    again = build_analyser().find([Frame(0, 0.0, done)])[0][0].landmarks
    assert landmark_distance(points[:68, :2], again) < 4
    assert np.abs(done.astype(int) - moved).mean() < 3


def test_what_is_beyond_a_photos_border_is_the_other_side(face):
    image, dense = face
    landmarks = dense[:68, :2]
    middle = round(float(landmarks[27:31, 0].mean() + np.ptp(landmarks[:, 0]) / 8))
    cut = np.ascontiguousarray(image[:, :middle])
    photo = photo_of(cut, dense)
    assert photo.hidden > 0.2
    [done] = converted([image], dense[None], photo)
    beyond = hull_mask(landmarks, image.shape, -0.1)
    beyond[:, : middle + 8] = False
    # Its border's pixels, smeared over there, would be streaks: each row of one colour.
    detail = [
        np.abs(np.diff(one.astype(int).mean(-1), axis=1, append=0))[beyond].mean() for one in (done, image)
    ]
    assert detail[0] > 0.5 * detail[1]
    assert np.abs(done.astype(int) - image)[beyond].mean() < 28


def test_blocks_that_begin_elsewhere_give_the_same_frames(face, source):
    image, dense = face
    images = [np.roll(image, k, axis=1) for k in range(17)]
    points = np.stack([dense + np.array([k, 0, 0]) for k in range(17)]).astype(np.float32)
    whole = converted(images, points, source)
    late = converted(images[8:], points[8:], source, first=8)
    assert np.abs(whole[16].astype(int) - late[8]).max() <= 1


def test_what_was_kept_gives_the_same_frames_as_what_was_found(face, source, tmp_path):
    image, dense = face
    smiling = dense + np.where(np.arange(222)[:, None] < 60, [0.4, 0.7, 0], 0)
    points = np.stack([dense] * (LEAST_FRAMES - 1) + [smiling]).astype(np.float32)

    def open_journal(name, key):
        return Journal(tmp_path / name, key)

    once = converted([image] * LEAST_FRAMES, points, source, open_journal=open_journal)
    assert (tmp_path / "rest").stat().st_size > 1000
    again = converted([image] * LEAST_FRAMES, points, source, open_journal=open_journal)
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))


def test_hair_over_the_photo_is_not_carried_along(face):
    image, dense = face
    landmarks = dense[:68, :2]
    covered = image.copy()
    brows, eyes = landmarks[17:27], landmarks[36:48]
    top = int(brows[:, 1].min() - 2.2 * (eyes[:, 1].mean() - brows[:, 1].mean()))
    bottom = int(brows[:, 1].min() - 0.5 * (eyes[:, 1].mean() - brows[:, 1].mean()))
    covered[max(top, 0) : bottom, int(brows[0, 0]) : int(brows[-1, 0])] = (25, 18, 14)
    source = photo_of(covered, dense)
    [done] = converted([image], dense[None], source)
    band = done[bottom - 4 : bottom, int(brows[2, 0]) : int(brows[-3, 0])]
    own = image[bottom - 4 : bottom, int(brows[2, 0]) : int(brows[-3, 0])]
    assert band.mean() > 0.75 * own.mean()


def test_a_large_photo_is_shrunk_without_aliasing(face, source):
    image, dense = face
    landmarks = dense[:68, :2]
    large = cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    fine = photo_of(large, (dense + HALF) * 4 - HALF)
    one, other = (converted([image], dense[None], photo)[0] for photo in (source, fine))
    inside = hull_mask(landmarks, image.shape, -0.1)
    assert np.abs(one.astype(int) - other)[inside].mean() < 5


def test_of_several_photos_the_nearest_is_taken_and_kept(source):
    turned = replace(source, pose=replace(source.pose, rotation=source.pose.rotation @ _yaw(30)))
    near = replace(source.pose, rotation=source.pose.rotation @ _yaw(26))
    between = replace(source.pose, rotation=source.pose.rotation @ _yaw(16))
    photos = [source, turned]
    assert nearest_source(photos, source.pose, source.head, LAYOUT, None) == 0
    assert nearest_source(photos, near, source.head, LAYOUT, 0) == 1
    assert nearest_source(photos, between, source.head, LAYOUT, 0) == 0
    assert nearest_source(photos, between, source.head, LAYOUT, 1) == 1


def test_a_photo_with_shut_eyes_is_not_taken_for_open_ones(source):
    shut = source.head.copy()
    for eye in LAYOUT.eyes:
        set_gaps(shut, eye, np.zeros(len(eye.upper)))
    photos = [replace(source, head=shut), replace(source, pose=replace(source.pose, rotation=_yaw(20)))]
    facing = replace(source.pose, rotation=np.eye(3))
    photos[0] = replace(photos[0], pose=facing)
    assert nearest_source(photos, facing, source.head, LAYOUT, 0) == 1
    assert nearest_source(photos, facing, shut, LAYOUT, None) == 0


def test_photos_change_over_a_few_frames(face, source):
    dense = face[1].astype(np.float64)
    middle = dense.mean(0)
    turned = replace(source, pose=replace(source.pose, rotation=source.pose.rotation @ _yaw(30)))
    many = np.array([(dense - middle) @ _yaw(3 * k).T + middle for k in range(11)])
    motion = follow_track(np.arange(11), many, DrawnPerson([source, turned]))
    assert np.allclose(motion.shares.sum(1), 1)
    assert len(motion.shares_at(0)) == 1 and motion.shares_at(0)[0][0] != motion.shares_at(10)[0][0]
    assert np.abs(np.diff(motion.shares[:, 0])).max() <= 0.21
    assert any(len(motion.shares_at(k)) == 2 for k in range(11))


def test_two_people_are_mixed(face, source):
    image, dense = face
    pale = photo_of(np.clip(image.astype(int) + 60, 0, 255).astype(np.uint8), dense)
    plain = replace(PLAIN, light=0.0)
    one, other, both = (
        converted([image], dense[None], person, options=plain)[0].astype(int)
        for person in (source, pale, DrawnPerson([source, pale], [0.5, 0.5]))
    )
    inside = hull_mask(dense[:68, :2], image.shape, -0.15)
    assert np.abs(both - (one + other) / 2)[inside].mean() < 3
    assert np.abs(one - other)[inside].mean() > 20


def _yaw(degrees):
    s, c = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
