"""Whether an encoder works on this machine, found out by encoding with it."""

from __future__ import annotations

import functools
from fractions import Fraction

import av
import numpy as np
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from faceswap_cli.errors import UserError
from faceswap_cli.media.encoder_names import EncoderName
from faceswap_cli.media.encoders import ENCODERS, EncodeOptions

_SIDE, _PICTURES = 256, 3  # small, but not smaller than any card's least size


@functools.cache
def refusal(name: str) -> str | None:
    """Why the encoder `name` (a key of ENCODERS) does not work here, in a few words; None if it does."""
    encoder = ENCODERS[name]
    try:
        context = av.CodecContext.create(encoder.codec, "w")
    except (FFmpegError, ValueError):
        return "not in this build of PyAV"
    assert isinstance(context, VideoCodecContext)
    context.width = context.height = _SIDE
    context.pix_fmt, context.time_base = encoder.formats[0], Fraction(1, 25)
    context.framerate, context.options = Fraction(25), EncodeOptions(name).codec_options()
    picture = VideoFrame.from_ndarray(np.full((_SIDE, _SIDE, 3), 90, np.uint8), format="rgb24")
    packets = 0
    try:
        for pts in range(_PICTURES):
            frame = picture.reformat(format=encoder.formats[0])
            frame.pts, frame.time_base = pts, Fraction(1, 25)
            packets += len(context.encode(frame))
        packets += len(context.encode(None))
    except (FFmpegError, ValueError):
        return "no such hardware or driver" if encoder.hardware else "it fails"
    return None if packets == _PICTURES else "it gives no pictures"


def check_encoder(name: str) -> None:
    """Raise a UserError if the encoder `name` does not work here."""
    why = refusal(name)
    if why is not None:
        usable = [other for other in EncoderName if not ENCODERS[other].hardware]
        raise UserError(f"{name} does not work on this machine: {why}", f"Use {', '.join(usable)}")
