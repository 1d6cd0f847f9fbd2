"""Names of the encoders that can be asked for, without libav: the command line knows them first."""

from enum import StrEnum


class EncoderName(StrEnum):
    """What `--encoder` takes; what each is, says `encoders.ENCODERS`."""

    X264 = "x264"
    X265 = "x265"
    AV1 = "av1"
    FFV1 = "ffv1"
    PRORES = "prores"
    PNG = "png"
    H264_NVENC = "h264_nvenc"
    HEVC_NVENC = "hevc_nvenc"
    AV1_NVENC = "av1_nvenc"
    H264_VIDEOTOOLBOX = "h264_videotoolbox"
    HEVC_VIDEOTOOLBOX = "hevc_videotoolbox"
    H264_QSV = "h264_qsv"
    HEVC_QSV = "hevc_qsv"
    H264_AMF = "h264_amf"
    HEVC_AMF = "hevc_amf"
