"""A stream in step: the camera's next frame comes when the one before is out, however slow the machine is."""

import threading

import numpy as np

from faceswap_cli.effects.swap.effect import SwapEffect
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.media.frame import Frame
from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget
from faceswap_cli.pipeline.live.cameras import Feed
from faceswap_cli.pipeline.live.options import LiveOptions
from faceswap_cli.pipeline.live.outputs.base import Output
from faceswap_cli.pipeline.live.session import LiveEffect, LiveSession
from tests.pipeline.moving_face import HEIGHT, WIDTH, fake_stage, negative, picture

PLAIN = SwapOptions(mask="hull", colour="none", grain=0.0, defocus=0.0, motion_blur=0.0, sharpen=0.0)
NOBODY = picture(0, people=0)


class Kept(Output):
    """Keeps what is shown."""

    def __init__(self):
        self.shown, self.out, self.closed = [], threading.Semaphore(0), False

    def show(self, shown):
        self.shown.append(shown)
        self.out.release()

    def close(self):
        self.closed = True


def feed(images, out, behind=0):
    """A camera of 25 frames a second; its frame comes when all but `behind` of those before are out."""

    def read():
        for index, image in enumerate(images):
            if index > behind:
                assert out.acquire(timeout=60)
            yield Frame(index, index / 25, image)
        for _ in range(min(behind + 1, len(images))):
            assert out.acquire(timeout=60)

    return Feed("made up", WIDTH, HEIGHT, 25.0, read)


def start(images, people=1, missing=(), effect=None, plan=None, behind=0, **options):
    """A session over pictures, and what keeps its output."""
    kept = Kept()
    effect = effect or SwapEffect([negative()], PLAIN)
    plan = plan or SwapPlan([SwapTarget(negative())])
    session = LiveSession(
        feed(images, kept.out, behind),
        LiveEffect(effect.open_stream(), plan, 0.0),
        fake_stage(people, missing),
        LiveOptions(**{"quality": "high", **options}),
        [kept],
    )
    session.start()
    return session, kept


def run(images, **how):
    """The same, to its end."""
    session, kept = start(images, **how)
    assert session.wait(120)
    session.close()
    return session, kept.shown


def pictures(count, people=1):
    return [picture(index, people) for index in range(count)]


def differs(a, b):
    return float(np.abs(a.astype(int) - b).mean())
