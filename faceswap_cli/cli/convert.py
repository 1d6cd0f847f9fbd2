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
from faceswap_cli.cli.convert_cast import Asked, load_cast
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
    SharpenOption,
    SmoothingOption,
    ThresholdOption,
    VideoOutputOption,
    VideosArgument,
    WorkersOption,
    YawOption,
)
from faceswap_cli.cli.convert_outputs import outputs_for
from faceswap_cli.cli.convert_preview import look_first
from faceswap_cli.cli.convert_sheet import sheet
from faceswap_cli.cli.mark_options import (
    CertOption,
    CornerOption,
    KeyOption,
    NoMarkOption,
    PhotoLabelOption,
    SidecarOption,
    VideoLabelOption,
    marks_for,
)
from faceswap_cli.cli.options import (
    AdultsOption,
    DetectorOption,
    DeviceOption,
    LandmarksOption,
    MinSizeOption,
)
from faceswap_cli.errors import UserError
from faceswap_cli.provenance.corner import Corner

if TYPE_CHECKING:
    from faceswap_cli.compositing.options import ConvertOptions, ConvertProgress
    from faceswap_cli.faces.parsing import FaceParser

app = new_app(help="Put the learnt face into a video or a photo.")
app.command("sheet")(sheet)


@app.command("video")
def video(
    sources: VideosArgument,
    run: RunOption,
    output: VideoOutputOption,
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
    label_corner: CornerOption = Corner.LOWER_RIGHT,
    no_mark: NoMarkOption = False,
    sidecar: SidecarOption = False,
    cert: CertOption = None,
    key: KeyOption = None,
) -> None:
    """Swap the faces of a video.

    Timestamps, sound and every other stream stay as they are. Run the same command again to go on
    where it was interrupted.
    """
    from faceswap_cli.cli.convert_place import open_place
    from faceswap_cli.compositing.options import ConvertOptions
    from faceswap_cli.compositing.preview import Painter
    from faceswap_cli.faces.faceset import FaceSet
    from faceswap_cli.faces.stage import build_stage
    from faceswap_cli.media.encoders import EncodeOptions, encoder_for
    from faceswap_cli.provenance.marks import Kind

    outputs = outputs_for(sources, output, encoder.value if encoder else "x264")
    options = ConvertOptions(
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
        segment_frames=segment,
        encode=EncodeOptions(encoder.value if encoder else encoder_for(outputs[0]), crf, preset.value),
        fps=fps,
        frames=frames,
    )
    options.check()
    tell_consent()
    asked = Asked(
        run, face, all_faces, mapped or [], only or [], without or [], threshold, device,
        lambda: build_stage(detector, landmarks, device, min_size=min_size, thorough=True), adult_confirmed,
    )  # fmt: skip
    cast, mark = load_cast(asked)
    shown = not no_mark if label is None else label
    marks = marks_for(Kind.SWAP, mark, no_mark, shown, label_corner, cert, key)
    options = replace(options, marks=marks)
    known = FaceSet.open(faces) if faces is not None else None
    stage = None
    if known is None:
        stage = build_stage(detector, landmarks, device, min_size=min_size)
        console.tell(stage.explanation)
    parser = _parser(options, device)
    if preview is not None or dry_run:
        finder = stage or build_stage(detector, landmarks, device, min_size=min_size)
        look_first(sources, outputs, preview, dry_run, options, Painter(cast, parser), finder)
        return
    with open_place(workers, ray, sources, segment, device) as place:
        work = partial(
            one_video, cast=cast, options=options, stage=stage, faces=known, model=mark, parser=parser,
            place=place, sidecar="convert video" if sidecar else "",
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
    from faceswap_cli.compositing.pipeline import convert_video
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
    told = f"{told}, in {console.duration(time.monotonic() - started)}; {marks.told(output)}"
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
    run: RunOption,
    output: OutputOption,
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
    label_corner: CornerOption = Corner.LOWER_RIGHT,
    no_mark: NoMarkOption = False,
    sidecar: SidecarOption = False,
    cert: CertOption = None,
    key: KeyOption = None,
) -> None:
    """Swap the faces of a photo.

    Orientation, colour profile and transparency stay as they are.
    """
    from faceswap_cli.compositing.options import ConvertOptions
    from faceswap_cli.compositing.photo import convert_photo
    from faceswap_cli.compositing.preview import Painter
    from faceswap_cli.faces.stage import build_stage
    from faceswap_cli.provenance.marks import Kind
    from faceswap_cli.provenance.sidecar import write_sidecar

    options = ConvertOptions(
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
        allow_8bit=eight_bit,
    )
    options.check()
    tell_consent()
    stage = build_stage(detector, landmarks, device, min_size=min_size, thorough=True)
    parser = _parser(options, device)
    asked = Asked(
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
    cast, mark = load_cast(asked)
    marks = marks_for(Kind.SWAP, mark, no_mark, bool(label), label_corner, cert, key)
    options = replace(options, marks=marks)
    if preview is not None:
        look_first([source], [output], preview, False, options, Painter(cast, parser), stage)
        return
    report = convert_photo(source, output, cast, options, stage, parser)
    if report.note:
        console.warn(report.note)
    alone = f", {report.left_alone} of other people left alone" if report.left_alone else ""
    console.say(f"done: {output} (faces replaced: {report.swapped}{alone}; {marks.told(output)})")
    if sidecar:
        write_sidecar(output, "convert photo", marks)


def _parser(options: ConvertOptions, device: str) -> FaceParser | None:
    """The face parser, if the masks asked for want it; its weights are checked at once."""
    from faceswap_cli.compositing.masks import wanted
    from faceswap_cli.device import pick_device
    from faceswap_cli.faces.parsing import FaceParser

    if not wanted(options.mask).parser:
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
        rate += f" | {console.duration((step.total - step.done) / step.fps)} left"
    bar.update(step.done, step.total, rate, names[step.phase])
