"""A stream from camera to output: order, covering, dials, and ends."""

from dataclasses import replace

import numpy as np
import pytest

from faceswap_cli.effects.swap.effect import SwapEffect
from faceswap_cli.errors import Refusal, UserError
from faceswap_cli.faces.identity.people import Person
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget
from faceswap_cli.pipeline.live import session as live_session
from faceswap_cli.pipeline.live.outputs.base import Output
from faceswap_cli.pipeline.live.session import Captured
from faceswap_cli.pipeline.live.slots import Handover, Newest
from tests.pipeline.live import steps
from tests.pipeline.moving_face import negative


def test_until_a_face_is_held_the_picture_is_blurred_and_then_drawn():
    images = steps.pictures(8)
    session, shown = steps.run(images)
    assert [one.drawn for one in shown] == [False, *[True] * 7]
    assert session.stats.drawn == 7 and session.stats.covered == {"not held yet": 1}
    assert [one.time for one in shown] == [index / 25 for index in range(8)]
    # Blurred: nothing of the eyes is left. Drawn: the face is, the rest is the camera's.
    assert np.abs(np.diff(shown[0].plain[:90].astype(int), axis=1)).max() < 12
    assert (shown[5].plain[:8, :60] == images[5][:8, :60]).all()
    assert steps.differs(shown[5].plain, images[5]) > 5


@pytest.mark.parametrize("missing", [(6,), (6, 7, 8)])
def test_a_lost_face_covers_the_picture_at_once_and_until_it_is_held_again(missing):
    # The landmarks of this stage never doubt: what loses the face is the detector, which looks at each fifth.
    _, shown = steps.run(steps.pictures(16), missing=missing)
    drawn = [one.drawn for one in shown]
    assert not drawn[missing[0]] and all(not drawn[index] for index in missing)
    assert drawn[-1]


def test_no_face_is_never_passed_through_but_where_that_is_asked_for():
    images = [steps.NOBODY] * 3
    session, shown = steps.run(images, missing=range(3))
    assert session.stats.covered == {"no face": 3}
    assert all(steps.differs(one.camera, one.plain) > 1 for one in shown)
    _, shown = steps.run(images, missing=range(3), when_lost="black")
    assert not shown[0].plain[:80].any()
    _, shown = steps.run(images, missing=range(3), when_lost="pass")
    assert (shown[0].plain[:80] == images[0][:80]).all()


def test_hold_shows_the_last_drawn_picture():
    _, shown = steps.run(steps.pictures(12), missing=(6, 7), when_lost="hold")
    before = max(index for index in range(8) if shown[index].drawn)
    lost = next(index for index in range(before, 12) if not shown[index].drawn)
    assert (shown[lost].plain == shown[before].plain).all()


def test_the_label_is_always_in_what_others_see():
    _, shown = steps.run(steps.pictures(4))
    assert all((one.labelled[-20:] != one.camera[-20:]).any() for one in shown)


def test_with_a_delay_frames_come_out_late_all_of_them_and_what_came_unseen_is_covered():
    images = steps.pictures(20)
    session, shown = steps.run(images, delay=0.2)
    assert [one.time for one in shown] == [index / 25 for index in range(20)]
    # The face came in frame 0 and was held in frame 1: frame 0 came before any look and stays covered.
    assert not shown[0].drawn and all(one.drawn for one in shown[2:])
    assert session.stats.quantile("whole", 0.5) > 0


def test_only_a_wanted_person_uncovers_the_picture(monkeypatch):
    class Encoder:
        def embed(self, image, landmarks):
            return np.eye(128, dtype=np.float32)[
                [0 if points[:, 0].mean() < 80 else 1 for points in landmarks]
            ]

    monkeypatch.setattr(live_session, "IdentityEncoder", Encoder)
    looks = np.eye(128, dtype=np.float32)
    left = SwapPlan([SwapTarget(negative(), Person("left", looks[:1]))])
    _, shown = steps.run(steps.pictures(10, 2), people=2, plan=left)
    assert shown[-1].drawn
    right_half = (slice(25, 95), slice(96, 160))  # clear of the label
    assert (shown[-1].plain[right_half] == shown[-1].camera[right_half]).all()
    nobody = SwapPlan([SwapTarget(negative(), Person("else", looks[5:6]))])
    ended, shown = steps.run(steps.pictures(10, 2), people=2, plan=nobody)
    assert not any(one.drawn for one in shown) and ended.stats.covered["no face"] > 0


def test_the_next_face_alone_is_changed_and_then_all():
    session, kept = steps.start(steps.pictures(30, 2), people=2)
    while len(kept.shown) < 6:
        session.wait(0.01)
    session.controls.next_face = True
    assert session.wait(120)
    session.close()
    assert "only the next face is changed" in session.notes
    last = kept.shown[-1]
    assert (last.plain[25:95, 100:] == last.camera[25:95, 100:]).all()
    assert steps.differs(last.plain[20:100, :80], last.camera[20:100, :80]) > 5


def test_an_output_that_fails_ends_the_stream_with_its_reason():
    class Broken(Output):
        def show(self, shown):
            raise UserError("the disk is full")

        def close(self):
            pass

    session, _ = steps.start(steps.pictures(5))
    session.outputs = [Broken()]
    assert session.wait(60)
    with pytest.raises(UserError, match="the disk is full"):
        session.close()


def test_stop_ends_soon_and_closes_the_outputs():
    session, kept = steps.start(steps.pictures(5000))
    while len(kept.shown) < 3:
        session.wait(0.01)
    session.stop()
    assert session.wait(20)
    session.close()
    assert kept.closed and len(kept.shown) < 5000


def test_what_the_guard_refuses_ends_the_stream_before_anything_is_drawn():
    class Guard(SafetyGuard):
        def check_picture(self, source, image):
            raise Refusal(f"{source} shows nudity")

    plan = SwapPlan([SwapTarget(negative())], guard=Guard())
    session, kept = steps.start(steps.pictures(2000), plan=plan)
    assert session.wait(60)
    with pytest.raises(Refusal, match="nudity"):
        session.close()
    assert not any(one.drawn for one in kept.shown)


@pytest.mark.parametrize("looks", [1, 1000])
def test_a_face_is_drawn_only_when_the_guard_took_it_for_a_grown_up(looks):
    asked = []

    class Guard(SafetyGuard):
        def check_picture(self, source, image):
            pass

        def crop(self, image, landmarks):
            return image

        def young(self, crops, clarities, side=None):
            asked.append(len(crops))
            return 9.0 if len(asked) <= looks else None

    plan = SwapPlan([SwapTarget(negative())], guard=Guard())
    session, kept = steps.start(steps.pictures(3000), plan=plan)
    while not session.wait(0.01) and not any(one.drawn for one in kept.shown):
        pass
    session.stop()
    assert session.wait(60)
    if looks == 1:
        session.close()
        assert any(one.drawn for one in kept.shown)
    else:
        with pytest.raises(Refusal, match="child"):
            session.close()
        assert max(asked) == 3 and not any(one.drawn for one in kept.shown)


def test_the_newest_thing_takes_the_place_of_what_nobody_took():
    slot = Newest()
    for number in range(3):
        slot.put(number)
    assert slot.take() == 2 and slot.dropped == 2 and slot.take(0.01) is None
    slot.put(Captured(None, 0.0))
    slot.close()
    assert slot.take() is not None and slot.take() is None


def test_a_handover_loses_nothing():
    import threading

    slot, got = Handover(), []
    thread = threading.Thread(target=lambda: [slot.put(n) for n in range(50)])
    thread.start()
    while (one := slot.take()) is not None:
        got.append(one)
        if one == 49:
            break
    thread.join(10)
    assert got == list(range(50)) and slot.dropped == 0


def test_no_frame_is_looked_at_before_the_one_in_front_of_it_is_being_drawn():
    """One waits for the drawing at most: it would only grow old."""
    import threading

    drawing, go_on, looked = threading.Event(), threading.Event(), []

    class Slow(SwapEffect):
        def open_stream(self):
            stream = super().open_stream()
            render = stream.render

            def wait(frame, faces, effort):
                drawing.set()
                assert go_on.wait(60)
                return render(frame, faces, effort)

            stream.render = wait
            return stream

    session, _ = steps.prepare(steps.pictures(8), effect=Slow([negative()], steps.PLAIN))
    follow = session._follower.follow
    session._follower.follow = lambda frame, every: (looked.append(frame.index), follow(frame, every))[1]
    session.start()
    assert drawing.wait(60)  # the second: the first is not held yet
    waits = session._sighted
    with waits._filled:
        assert waits._filled.wait_for(lambda: waits._item is not None, 60)
    assert not session.wait(0.3) and looked == [0, 1, 2]
    go_on.set()
    assert session.wait(60)
    session.close()
    assert looked == list(range(8))


def test_a_photo_that_moves_is_all_that_is_ever_shown():
    class Puppet(SwapEffect):
        def open_stream(self):
            stream = super().open_stream()
            stream.still = np.full((60, 48, 3), 200, np.uint8)
            stream.render = lambda frame, faces, effort: replace(
                frame, image=np.full((60, 48, 3), 100, np.uint8), picture=None
            )
            return stream

    session, shown = steps.run(steps.pictures(7), effect=Puppet([negative()], steps.PLAIN), missing=(6,))
    assert (session.width, session.height) == (48, 60)
    levels = [int(one.plain[5, 5, 0]) for one in shown]
    assert levels == [200, *[100] * 5, 200]  # at rest wherever no face is held, and never the camera's
    assert all(one.plain.shape == (60, 48, 3) for one in shown)
