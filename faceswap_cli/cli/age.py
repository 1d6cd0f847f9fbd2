"""`faceswap age photo` and `faceswap age video`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.age_load import Method, load_brush, load_people
from faceswap_cli.cli.app import new_app
from faceswap_cli.cli.consent import tell_consent
from faceswap_cli.cli.convert import all_videos, one_video
from faceswap_cli.cli.convert_options import (
    CrfOption,
    DryRunOption,
    EncoderOption,
    FpsOption,
    FramesOption,
    NotOption,
    OutputOption,
    Preset,
    PresetOption,
    RayOption,
    SegmentOption,
    SmoothingOption,
    ThresholdOption,
    VideoOutputOption,
    VideosArgument,
    WorkersOption,
)
from faceswap_cli.cli.convert_outputs import outputs_for
from faceswap_cli.cli.convert_preview import look_first
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
    from faceswap_cli.compositing.age_photo import OpenedPhoto
    from faceswap_cli.compositing.age_wish import AgeWish
    from faceswap_cli.compositing.ageing import Brush
    from faceswap_cli.provenance.marks import Marks

app = new_app(help="Make faces older or younger, in a photo or a video.")

ByOption = Annotated[
    float | None,
    typer.Option("--by", metavar="YEARS", help="Years to add, as in --by +20 or --by -15; in place of --to."),
]
FromOption = Annotated[
    float | None,
    typer.Option(
        "--from", metavar="AGE", help="How old the people are, where that is known. [default: as they look]"
    ),
]
StrengthOption = Annotated[
    float, typer.Option(min=0.0, max=1.5, help="How much of the change is made; above 1 it is overdone.")
]
MethodOption = Annotated[
    Method,
    typer.Option(
        help="How the change is found: by the network, or by averages of faces of each age (prototype)."
    ),
]
ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        help="Run folder of `faceswap train --model age`. [default: the bundled weights]",
        show_default=False,
    ),
]
AgePreviewOption = Annotated[
    Path | None,
    typer.Option(
        "--preview",
        metavar="PICTURE",
        help="Write original, aged and mask of a few moments to this picture, and stop there.",
    ),
]
OnlyPeopleOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--only",
        metavar="PERSON",
        help="Age only the person on this photo (or of this face set). May be repeated.",
    ),
]


@app.command("photo")
def photo(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The photo.")],
    output: OutputOption,
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            metavar="AGE",
            help="How old the faces become, 16 to 80. Several, or 20..80:10 (every ten years), make a sheet "
            "with the face as it is and at each age.",
        ),
    ] = None,
    by: ByOption = None,
    known: FromOption = None,
    strength: StrengthOption = 1.0,
    method: MethodOption = Method.network,
    model: ModelOption = None,
    only: OnlyPeopleOption = None,
    without: NotOption = None,
    face: Annotated[
        int | None,
        typer.Option(
            "--face",
            metavar="N",
            help="Age only this face, counted from left to right, from 1. [default: all]",
        ),
    ] = None,
    threshold: ThresholdOption = 0.5,
    eight_bit: Annotated[
        bool, typer.Option("--eight-bit", help="Let a photo of more than 8 bits a channel come out with 8.")
    ] = False,
    detector: DetectorOption = "auto",
    landmarks: LandmarksOption = "auto",
    min_size: MinSizeOption = 24,
    device: DeviceOption = "auto",
    adult_confirmed: AdultsOption = False,
    label: PhotoLabelOption = None,
    label_corner: CornerOption = Corner.LOWER_RIGHT,
    no_mark: NoMarkOption = False,
    sidecar: SidecarOption = False,
    cert: CertOption = None,
    key: KeyOption = None,
) -> None:
    """Make the faces of a photo older or younger.

    Orientation, colour profile and transparency stay as they are, and so does every pixel that is not of a
    face or its hair.
    """
    from faceswap_cli.compositing import age_photo
    from faceswap_cli.faces.age import AgeEstimator
    from faceswap_cli.faces.refusals import Guard
    from faceswap_cli.faces.stage import build_stage
    from faceswap_cli.provenance.marks import Kind
    from faceswap_cli.provenance.sidecar import write_sidecar

    targets = _targets(to, by)
    tell_consent()
    wish = _wish(targets[0] if targets else None, by, known, strength)
    age_photo.check_output(source, output)
    brush = load_brush(method, model, device, strength)
    marks = marks_for(Kind.AGE, brush.mark, no_mark, bool(label), label_corner, cert, key)
    stage = build_stage(detector, landmarks, device, min_size=min_size, thorough=True)
    guard = Guard(adult_confirmed, device)
    which = age_photo.Which(face, load_people(only or [], without or [], threshold, guard, lambda: stage))
    opened = age_photo.open_photo(source, which, stage, AgeEstimator(device), eight_bit)
    for note in opened.notes():
        console.warn(note)
    if len(targets) > 1:
        _sheet(opened, output, targets, wish, brush, marks)
        if sidecar:
            write_sidecar(output, "age photo", marks, targets)
        return
    ages = age_photo.age_photo(opened, output, wish, brush, marks)
    for number in sorted(ages):
        console.say(f"face {number} of {len(opened.faces)}: {ages[number].spoken()}")
    if lost := age_photo.lost_in(output, opened):
        console.warn(lost)
    console.say(f"done: {output} (faces aged: {len(ages)}; {marks.told(output)})")
    if sidecar:
        write_sidecar(output, "age photo", marks, [ages[number].target for number in sorted(ages)])


@app.command("video")
def video(
    sources: VideosArgument,
    output: VideoOutputOption,
    to: Annotated[
        float | None, typer.Option("--to", metavar="AGE", help="How old the faces become, 16 to 80.")
    ] = None,
    by: ByOption = None,
    known: FromOption = None,
    strength: StrengthOption = 1.0,
    method: MethodOption = Method.network,
    model: ModelOption = None,
    only: OnlyPeopleOption = None,
    without: NotOption = None,
    threshold: ThresholdOption = 0.5,
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
    preview: AgePreviewOption = None,
    dry_run: DryRunOption = False,
    label: VideoLabelOption = None,
    label_corner: CornerOption = Corner.LOWER_RIGHT,
    no_mark: NoMarkOption = False,
    sidecar: SidecarOption = False,
    cert: CertOption = None,
    key: KeyOption = None,
) -> None:
    """Make the faces of a video older or younger.

    Each person's age is estimated once, from their clearest faces. Timestamps, sound and every other stream
    stay as they are. Run the same command again to go on where it was interrupted.
    """
    from faceswap_cli.cli.convert_place import open_place
    from faceswap_cli.compositing.age_preview import AgePainter
    from faceswap_cli.compositing.age_video import Ageing
    from faceswap_cli.compositing.options import ConvertOptions
    from faceswap_cli.faces.age import AgeEstimator
    from faceswap_cli.faces.refusals import Guard
    from faceswap_cli.faces.stage import build_stage
    from faceswap_cli.media.encoders import EncodeOptions, encoder_for
    from faceswap_cli.provenance.marks import Kind

    tell_consent()
    wish = _wish(to, by, known, strength)
    outputs = outputs_for(sources, output, encoder.value if encoder else "x264")
    options = ConvertOptions(
        smoothing=smoothing,
        segment_frames=segment,
        encode=EncodeOptions(encoder.value if encoder else encoder_for(outputs[0]), crf, preset.value),
        fps=fps,
        frames=frames,
    )
    options.check()
    brush = load_brush(method, model, device, strength)
    shown = not no_mark if label is None else label
    options = replace(options, marks=marks_for(Kind.AGE, brush.mark, no_mark, shown, label_corner, cert, key))
    stage = build_stage(detector, landmarks, device, min_size=min_size)
    console.tell(stage.explanation)
    thorough = partial(build_stage, detector, landmarks, device, min_size=min_size, thorough=True)
    cast = load_people(only or [], without or [], threshold, Guard(adult_confirmed, device), thorough)
    treatment = Ageing(brush, wish, AgeEstimator(device))
    if preview is not None or dry_run:
        painter = AgePainter(cast, brush.parser, brush=brush, wish=wish, estimator=treatment.estimator)
        look_first(sources, outputs, preview, dry_run, options, painter, stage)
        return
    with open_place(workers, ray, sources, segment, device) as place:
        work = partial(
            one_video, verb="ageing", cast=cast, options=options, stage=stage, parser=brush.parser,
            place=place, treatment=treatment, sidecar="age video" if sidecar else "",
            ages=[age for age in (to, by) if age is not None],
        )  # fmt: skip
        all_videos(sources, outputs, work)


def _targets(to: list[str] | None, by: float | None) -> list[float]:
    """The ages that `--to` names."""
    from faceswap_cli.compositing.age_wish import read_ages

    if to and by is not None:
        raise UserError("--to and --by say different things about how old the faces become", "Give one")
    return read_ages(to or [])


def _wish(to: float | None, by: float | None, known: float | None, strength: float) -> AgeWish:
    from faceswap_cli.compositing.age_wish import AgeWish

    wish = AgeWish(to, by, known, strength)
    wish.check()
    return wish


def _sheet(
    opened: OpenedPhoto, output: Path, targets: list[float], wish: AgeWish, brush: Brush, marks: Marks
) -> None:
    """Write the faces as they are and at each age."""
    from faceswap_cli.compositing.age_photo import sheet
    from faceswap_cli.provenance.marks import write_marked_photo

    write_marked_photo(output, sheet(opened, targets, wish, brush), marks)
    for face in opened.faces:
        if not face.alone:
            console.say(f"face {face.number} of {len(opened.faces)} looks {face.said.age:.0f}")
    console.say(f"sheet: {output} ({len(targets)} ages; give one --to to age the photo itself)")
