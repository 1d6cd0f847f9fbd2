"""The encoders: what each takes and keeps of a source, and how its dials are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from faceswap_cli.device import has_avx512
from faceswap_cli.errors import UserError
from faceswap_cli.media.colour import (
    MATRIX_RGB,
    RANGE_FULL,
    RANGE_LIMITED,
    UNSPECIFIED,
    ColourTags,
    PixelKind,
    matrix_of,
    pixel_kind,
)
from faceswap_cli.media.encode_options import PRESETS, EncodeRequest
from faceswap_cli.media.encoder_names import EncoderName
from faceswap_cli.media.light_metadata import LightMetadata, light_options
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.sequence import picture_suffix


def _crf(crf: float) -> dict[str, str]:
    return {"crf": f"{crf:g}"}


@dataclass(frozen=True)
class Encoder:
    """One way to encode.

    Attributes:
        codec: FFmpeg's name of the encoder.
        suffixes: containers that hold it.
        formats: pixel formats it is given, the plainest first.
        options: what FFmpeg is always told.
        quality: what it is told of a crf; None if it has none, being lossless or of one quality.
        crf: the usual one.
        worst: the largest crf.
        presets: its own names for PRESETS; none if it has no such dial.
        odd: True if it takes pictures with an odd side in every format, not only in 4:4:4.
        always: the colour tags (by ColourTags' names) that its decoders take for granted, whatever is said.
        hardware: True if it needs a certain machine.
        upright: True if what it writes can't say how it is turned, or that its pixels are not square.
        hdr: True if HDR is written by it: with its tags, and more than 8 bits.
        segment: FFmpeg's name of the container for pieces of a video. NUT keeps any time base exactly,
            needs no index at its front, and is written front to back.
    """

    codec: str
    suffixes: tuple[str, ...]
    formats: tuple[str, ...]
    options: dict[str, str] = field(default_factory=dict)
    quality: Callable[[float], dict[str, str]] | None = None
    crf: float = 16
    worst: float = 51
    presets: dict[str, str] = field(default_factory=dict)
    odd: bool = False
    always: dict[str, Any] = field(default_factory=dict)
    hardware: bool = False
    upright: bool = False
    hdr: bool = False
    segment: str = "nut"


_MP4_AND_MKV = (".mp4", ".mov", ".m4v", ".mkv")
_SAME = {name: name for name in PRESETS}


def _named(*own: int | str, prefix: str = "") -> dict[str, str]:
    return {name: f"{prefix}{one}" for name, one in zip(PRESETS, own, strict=True)}


def _yuv(
    *depths: int, kind: str = "yuv", chromas: tuple[str, ...] = ("420", "422", "444")
) -> tuple[str, ...]:
    return tuple(f"{kind}{chroma}p{'' if d == 8 else f'{d}le'}" for d in depths for chroma in chromas)


def _nvenc(codec: str, formats: tuple[str, ...]) -> Encoder:
    return Encoder(
        codec, _MP4_AND_MKV, formats, {"rc": "vbr", "b": "0", "forced-idr": "1"},
        lambda crf: {"cq": f"{max(crf, 1):g}"}, 19,
        presets=_named(1, 1, 2, 3, 4, 5, 6, 7, 7, prefix="p"), hardware=True,
    )  # fmt: skip


def _videotoolbox(codec: str, formats: tuple[str, ...]) -> Encoder:
    # Its quality goes from 1 to 100, in FFmpeg's steps of 118; larger is better.
    return Encoder(
        codec, _MP4_AND_MKV, formats, {"flags": "+qscale"},
        lambda crf: {"global_quality": f"{round(100 - 99 * crf / 51) * 118}"}, 18, hardware=True,
    )  # fmt: skip


def _qsv(codec: str, formats: tuple[str, ...]) -> Encoder:
    own = ("veryfast", "veryfast", *PRESETS[2:])
    return Encoder(
        codec, _MP4_AND_MKV, formats, {}, lambda crf: {"global_quality": f"{max(round(crf), 1)}"}, 18,
        presets=_named(*own), hardware=True,
    )  # fmt: skip


def _amf(codec: str, formats: tuple[str, ...]) -> Encoder:
    own = ("speed",) * 4 + ("balanced",) * 2 + ("quality",) * 3
    return Encoder(
        codec, _MP4_AND_MKV, formats, {"rc": "cqp"},
        lambda crf: {f"qp_{kind}": f"{round(crf)}" for kind in "ip"}, 18,
        presets=_named(*own), hardware=True,
    )  # fmt: skip


_JPEG = {"flags": "+qscale", "global_quality": str(2 * 118)}  # about 95 on other tools' scales

_PNG = {"pred": "up"}
_PNG_FORMATS = ("rgb24", "rgba", "rgb48be", "rgba64be")

_FFV1 = {"level": "3", "g": "1", "slicecrc": "1"}

ENCODERS: dict[str, Encoder] = {
    EncoderName.X264: Encoder(
        # The quicker way to place B-frames (strategy 1, of presets up to "medium") loses the rhythm of the
        # source's own frames over half a grey level, and makes files up to a third larger.
        "libx264", _MP4_AND_MKV, _yuv(8, 10), {"bf": "3", "b-pyramid": "normal", "b_strategy": "2"}, _crf,
        presets=_SAME,
    ),
    EncoderName.X265: Encoder(
        # Its own default is open groups of pictures, which refer to pictures of the segment before.
        "libx265", _MP4_AND_MKV, _yuv(8, 10, 12),
        {"x265-params": "log-level=none:info=0:open-gop=0:bframes=4:b-pyramid=1"}, _crf, presets=_SAME,
        hdr=True,
    ),
    EncoderName.AV1: Encoder(
        "libsvtav1", (".mp4", ".mkv"), _yuv(8, 10, chromas=("420",)), {}, _crf, 20, 63,
        _named(12, 11, 10, 9, 8, 7, 5, 4, 2), odd=True, hdr=True,
    ),
    EncoderName.FFV1: Encoder(
        "ffv1", (".mkv",),
        (
            "gray", "gray10le", "gray12le", "gray16le", "bgr0", "gbrp10le", "gbrp12le", "gbrp16le",
            "bgra", "gbrap10le", "gbrap12le", "gbrap16le", *_yuv(8, 9, 10, 12, 14, 16),
            *_yuv(8, 9, 10, 16, kind="yuva"), "yuva422p12le", "yuva444p12le",
            "yuv410p", "yuv411p", "yuv440p",
        ),
        _FFV1, odd=True, hdr=True,
    ),
    EncoderName.PRORES: Encoder(
        "prores_ks", (".mov", ".mkv"), ("yuv422p10le", "yuv444p10le", "yuva444p10le"),
        {"vendor": "apl0"}, odd=True, always={"range": RANGE_LIMITED}, hdr=True,
        segment="mov",
    ),
    EncoderName.PNG: Encoder("png", (".mov",), _PNG_FORMATS, _PNG, odd=True),
    "png pictures": Encoder("png", (), _PNG_FORMATS, _PNG, odd=True, upright=True),
    "tiff": Encoder(
        "tiff", (), ("rgb24", "rgba", "rgb48le", "rgba64le"), {"compression_algo": "deflate"}, odd=True,
        upright=True, segment="mov",
    ),
    "jpeg": Encoder("mjpeg", (), ("yuvj420p", "yuvj422p", "yuvj444p"), _JPEG, odd=True,
        always={"matrix": 5, "range": RANGE_FULL}, upright=True,
    ),
    # Kept without loss until all of it is there: one palette is made for the whole.
    "gif": Encoder("ffv1", (".gif",), ("bgr0", "bgra"), _FFV1, odd=True, upright=True),
    "webp": Encoder("ffv1", (".webp",), ("bgr0",), _FFV1, odd=True, upright=True),
    EncoderName.H264_NVENC: _nvenc("h264_nvenc", ("yuv420p", "yuv444p")),
    EncoderName.HEVC_NVENC: _nvenc("hevc_nvenc", ("yuv420p", "yuv444p", "p010le")),
    EncoderName.AV1_NVENC: _nvenc("av1_nvenc", ("yuv420p", "p010le")),
    EncoderName.H264_VIDEOTOOLBOX: _videotoolbox("h264_videotoolbox", ("yuv420p",)),
    EncoderName.HEVC_VIDEOTOOLBOX: _videotoolbox("hevc_videotoolbox", ("yuv420p", "p010le")),
    EncoderName.H264_QSV: _qsv("h264_qsv", ("nv12",)),
    EncoderName.HEVC_QSV: _qsv("hevc_qsv", ("nv12", "p010le")),
    EncoderName.H264_AMF: _amf("h264_amf", ("yuv420p",)),
    EncoderName.HEVC_AMF: _amf("hevc_amf", ("yuv420p", "p010le")),
}  # fmt: skip


PICTURES = {
    ".png": "png pictures",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
}
"""How single pictures with these suffixes are encoded."""


def encoder_for(output: Path, asked: str | None = None) -> str:
    """The encoder of an output, a key of ENCODERS: what was asked for, else what its name asks for."""
    suffix = picture_suffix(output)
    named = None if suffix is None else PICTURES.get(suffix, "png pictures")
    if asked is not None:
        return "png pictures" if asked == "png" and named == "png pictures" else asked
    if named is not None:
        return named
    return {".gif": "gif", ".webp": "webp"}.get(output.suffix.lower(), "x264")


@dataclass(frozen=True)
class EncodeOptions(EncodeRequest):
    """How the result is encoded. Encoders without a dial take no notice of it.

    Attributes:
        encoder: a key of ENCODERS.
    """

    encoder: str = "x264"

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise UserError(f"no encoder named {self.encoder}", f"Use one of {', '.join(EncoderName)}")
        self.check()
        worst = ENCODERS[self.encoder].worst
        if self.crf is not None and self.crf > worst:
            raise UserError(f"crf {self.crf:g} is out of range", f"Use 0 (best) to {worst:g} (smallest)")

    @property
    def predicts(self) -> bool:
        """Whether frames are encoded as what differs from others, not each by itself."""
        return ENCODERS[self.encoder].quality is not None and self.keyframes != 1

    def codec_options(self, light: LightMetadata | None = None) -> dict[str, str]:
        """What FFmpeg is told, also of the light of what is written."""
        encoder = ENCODERS[self.encoder]
        told = dict(encoder.options)
        if encoder.quality is not None:
            told |= encoder.quality(encoder.crf if self.crf is None else self.crf)
            told |= {"g": str(self.keyframes)} if self.keyframes else {}
        if encoder.presets:
            told["quality" if encoder.codec.endswith("_amf") else "preset"] = encoder.presets[self.preset]
        if encoder.codec == "libx264" and has_avx512():
            # Its AVX-512 code gives other bytes from run to run, of the first pictures of some clips; what
            # goes on after a crash has to be what would have come without.
            told["x264-params"] = "asm=avx2"
        for name, more in light_options(encoder.codec, light).items() if light is not None else ():
            told[name] = f"{told[name]}:{more}" if name in told else more
        return told


def resolve_encoding(request: EncodeRequest, output: Path) -> EncodeOptions:
    """How an output is encoded: as is asked, by the encoder that its name asks for if none is named."""
    return EncodeOptions(**{**asdict(request), "encoder": encoder_for(output, request.encoder)})


def check_hdr(info: MediaInfo, options: EncodeOptions) -> None:
    """Raise a UserError if HDR would be written by what does not hold it."""
    if info.hdr and not options.sdr and not ENCODERS[options.encoder].hdr:
        able = ", ".join(name for name, encoder in ENCODERS.items() if encoder.hdr)
        raise UserError(
            f"{info.path} is HDR, which is not written as {options.encoder}",
            f"Use --encoder with one of {able}, or --sdr for a tone-mapped copy",
        )


_SDR = ColourTags(1, 1, 1, RANGE_LIMITED)


def as_written(info: MediaInfo, options: EncodeOptions) -> MediaInfo:
    """A source as its result has it: of HDR, if that is asked for, 8 bits of opaque BT.709; else itself."""
    if not (options.sdr and info.hdr):
        return info
    chroma = info.pixels.chroma
    name = {"rgb": "gbrp", "grey": "gray"}.get(chroma, f"yuv{chroma}p")
    return replace(info, pixels=pixel_kind(name), tags=_SDR)


def target_format(info: MediaInfo, options: EncodeOptions) -> str:
    """FFmpeg's name of the pixel format that is written: of those the encoder takes, what loses least.

    Pictures with an odd side are written as 4:4:4 where the encoder takes them in no other chroma.
    """
    encoder, source = ENCODERS[options.encoder], info.pixels
    if source.name in encoder.formats:
        formats: tuple[str, ...] = (source.name,)
    else:
        formats = encoder.formats
    if (info.stored_width % 2 or info.stored_height % 2) and not encoder.odd:
        formats = tuple(name for name in encoder.formats if pixel_kind(name).chroma not in ("420", "422"))
    if encoder.upright and info.orientation.transpose:
        # Turned by a quarter, colour of half the width would be one of half the height.
        formats = tuple(name for name in formats if pixel_kind(name).chroma != "422") or encoder.formats[-1:]
    if not formats:
        size = f"{info.stored_width} x {info.stored_height}"
        raise UserError(f"{options.encoder} can't encode {size} pixels: a side is odd", "Use --encoder x264")
    return min(formats, key=lambda name: _loss(source, pixel_kind(name)))


_FINENESS = {"grey": 0, "420": 1, "422": 2, "444": 3, "rgb": 3}


def _loss(source: PixelKind, target: PixelKind) -> tuple[int, ...]:
    """What is lost by writing one as the other, the worst first; then what is written for nothing."""
    chroma = _FINENESS[target.chroma] - _FINENESS[source.chroma]
    depth = target.bit_depth - source.bit_depth
    return (
        source.alpha and not target.alpha,
        max(0, -chroma),
        max(0, -depth),
        source.family != target.family,
        target.alpha and not source.alpha,
        # Few players show monochrome H.264: a grey picture gets empty colour planes, as few as can be.
        max(0, chroma),
        max(0, depth),
    )


def what_is_lost(info: MediaInfo, options: EncodeOptions) -> list[str]:
    """One line for each thing of the source's pictures that the written ones will not have."""
    name = target_format(info, options)
    source, target = info.pixels, pixel_kind(name)
    lost = []
    if source.alpha and not target.alpha:
        lost.append(f"the video's transparency is not kept: {options.encoder} has none")
    if _FINENESS[target.chroma] < _FINENESS[source.chroma]:
        lost.append(
            f"{options.encoder} halves the colour's resolution: it is written as 4:{target.chroma[1:]}"
        )
    if target.bit_depth < source.bit_depth:
        lost.append(f"{options.encoder} keeps {target.bit_depth} of the video's {source.bit_depth} bits")
    odd_side = info.stored_width % 2 or info.stored_height % 2
    if odd_side and target.chroma == "444" and source.chroma in ("420", "422"):
        odd = f"{info.stored_width} x {info.stored_height}"
        lost.append(f"for its odd size ({odd}) the video is written as 4:4:4, which some players don't show")
    return lost


def target_tags(info: MediaInfo, pixel_format: str, encoder: Encoder) -> ColourTags:
    """The colour tags that are written: the source's, unless its pixels were of another kind (RGB, grey).

    What the source leaves unsaid stays unsaid.

    Args:
        info: the source.
        pixel_format: that is written.
        encoder: writes it.
    """
    tags, source, target = info.tags, info.pixels, pixel_kind(pixel_format)
    if target.family != "yuv":
        # What is stored as RGB has no matrix, whatever it was before.
        return replace(tags, matrix=MATRIX_RGB, range=RANGE_FULL) if source.family == "yuv" else tags
    if source.family == "rgb":
        matrix = int(matrix_of(tags, info.stored_width, info.stored_height))
        tags = replace(tags, matrix=matrix, range=RANGE_LIMITED)
    elif source.full_range and source.family != "grey":
        tags = replace(tags, range=RANGE_FULL)
    if tags.matrix == MATRIX_RGB:
        tags = replace(tags, matrix=UNSPECIFIED)
    return replace(tags, **encoder.always)
