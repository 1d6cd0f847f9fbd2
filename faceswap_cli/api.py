"""faceswap from Python: what the commands do, with their progress as generators and photos as arrays.

    import faceswap_cli as faceswap

    for step in faceswap.extract(["anna.mp4"], "anna-faces"):
        print(step.source, step.faces)
    for tick in faceswap.train("target-faces", ["anna-faces"], "anna-run", minutes=10):
        print(tick.step, tick.losses)
    for step in faceswap.convert_video("clip.mp4", "swapped.mp4", run="anna-run"):
        print(step.phase, step.done, step.total)
    picture = faceswap.convert_photo("me.jpg", face="anna.jpg")
    older = faceswap.age_photo(picture, to=70)

Every option of a command is a keyword of the same name, with `_` for `-` (docs/cli.md); `--not` is `without`,
`--map` is `mapped`, `--from` is `known`. A generator does its work while it is iterated; to stop early, close
it: the same call later goes on from there. What is made is marked as by the commands, arrays by the
watermark.
"""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from faceswap_cli.effects.base import ConvertProgress, FaceEffect
    from faceswap_cli.faces.face_analyser import FaceAnalyser
    from faceswap_cli.faces.sets.extract import ExtractProgress
    from faceswap_cli.media.frame import Image
    from faceswap_cli.options import OptionGroup
    from faceswap_cli.pipeline.assignment import SwapPlan
    from faceswap_cli.pipeline.options import PipelineOptions
    from faceswap_cli.training.engine.loop import Tick

PathLike = str | Path
Group = TypeVar("Group", bound="OptionGroup")


class Keywords:
    """Options given by keyword, each taken by the group that declares it.

    Args:
        given: values by their fields' names.
    """

    def __init__(self, given: dict[str, Any]) -> None:
        self._left = dict(given)
        self._known: set[str] = set()

    def take(self, kind: type[Group], **fixed: Any) -> Group:
        """A group of options of what was given for it.

        Args:
            kind: its dataclass.
            **fixed: further fields of it.

        Raises:
            UserError: a value that is not allowed.
        """
        names = {own.name for own in fields(kind)}
        self._known |= names
        told = {name: self._left.pop(name) for name in names & self._left.keys()}
        group = kind(**{name: _as_declared(value) for name, value in {**told, **fixed}.items()})
        group.check()
        return group

    def rest(self) -> dict[str, Any]:
        """What no group has taken, for whoever checks it himself."""
        left, self._left = self._left, {}
        return left

    def end(self) -> None:
        """Raise a UserError for a keyword that no group has taken."""
        for name in self._left:
            near = difflib.get_close_matches(name, self._known, 1)
            hint = f"Did you mean {near[0]}?" if near else "See docs/cli.md"
            raise UserError(f"there is no option {name}", hint)


def _as_declared(value: Any) -> Any:
    """Lists as the tuples that options hold."""
    return tuple(value) if isinstance(value, list) else value


def extract(
    inputs: Sequence[PathLike],
    output: PathLike,
    *,
    only: Sequence[PathLike] = (),
    without: Sequence[PathLike] = (),
    **options: Any,
) -> Iterator[ExtractProgress]:
    """Find the faces of videos and photos and put them into a face set; `faceswap extract`.

    Args:
        inputs: videos, photos, folders of them.
        output: folder of the face set, new or added to.
        only: photos of people: only their faces are kept.
        without: photos of people whose faces are left out.
        **options: as of the command.

    Yields:
        where it stands, every few frames.

    Raises:
        UserError: an input or an option can't be used.
        Refusal: see `SafetyGuard`.
    """
    from faceswap_cli.cli.options import DetectionOptions, SafetyOptions
    from faceswap_cli.faces.identity.person_filter import read_person_filter
    from faceswap_cli.faces.sets.extract import extract_faces
    from faceswap_cli.faces.sets.extract_options import ExtractOptions

    keywords = Keywords(options)
    detection = keywords.take(DetectionOptions)
    how = keywords.take(ExtractOptions)
    safety = keywords.take(SafetyOptions)
    keywords.end()
    analyser, thorough = detection.load_analyser(), detection.load_analyser(thorough=True)
    wanted = None
    if only or without:
        kept, left_out = [Path(path) for path in only], [Path(path) for path in without]
        wanted, _ = read_person_filter(kept, left_out, thorough, detection.device)
    return extract_faces(
        [Path(path) for path in inputs],
        Path(output),
        analyser,
        replace(how, min_size=detection.min_size),
        thorough,
        wanted,
        safety.guard(detection.device),
    )


def train(
    target: PathLike,
    sources: Sequence[PathLike],
    run: PathLike,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    family: str = "shared",
    size: str = "small",
    **options: Any,
) -> Iterator[Tick]:
    """Train a swap, B's face put on A; `faceswap train`.

    Args:
        target: face set of A.
        sources: face sets of whom can be put on.
        run: run folder, new or one to go on with.
        minutes: time in all, from the run's first start; 15 if neither is given.
        steps: updates in all.
        family: of the network.
        size: of the network.
        **options: the command's under "Network", "Learning" and "Saving and watching"; `device` and
            `adult_confirmed`.

    Yields:
        where it stands, about every second.

    Raises:
        UserError: a face set or a setting can't be used.
    """
    from faceswap_cli.cli.options import DeviceOptions, SafetyOptions
    from faceswap_cli.device import pick_device
    from faceswap_cli.training.engine.loop import Budget
    from faceswap_cli.training.families import FAMILIES
    from faceswap_cli.training.options import DEFAULT_MINUTES, MonitorOptions, SessionOptions
    from faceswap_cli.training.runs.family_options import settings_for
    from faceswap_cli.training.task import TrainingTask
    from faceswap_cli.training.task import train as run_training

    if minutes is not None and steps is not None:
        raise UserError("steps and minutes were both given", "Give one of them")
    if family not in FAMILIES:
        raise UserError(f"there is no family {family}", f"Use one of {', '.join(FAMILIES)}")
    keywords, record = Keywords(options), FAMILIES[family]
    place, safety = keywords.take(DeviceOptions), keywords.take(SafetyOptions)
    session, watching = keywords.take(SessionOptions), keywords.take(MonitorOptions)
    settings = keywords.rest()
    task = TrainingTask(
        record,
        record.source(Path(target), [Path(path) for path in sources]),
        Path(run),
        settings_for(size, family, **settings),
        explicit=frozenset({"family", "size", *settings}),
        budget=Budget(steps, DEFAULT_MINUTES if steps is None and minutes is None else minutes),
        session=session,
        watching=watching,
        guard=safety.guard("cpu"),
    )
    return run_training(task, pick_device(place.device))


def convert_video(
    source: PathLike,
    output: PathLike,
    *,
    run: PathLike | None = None,
    face: PathLike | Sequence[PathLike] = ("b",),
    **options: Any,
) -> Iterator[ConvertProgress]:
    """Put a learnt face, or that of a photo, into a video; `faceswap convert video`.

    Args:
        source: the video.
        output: another; its suffix chooses the container.
        run: run folder, exported file, or bundled weights; None: `face` is a photo.
        face: whose face is drawn.
        **options: as of the command.

    Yields:
        where it stands, every few frames.

    Raises:
        UserError: a file or an option can't be used, no face is found.
        Refusal: see `SafetyGuard`.
    """
    keywords = Keywords(options)
    work = _swap(keywords, run, face, label=True)
    return _run_video(Path(source), Path(output), keywords, *work)


def convert_photo(
    source: PathLike | Image,
    *,
    run: PathLike | None = None,
    face: PathLike | Sequence[PathLike] = ("b",),
    **options: Any,
) -> Image:
    """Put a learnt face, or that of a photo, into a photo; `faceswap convert photo`.

    Args:
        source: a photo, or its pixels (H, W, 3) uint8 RGB.
        run: see convert_video.
        face: whose face is drawn.
        **options: as of the command.

    Returns:
        (H, W, 3) uint8 RGB, with the watermark unless `no_mark=True`.

    Raises:
        UserError: see convert_video.
        Refusal: see `SafetyGuard`.
    """
    keywords = Keywords(options)
    work = _swap(keywords, run, face, label=False, thorough=True)
    return _run_photo(source, keywords, *work)


def age_video(
    source: PathLike, output: PathLike, *, to: float | None = None, **options: Any
) -> Iterator[ConvertProgress]:
    """Make the faces of a video older or younger; `faceswap age video`.

    Args:
        source: the video.
        output: another.
        to: how old they become, years; or `by=20`.
        **options: as of the command.

    Yields:
        where it stands, every few frames.

    Raises:
        UserError: see convert_video.
        Refusal: see `SafetyGuard`.
    """
    keywords = Keywords(options)
    return _run_video(Path(source), Path(output), keywords, *_ageing(keywords, to, label=True))


def age_photo(source: PathLike | Image, *, to: float | None = None, **options: Any) -> Image:
    """Make the faces of a photo older or younger; `faceswap age photo`.

    Args:
        source: a photo, or its pixels (H, W, 3) uint8 RGB.
        to: how old they become, years; or `by=20`.
        **options: as of the command.

    Returns:
        (H, W, 3) uint8 RGB, with the watermark unless `no_mark=True`.

    Raises:
        UserError: see convert_video.
        Refusal: see `SafetyGuard`.
    """
    keywords = Keywords(options)
    return _run_photo(source, keywords, *_ageing(keywords, to, label=False, thorough=True))


Work = tuple["FaceAnalyser", "SwapPlan", "FaceEffect", "PipelineOptions"]
"""What finds faces, whose are changed, what is done to them, and how it is run."""


def _swap(
    keywords: Keywords,
    run: PathLike | None,
    face: PathLike | Sequence[PathLike],
    label: bool,
    thorough: bool = False,
) -> Work:
    """How faces are swapped, as keywords say it."""
    from faceswap_cli.cli.convert_assignment import AssignmentRequest, DrawnOptions
    from faceswap_cli.cli.convert_effect import LookOptions, load_effect
    from faceswap_cli.cli.options import DetectionOptions, PeopleOptions, SafetyOptions
    from faceswap_cli.provenance.marks import Kind

    faces = tuple(map(str, [face] if isinstance(face, str | Path) else face))
    detection = keywords.take(DetectionOptions)
    asked = AssignmentRequest(
        None if run is None else Path(run),
        keywords.take(DrawnOptions, face=faces),
        lambda: detection.load_analyser(thorough=True),
        keywords.take(PeopleOptions),
        keywords.take(SafetyOptions),
        detection.device,
    )
    look = keywords.take(LookOptions)
    plan, effect, mark = load_effect(asked, look)
    pipeline = _pipeline(keywords, Kind.SWAP, mark, label)
    return detection.load_analyser(thorough=thorough), plan, effect, pipeline


def _ageing(keywords: Keywords, to: float | None, label: bool, thorough: bool = False) -> Work:
    """How faces are aged, as keywords say it."""
    from faceswap_cli.cli.age_load import MethodOptions, load_face_ager
    from faceswap_cli.cli.options import DetectionOptions, PeopleOptions, SafetyOptions
    from faceswap_cli.cli.people_plan import load_people_plan
    from faceswap_cli.effects.ageing.effect import AgeEffect
    from faceswap_cli.effects.ageing.request import AgeRequest
    from faceswap_cli.effects.options import EffectOptions
    from faceswap_cli.faces.age.estimator import AgeEstimator
    from faceswap_cli.provenance.marks import Kind

    wish, method = keywords.take(AgeRequest, to=to), keywords.take(MethodOptions)
    people, safety = keywords.take(PeopleOptions), keywords.take(SafetyOptions)
    detection, look = keywords.take(DetectionOptions), keywords.take(EffectOptions)
    ager = load_face_ager(method.method, None, detection.device, wish.strength)
    stage = detection.load_analyser(thorough=thorough)
    plan = load_people_plan(
        people, safety.guard(detection.device), lambda: detection.load_analyser(thorough=True)
    )
    effect = AgeEffect(ager, wish, AgeEstimator(detection.device), look)
    return stage, plan, effect, _pipeline(keywords, Kind.AGE, ager.cache_key, label)


def _pipeline(keywords: Keywords, kind: Any, mark: str, label: bool) -> PipelineOptions:
    """How an effect is run and marked, as keywords say it."""
    from faceswap_cli.cli.mark_options import MarkOptions
    from faceswap_cli.pipeline.options import PipelineOptions

    marks = keywords.take(MarkOptions).build_marks(kind, mark, label)
    return keywords.take(PipelineOptions, marks=marks)


def _run_video(
    source: Path, output: Path, keywords: Keywords,
    analyser: FaceAnalyser, plan: SwapPlan, effect: FaceEffect, pipeline: PipelineOptions,
) -> Iterator[ConvertProgress]:  # fmt: skip
    """Run an effect over a video, in this process."""
    from faceswap_cli.media.encode_options import EncodeRequest
    from faceswap_cli.media.encoders import resolve_encoding
    from faceswap_cli.pipeline import convert_video as driver

    encode = keywords.take(EncodeRequest)
    keywords.end()
    pipeline = replace(pipeline, encode=resolve_encoding(encode, output))
    return driver.convert_video(source, output, plan, effect, pipeline, analyser)


def _run_photo(
    source: PathLike | Image, keywords: Keywords,
    analyser: FaceAnalyser, plan: SwapPlan, effect: FaceEffect, pipeline: PipelineOptions,
) -> Image:  # fmt: skip
    """Run an effect over a photo, given as a file or as its pixels."""
    from faceswap_cli.media.photo import write_photo
    from faceswap_cli.pipeline.photo import open_photo, prepare_photo

    keywords.end()
    effect.check()
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(source, str | Path):
            path = Path(source)
        else:
            path = Path(folder) / "photo.png"
            write_photo(path, source)
        opened = open_photo(path, plan, analyser, pipeline)
    prepared = prepare_photo(opened, effect)
    marks = pipeline.marks.clear_of(opened.clip.tracks.landmarks, *opened.frame.image.shape[:2])
    image = prepared.render()
    return marks.pixels.on_photo(image) if marks.pixels else image
