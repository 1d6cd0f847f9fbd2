"""A small video with a face whose place is known, a stage that knows it, and simple renderers."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import torch

from faceswap_cli.effects.base import ConvertProgress
from faceswap_cli.effects.swap.effect import SwapEffect
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.faces.face import Detection, Points
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.geometry import mean_face
from faceswap_cli.faces.identity.people import Person
from faceswap_cli.faces.landmarks.mean_shape import five_from_68
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.media.encoders import EncodeOptions
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.networks.swap.renderer import Rendered
from faceswap_cli.pipeline import convert_video as convert_module
from faceswap_cli.pipeline import photo as photo_module
from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.provenance.marks import NO_MARKS

WIDTH, HEIGHT, FACE = 160, 120, 64
FRAMES = 44
FAST = EncodeOptions(crf=8, preset="ultrafast")


def face_points(index: int, person: int = 0) -> np.ndarray:
    """(68, 2): a face that drifts; person 1 stands to the right of person 0."""
    place = (8 + 0.4 * index + 80 * person, 30 + 4 * np.sin(index / 7))
    return (mean_face(FACE) + place).astype(np.float32)


def picture(index: int, people: int = 1) -> Image:
    """A smooth backdrop with an ellipse and two eyes for each face."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    image = np.stack([90 + 60 * np.sin(x / 20), 100 + 0.5 * y, 130 + 40 * np.cos((x + y) / 30)], 2)
    for person in range(people):
        points = face_points(index, person)
        centre, size = points.mean(0), np.ptp(points, axis=0) * 0.55
        cv2.ellipse(
            image, centre.astype(int).tolist(), size.astype(int).tolist(), 0, 0, 360, (200, 160, 140), -1
        )
        for eye in (points[36:42], points[42:48]):
            cv2.circle(image, eye.mean(0).astype(int).tolist(), 3, (40, 30, 30), -1)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.2).clip(0, 255), np.uint8)


def write_video(path: Path, frames: int = FRAMES, people: int = 1) -> Path:
    """A 25 fps H.264 video with a pause in its time stamps."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 25, options={"crf": "10", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, 1000)
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(index, people), format="rgb24")
            frame.pts, frame.time_base = index * 40 + (200 if index > 20 else 0), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def fake_stage(people: int = 1, missing: Sequence[int] = (), looks: list[int] | None = None) -> FaceAnalyser:
    """Knows where the faces are; sees none in the `missing` frames; notes the frames it looks at."""
    name = f"{people} people, without {sorted(missing)}"
    detector = Detect(people, tuple(missing), looks)
    return FaceAnalyser(detector, describe, "fake stage", ("fake", name), min_size=24)


@dataclass(frozen=True)
class Detect:
    """The detector of a fake stage; one that can be sent to other processes."""

    people: int
    missing: tuple[int, ...]
    looks: list[int] | None

    def __call__(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        found: list[list[Detection]] = []
        for frame in frames:
            if self.looks is not None:
                self.looks.append(frame.index)
            people = () if frame.index in self.missing else range(self.people)
            found.append([_detection(face_points(frame.index, person)) for person in people])
        return found


def describe(images: Sequence[Image], detections: Sequence[Sequence[Detection]]) -> list[list[Points]]:
    shape = mean_face(FACE) - mean_face(FACE).min(0)
    return [[Points.certain((shape + d.box[:2]).astype(np.float32)) for d in found] for found in detections]


def _detection(points: np.ndarray) -> Detection:
    box = np.concatenate([points.min(0), points.max(0)]).astype(np.float32)
    return Detection(box, five_from_68(points).astype(np.float32), 0.99)


class Paint:
    """A renderer that applies a function to crops."""

    side = 2.0

    def __init__(self, change: Callable[[torch.Tensor], torch.Tensor], size: int = 64) -> None:
        self.size, self.change = size, change

    def __call__(self, crops: torch.Tensor) -> Rendered:
        return Rendered(self.change(crops).clamp(0, 1), torch.ones_like(crops[:, :1]))


def unchanged(crops: torch.Tensor) -> torch.Tensor:
    return crops


def inverted(crops: torch.Tensor) -> torch.Tensor:
    return 1 - crops


def slowly(crops: torch.Tensor) -> torch.Tensor:
    time.sleep(0.3)
    return 1 - crops


def identity(size: int = 64) -> Paint:
    return Paint(unchanged, size)


def negative(size: int = 64) -> Paint:
    return Paint(inverted, size)


def only_by(renderer: Paint, reference: np.ndarray) -> SwapPlan:
    """One person, known by (K, 128) embeddings, is drawn."""
    return SwapPlan([SwapTarget(renderer, Person("the one", reference))])


@dataclass(frozen=True)
class Options:
    """All that a conversion is told."""

    swap: SwapOptions
    pipeline: PipelineOptions


def options(**changes: object) -> Options:
    fast = {"encode": FAST, "segment_frames": 10, "colour": "none", "mask": "hull+model", "marks": NO_MARKS}
    values, own = {**fast, **changes}, SwapOptions.__dataclass_fields__
    swap = {name: value for name, value in values.items() if name in own}
    rest = {name: value for name, value in values.items() if name not in own}
    return Options(SwapOptions(**swap), PipelineOptions(**rest))  # type: ignore[arg-type]


def swap_options(**changes: object) -> SwapOptions:
    return options(**changes).swap


def plan_of(plan: SwapPlan | Paint) -> SwapPlan:
    """A renderer alone draws everybody."""
    return plan if isinstance(plan, SwapPlan) else SwapPlan((SwapTarget(plan),))


def convert_video(
    source: Path, output: Path, plan: SwapPlan | Paint, options: Options, stage: object = None, **more: object
) -> Generator[ConvertProgress]:
    """`convert_video.convert_video`, its effect made of the plan and the options."""
    whole, parser, model = plan_of(plan), more.pop("parser", None), more.pop("model", "")
    effect = more.pop("effect", None) or SwapEffect(whole.renderers, options.swap, parser, str(model))  # type: ignore[arg-type]
    return convert_module.convert_video(source, output, whole, effect, options.pipeline, stage, **more)  # type: ignore[arg-type]


def convert_photo(
    source: Path,
    output: Path,
    plan: SwapPlan | Paint,
    options: Options,
    stage: FaceAnalyser,
    parser: object = None,
) -> photo_module.PhotoReport:
    """`photo.convert_photo`, likewise."""
    whole = plan_of(plan)
    effect = SwapEffect(whole.renderers, options.swap, parser)  # type: ignore[arg-type]
    return photo_module.convert_photo(source, output, whole, effect, options.pipeline, stage)


def convert(
    source: Path, output: Path, plan: SwapPlan | Paint | None = None, **more: object
) -> list[ConvertProgress]:
    """Run a conversion to its end."""
    chosen = more.pop("options", None) or options()
    if "faces" not in more:
        more.setdefault("stage", fake_stage())
    return list(convert_video(source, output, plan or negative(), chosen, **more))  # type: ignore[arg-type]


def frames_of(path: Path) -> list[Frame]:
    with VideoReader(path) as reader:
        return list(reader)


def same(first: Path, second: Path) -> bool:
    """Whether two videos show the same pictures at the same times."""
    one, other = frames_of(first), frames_of(second)
    return len(one) == len(other) and all(
        a.pts == b.pts and np.array_equal(a.image, b.image) for a, b in zip(one, other, strict=True)
    )


def steps_of(steps: list[ConvertProgress], phase: str) -> list[int]:
    """How many frames of a phase were done, step after step."""
    return [step.done for step in steps if step.phase == phase and not step.note]


def changed_inside(source: Path, output: Path, person: int = 0) -> np.ndarray:
    """By how many grey levels the middle of a face changed, by frame."""
    figures = []
    for old, new in zip(frames_of(source), frames_of(output), strict=True):
        x, y = face_points(old.index, person).mean(0).astype(int)
        patch = (slice(y - 6, y + 6), slice(x - 6, x + 6))
        figures.append(np.abs(old.image[patch].astype(int) - new.image[patch]).mean())
    return np.array(figures)


class SeesChildren(SafetyGuard):
    """To whom everybody looks six years old. (No picture of a child belongs to these tests.)"""

    looks = 0

    def young(self, crops, clarities, side=None):
        self.looks += len(crops)
        return None if self.adults_confirmed else 6.0
