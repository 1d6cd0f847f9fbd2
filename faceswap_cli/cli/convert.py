"""`faceswap convert video` and `faceswap convert photo`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import new_app
from faceswap_cli.cli.consent import tell_consent
from faceswap_cli.cli.convert_cast import AssignmentRequest, load_swap_plan
from faceswap_cli.cli.convert_options import (
    DEFAULT_MASK,
    AllFacesOption,
    Blend,
    BlendOption,
    Colour,
    ColourOption,
    CrfOption,
    DefocusOption,
    DryRunOption,
    EncoderOption,
    ErodeOption,
    ExpressionOption,
    FaceOption,
    FeatherOption,
    FpsOption,
    FramesOption,
    GrainOption,
    MapOption,
    MaskOption,
    MotionBlurOption,
    NotOption,
    OnlyOption,
    OutputOption,
    Preset,
    PresetOption,
    PreviewOption,
    RayOption,
    RunOption,
    SegmentOption,
    ShapeOption,
    SharpenOption,
    SmoothingOption,
    ThresholdOption,
    VideoOutputOption,
    VideosArgument,
    WorkersOption,
    YawOption,
)
from faceswap_cli.cli.convert_outputs import name_outputs
from faceswap_cli.cli.convert_preview import run_preview
from faceswap_cli.cli.convert_sheet import sheet
from faceswap_cli.cli.mark_options import (
    CertOption,
    KeyOption,
    NoMarkOption,
    PhotoLabelOption,
    SidecarOption,
    VideoLabelOption,
    build_marks,
)
from faceswap_cli.cli.options import (
    AdultsOption,
    DetectorOption,
    DeviceOption,
    LandmarksOption,
    MinSizeOption,
)
from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from faceswap_cli.effects.base import ConvertProgress
    from faceswap_cli.effects.reenact.effect import ReenactEffect
    from faceswap_cli.effects.swap.effect import SwapEffect
    from faceswap_cli.effects.swap.options import SwapOptions
    from faceswap_cli.faces.parsing.face_parser import FaceParser
    from faceswap_cli.pipeline.assignment import SwapPlan
    from faceswap_cli.pipeline.preview import SwapPreview

app = new_app(help="Put the learnt face into a video or a photo.")
app.command("sheet")(sheet)


@app.command("video")
def video(
    sources: VideosArgument,
    output: VideoOutputOption,
    run: RunOption = None,
    faces: Annotated[
        Path | None,
        typer.Option(
            help="Face set extracted from this very video: only its faces are replaced, and those whose "
            "crops were deleted are not. [default: faces are looked for anew]"
        ),
    ] = None,
    face: FaceOption = ["b"],  # noqa: B006 - typer copies it
    mapped: MapOption = None,
    only: OnlyOption = None,
    without: NotOption = None,
    all_faces: AllFacesOption = False,
    threshold: ThresholdOption = 0.5,
    mask: MaskOption = DEFAULT_MASK,
    colour: ColourOption = Colour.rct,
    blend: BlendOption = Blend.alpha,
    erode: ErodeOption = 0.0,
    feather: FeatherOption = 0.08,
    sharpen: SharpenOption = 0.5,
    grain: GrainOption = 1.0,
    defocus: DefocusOption = 1.0,
    motion_blur: MotionBlurOption = 1.0,
    shape: ShapeOption = 0.6,
    expression: ExpressionOption = 1.0,
    yaw: YawOption = 0.0,
    smoothing: SmoothingOption = 1.0,
    encoder: EncoderOption = None,
    crf: CrfOption = None,
    preset: PresetOption = Preset.faster,
    frames: FramesOption = "",
    fps: FpsOption = "",
    segment: SegmentOption = 250,
    workers: WorkersOption = 0,
    ray: RayOption = "",
    detector: DetectorOption = "auto",
    landmarks: LandmarksOption = "auto",
    min_size: MinSizeOption = 24,
    device: DeviceOption = "auto",
    adult_confirmed: AdultsOption = False,
    preview: PreviewOption = None,
    dry_run: DryRunOption = False,
    label: VideoLabelOption = None,
    no_mark: NoMarkOption = False,
    sidecar: SidecarOption = False,
    cert: CertOption = None,
    key: KeyOption = None,
) -> None:
    """Swap the faces of a video.

    Timestamps, sound and every other stream stay as they are. Run the same command again to go on
    where it was interrupted.
    """
    from faceswap_cli.cli.convert_place import open_executor
    from faceswap_cli.effects.swap.options import SwapOptions
    from faceswap_cli.faces.face_analyser import build_analyser
    from faceswap_cli.faces.sets.faceset import FaceSet
    from faceswap_cli.media.encoders import EncodeOptions, encoder_for
    from faceswap_cli.pipeline.options import PipelineOptions
    from faceswap_cli.provenance.marks import Kind

    outputs = name_outputs(sources, output, encoder.value if encoder else "x264")
    swap = SwapOptions(
        mask=mask,
        colour=colour.value,
        blend=blend.value,
        erode=erode,
        feather=feather,
        motion_blur=motion_blur,
        expression=expression,
        yaw=yaw,
        smoothing=smoothing,
        sharpen=sharpen,
        grain=grain,
        defocus=defocus,
    )
    options = PipelineOptions(
        segment_frames=segment,
        encode=EncodeOptions(encoder.value if encoder else encoder_for(outputs[0]), crf, preset.value),
        fps=fps,
        frames=frames,
    )
    swap.check()
    options.check()
    tell_consent()
    asked = AssignmentRequest(
        run, face, all_faces, mapped or [], only or [], without or [], threshold, device,
        lambda: build_analyser(detector, landmarks, device, min_size=min_size, thorough=True),
        adult_confirmed,
    )  # fmt: skip
    cast, effect, mark = _load(asked, swap, shape)
    shown = not no_mark if label is None else label
    marks = build_marks(Kind.SWAP, mark, no_mark, shown, cert, key)
    options = replace(options, marks=marks)
    known = FaceSet.open(faces) if faces is not None else None
    stage = None
    if known is None:
        stage = build_analyser(detector, landmarks, device, min_size=min_size)
        console.tell(stage.explanation)
    if preview is not None or dry_run:
        finder = stage or build_analyser(detector, landmarks, device, min_size=min_size)
        run_preview(sources, outputs, preview, dry_run, options, _preview(cast, effect), finder)
        return
    with open_executor(workers, ray, sources, segment, device) as place:
        work = partial(
            one_video, cast=cast, effect=effect, options=options, stage=stage, faces=known, place=place,
            sidecar="convert video" if sidecar else "",
        )  # fmt: skip
        all_videos(sources, outputs, work)


def one_video(
    source: Path,
    output: Path,
    verb: str = "swapping",
    sidecar: str = "",
    ages: Sequence[float] = (),
    **how: Any,
) -> None:
    """Convert one, and show how it goes; `sidecar` names the command where a sidecar is wanted."""
    from faceswap_cli.pipeline.convert_video import convert_video
    from faceswap_cli.provenance.sidecar import write_sidecar

    started, told = time.monotonic(), ""
    try:
        with console.Bar(verb) as bar, closing(convert_video(source, output, **how)) as steps:
            for step in steps:
                _show(bar, step, verb)
                told = step.summary or told
    except KeyboardInterrupt:
        console.tell("stopped; run the same command again to go on from the last whole piece")
        raise
    marks = how["options"].marks
    told = f"{told}, in {console.format_duration(time.monotonic() - started)}; {marks.told(output)}"
    console.say(f"done: {output} ({told})")
    if sidecar:
        write_sidecar(output, sidecar, marks, ages)


def all_videos(sources: Sequence[Path], outputs: Sequence[Path], work: Callable[[Path, Path], None]) -> None:
    """Convert one, or several: one that can't be is told, and keeps none of the others from it."""
    if len(sources) == 1:
        work(sources[0], outputs[0])
        return
    failed = []
    for source, output in zip(sources, outputs, strict=True):
        try:
            work(source, output)
        except UserError as error:
            failed.append(source)
            console.warn(f"{source} was not converted: {' '.join(str(error).split())}")
    if failed:
        names = ", ".join(str(source) for source in failed)
        raise UserError(f"{len(failed)} of {len(sources)} videos were not converted ({names})", "See above")


@app.command("photo")
def photo(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The photo.")],
    output: OutputOption,
    run: RunOption = None,
    face: FaceOption = ["b"],  # noqa: B006 - typer copies it
    mapped: MapOption = None,
    only: OnlyOption = None,
    without: NotOption = None,
    all_faces: AllFacesOption = False,
    threshold: ThresholdOption = 0.5,
    mask: MaskOption = DEFAULT_MASK,
    colour: ColourOption = Colour.rct,
    blend: BlendOption = Blend.alpha,
    erode: ErodeOption = 0.0,
    feather: FeatherOption = 0.08,
    sharpen: SharpenOption = 0.5,
    grain: GrainOption = 1.0,
    defocus: DefocusOption = 1.0,
    shape: ShapeOption = 0.6,
    expression: ExpressionOption = 1.0,
    yaw: YawOption = 0.0,
    eight_bit: Annotated[
        bool, typer.Option("--eight-bit", help="Let a photo of more than 8 bits a channel come out with 8.")
    ] = False,
    detector: DetectorOption = "auto",
    landmarks: LandmarksOption = "auto",
    min_size: MinSizeOption = 24,
    device: DeviceOption = "auto",
    adult_confirmed: AdultsOption = False,
    preview: PreviewOption = None,
    label: PhotoLabelOption = None,
    no_mark: NoMarkOption = False,
    sidecar: SidecarOption = False,
    cert: CertOption = None,
    key: KeyOption = None,
) -> None:
    """Swap the faces of a photo.

    Orientation, colour profile and transparency stay as they are.
    """
    from faceswap_cli.effects.swap.options import SwapOptions
    from faceswap_cli.faces.face_analyser import build_analyser
    from faceswap_cli.pipeline.options import PipelineOptions
    from faceswap_cli.pipeline.photo import convert_photo
    from faceswap_cli.provenance.marks import Kind
    from faceswap_cli.provenance.sidecar import write_sidecar

    swap = SwapOptions(
        mask=mask,
        colour=colour.value,
        blend=blend.value,
        erode=erode,
        feather=feather,
        sharpen=sharpen,
        grain=grain,
        defocus=defocus,
        expression=expression,
        yaw=yaw,
    )
    swap.check()
    tell_consent()
    stage = build_analyser(detector, landmarks, device, min_size=min_size, thorough=True)
    asked = AssignmentRequest(
        run,
        face,
        all_faces,
        mapped or [],
        only or [],
        without or [],
        threshold,
        device,
        lambda: stage,
        adult_confirmed,
    )
    cast, effect, mark = _load(asked, swap, shape)
    marks = build_marks(Kind.SWAP, mark, no_mark, bool(label), cert, key)
    options = PipelineOptions(allow_8bit=eight_bit, marks=marks)
    if preview is not None:
        run_preview([source], [output], preview, False, options, _preview(cast, effect), stage)
        return
    report = convert_photo(source, output, cast, effect, options, stage)
    if report.note:
        console.warn(report.note)
    alone = f", {report.left_alone} of other people left alone" if report.left_alone else ""
    console.say(f"done: {output} (faces replaced: {report.swapped}{alone}; {marks.told(output)})")
    if sidecar:
        write_sidecar(output, "convert photo", marks)


def _load(
    asked: AssignmentRequest, swap: SwapOptions, shape: float
) -> tuple[SwapPlan, SwapEffect | ReenactEffect, str]:
    """Who is replaced, by what, and what the pictures depend on: by a model, or by photos alone."""
    from faceswap_cli.effects.swap.effect import SwapEffect

    if asked.model is not None:
        plan, mark = load_swap_plan(asked)
        return plan, SwapEffect(plan.renderers, swap, _parser(swap, asked.device), mark), mark
    from faceswap_cli.cli.convert_reenact import load_photo_plan
    from faceswap_cli.effects.reenact.options import ReenactOptions
    from faceswap_cli.effects.swap.options import SwapOptions

    usual = SwapOptions(mask=DEFAULT_MASK)
    if given := [
        f"--{n}" for n in ("mask", "colour", "blend", "yaw") if getattr(swap, n) != getattr(usual, n)
    ]:
        raise UserError(f"{' and '.join(given)} only goes with a model", "Leave it out, or give -m")
    names = ("smoothing", "batch", "expression", "erode", "feather", "grain", "defocus", "motion_blur")
    options = ReenactOptions(shape=shape, **{name: getattr(swap, name) for name in names})
    options.check()
    return load_photo_plan(asked, options)


def _preview(plan: SwapPlan, effect: SwapEffect | ReenactEffect) -> SwapPreview:
    """What shows moments of a conversion beforehand."""
    from faceswap_cli.effects.swap.effect import SwapEffect
    from faceswap_cli.pipeline.preview import SwapPreview

    if not isinstance(effect, SwapEffect):
        raise UserError(
            "--preview and --dry-run need a model", "Give -m, or convert a few frames by --frames"
        )
    return SwapPreview(plan, effect)


def _parser(options: SwapOptions, device: str) -> FaceParser | None:
    """The face parser, if the masks asked for want it; its weights are checked at once."""
    from faceswap_cli.compositing.masks import parse_mask
    from faceswap_cli.device import pick_device
    from faceswap_cli.faces.parsing.face_parser import FaceParser

    if not parse_mask(options.mask).parser:
        return None
    parser = FaceParser(str(pick_device(device)))
    parser.load()
    return parser


def _show(bar: console.Bar, step: ConvertProgress, verb: str) -> None:
    """One report on the progress line."""
    names = {"read": "reading", "faces": "finding faces", "render": verb, "join": "joining"}
    if step.note:
        bar.note(step.note)
    rate = f"{step.done} frames" + (f" | {step.fps:.1f} frames/s" if step.fps else "")
    if step.fps and step.total and step.total > step.done:
        rate += f" | {console.format_duration((step.total - step.done) / step.fps)} left"
    bar.update(step.done, step.total, rate, names[step.phase])
