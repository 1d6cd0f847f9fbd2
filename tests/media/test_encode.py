"""A segment holds the frames it was given: their times, colours, turn and size."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.media import encoders
from faceswap_cli.media.colour import ColourTags, Converter, pixel_kind
from faceswap_cli.media.containers import check_output
from faceswap_cli.media.encode import SegmentWriter, segment_origin
from faceswap_cli.media.encode_options import EncodeRequest
from faceswap_cli.media.encoders import (
    ENCODERS,
    EncodeOptions,
    resolve_encoding,
    target_format,
    target_tags,
    what_is_lost,
)
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import MediaInfo, probe
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.media.trial_encode import refusal
from faceswap_cli.options import declared_options

Clip = Callable[..., Path]
# Small pictures and a quick preset: these tests are about what is kept, not about how well.
OPTIONS = {n: EncodeOptions(n, crf=0, preset="ultrafast") for n, e in ENCODERS.items() if not e.hardware}

# What becomes of 4:2:0 with an odd side; x264 and x265 take it as 4:4:4 only.
RGB = dict.fromkeys(("png", "png pictures", "tiff", "gif", "webp"), "rgb")
KEPT = {"av1": "420", "ffv1": "420", "jpeg": "420", "prores": "422", **RGB}


def read(path: Path) -> tuple[MediaInfo, list[Frame]]:
    with VideoReader(path) as reader:
        return reader.info, list(reader)


def write(path: Path, info: MediaInfo, frames: Sequence[Frame], options: EncodeOptions) -> Path:
    with SegmentWriter(path, info, options) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize("encoder", OPTIONS)
def test_times_are_exact(tmp_path: Path, make_clip: Clip, encoder: str) -> None:
    pts = [700, 701, 1212, 5000, 5512, 6024, 9000, 20_000]
    info, frames = read(make_clip(pts=pts, time_base=Fraction(1, 11_988)))
    segment = write(tmp_path / "a.nut", info, frames, OPTIONS[encoder])
    times = [frame.pts * frame.time_base for frame in decoded(segment)]
    assert times == [(ticks - segment_origin(info)) * info.time_base for ticks in pts]


@pytest.mark.parametrize("encoder", OPTIONS)
def test_a_segment_stands_alone_and_comes_out_the_same_again(
    tmp_path: Path, make_clip: Clip, encoder: str
) -> None:
    info, frames = read(make_clip(pts=range(0, 30 * 512, 512)))
    whole = write(tmp_path / "a.nut", info, frames, OPTIONS[encoder])
    assert whole.read_bytes() == write(tmp_path / "b.nut", info, frames, OPTIONS[encoder]).read_bytes()
    late = write(tmp_path / "c.nut", info, frames[17:], OPTIONS[encoder])
    with av.open(str(late)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert packets[0].is_keyframe and len(packets) == 13
    assert len(decoded(late)) == 13


@pytest.mark.parametrize("encoder", OPTIONS)
@pytest.mark.parametrize(
    ("pixel_format", "codec", "tags"),
    [
        ("yuv420p", "libx264", (2, 2, 2, 0)),
        ("yuv420p", "libx264", (6, 6, 6, 1)),
        ("yuv420p", "libx264", (1, 1, 1, 2)),
        ("yuvj420p", "mjpeg", (2, 2, 2, 2)),
        ("yuv422p", "libx264", (1, 1, 1, 1)),
        ("yuv444p10le", "libx264", (9, 16, 9, 1)),
        ("gray", "ffv1", (2, 2, 2, 0)),
        ("gray", "ffv1", (2, 2, 2, 1)),
        ("bgr0", "ffv1", (2, 2, 2, 0)),
        ("yuva420p", "ffv1", (2, 2, 2, 0)),
    ],
)
def test_a_round_trip_is_colour_neutral(
    tmp_path: Path,
    make_clip: Clip,
    encoder: str,
    pixel_format: str,
    codec: str,
    tags: tuple[int, int, int, int],
) -> None:
    info, frames = read(
        make_clip("a.mkv", pixel_format=pixel_format, codec=codec, tags=tags, pts=[0, 40, 80])
    )
    segment = write(tmp_path / "a.nut", info, frames, OPTIONS[encoder])
    name = target_format(info, OPTIONS[encoder])
    tags_ = target_tags(info, name, ENCODERS[encoder])
    converter = Converter(tags_, info.stored_width, info.stored_height)
    for frame, picture in zip(frames, decoded(segment), strict=True):
        difference = converter.to_rgb(picture).astype(int) - frame.image
        assert np.abs(difference).mean() < (2.5 if encoder in ("av1", "jpeg") else 1.5)
        assert np.abs(difference.mean(axis=(0, 1))).max() < (2 if encoder in ("av1", "jpeg") else 1.5)


@pytest.mark.parametrize("encoder", OPTIONS)
@pytest.mark.parametrize("size", [(163, 148), (164, 147), (163, 147)])
def test_odd_sizes_are_kept(tmp_path: Path, make_clip: Clip, encoder: str, size: tuple[int, int]) -> None:
    info, frames = read(make_clip(size=size, pixel_format="yuv444p"))
    info = replace(info, pixels=pixel_kind("yuv420p"))
    format_ = pixel_kind(target_format(info, OPTIONS[encoder]))
    assert format_.chroma == KEPT.get(encoder, "444")
    assert bool(what_is_lost(info, OPTIONS[encoder])) == (format_.chroma == "444")
    picture = decoded(write(tmp_path / "a.nut", info, frames, OPTIONS[encoder]))[0]
    assert (picture.width, picture.height) == size


def test_a_turned_picture_is_stored_turned(tmp_path: Path, make_clip: Clip) -> None:
    one = 1 << 16
    info, frames = read(make_clip(matrix=(0, -one, 0, one, 0, 0, 0, 0, 1 << 30)))
    assert frames[0].image.shape == (64, 48, 3)
    picture = decoded(write(tmp_path / "a.nut", info, frames, OPTIONS["ffv1"]))[0]
    assert (picture.width, picture.height) == (64, 48)
    stored = Converter(info.tags, 64, 48).to_rgb(picture)
    assert np.abs(np.rot90(stored).astype(int) - frames[0].image).mean() < 1.5


@pytest.mark.parametrize("encoder", ["x264", "x265", "av1"])
def test_colour_tags_stand_in_the_bitstream(tmp_path: Path, make_clip: Clip, encoder: str) -> None:
    info, frames = read(make_clip(tags=(9, 18, 9, 2)))
    picture = decoded(write(tmp_path / "a.nut", info, frames, OPTIONS[encoder]))[0]
    tags = (picture.color_primaries, picture.color_trc, picture.colorspace, picture.color_range)
    assert tags == (9, 18, 9, 2)
    assert info.hdr


def test_the_format_follows_the_source(make_clip: Clip) -> None:
    info = probe(make_clip())
    names = ("x264", "x265", "av1", "ffv1", "prores", "png")
    wanted = {
        "yuv420p": ("yuv420p", "yuv420p", "yuv420p", "yuv420p", "yuv422p10le", "rgb24"),
        "yuv422p10le": ("yuv422p10le", "yuv422p10le", "yuv420p10le", "yuv422p10le", "yuv422p10le", "rgb48be"),
        "yuv444p12le": ("yuv444p10le", "yuv444p12le", "yuv420p10le", "yuv444p12le", "yuv444p10le", "rgb48be"),
        "yuvj420p": ("yuv420p", "yuv420p", "yuv420p", "yuv420p", "yuv422p10le", "rgb24"),
        "yuv411p": ("yuv422p", "yuv422p", "yuv420p", "yuv411p", "yuv422p10le", "rgb24"),
        "gray": ("yuv420p", "yuv420p", "yuv420p", "gray", "yuv422p10le", "rgb24"),
        "gray10le": ("yuv420p10le", "yuv420p10le", "yuv420p10le", "gray10le", "yuv422p10le", "rgb48be"),
        "rgb24": ("yuv444p", "yuv444p", "yuv420p", "bgr0", "yuv444p10le", "rgb24"),
        "gbrp10le": ("yuv444p10le", "yuv444p10le", "yuv420p10le", "gbrp10le", "yuv444p10le", "rgb48be"),
        "yuva444p": ("yuv444p", "yuv444p", "yuv420p", "yuva444p", "yuva444p10le", "rgba"),
        "bgra": ("yuv444p", "yuv444p", "yuv420p", "bgra", "yuva444p10le", "rgba"),
    }
    for name, formats in wanted.items():
        source = replace(info, pixels=pixel_kind(name))
        assert tuple(target_format(source, OPTIONS[e]) for e in names) == formats
    # What is written of RGB as YUV has to be said; what was not said of YUV is not made up.
    assert (
        target_tags(
            replace(info, pixels=pixel_kind("gbrp"), tags=ColourTags(matrix=0)), "yuv444p", ENCODERS["x264"]
        ).matrix
        == 5
    )
    assert target_tags(info, "yuv420p", ENCODERS["x264"]) == ColourTags()


def test_nothing_is_left_of_a_segment_that_fails(tmp_path: Path, make_clip: Clip) -> None:
    info, frames = read(make_clip())
    folder = tmp_path / "work"
    folder.mkdir()
    with (
        pytest.raises(RuntimeError, match="stop"),
        SegmentWriter(folder / "a.nut", info, OPTIONS["ffv1"]) as writer,
    ):
        writer.write(frames[0])
        assert [".part" in path.name for path in folder.iterdir()] == [True]
        raise RuntimeError("stop")
    assert not list(folder.iterdir())


def test_frames_come_in_order_and_fit(tmp_path: Path, make_clip: Clip) -> None:
    info, frames = read(make_clip())
    bad = [
        replace(frames[0], pts=0),
        replace(frames[1], image=frames[1].image[:8]),
        replace(frames[1], pts=None),
    ]
    for frame in bad:
        with pytest.raises(AssertionError), SegmentWriter(tmp_path / "a.nut", info) as writer:
            writer.write(frames[0])
            writer.write(frame)
    assert not (tmp_path / "a.nut").exists()


def test_options_out_of_range_are_the_users() -> None:
    for options in ({"encoder": "vp3"}, {"crf": 52}, {"crf": -1}, {"preset": "soon"}):
        with pytest.raises(UserError) as caught:
            EncodeOptions(**options)
        assert caught.value.hint


def test_a_stream_without_a_rate(tmp_path: Path, make_clip: Clip) -> None:
    info, frames = read(make_clip())
    segment = write(tmp_path / "a.nut", replace(info, average_rate=None), frames, OPTIONS["x264"])
    times = [frame.pts * frame.time_base for frame in decoded(segment)]
    assert all(b - a == Fraction(1, 25) for a, b in itertools.pairwise(times))


def test_an_encoder_that_does_not_work_here_is_refused(make_clip: Clip, tmp_path: Path) -> None:
    assert [refusal(name) for name in OPTIONS] == [None] * len(OPTIONS)
    missing = [name for name, encoder in ENCODERS.items() if encoder.hardware and refusal(name)]
    if not missing:
        pytest.skip("every hardware encoder works here")
    with pytest.raises(UserError, match=f"{missing[0]} does not work on this machine") as caught:
        check_output(tmp_path / "a.mp4", probe(make_clip()), EncodeOptions(missing[0]))
    assert "\n" not in str(caught.value)


def test_a_user_is_offered_every_encoder() -> None:
    declared = {own.name: declaration for own, declaration in declared_options(EncodeRequest)}
    by_name = {name for name, encoder in ENCODERS.items() if set(encoder.suffixes) - {".gif", ".webp"}}
    assert set(declared["encoder"].choices) == by_name
    assert declared["crf"].maximum == max(encoder.worst for encoder in ENCODERS.values())


def test_what_is_asked_for_is_what_an_output_gets() -> None:
    request = EncodeRequest(crf=20, preset="slow")
    assert resolve_encoding(request, Path("a.mp4")) == EncodeOptions("x264", 20, "slow")
    assert resolve_encoding(request, Path("a.gif")).encoder == "gif"
    assert resolve_encoding(EncodeRequest("av1", 60), Path("a.gif")) == EncodeOptions("av1", 60)
    with pytest.raises(UserError, match="crf 60"):
        resolve_encoding(EncodeRequest("x264", 60), Path("a.mp4"))


def keyframes(path: Path) -> list[int]:
    """Places of the key frames, in the order of showing."""
    return [place for place, frame in enumerate(decoded(path)) if frame.key_frame]


@pytest.mark.parametrize("encoder", ["x264", "x265", "av1"])
def test_key_frames_are_as_near_as_is_asked(tmp_path: Path, make_clip: Clip, encoder: str) -> None:
    info, frames = read(make_clip())
    options = replace(OPTIONS[encoder], keyframes=3)
    places = keyframes(write(tmp_path / "a.nut", info, frames, options))
    assert places[0] == 0 and max(b - a for a, b in itertools.pairwise([*places, len(frames)])) <= 3
    assert len(keyframes(write(tmp_path / "b.nut", info, frames, OPTIONS[encoder]))) < len(places)
    every = write(tmp_path / "c.nut", info, frames, replace(options, keyframes=1))
    assert keyframes(every) == list(range(len(frames)))


@pytest.mark.parametrize(
    ("encoder", "keyframes", "predicts"),
    [
        ("x264", None, True),
        ("av1", 25, True),
        ("x264", 1, False),
        ("ffv1", None, False),
        ("jpeg", None, False),
    ],
)
def test_it_is_known_which_frames_follow_from_others(
    encoder: str, keyframes: int | None, predicts: bool
) -> None:
    assert EncodeOptions(encoder, keyframes=keyframes).predicts is predicts


@pytest.mark.parametrize("avx512", [False, True])
def test_x264_keeps_off_the_code_that_is_not_the_same_twice(
    monkeypatch: pytest.MonkeyPatch, avx512: bool
) -> None:
    monkeypatch.setattr(encoders, "has_avx512", lambda: avx512)
    assert ("x264-params" in EncodeOptions(encoder="x264").codec_options()) == avx512
    assert "asm" not in str(EncodeOptions(encoder="x265").codec_options())
