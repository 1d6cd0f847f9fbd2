"""Options of `faceswap convert`, each declared once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Colour(StrEnum):
    """Names in compositing.colour."""

    rct = "rct"
    lct = "lct"
    mkl = "mkl"
    hist = "hist"
    idt = "idt"
    sot = "sot"
    seamless = "seamless"
    none = "none"


class Blend(StrEnum):
    """Names in compositing.blend."""

    alpha = "alpha"
    pyramid = "pyramid"
    poisson = "poisson"


class VideoEncoder(StrEnum):
    """Names in media.encoders."""

    x264 = "x264"
    x265 = "x265"
    av1 = "av1"
    ffv1 = "ffv1"
    prores = "prores"
    png = "png"
    h264_nvenc = "h264_nvenc"
    hevc_nvenc = "hevc_nvenc"
    av1_nvenc = "av1_nvenc"
    h264_videotoolbox = "h264_videotoolbox"
    hevc_videotoolbox = "hevc_videotoolbox"
    h264_qsv = "h264_qsv"
    hevc_qsv = "hevc_qsv"
    h264_amf = "h264_amf"
    hevc_amf = "hevc_amf"


class Preset(StrEnum):
    """Names in media.encoders."""

    ultrafast = "ultrafast"
    superfast = "superfast"
    veryfast = "veryfast"
    faster = "faster"
    fast = "fast"
    medium = "medium"
    slow = "slow"
    slower = "slower"
    veryslow = "veryslow"


DEFAULT_MASK = "hull+model+occlusion"

RunOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        help="Run folder that `faceswap train` wrote, a file by `faceswap models export`, or "
        "conditional: the bundled model that draws whoever is on the photo given by --face. Without it the "
        "photo's own pixels are put on.",
    ),
]
ShapeOption = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Of a photo's face without a model: whose shape eyes, nose and mouth have, 0 that of the face "
        "in the picture, 1 the photo's.",
    ),
]
VideosArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="IN...",
        help="The video, or several; also numbered pictures: a folder of them, or frames/%05d.png.",
    ),
]
VideoOutputOption = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        help="File to write; its suffix says how. For several videos, or with a / at its end, a folder.",
    ),
]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="File to write; its suffix says how.")]
FaceOption = Annotated[
    list[str],
    typer.Option(
        "--face",
        help="Whose face is drawn. Without --model: a photo, or several of one person. With it: b, the "
        "(first) person put on, b2, b3, ..., a, or a face set's name. With a conditional model also a photo "
        "or a face set's folder; several are mixed, as A.jpg:0.7 and B.jpg:0.3.",
    ),
]
ExpressionOption = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=2.0,
        help="How strong the drawn expression is, 1: as in the picture.",
    ),
]
YawOption = Annotated[
    float,
    typer.Option(
        min=-20.0,
        max=20.0,
        help="Degrees by which the drawn head is turned further, to the picture's right above 0.",
    ),
]
MaskOption = Annotated[
    str,
    typer.Option(
        help="Where the new face shows, one or several joined by +: hull (around the landmarks), model (the "
        "network's own mask), parsed (skin up to the hair, as a face parser sees it), occlusion (not over "
        "hands, microphones, hair and frames of glasses before the face); both is hull+model."
    ),
]
ColourOption = Annotated[
    Colour,
    typer.Option(
        help="Colour match inside the mask: rct (mean and contrast), lct and mkl (all covariances), hist, "
        "idt and sot (whole distributions), seamless (none, but --blend poisson) or none."
    ),
]
ErodeOption = Annotated[
    float, typer.Option(min=-0.2, max=0.4, help="How far the mask's edge is moved inwards, in face widths.")
]
FeatherOption = Annotated[
    float, typer.Option(min=0.0, max=0.5, help="Width of the mask's soft edge, in face widths.")
]
SharpenOption = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="Unsharp mask on the new face; 0 is none.")
]
BlendOption = Annotated[
    Blend,
    typer.Option(
        help="How the new face is put in: alpha, pyramid (detail over a narrow edge, colours over a wide "
        "one) or poisson (seamless clone: the frame's colours at the mask's edge are led into the face)."
    ),
]
GrainOption = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="How much of the grain that the new face lacks is added.")
]
DefocusOption = Annotated[
    float,
    typer.Option(
        min=0.0, max=1.0, help="How much of the old face's softness the new one gets, where it is sharper."
    ),
]
MotionBlurOption = Annotated[
    float,
    typer.Option(min=0.0, max=1.0, help="How much of the old face's motion blur the new one gets."),
]
AllFacesOption = Annotated[
    bool,
    typer.Option(
        "--all-faces", help="Replace every face, also of people the model was not trained to replace."
    ),
]
SmoothingOption = Annotated[
    float,
    typer.Option(min=0.0, max=5.0, help="Steadiness of landmarks, masks and colour over time; 0 is none."),
]
PreviewOption = Annotated[
    Path | None,
    typer.Option(
        metavar="PICTURE",
        help="Write original, swapped and mask of a few moments to this picture, and stop there.",
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Try a few moments, say what would be done, for how long and how large, and write nothing.",
    ),
]
VaryOption = Annotated[
    list[str],
    typer.Option(
        "--vary",
        metavar="SETTING=VALUE,VALUE",
        help="A setting and its values, for example colour=rct,none or feather=0.04,0.12. May be repeated: "
        "every combination is shown.",
    ),
]
MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="PERSON=NAME",
        help="Replace this person by the face NAME (see --face), or by MODEL:NAME of another model. PERSON "
        "is a photo, or a face set of nobody else. For each person once.",
    ),
]
OnlyOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--only",
        metavar="PERSON",
        help="Replace only the person on this photo (or of this face set), whomever the model was trained "
        "to replace. May be repeated.",
    ),
]
NotOption = Annotated[
    list[Path] | None,
    typer.Option("--not", metavar="PERSON", help="Leave the person on this photo alone. May be repeated."),
]
ThresholdOption = Annotated[
    float,
    typer.Option(
        min=0.1,
        max=1.2,
        help="Identity distance up to which a face is taken for a person's; poor faces get up to 0.1 more.",
    ),
]
SegmentOption = Annotated[
    int,
    typer.Option(
        min=1,
        max=100000,
        help="Frames in a piece: what a worker makes in one go, and what is lost at most when all stops.",
    ),
]
WorkersOption = Annotated[
    int,
    typer.Option(
        min=0,
        max=256,
        help="Processes that work at the same time, 0.6 GB each. The result is the same. 0: as many as suit "
        "the machine and the video.",
    ),
]
RayOption = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS",
        help="Work on a Ray cluster: HOST:PORT, ray://HOST:PORT, auto, or local for one on this machine. "
        "--workers limits how many pieces are done at a time.",
    ),
]
EncoderOption = Annotated[
    VideoEncoder | None,
    typer.Option(
        help="How the video is encoded: x264, x265 or av1; without loss ffv1 (.mkv) or png (.mov); prores "
        "(.mov, .mkv), 4444 if the source has transparency. The others need their maker's card: `faceswap "
        "doctor` says which work here. [default: x264; what the output's suffix says for pictures and GIF]"
    ),
]
CrfOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=63,
        help="Quality; lower is better and larger: 0 to 51, for av1 0 to 63. No meaning for ffv1, prores and "
        "png. [default: 16; 20 for av1; 18 or 19 for cards]",
    ),
]
PresetOption = Annotated[
    Preset, typer.Option(help="Time against size; each encoder is told by its own names and numbers.")
]
FramesOption = Annotated[
    str,
    typer.Option(
        metavar="PIECES",
        help="Only these frames come out, with their sound and subtitles, as in 100-250,400- (both ends are "
        "in; counted from 0; -100 is 0-100). [default: all]",
        show_default=False,
    ),
]
FpsOption = Annotated[
    str,
    typer.Option(
        metavar="RATE",
        help="Pictures a second when IN is pictures, as in 25, 23.976 or 24000/1001. [default: 25]",
        show_default=False,
    ),
]
