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
    auburn = faceswap.edit_photo(older, {"hair": "auburn", "smile": 0.6})

Every option of a command is a keyword of the same name, with `_` for `-` (docs/cli.md); `--not` is `without`,
`--map` is `mapped`, `--from` is `known`. A generator does its work while it is iterated; to stop early, close
it: the same call later goes on from there. What is made is marked as by the commands, arrays by the
watermark.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceswap_cli.errors import UserError
from faceswap_cli.keywords import Keywords, Shared

if TYPE_CHECKING:
    from faceswap_cli.effects.base import ConvertProgress, FaceEffect
    from faceswap_cli.faces.face_analyser import FaceAnalyser
    from faceswap_cli.faces.sets.extract import ExtractProgress
    from faceswap_cli.media.encode_options import EncodeRequest
    from faceswap_cli.media.frame import Image
    from faceswap_cli.pipeline.assignment import SwapPlan
    from faceswap_cli.pipeline.options import PipelineOptions
    from faceswap_cli.training.engine.loop import Tick

PathLike = str | Path


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
    keywords.end()
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
    return _run_video(Path(source), Path(output), _swap(keywords, run, face, video=True))


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
    return _run_photo(source, _swap(keywords, run, face, video=False))


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
    return _run_video(Path(source), Path(output), _ageing(keywords, to, video=True))


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
    return _run_photo(source, _ageing(keywords, to, video=False))


def edit_video(
    source: PathLike, output: PathLike, changes: Mapping[str, float | str], **options: Any
) -> Iterator[ConvertProgress]:
    """Change features of the faces of a video; `faceswap edit video`.

    Args:
        source: the video.
        output: another.
        changes: what each feature becomes, as in {"smile": 0.6}; `faceswap edit list` names them.
        **options: as of the command.

    Yields:
        where it stands, every few frames.

    Raises:
        UserError: see convert_video.
        Refusal: see `SafetyGuard`.
    """
    keywords = Keywords(options)
    return _run_video(Path(source), Path(output), _editing(keywords, changes, video=True))


def edit_photo(source: PathLike | Image, changes: Mapping[str, float | str], **options: Any) -> Image:
    """Change features of the faces of a photo; `faceswap edit photo`.

    Args:
        source: a photo, or its pixels (H, W, 3) uint8 RGB.
        changes: what each feature becomes, as in {"hair": "auburn"}; `faceswap edit list` names them.
        **options: as of the command.

    Returns:
        (H, W, 3) uint8 RGB, with the watermark unless `no_mark=True`.

    Raises:
        UserError: see convert_video.
        Refusal: see `SafetyGuard`.
    """
    keywords = Keywords(options)
    return _run_photo(source, _editing(keywords, changes, video=False))


@dataclass(frozen=True)
class Work:
    """What finds faces, whose are changed and how, how that is run, and how videos are encoded."""

    analyser: FaceAnalyser
    plan: SwapPlan
    effect: FaceEffect
    pipeline: PipelineOptions
    encode: EncodeRequest | None


def _swap(keywords: Keywords, run: PathLike | None, face: PathLike | Sequence[PathLike], video: bool) -> Work:
    """How faces are swapped, as keywords say it."""
    from faceswap_cli.cli.convert_assignment import AssignmentRequest, DrawnOptions
    from faceswap_cli.cli.convert_effect import LookOptions, load_effect
    from faceswap_cli.provenance.marks import Kind

    faces = tuple(map(str, [face] if isinstance(face, str | Path) else face))
    drawn, look = keywords.take(DrawnOptions, face=faces), keywords.take(LookOptions)
    how = Shared(keywords, video)
    asked = AssignmentRequest(
        None if run is None else Path(run),
        drawn,
        how.load_thorough,
        how.people,
        how.safety,
        how.detection.device,
    )
    plan, effect, model = load_effect(asked, look)
    return Work(how.load_analyser(), plan, effect, how.pipeline(Kind.SWAP, model), how.encode)


def _ageing(keywords: Keywords, to: float | None, video: bool) -> Work:
    """How faces are aged, as keywords say it."""
    from faceswap_cli.cli.age_load import MethodOptions, load_face_ager
    from faceswap_cli.cli.people_plan import load_people_plan
    from faceswap_cli.effects.ageing.effect import AgeEffect
    from faceswap_cli.effects.ageing.request import AgeRequest
    from faceswap_cli.effects.options import EffectOptions
    from faceswap_cli.faces.age.estimator import AgeEstimator
    from faceswap_cli.provenance.marks import Kind

    wish, method = keywords.take(AgeRequest, to=to), keywords.take(MethodOptions)
    look, how = keywords.take(EffectOptions), Shared(keywords, video)
    device = how.detection.device
    ager = load_face_ager(method.method, None, device, wish.strength)
    analyser = how.load_analyser()
    plan = load_people_plan(how.people, how.safety.guard(device), how.load_thorough)
    effect = AgeEffect(ager, wish, AgeEstimator(device), look)
    return Work(analyser, plan, effect, how.pipeline(Kind.AGE, ager.cache_key), how.encode)


def _editing(keywords: Keywords, changes: Mapping[str, float | str], video: bool) -> Work:
    """How features are changed, as keywords say it."""
    from faceswap_cli.cli.edit_load import load_edit_effect
    from faceswap_cli.cli.people_plan import load_people_plan
    from faceswap_cli.effects.edit.request import EditRequest
    from faceswap_cli.effects.options import EffectOptions
    from faceswap_cli.provenance.marks import Kind

    wish = keywords.take(EditRequest, set=tuple(f"{name}={value}" for name, value in changes.items()))
    look, how = keywords.take(EffectOptions), Shared(keywords, video)
    device = how.detection.device
    effect, model = load_edit_effect(wish, device, look)
    plan = load_people_plan(how.people, how.safety.guard(device), how.load_thorough)
    return Work(how.load_analyser(), plan, effect, how.pipeline(Kind.EDIT, model), how.encode)


def _run_video(source: Path, output: Path, work: Work) -> Iterator[ConvertProgress]:
    """Run an effect over a video, in this process."""
    from faceswap_cli.media.encoders import resolve_encoding
    from faceswap_cli.pipeline import convert_video as driver

    assert work.encode is not None
    pipeline = replace(work.pipeline, encode=resolve_encoding(work.encode, output))
    return driver.convert_video(source, output, work.plan, work.effect, pipeline, work.analyser)


def _run_photo(source: PathLike | Image, work: Work) -> Image:
    """Run an effect over a photo, given as a file or as its pixels."""
    from faceswap_cli.media.photo import write_photo
    from faceswap_cli.pipeline.photo import open_photo, prepare_photo

    work.effect.check()
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(source, str | Path):
            path = Path(source)
        else:
            path = Path(folder) / "photo.png"
            write_photo(path, source)
        opened = open_photo(path, work.plan, work.analyser, work.pipeline)
    prepared = prepare_photo(opened, work.effect)
    marks = work.pipeline.marks.clear_of(opened.clip.tracks.landmarks, *opened.frame.image.shape[:2])
    image = prepared.render()
    return marks.pixels.on_photo(image) if marks.pixels else image
