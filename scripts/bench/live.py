"""`faceswap live` on a clip: what a frame costs, how many are drawn, and in how many the real face is seen.

    python -m scripts.bench.live clip.mp4 --face anna.jpg
    python -m scripts.bench.live clip.mp4 -m anna-run --all-faces --paced

In step (the default) every frame is found and drawn, whatever that takes, and each stage's processor time is
measured: a figure that a busy machine changes little. Two threads work, so that frames a second are those of
the slower one. --paced plays the clip at its own pace instead, as a user would see it, beside the same clip
passed through undrawn.

A real face counts as seen if a frame that is not covered shows one, by the detector's look at the frame
by itself, over which none was drawn; and as recognised if what comes out there is nearer to the camera's
own face than two pictures of one person are.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from faceswap_cli.cli.convert_assignment import DrawnOptions
from faceswap_cli.cli.convert_effect import LookOptions
from faceswap_cli.cli.live_effect import LiveRequest, LoadedEffect, load_live_effect
from faceswap_cli.cli.options import DetectionOptions, PeopleOptions, SafetyOptions
from faceswap_cli.device import set_blas_threads
from faceswap_cli.effects.edit.request import EditRequest
from faceswap_cli.faces.face import Face
from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.faces.geometry import interocular
from faceswap_cli.faces.identity.identity_encoder import THRESHOLD, IdentityEncoder, identity_distance
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.pipeline.live import session as live_session
from faceswap_cli.pipeline.live.cameras import fit_clip, open_feed
from faceswap_cli.pipeline.live.follow import FaceFollower
from faceswap_cli.pipeline.live.guard_watch import GuardWatch
from faceswap_cli.pipeline.live.options import LiveOptions
from faceswap_cli.pipeline.live.painter import Painted, Painter
from faceswap_cli.pipeline.live.people import PeopleAtCamera
from faceswap_cli.pipeline.live.quality import LEVELS, Level
from faceswap_cli.pipeline.live.steady import Steadier

SIZE = (640, 360)


@dataclass
class Figures:
    """Of a clip."""

    frames: int = 0
    covered: int = 0
    visible: int = 0
    drawn: int = 0
    seen: list[int] = field(default_factory=list)
    recognised: list[int] = field(default_factory=list)
    find: list[float] = field(default_factory=list)
    draw: list[float] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)

    def line(self, name: str) -> str:
        find, draw = (np.array(one or [0.0]) * 1000 for one in (self.find, self.draw))
        rate = 1000 / max(find.mean(), draw.mean(), 1e-3)
        whole = np.quantile(find, 0.95) + np.quantile(draw, 0.95)
        return (
            f"{name}: {self.frames} frames, a face visible in {self.visible}, {self.drawn} drawn, "
            f"{self.covered} covered {self.reasons}; real face seen in {len(self.seen)} {self.seen[:8]}, "
            f"recognised in {len(self.recognised)} {self.recognised[:8]}\n  processor time a frame: "
            f"find {find.mean():.0f} ms, draw {draw.mean():.0f} ms (drawn frames); "
            f"{rate:.1f} frames/s; p95 of both {whole:.0f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("-m", "--run", type=Path)
    parser.add_argument("--face", action="append")
    parser.add_argument("--age", type=float)
    parser.add_argument("--puppet", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--all-faces", action="store_true")
    parser.add_argument("--quality", default="high", choices=[one.name for one in LEVELS])
    parser.add_argument("--frames", type=int, default=120, help="of each clip, at most")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first frame")
    parser.add_argument("--step", type=int, default=1, help="take each so many-th frame of the clip")
    parser.add_argument("--paced", action="store_true")
    parser.add_argument("--look", type=Path, help="write the frames in question to this folder")
    args = parser.parse_args()
    torch.set_num_threads(1)
    set_blas_threads(1)
    request = LiveRequest(
        args.run, args.age, args.puppet, EditRequest(tuple(args.set)),
        DrawnOptions(tuple(args.face or ("b",)), (), args.all_faces), PeopleOptions(),
        SafetyOptions(adult_confirmed=True), LookOptions(), DetectionOptions(),
    )  # fmt: skip
    request.check()
    analyser = build_analyser()
    for clip in args.clips:
        effect = load_live_effect(request, max(SIZE))
        if args.paced:
            paced(clip, effect, analyser, args.quality)
            continue
        level = next(one for one in LEVELS if one.name == args.quality)
        print(in_step(clip, effect, analyser, level, args).line(clip.name), flush=True)


def in_step(
    clip: Path, effect: LoadedEffect, analyser: FaceAnalyser, level: Level, args: argparse.Namespace
) -> Figures:
    """Every frame, found and drawn."""
    encoder, figures = IdentityEncoder(), Figures()
    follower, steadier = FaceFollower(analyser), Steadier(effect.smoothing, False)
    people = PeopleAtCamera(effect.plan, IdentityEncoder())
    painter = Painter(effect.stream, people, steadier, GuardWatch(None, clip.name), "blur")
    for frame in read_frames(clip, args.first, args.step, args.frames, level.scale):
        begun = time.thread_time()
        sight = follower.follow(frame, level.every)
        found = time.thread_time()
        painted = painter.paint(frame, sight, False, level)
        figures.find.append(found - begun)
        if not painted.reason:
            figures.draw.append(time.thread_time() - found)
        if effect.stream.still is not None:  # nobody before the camera is seen
            figures.frames, figures.covered = figures.frames + 1, figures.covered + bool(painted.reason)
            continue
        same = args.age is not None or bool(args.set)
        judge(frame, painted, analyser.find([frame])[0], encoder, figures, same, args.look)
    return figures


def judge(
    frame: Frame,
    painted: Painted,
    there: list[Face],
    encoder: IdentityEncoder,
    figures: Figures,
    same: bool,
    look: Path | None,
) -> None:
    """Count a frame.

    Args:
        there: the faces that the camera's frame shows.
        same: the drawn face is meant to be the same person's.
    """
    figures.frames += 1
    figures.covered += bool(painted.reason)
    figures.visible += bool(there)
    figures.drawn += bool(there) and not painted.reason
    if painted.reason:
        figures.reasons[painted.reason] = figures.reasons.get(painted.reason, 0) + 1
        return
    wrong = any(not is_drawn(face, painted) for face in there)
    if wrong:
        figures.seen.append(frame.index)
    if there and not same:
        points = [face.landmarks for face in there]
        before, after = encoder.embed(frame.image, points), encoder.embed(painted.image, points)
        if any(identity_distance(a, b) < THRESHOLD for a, b in zip(before, after, strict=True)):
            figures.recognised.append(frame.index)
            wrong = True
    if wrong and look is not None:
        import cv2

        look.mkdir(parents=True, exist_ok=True)
        both = np.hstack([frame.image, painted.image])[..., ::-1]
        cv2.imwrite(str(look / f"{frame.index:05d}.jpg"), both)


def is_drawn(face: Face, painted: Painted) -> bool:
    """Whether a face was drawn where this one is."""
    return any(
        float(np.linalg.norm(one.landmarks - face.landmarks, axis=1).mean())
        < 0.5 * max(interocular(face.landmarks), interocular(one.landmarks))
        for one in painted.drawn
    )


def read_frames(clip: Path, first: int, step: int, most: int, scale: float) -> Iterator[Frame]:
    feed = open_feed(str(clip), (round(SIZE[0] * scale), round(SIZE[1] * scale)), 30)
    with VideoReader(clip) as frames:
        count = 0
        for frame in frames:
            if frame.index < first or (frame.index - first) % step:
                continue
            count += 1
            if count > most:
                return
            yield Frame(frame.index, frame.time, fit_clip(frame.image, feed.width, feed.height))


def paced(clip: Path, effect: LoadedEffect, analyser: FaceAnalyser, quality: str) -> None:
    """As a user would see it, beside the clip passed through."""
    feed = open_feed(str(clip), SIZE, 30)
    begun, shown = time.monotonic(), 0
    for frame in feed.read():
        shown += 1
        if frame.time > 5:
            break
    print(f"{clip.name} passed through: {shown / (time.monotonic() - begun):.1f} frames/s")
    told = live_session.LiveEffect(effect.stream, effect.plan, effect.smoothing)
    session = live_session.LiveSession(feed, told, analyser, LiveOptions(quality=quality, seconds=20), [])
    session.start()
    while not session.wait(0.5):
        pass
    session.close()
    print(session.stats.summary("blur"), *session.stats.lines(), sep="\n")


if __name__ == "__main__":
    main()
