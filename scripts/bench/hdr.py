"""How much a face in HDR video differs from that in its SDR original, and what else changes.

Of the first frames of an SDR clip three clips without loss are made: SDR of ten bits, and PQ and HLG of
known light: white is 203 cd/m2, and what is brighter than 0.6 of it goes up to 1000. Each is converted, and
the HDR results are made SDR again by the inverse of that light. Told are the difference of colour to the
SDR's result where a face was drawn (CIELAB, dE 1976), how much drawn pixels change from one frame to the
next in each, and how many samples outside of the face differ from the HDR source's. Beside it stands what
is left of the SDR's result itself, put into such a file and read again: in 4:2:0 four pixels share a chroma
sample, and what PQ and HLG make of their mean at an edge is not what SDR makes of it.

    python -m scripts.bench.hdr CLIP PHOTO [--frames 12] [--width 320] [--format yuv444p10le]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.media.colour import ColourTags, Converter
from faceswap_cli.media.hdr import (
    GAMMA,
    HLG,
    HLG_GAMMA,
    NOMINAL_PEAK,
    PQ,
    WHITE,
    HdrView,
    hlg_signal,
    pq_signal,
)
from faceswap_cli.media.planes import planes
from faceswap_cli.media.reader import VideoReader

Levels = NDArray[np.float32]

CLIPS = {"sdr": ColourTags(1, 1, 1, 1), "pq": ColourTags(9, PQ, 9, 1), "hlg": ColourTags(9, HLG, 9, 1)}

_BRIGHT = 0.6
_STEEP = (NOMINAL_PEAK / WHITE - 1) / (1 - _BRIGHT) ** 3
_SHOWN = np.linspace(0, 1, 4097)
_LIGHT = WHITE * (_SHOWN + _STEEP * np.maximum(_SHOWN - _BRIGHT, 0) ** 3)

# From BT.709 to BT.2020, linear: ITU-R BT.2087.
_TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593])


def signal_of(levels: Levels, transfer: int) -> Levels:
    """The HDR signal, 0..255, of SDR levels in their known light."""
    light = np.interp((levels / 255.0) ** GAMMA, _SHOWN, _LIGHT) @ _TO_2020.T
    if transfer == PQ:
        return (255 * pq_signal(light)).astype(np.float32)
    bright = np.maximum(light @ _LUMINANCE, 1e-6)[..., None]
    return (255 * hlg_signal(light / NOMINAL_PEAK * (bright / NOMINAL_PEAK) ** (1 / HLG_GAMMA - 1))).astype(
        np.float32
    )


def levels_of(signal: Levels, transfer: int) -> Levels:
    """The way back."""
    light = HdrView(transfer, 9, NOMINAL_PEAK).to_light(signal) @ np.linalg.inv(_TO_2020).T
    return (255 * np.interp(light, _LIGHT, _SHOWN) ** (1 / GAMMA)).astype(np.float32)


def write(path: Path, pictures: Sequence[Levels], tags: ColourTags, form: str = "yuv420p10le") -> None:
    height, width = pictures[0].shape[:2]
    converter = Converter(tags, width, height)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", 25)
        stream.width, stream.height, stream.pix_fmt = width, height, form
        context = stream.codec_context
        context.color_primaries, context.color_trc = tags.primaries, tags.transfer
        context.colorspace, context.color_range = tags.matrix, tags.range
        for index, levels in enumerate(pictures):
            picture = converter.from_signal(signal_of(levels, tags.transfer) if tags.hdr else levels, form)
            picture.pts, picture.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def read(path: Path) -> tuple[list[Levels], list[list[NDArray[np.uint16]]]]:
    """SDR levels of each frame, and the decoded samples."""
    levels, samples = [], []
    with VideoReader(path) as reader:
        for frame in reader:
            assert frame.picture is not None
            converter, stored = frame.picture.converter, frame.picture.stored
            signal = converter.to_signal(stored)
            levels.append(levels_of(signal, reader.info.tags.transfer) if reader.info.hdr else signal)
            samples.append([plane[..., 0].copy().astype(np.uint16) for plane in planes(stored)])
    return levels, samples


def through(levels: Levels, tags: ColourTags, form: str) -> Levels:
    """SDR levels as they come back from an HDR file."""
    converter = Converter(tags, levels.shape[1], levels.shape[0])
    stored = converter.from_signal(signal_of(levels.clip(0, 255), tags.transfer), form)
    return levels_of(converter.to_signal(stored), tags.transfer)


def lab(levels: Levels) -> Levels:
    return np.asarray(
        cv2.cvtColor((levels / 255).clip(0, 1).astype(np.float32), cv2.COLOR_RGB2LAB), np.float32
    )


def flicker(means: Sequence[float]) -> float:
    """How much a face's mean lightness leaves the straight line from frame to frame, L on average."""
    return round(float(np.abs(np.diff(means, n=2)).mean()), 4)


def compare(folder: Path, name: str, form: str = "yuv420p10le") -> dict[str, float]:
    (plain, _), (source, _) = read(folder / "sdr-out.mkv"), read(folder / "sdr.mkv")
    (lit, new), (_, old) = read(folder / f"{name}-out.mkv"), read(folder / f"{name}.mkv")
    apart, least, means, outside, bright = [], [], [], 0, 0.0
    for number in range(len(plain)):
        drawn = (plain[number] != source[number]).any(axis=2).astype(np.uint8)
        away = cv2.dilate(drawn, np.ones((17, 17))) == 0  # the other mask may be wider
        changed = [one != other for one, other in zip(old[number], new[number], strict=True)]
        outside += int((changed[0] & away).sum())
        for colour in changed[1:]:
            step = away.shape[1] // colour.shape[1]
            outside += int((colour & away[::step, ::step]).sum())
        face = cv2.erode(drawn, np.ones((3, 3))) > 0  # colour is shared by pixels at the rim
        if not face.any():
            continue
        two = [lab(plain[number]), lab(lit[number])]
        stored = lab(through(plain[number], CLIPS[name], form))
        least.append(np.linalg.norm(two[0] - stored, axis=2)[face])
        apart.append(np.linalg.norm(two[0] - two[1], axis=2)[face])
        means.append([float(one[..., 0][face].mean()) for one in two])
        bright = max(bright, float((plain[number][face] > 255 * _BRIGHT ** (1 / GAMMA)).mean()))
    all_apart = np.concatenate(apart)
    return {
        "frames with a face": len(apart),
        "mean dE in the face": round(float(all_apart.mean()), 3),
        "of the SDR's result in such a file": round(float(np.concatenate(least).mean()), 3),
        "95th percentile": round(float(np.percentile(all_apart, 95)), 3),
        "flicker, SDR": flicker([two[0] for two in means]),
        f"flicker, {name}": flicker([two[1] for two in means]),
        "samples changed outside": outside,
        "most of a face in the expanded highlights": round(bright, 3),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--format", default="yuv420p10le", help="of all clips")
    parser.add_argument("--brighter", type=float, default=1.0, help="the clip's levels times this")
    options = parser.parse_args()
    with VideoReader(options.clip) as reader:
        scale = options.width / reader.info.width
        size = (options.width, round(reader.info.height * scale / 2) * 2)
        pictures = [
            (cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA) * options.brighter).clip(0, 255)
            for _, frame in zip(range(options.frames), reader, strict=False)
        ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for clip, tags in CLIPS.items():
            write(folder / f"{clip}.mkv", [p.astype(np.float32) for p in pictures], tags, options.format)
            where = [folder / f"{clip}.mkv", "-o", folder / f"{clip}-out.mkv", "--face", options.photo]
            how = ["--encoder", "ffv1", "--no-mark", "--min-size", "16", "--adult-confirmed"]
            command = [sys.executable, "-m", "faceswap_cli", "convert", "video", *map(str, where), *how]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for clip in ("pq", "hlg"):
            print(json.dumps({clip: compare(folder, clip, options.format)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
