"""A photo's own pixels on another face."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.effects.base import EffectInput, run_to_end
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.effects.reenact.effect import ReenactEffect
from faceswap_cli.effects.reenact.layout import LAYOUT_68
from faceswap_cli.effects.reenact.options import ReenactOptions
from faceswap_cli.effects.reenact.source import nearest_source, prepare_source
from faceswap_cli.evaluation.metrics import hull_mask, landmark_distance
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.media.frame import Frame
from faceswap_cli.pipeline.frame_sources import FramesInMemory

PICTURE = Path(__file__).resolve().parents[2] / "data" / "face.jpg"
PLAIN = ReenactOptions(grain=0.0, defocus=0.0, motion_blur=0.0)
PARSER = FaceParser()


def read():
    return np.ascontiguousarray(cv2.imread(str(PICTURE))[..., ::-1])


@pytest.fixture(scope="module")
def face():
    """A picture and the landmarks of its face."""
    image = read()
    return image, build_analyser(thorough=True).find([Frame(0, 0.0, image)])[0][0].landmarks


@pytest.fixture(scope="module")
def source(face):
    return prepare_source(*face, face[1], LAYOUT_68, PARSER)


def prepared(images, landmarks, source, options=PLAIN, first=0):
    """The stages for a track, and what they draw."""
    count = len(images)
    numbers, zeros = np.arange(first, first + count), np.zeros(count, np.int64)
    times = np.arange(first + count) / 25
    tracks = FaceTracks(
        numbers, zeros, landmarks, zeros.astype(np.float32), times, np.zeros((0, 2), np.int64)
    )
    frames = [Frame(int(n), float(times[n]), image) for n, image in zip(numbers, images, strict=True)]
    clip = EffectInput(PICTURE, tracks, FramesInMemory(frames), {0: 0})
    stages = run_to_end(ReenactEffect([[source]], options, PARSER).prepare(clip)).stages
    return stages, list(stages.draw(frames, FacePlan(numbers, zeros, landmarks, {0: 0})))


def converted(*asked, **how):
    stages, drawn = prepared(*asked, **how)
    return [frame.image for frame in stages.composite(drawn)]


def test_a_face_on_itself_is_itself(face, source):
    image, landmarks = face
    [done] = converted([image], landmarks[None], source)
    inside = hull_mask(landmarks, image.shape, -0.1)
    assert np.abs(done.astype(int) - image)[inside].mean() < 6
    outside = ~hull_mask(landmarks, image.shape, 0.15)
    assert np.array_equal(done[outside], image[outside])


def test_the_mask_is_white_where_pixels_change(face):
    image, landmarks = face
    photo = prepare_source(255 - image // 2, landmarks, landmarks, LAYOUT_68, PARSER)
    stages, drawn = prepared([image], landmarks[None], photo)
    [done], [mask] = list(stages.composite(drawn)), list(stages.mask(drawn))
    assert mask.shape == image.shape and mask.dtype == np.uint8
    outside = cv2.dilate(mask, np.ones((3, 3))) == 0
    assert np.array_equal(done.image[outside], image[outside])
    assert mask[hull_mask(landmarks, image.shape, -0.2)].mean() > 150


def test_a_darker_photo_of_the_same_face_gets_the_scenes_light(face):
    image, landmarks = face
    dark = (image * 0.5).astype(np.uint8)
    [done] = converted(
        [image], landmarks[None], prepare_source(dark, landmarks, landmarks, LAYOUT_68, PARSER)
    )
    inside = hull_mask(landmarks, image.shape, -0.1)
    assert abs(done[inside].mean() - image[inside].mean()) < 8


def test_the_face_goes_where_the_target_is(face, source):
    image, landmarks = face
    matrix = cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), 12, 0.9)
    moved = cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    points = (landmarks @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    [done] = converted([moved], points[None], source)
    again = build_analyser().find([Frame(0, 0.0, done)])[0][0].landmarks
    assert landmark_distance(points, again) < 4
    assert np.abs(done.astype(int) - moved).mean() < 3


def test_what_is_beyond_a_photos_border_is_the_other_side(face):
    image, landmarks = face
    middle = round(float(landmarks[27:31, 0].mean() + np.ptp(landmarks[:, 0]) / 8))
    cut = np.ascontiguousarray(image[:, :middle])
    photo = prepare_source(cut, landmarks, landmarks, LAYOUT_68, PARSER)
    assert photo.hidden > 0.2
    [done] = converted([image], landmarks[None], photo)
    beyond = hull_mask(landmarks, image.shape, -0.1)
    beyond[:, : middle + 8] = False
    # Its border's pixels, smeared over there, would be streaks: each row of one colour.
    detail = [
        np.abs(np.diff(one.astype(int).mean(-1), axis=1, append=0))[beyond].mean() for one in (done, image)
    ]
    assert detail[0] > 0.5 * detail[1]
    assert np.abs(done.astype(int) - image)[beyond].mean() < 28


def test_blocks_that_begin_elsewhere_give_the_same_frames(face, source):
    image, landmarks = face
    images = [np.roll(image, k, axis=1) for k in range(17)]
    points = np.stack([landmarks + np.array([k, 0]) for k in range(17)]).astype(np.float32)
    whole = converted(images, points, source)
    late = converted(images[8:], points[8:], source, first=8)
    assert np.abs(whole[16].astype(int) - late[8]).max() <= 1


def test_hair_over_the_photo_is_not_carried_along(face):
    image, landmarks = face
    covered = image.copy()
    brows, eyes = landmarks[17:27], landmarks[36:48]
    top = int(brows[:, 1].min() - 2.2 * (eyes[:, 1].mean() - brows[:, 1].mean()))
    bottom = int(brows[:, 1].min() - 0.5 * (eyes[:, 1].mean() - brows[:, 1].mean()))
    covered[max(top, 0) : bottom, int(brows[0, 0]) : int(brows[-1, 0])] = (25, 18, 14)
    source = prepare_source(covered, landmarks, landmarks, LAYOUT_68, PARSER)
    [done] = converted([image], landmarks[None], source)
    band = done[bottom - 4 : bottom, int(brows[2, 0]) : int(brows[-3, 0])]
    own = image[bottom - 4 : bottom, int(brows[2, 0]) : int(brows[-3, 0])]
    assert band.mean() > 0.75 * own.mean()


def test_a_large_photo_is_shrunk_without_aliasing(face, source):
    image, landmarks = face
    large = cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    points = (landmarks + 0.5) * 4 - 0.5
    fine = prepare_source(large, points, points, LAYOUT_68, PARSER)
    one, other = (converted([image], landmarks[None], photo)[0] for photo in (source, fine))
    inside = hull_mask(landmarks, image.shape, -0.1)
    assert np.abs(one.astype(int) - other)[inside].mean() < 5


def test_of_several_photos_the_nearest_is_taken_and_kept(source):
    turned = replace(source, pose=replace(source.pose, rotation=source.pose.rotation @ _yaw(30)))
    near = replace(source.pose, rotation=source.pose.rotation @ _yaw(26))
    between = replace(source.pose, rotation=source.pose.rotation @ _yaw(16))
    photos = [source, turned]
    assert nearest_source(photos, source.pose, source.head, None) == 0
    assert nearest_source(photos, near, source.head, 0) == 1
    assert nearest_source(photos, between, source.head, 0) == 0
    assert nearest_source(photos, between, source.head, 1) == 1


def _yaw(degrees):
    s, c = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
