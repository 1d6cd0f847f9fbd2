"""`faceswap convert video` and `faceswap convert photo`."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import new_app
from faceswap_cli.cli.convert_options import (
    DEFAULT_MASK,
    AllFacesOption,
    Colour,
    ColourOption,
    DryRunOption,
    ErodeOption,
    FaceOption,
    FeatherOption,
    MaskOption,
    OutputOption,
    PreviewOption,
    RunOption,
    SharpenOption,
    SmoothingOption,
    VaryOption,
    VideoEncoder,
)
from faceswap_cli.cli.options import DetectorOption, DeviceOption, LandmarksOption, MinSizeOption

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceswap_cli.compositing.options import ConvertOptions, ConvertProgress
    from faceswap_cli.faces.parsing import FaceParser
    from faceswap_cli.faces.stage import FaceStage
    from faceswap_cli.networks.renderer import Renderer

app = new_app(help="Put the learnt face into a video or a photo.")


@app.command("video")
def video(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The video.")],
    run: RunOption,
    output: OutputOption,
    faces: Annotated[
        Path | None,
        typer.Option(
            help="Face set extracted from this very video: only its faces are replaced, and those whose "
            "crops were deleted are not. [default: faces are looked for anew]"
        ),
    ] = None,
    face: FaceOption = "b",
    all_faces: AllFacesOption = False,
    mask: MaskOption = DEFAULT_MASK,
    colour: ColourOption = Colour.rct,
    erode: ErodeOption = 0.0,
    feather: FeatherOption = 0.08,
    sharpen: SharpenOption = 0.5,
    smoothing: SmoothingOption = 1.0,
    encoder: Annotated[
        VideoEncoder, typer.Option(help="x264, x265, or ffv1 (lossless, for .mkv).")
    ] = VideoEncoder.x264,
    crf: Annotated[
        float, typer.Option(min=0, max=51, help="Quality of x264 and x265; lower is better and larger.")
    ] = 16,
    preset: Annotated[str, typer.Option(help="Speed of x264 and x265, ultrafast to veryslow.")] = "medium",
    eight_bit: Annotated[
        bool, typer.Option("--eight-bit", help="Let a video of more than 8 bits a channel come out with 8.")
    ] = False,
    segment: Annotated[
        int,
        typer.Option(
            min=1, max=100000, help="Frames in a piece: so many are done again after a crash, at most."
        ),
    ] = 250,
    detector: DetectorOption = "auto",
    landmarks: LandmarksOption = "auto",
    min_size: MinSizeOption = 24,
    device: DeviceOption = "auto",
    preview: PreviewOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Swap the faces of a video.

    Timestamps, sound and every other stream stay as they are. Run the same command again to go on
    where it was interrupted.
    """
    from faceswap_cli.compositing.options import ConvertOptions
    from faceswap_cli.compositing.pipeline import convert_video
    from faceswap_cli.faces.faceset import FaceSet
    from faceswap_cli.faces.stage import build_stage
    from faceswap_cli.media.encode import EncodeOptions

    options = ConvertOptions(
        mask=mask,
        colour=colour.value,
        erode=erode,
        feather=feather,
        smoothing=smoothing,
        sharpen=sharpen,
        identity=not all_faces,
        allow_8bit=eight_bit,
        segment_frames=segment,
        encode=EncodeOptions(encoder.value, crf, preset),
    )
    options.check()
    renderer, reference, fingerprint = _load(run, face, device)
    known = FaceSet.open(faces) if faces is not None else None
    stage = None
    if known is None:
        stage = build_stage(detector, landmarks, device, min_size=min_size)
        console.tell(stage.explanation)
    parser = _parser(options, device)
    if preview is not None or dry_run:
        look_first = stage or build_stage(detector, landmarks, device, min_size=min_size)
        _look_first(source, output, preview, dry_run, options, look_first, (renderer, parser, reference))
        return
    steps = convert_video(source, output, renderer, options, stage, known, reference, fingerprint, parser)
    started, told = time.monotonic(), ""
    try:
        with console.Bar("convert") as bar:
            for step in steps:
                _show(bar, step)
                told = step.summary or told
    except KeyboardInterrupt:
        console.tell("stopped; run the same command again to go on from the last whole piece")
        raise
    console.say(f"done: {output} ({told}, in {console.duration(time.monotonic() - started)})")


@app.command("photo")
def photo(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The photo.")],
    run: RunOption,
    output: OutputOption,
    face: FaceOption = "b",
    all_faces: AllFacesOption = False,
    mask: MaskOption = DEFAULT_MASK,
    colour: ColourOption = Colour.rct,
    erode: ErodeOption = 0.0,
    feather: FeatherOption = 0.08,
    sharpen: SharpenOption = 0.5,
    eight_bit: Annotated[
        bool, typer.Option("--eight-bit", help="Let a photo of more than 8 bits a channel come out with 8.")
    ] = False,
    detector: DetectorOption = "auto",
    landmarks: LandmarksOption = "auto",
    min_size: MinSizeOption = 24,
    device: DeviceOption = "auto",
    preview: PreviewOption = None,
) -> None:
    """Swap the faces of a photo.

    Orientation, colour profile and transparency stay as they are.
    """
    from faceswap_cli.compositing.options import ConvertOptions
    from faceswap_cli.compositing.photo import convert_photo
    from faceswap_cli.faces.stage import build_stage

    options = ConvertOptions(
        mask=mask,
        colour=colour.value,
        erode=erode,
        feather=feather,
        sharpen=sharpen,
        identity=not all_faces,
        allow_8bit=eight_bit,
    )
    options.check()
    renderer, reference, _ = _load(run, face, device)
    stage = build_stage(detector, landmarks, device, min_size=min_size, thorough=True)
    parser = _parser(options, device)
    if preview is not None:
        _look_first(source, output, preview, False, options, stage, (renderer, parser, reference))
        return
    report = convert_photo(source, output, renderer, options, stage, reference, parser)
    if report.note:
        console.warn(report.note)
    alone = f", {report.left_alone} of other people left alone" if report.left_alone else ""
    console.say(f"done: {output} (faces replaced: {report.swapped}{alone})")


@app.command("sheet")
def sheet(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A video or a photo.")],
    run: RunOption,
    output: OutputOption,
    vary: VaryOption,
    face: FaceOption = "b",
    all_faces: AllFacesOption = False,
    mask: MaskOption = DEFAULT_MASK,
    colour: ColourOption = Colour.rct,
    detector: DetectorOption = "auto",
    landmarks: LandmarksOption = "auto",
    min_size: MinSizeOption = 24,
    device: DeviceOption = "auto",
) -> None:
    """Compare settings: a few moments, drawn with each of them, on one picture.

    Everything that is not varied is as `convert video` has it by default.
    """
    from faceswap_cli.cli.convert_preview import write_sheet
    from faceswap_cli.compositing.options import ConvertOptions
    from faceswap_cli.compositing.preview import Painter
    from faceswap_cli.faces.stage import build_stage

    options = ConvertOptions(mask=mask, colour=colour.value, identity=not all_faces)
    options.check()
    renderer, reference, _ = _load(run, face, device)
    stage = build_stage(detector, landmarks, device, min_size=min_size)
    # Which masks are varied may ask for the parser: it is loaded when it is needed.
    painter = Painter(renderer, _any_parser(device), reference)
    write_sheet(source, output, vary, options, painter, stage)


def _look_first(
    source: Path,
    output: Path,
    preview: Path | None,
    dry_run: bool,
    options: ConvertOptions,
    stage: FaceStage,
    painter: tuple[Renderer, FaceParser | None, NDArray[np.float32] | None],
) -> None:
    """A preview, or what would be done, instead of doing it."""
    from faceswap_cli.cli.convert_dry_run import tell_video
    from faceswap_cli.cli.convert_preview import write_preview
    from faceswap_cli.compositing.preview import Painter

    if preview is not None:
        write_preview(source, preview, options, Painter(*painter), stage)
    if dry_run:
        tell_video(source, output, options, Painter(*painter), stage)


def _load(run: Path, person: str, device: str) -> tuple[Renderer, NDArray[np.float32] | None, str]:
    """The renderer of a run, whom it replaces, and what its pictures depend on."""
    from faceswap_cli.device import pick_device
    from faceswap_cli.training.run_folder import load_trained, open_run
    from faceswap_cli.training.settings import TARGET

    if run.is_file():
        return _load_file(run, person, device)
    opened = open_run(run)
    face = opened.identity(person)
    model, checkpoint, notes = load_trained(opened, pick_device(device))
    for note in notes:
        console.warn(note)
    # The run knows what A looks like. Putting A onto B's footage, there is nobody to compare with.
    reference = opened.reference if len(opened.reference) and face != TARGET else None
    fingerprint = hashlib.sha256(f"{checkpoint.path.name} {face}".encode()).hexdigest()
    return model.renderer(face), reference, fingerprint


def _load_file(path: Path, person: str, device: str) -> tuple[Renderer, NDArray[np.float32] | None, str]:
    """The same of a file that `faceswap models export` made."""
    from faceswap_cli.device import pick_device
    from faceswap_cli.training.model_file import load_exported
    from faceswap_cli.training.settings import TARGET

    opened = load_exported(path, pick_device(device))
    face = opened.identity(person)
    reference = opened.reference if len(opened.reference) and face != TARGET else None
    if reference is None and face != TARGET:
        console.tell(f"{path} does not say what the person to be replaced looks like: every face counts")
    fingerprint = hashlib.sha256(f"{opened.card['sha256']} {face}".encode()).hexdigest()
    return opened.model.renderer(face), reference, fingerprint


def _parser(options: ConvertOptions, device: str) -> FaceParser | None:
    """The face parser, if the masks asked for want it; its weights are checked at once."""
    from faceswap_cli.compositing.masks import wanted

    if not wanted(options.mask).parser:
        return None
    parser = _any_parser(device)
    parser.load()
    return parser


def _any_parser(device: str) -> FaceParser:
    from faceswap_cli.device import pick_device
    from faceswap_cli.faces.parsing import FaceParser

    return FaceParser(str(pick_device(device)))


def _show(bar: console.Bar, step: ConvertProgress) -> None:
    """One report on the progress line."""
    names = {"faces": "finding faces", "render": "swapping", "join": "joining"}
    if step.note:
        bar.note(step.note)
    rate = f"{step.done} frames" + (f" | {step.fps:.1f} frames/s" if step.fps else "")
    if step.fps and step.total and step.total > step.done:
        rate += f" | {console.duration((step.total - step.done) / step.fps)} left"
    bar.update(step.done, step.total, rate, names[step.phase])
