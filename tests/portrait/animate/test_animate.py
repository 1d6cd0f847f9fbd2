"""A photo that follows a driver."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.effects.base import EffectInput, run_to_end
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.effects.reenact.gaps import gaps, set_gaps
from faceswap_cli.effects.reenact.head import HeadPose, fit_head
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.motion import face_points
from faceswap_cli.errors import UserError
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.landmarks.dense import IBUG
from faceswap_cli.faces.landmarks.pose import rotation_matrix
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.media.frame import Frame
from faceswap_cli.pipeline.frame_sources import FramesInMemory
from faceswap_cli.portrait.animate.driven_faces import AnimatedFace
from faceswap_cli.portrait.animate.effect import AnimateEffect
from faceswap_cli.portrait.animate.idle import idle_motion
from faceswap_cli.portrait.animate.lids import shut_lids
from faceswap_cli.portrait.animate.motion import follow_driver
from faceswap_cli.portrait.animate.options import AnimateOptions
from faceswap_cli.portrait.animate.render import prepare_portrait
from faceswap_cli.portrait.animate.shape import (
    FARTHEST,
    animate_pose,
    animate_shape,
    beyond_limit,
    limit_motion,
    match_photo,
)

PICTURE = Path(__file__).resolve().parents[2] / "data" / "face.jpg"
LAYOUT = face_layout()


@pytest.fixture(scope="module")
def face():
    """A picture and the dense points of its face."""
    image = np.ascontiguousarray(cv2.imread(str(PICTURE))[..., ::-1])
    image = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
    return image, build_analyser(thorough=True).find([Frame(0, 0.0, image)])[0][0].dense


@pytest.fixture(scope="module")
def portrait(face):
    image, dense = face
    return prepare_portrait(image, face_points(dense[:68, :2], dense), LAYOUT, FaceParser())


def tracks_of(dense, shots=None, frames=None, count=None):
    """One track of dense points (K, 222, 3)."""
    dense = np.asarray(dense, np.float32)
    frames = np.arange(len(dense)) if frames is None else np.asarray(frames)
    count = len(dense) if count is None else count
    return FaceTracks(
        frames, np.zeros(len(dense), np.int64), dense[:, :68, :2], np.ones(len(dense), np.float32),
        np.arange(count) / 25, np.zeros((0, 2), np.int64),
        shots=np.zeros(count, np.int64) if shots is None else shots,
        dense=dense, expression=np.zeros((len(dense), 26), np.float32),
    )  # fmt: skip


def changed(dense, mouth=0.0, lids=1.0, yaw=0.0, shift=(0.0, 0.0)):
    """A face's dense points with its mouth opened further (face units), its lids at a share, its head
    turned."""
    pose = fit_head(dense[IBUG:].astype(float), LAYOUT)
    head = pose.lift(dense[IBUG:])
    set_gaps(head, LAYOUT.mouth, np.maximum(gaps(head, LAYOUT.mouth) + mouth, 0))
    for eye in LAYOUT.eyes:
        set_gaps(head, eye, lids * gaps(head, eye))
    place = pose.shift + pose.scale * np.array([*shift, 0])
    turned = HeadPose(rotation_matrix(yaw, 0, 0) @ pose.rotation, pose.scale, place)
    found = dense.copy()
    found[IBUG:] = turned.project(head)
    return found


def test_the_rest_is_the_median_and_not_the_first_frame(face):
    _, dense = face
    motion = follow_driver(tracks_of([changed(dense, mouth=0.3, yaw=20), *[dense] * 9]), [0], 0.0)
    at_rest = fit_head(dense[IBUG:], LAYOUT).lift(dense[IBUG:])
    assert np.abs(motion.rest - at_rest)[list(LAYOUT.mouth.lower)].max() < 0.02
    assert abs(motion.angles[0, 0] - 20) < 3
    assert np.abs(motion.angles[1:]).max() < 1


def test_a_frame_that_is_named_is_the_rest(face):
    _, dense = face
    tracks = tracks_of([*[dense] * 5, changed(dense, mouth=0.3)])
    motion = follow_driver(tracks, [0], 0.0, neutral=5)
    assert gaps(motion.rest, LAYOUT.mouth).max() > 0.25


def test_frames_without_a_face_lie_between_and_are_told(face):
    _, dense = face
    tracks = tracks_of([dense, changed(dense, yaw=10)], frames=[0, 4], count=6)
    motion = follow_driver(tracks, [0], 0.0)
    assert motion.seen.tolist() == [True, False, False, False, True, False]
    steps = np.diff(motion.angles[:5, 0])
    assert np.allclose(steps, steps[0], atol=1e-6)
    assert motion.angles[5, 0] == motion.angles[4, 0]


def test_behind_a_cut_the_head_is_where_the_new_shot_holds_it(face):
    _, dense = face
    far = changed(dense, shift=(2.0, 0.0))
    tracks = tracks_of([dense] * 5 + [far] * 5, shots=np.repeat([0, 1], 5))
    assert np.abs(follow_driver(tracks, [0], 0.0).shift).max() < 0.02


def test_what_is_shut_on_the_driver_shuts_on_the_photo(face):
    shut = changed(face[1], mouth=-0.13)
    motion = follow_driver(
        tracks_of([*[shut] * 30, changed(shut, lids=0.0), changed(shut, mouth=0.3)]), [0], 0.0
    )
    open_photo = fit_head(shut[IBUG:], LAYOUT).lift(changed(shut, mouth=0.2)[IBUG:])
    photo = match_photo(open_photo, motion, LAYOUT)

    def shape(frame):
        head = motion.heads[frame].astype(float)
        return animate_shape(head, motion, photo, LAYOUT, 1.0, ("mouth", "eyes", "brows"))

    assert max(shape(30).lids) < 0.1 and min(shape(0).lids) > 0.9
    assert gaps(shape(0).drawn, LAYOUT.mouth).max() < 0.06  # the photo's was .2 wider open
    assert gaps(shape(31).drawn, LAYOUT.mouth).max() > 0.2


def test_only_the_named_regions_follow(face):
    _, dense = face
    motion = follow_driver(tracks_of([*[dense] * 9, changed(dense, lids=0.2, mouth=0.3)]), [0], 0.0)
    photo = match_photo(motion.rest, motion, LAYOUT)
    head = motion.heads[9].astype(float)
    mouth = animate_shape(head, motion, photo, LAYOUT, 1.0, ("mouth",))
    eyes = animate_shape(head, motion, photo, LAYOUT, 1.0, ("eyes",))
    assert np.allclose(gaps(mouth.drawn, LAYOUT.eyes[0]), gaps(motion.rest, LAYOUT.eyes[0]), atol=1e-6)
    assert gaps(mouth.drawn, LAYOUT.mouth).max() > 0.25 and min(mouth.lids) == 1
    assert np.allclose(gaps(eyes.drawn, LAYOUT.mouth), gaps(motion.rest, LAYOUT.mouth), atol=1e-6)
    assert max(eyes.lids) < 0.5


def test_motion_is_held_back_without_a_jump():
    asked = np.linspace(-80, 80, 1001)
    held = limit_motion(asked, 25.0)
    assert np.abs(held).max() <= 25
    assert np.allclose(held[np.abs(asked) < 18], asked[np.abs(asked) < 18])
    assert (np.diff(held) >= 0).all() and np.diff(held).max() < 0.2
    assert not limit_motion(asked, 0.0).any()


def test_a_turn_beyond_the_limit_is_held_back_and_counted(face):
    _, dense = face
    motion = follow_driver(tracks_of([*[dense] * 9, changed(dense, yaw=40, shift=(3, 0))]), [0], 0.0)
    assert beyond_limit(motion, 1.0, 25.0).tolist() == [False] * 9 + [True]
    start = HeadPose(np.eye(3), 100.0, np.zeros(3))
    pose = animate_pose(motion, 9, start, 1.0, 25.0)
    assert np.degrees(np.arccos(np.clip((np.trace(pose.rotation) - 1) / 2, -1, 1))) < 26
    assert np.abs(pose.shift).max() <= 100 * FARTHEST


def test_a_map_is_turned_round_to_where_its_nodes_came_from(portrait):
    pose = HeadPose(
        rotation_matrix(15, 5, 5) @ portrait.pose.rotation, portrait.pose.scale, portrait.pose.shift
    )
    surface = portrait.surface
    moved = surface.moved_nodes(surface.source, pose)
    back = surface.source_map(surface.source, pose)
    first, last = surface.nodes[0, 0], surface.nodes[-1, -1]
    at = (moved - first) * (np.array(moved.shape[1::-1], np.float32) - 1) / (last - first)
    found = cv2.remap(
        back, at[..., 0].copy(), at[..., 1].copy(), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    inside = (slice(20, -20),) * 2
    assert np.median(np.abs(found - surface.nodes)[inside]) < 0.01 * portrait.pose.scale


def test_shoulders_follow_little_and_the_lower_body_not(portrait):
    surface = portrait.surface
    middle = np.abs(surface.head[:, 0]) < 0.3
    share = surface.share[:, 0]
    assert (share[middle & (surface.head[:, 1] < 0.8)] > 0.95).all()
    below = share[middle & (surface.head[:, 1] > 2.0)]
    assert not len(below) or below.max() < 0.3


def drive(portrait, dense_of_frames, options=None):
    """The frames that a driver with these points makes of a portrait."""
    tracks = tracks_of(dense_of_frames)
    frames = [Frame(n, n / 25, np.zeros((8, 8, 3), np.uint8), pts=n) for n in range(len(dense_of_frames))]
    clip = EffectInput(PICTURE, tracks, FramesInMemory(frames), {0: 0})
    effect = AnimateEffect(portrait.image, [AnimatedFace(portrait)], options or AnimateOptions(smoothing=0.0))
    effect.check()
    prepared = run_to_end(effect.prepare(clip))
    plan = FacePlan(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 68, 2), np.float32))
    return list(prepared.stages.composite(prepared.stages.draw(frames, plan))), prepared


def test_a_driver_at_rest_leaves_the_photo(face, portrait):
    made, _ = drive(portrait, [face[1]] * 4)
    apart = np.abs(made[2].image.astype(int) - portrait.image)
    assert apart.mean() < 1.5
    assert np.quantile(apart, 0.99) < 20


def test_a_turn_moves_the_face_and_not_what_is_far_from_it(face, portrait):
    made, prepared = drive(portrait, [*[face[1]] * 6, changed(face[1], yaw=15)])
    apart = np.abs(made[6].image.astype(int) - made[0].image).max(-1)
    x, y = portrait.points[LAYOUT.nostrils[0], :2].astype(int)
    reach = int(0.3 * portrait.pose.scale)
    assert apart[y - reach : y + reach, x - reach : x + reach].mean() > 5
    x0, y0, x1, y1 = portrait.surface.box
    outside = np.ones(apart.shape, bool)
    outside[y0:y1, x0:x1] = False
    assert not apart[outside].any()
    assert any("teeth" in note for note in prepared.notes)


def test_without_strength_nothing_moves(face, portrait):
    wild = [*[face[1]] * 6, changed(face[1], yaw=20, mouth=0.2, lids=0.2)]
    made, _ = drive(portrait, wild, AnimateOptions(strength=0.0, smoothing=0.0))
    assert np.abs(made[6].image.astype(int) - made[0].image).mean() < 0.5


def test_two_people_at_once_are_told_apart_first(face, portrait):
    tracks = tracks_of([face[1]] * 8)
    double = replace(
        FaceTracks.concatenate([tracks], tracks.times),
        frames=np.repeat(np.arange(4), 2),
        tracks=np.tile([0, 1], 4),
    )
    clip = EffectInput(PICTURE, double, FramesInMemory([]), {0: 0, 1: 0})
    with pytest.raises(UserError, match="two people at once"):
        run_to_end(AnimateEffect(portrait.image, [AnimatedFace(portrait)]).prepare(clip))


def test_a_frame_that_is_not_there_is_no_rest(face, portrait):
    with pytest.raises(UserError, match="--neutral 99"):
        drive(portrait, [face[1]] * 3, AnimateOptions(neutral="99"))


def test_an_idle_loop_has_no_seam_and_blinks(portrait):
    motion = idle_motion(portrait.head, 150, 6.0, 0)
    for values in (motion.angles, motion.shift, motion.heads.reshape(150, -1)):
        steps = np.abs(np.diff(values, axis=0, append=values[:1]))
        assert (steps[-1] <= steps[:-1].max(0) + 1e-6).all()
    opened = np.array([gaps(head, LAYOUT.eyes[0]).mean() for head in motion.heads])
    assert opened.min() < 0.1 * opened.max()
    assert np.median(opened) > 0.9 * opened.max()
    assert np.array_equal(motion.heads, idle_motion(portrait.head, 150, 6.0, 0).heads)
    assert not np.array_equal(motion.heads, idle_motion(portrait.head, 150, 6.0, 1).heads)


def test_lids_that_shut_cover_the_iris_and_nothing_else(portrait):
    eye = LAYOUT.eyes[0]
    x0, y0 = portrait.surface.box[:2]
    x, y = (portrait.points[eye.iris[0], :2] - [x0, y0]).round().astype(int)
    shut = shut_lids(portrait.person, portrait.lids, (0.0, 0.0))
    half = shut_lids(portrait.person, portrait.lids, (0.5, 0.5))
    assert shut_lids(portrait.person, portrait.lids, (1.0, 1.0)) is portrait.person
    apart = np.abs(shut.astype(int) - portrait.person).max(-1)
    assert apart[y, x] > 30
    assert (apart > 0).sum() < 0.35 * portrait.pose.scale**2
    assert (np.abs(half.astype(int) - portrait.person).max(-1) > 8).sum() < (apart > 8).sum()
