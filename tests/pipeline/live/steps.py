"""A stream in step: the camera's next frame comes when the one before was taken, however slow that is."""

import numpy as np

from faceswap_cli.effects.swap.effect import SwapEffect
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.media.frame import Frame
from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget
from faceswap_cli.pipeline.live.cameras import Feed
from faceswap_cli.pipeline.live.options import LiveOptions
from faceswap_cli.pipeline.live.outputs.base import Output
from faceswap_cli.pipeline.live.session import LiveEffect, LiveSession
from faceswap_cli.pipeline.live.slots import Handover
from tests.pipeline.moving_face import HEIGHT, WIDTH, fake_stage, negative, picture

PLAIN = SwapOptions(mask="hull", colour="none", grain=0.0, defocus=0.0, motion_blur=0.0, sharpen=0.0)
NOBODY = picture(0, people=0)


class Kept(Output):
    """Keeps what is shown."""

    def __init__(self):
        self.shown, self.closed = [], False

    def show(self, shown):
        self.shown.append(shown)

    def close(self):
        self.closed = True


def feed(images):
    """A camera of 25 frames a second by its own time stamps."""

    def read():
        for index, image in enumerate(images):
            yield Frame(index, index / 25, image)

    return Feed("made up", WIDTH, HEIGHT, 25.0, read)


def prepare(images, people=1, missing=(), effect=None, plan=None, **options):
    """A session over pictures that has yet to be started, and what keeps its output."""
    kept = Kept()
    effect = effect or SwapEffect([negative()], PLAIN)
    plan = plan or SwapPlan([SwapTarget(negative())])
    session = LiveSession(
        feed(images),
        LiveEffect(effect.open_stream(), plan, 0.0),
        fake_stage(people, missing),
        LiveOptions(**{"quality": "high", **options}),
        [kept],
    )
    session._newest.__class__ = Handover  # the camera waits here, and no frame is left out
    return session, kept


def start(images, **how):
    """The same, started."""
    session, kept = prepare(images, **how)
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
