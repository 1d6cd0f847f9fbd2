"""How a user wants a video encoded. What each encoder makes of it is in `encoders`."""

from __future__ import annotations

from dataclasses import dataclass

from faceswap_cli.media.encoder_names import EncoderName
from faceswap_cli.options import ENCODING, OptionGroup, option

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
"""x264's names of time against size; other encoders' are told by them."""


@dataclass(frozen=True)
class EncodeRequest(OptionGroup):
    """What is asked of the encoder; `encoders.resolve_encoding` makes EncodeOptions of it."""

    encoder: str | None = option(
        None, group=ENCODING,
        choices=tuple(map(str, EncoderName)),
        help="How the video is encoded: x264, x265 or av1; without loss ffv1 (.mkv) or png (.mov); prores "
        "(.mov, .mkv), 4444 if the source has transparency. The others need their maker's card: `faceswap "
        "doctor` says which work here. [default: x264; what the output's suffix says for pictures and GIF]",
    )  # fmt: skip
    crf: float | None = option(
        None, 0, 63, group=ENCODING,
        help="Quality; lower is better and larger: 0 to 51, for av1 0 to 63. No meaning for ffv1, prores and "
        "png. [default: 16; 20 for av1; 18 or 19 for cards]",
    )  # fmt: skip
    # At one crf x264 takes 0.6 of the time of "medium" for files of the same size, 0.5 to 0.8 dB worse at 46
    # to 50 dB; "medium" alone would take more than half of the time of a conversion at 1080p.
    preset: str = option(
        "faster", group=ENCODING, choices=PRESETS,
        help="Time against size; each encoder is told by its own names and numbers.",
    )  # fmt: skip
    keyframes: int | None = option(
        None, 1, 10_000, group=ENCODING,
        help="Frames from one key frame to the next, at most: 1 makes every frame one, for editing; 25 or so "
        "makes a player quick to jump about. No meaning where every frame is one anyway: ffv1, prores, png. "
        "[default: the encoder's own]",
    )  # fmt: skip
    sdr: bool = option(
        False, group=ENCODING, flags=("--sdr",), medium="video",
        help="Of HDR video (PQ, HLG) write a tone-mapped copy: BT.709, 8 bits. [default: HDR stays HDR, with "
        "x265, av1, prores or ffv1]",
    )  # fmt: skip
