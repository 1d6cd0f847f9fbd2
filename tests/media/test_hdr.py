"""HDR is seen tone-mapped, and written with its own light, tags and metadata."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame

from faceswap_cli.errors import UserError
from faceswap_cli.media import hdr
from faceswap_cli.media.colour import ColourTags
from faceswap_cli.media.containers import check_output
from faceswap_cli.media.encode import SegmentWriter
from faceswap_cli.media.encoder_names import EncoderName
from faceswap_cli.media.encoders import ENCODERS, EncodeOptions, as_written, target_format
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.hdr import HLG, PQ, HdrView, ToneCurve
from faceswap_cli.media.join import join_segments
from faceswap_cli.media.light_metadata import LightMetadata
from faceswap_cli.media.orientation import Orientation
from faceswap_cli.media.planes import planes
from faceswap_cli.media.probe import MediaInfo, probe
from faceswap_cli.media.projection import Projection, write_projection
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.provenance.label_corner import Corner
from faceswap_cli.provenance.pixels import PixelMarks
from tests.media.boxes import box
from tests.media.hdr_clips import (
    LIGHT,
    TRANSFERS,
    hdr_tags,
    shown_as,
    smooth,
    with_hdr10_plus,
    write_hdr,
)

BOX = np.s_[12:36, 16:40]


def read(path: Path) -> tuple[MediaInfo, list[Frame]]:
    with VideoReader(path) as reader:
        return reader.info, list(reader)


def samples(frame: Frame) -> list[np.ndarray]:
    """The decoded picture's own, which a writer may write into."""
    assert frame.picture is not None
    return [plane[..., 0].copy() for plane in planes(frame.picture.stored)]


def clip(path: Path, transfer: int, **more: object) -> Path:
    return write_hdr(path, [shown_as(smooth(n), transfer) for n in range(3)], transfer, **more)  # type: ignore[arg-type]


def convert(source: Path, output: Path, options: EncodeOptions, level: float | None = None) -> list[Frame]:
    """Write a clip, its frames lightened by some levels within BOX; they are given back, drawn on."""
    info, frames = read(source)
    check_output(output, info, options)
    if level is not None:
        frames = [lightened(frame, level) for frame in frames]
    segment = output.parent / "a.nut"
    with SegmentWriter(segment, info, options) as writer:
        for frame in frames:
            writer.write(frame)
    join_segments([segment], source, output, as_written(info, options))
    return frames


def lightened(frame: Frame, level: float) -> Frame:
    canvas = frame.canvas()
    assert canvas.dtype == np.float32
    canvas[BOX] = (canvas[BOX] + level).clip(0, 255)
    return frame.drawn(canvas)


def test_transfers_are_those_of_the_standards() -> None:
    # BT.2408, table 1; BT.2100: HLG's white is 75 %, and 1/12 of the camera's light is half a signal.
    said = hdr.pq_signal(np.array([0.0, 100, 203, 1000, 10_000]))
    assert np.allclose(said, [0, 0.508, 0.581, 0.752, 1], atol=6e-4)
    assert np.allclose(hdr.hlg_signal(np.array([0, 1 / 12, 1])), [0, 0.5, 1], atol=1e-5)
    white = HdrView(HLG, 9, 1000).to_view(np.full((1, 1, 3), 0.75 * 255, np.float32))
    same = HdrView(PQ, 9, 1000).to_view(np.full((1, 1, 3), 0.5807 * 255, np.float32))
    assert np.allclose(white, same, atol=0.3)
    light = np.linspace(0, 10_000, 999)
    assert np.allclose(hdr.pq_light(hdr.pq_signal(light)), light, atol=1e-3)
    scene = np.linspace(0, 1, 999)
    assert np.allclose(hdr.hlg_scene(hdr.hlg_signal(scene)), scene, atol=1e-6)


@pytest.mark.parametrize("peak", [203.0, 204.0, 400.0, 1000.0, 4000.0])
def test_the_curve_grows_is_smooth_and_can_be_undone(peak: float) -> None:
    curve = ToneCurve(peak / hdr.WHITE)
    light = np.linspace(0, peak / hdr.WHITE, 50_001)
    shown = curve.forward(light)
    slope = np.diff(shown) / np.diff(light)
    assert (slope > 0).all() and slope.max() < 1 + 1e-6
    assert np.abs(np.diff(slope)).max() < 0.02  # no corner, though steps are wide
    assert np.allclose(shown[light <= hdr.KNEE], light[light <= hdr.KNEE]) and abs(shown[-1] - 1) < 1e-6
    assert np.allclose(curve.inverse(shown), light, atol=1e-6)


@pytest.mark.parametrize("transfer", TRANSFERS.values(), ids=TRANSFERS)
def test_any_signal_is_itself_again_where_nothing_is_drawn(transfer: int) -> None:
    view = HdrView(transfer, 9, 1000)
    signal = np.random.default_rng(1).uniform(0, 255, (64, 64, 3)).astype(np.float32)
    seen = view.to_view(signal)
    assert seen.min() >= 0 and seen.max() <= 255
    # Half of a step of ten bits: also of colours outside of BT.709, and of light above the peak.
    assert np.abs(view.carry(signal, seen, seen) - signal).max() < 0.5 * 255 / 1023


def test_highlights_stay_highlights_and_go_where_something_dark_is_drawn() -> None:
    view = HdrView(PQ, 9, 1000)
    bright = np.full((1, 1, 3), 255 * hdr.pq_signal(np.array(3000.0)), np.float32)
    seen = view.to_view(bright)
    assert np.allclose(seen, 255)

    def light_of(drawn: float) -> float:
        return float(hdr.pq_light(view.carry(bright, seen, np.full_like(seen, drawn))[0, 0, 0] / 255))

    levels = [light_of(level) for level in (255, 254, 250, 240, 128)]
    assert abs(levels[0] - 3000) < 30 and levels[1] > 2500
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] < 150


@pytest.mark.parametrize("transfer", TRANSFERS.values(), ids=TRANSFERS)
@pytest.mark.parametrize("codec", ["ffv1", "libx265"])
def test_frames_show_the_view(tmp_path: Path, transfer: int, codec: str) -> None:
    info, frames = read(clip(tmp_path / "a.mkv", transfer, codec=codec, pixel_format="yuv444p10le"))
    assert info.hdr and "HDR" in (info.note or "") and "1000" in (info.note or "")
    for number, frame in enumerate(frames):
        assert (
            np.abs(frame.canvas() - smooth(number)).mean() < 0.6
        )  # steps of ten bits of PQ are about one level
        assert np.array_equal(frame.image, np.rint(frame.canvas()))


def test_the_peak_is_what_the_clip_says(tmp_path: Path) -> None:
    said = {
        900: LIGHT,
        1000: replace(LIGHT, max_cll=0),
        4000: replace(LIGHT, max_cll=0, luminance=(0.005, 10_000.0)),
    }
    for number, (peak, light) in enumerate(said.items()):
        path = clip(tmp_path / f"{number}.mkv", PQ, codec="libx265", light=light)
        assert probe(path).tags.peak == peak
    assert hdr_tags(PQ).peak == 1000 and hdr_tags(HLG, LIGHT).peak == 1000


@pytest.mark.parametrize("transfer", TRANSFERS.values(), ids=TRANSFERS)
@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv422p10le", "gbrp10le", "yuv444p12le"])
def test_only_what_is_drawn_on_changes(tmp_path: Path, transfer: int, pixel_format: str) -> None:
    source, output = clip(tmp_path / "a.mkv", transfer, pixel_format=pixel_format), tmp_path / "out.mkv"
    before = [samples(frame) for frame in read(source)[1]]
    drawn = convert(source, output, EncodeOptions("ffv1"), level=-30)
    info, after = read(output)
    assert (info.pixel_format, info.tags) == (pixel_format, probe(source).tags)
    for old, frame, wanted in zip(before, after, drawn, strict=True):
        new = samples(frame)
        for one, other in zip(old, new, strict=True):
            down, across = 48 // one.shape[0], 64 // one.shape[1]
            outside = np.ones(one.shape, bool)
            outside[12 // down : 36 // down, 16 // across : 40 // across] = False
            assert np.array_equal(one[outside], other[outside])
        assert not np.array_equal(old[0][BOX], new[0][BOX])
        assert wanted.fine is not None
        inside = np.abs(frame.canvas() - wanted.fine)[14:34, 18:38]  # colour is shared by pixels at the rim
        assert inside.mean() < 0.5


WRITTEN = [
    ("x265", ".mp4"), ("x265", ".mov"), ("x265", ".mkv"), ("av1", ".mp4"), ("av1", ".mkv"),
    ("prores", ".mov"), ("prores", ".mkv"), ("ffv1", ".mkv"),
]  # fmt: skip


@pytest.mark.parametrize("transfer", [*TRANSFERS.values(), 0], ids=[*TRANSFERS, "SDR"])
def test_chroma_moves_as_far_as_what_is_drawn_and_not_at_all_where_that_is_nothing(
    tmp_path: Path, transfer: int
) -> None:
    # Chroma of noise is another after RGB and back, since four pixels share it.
    rng = np.random.default_rng(5)
    noise = [rng.uniform(60, 140, (48, 64, 3)).astype(np.float32) for _ in range(2)]
    path = tmp_path / "a.mkv"
    write_hdr(path, noise, transfer or PQ, tags=None if transfer else ColourTags(1, 1, 1, 1))
    info, frames = read(path)
    before = [samples(frame) for frame in frames]

    def moved(level: float) -> list[int]:
        output = tmp_path / f"{level}.mkv"
        segment = tmp_path / "a.nut"
        with SegmentWriter(segment, info, EncodeOptions("ffv1")) as writer:
            for frame in read(path)[1]:
                writer.write(lightened(frame, level))
        join_segments([segment], path, output, as_written(info, EncodeOptions("ffv1")))
        after = [samples(frame) for frame in read(output)[1]]
        pairs = [zip(old, new, strict=True) for old, new in zip(before, after, strict=True)]
        return [
            max(int(np.abs(a.astype(int) - b).max()) for a, b in planes)
            for planes in zip(*pairs, strict=True)
        ]

    assert moved(0.05) == [0, 0, 0]
    luma, *chroma = moved(1.0)
    assert 2 <= luma <= 12 and max(chroma) <= 3  # a level of grey is four steps of ten bits


@pytest.mark.parametrize(("encoder", "suffix"), WRITTEN)
def test_tags_and_metadata_are_kept(tmp_path: Path, encoder: str, suffix: str) -> None:
    source = clip(tmp_path / "a.mkv", PQ, codec="libx265", light=LIGHT)
    output = tmp_path / f"out{suffix}"
    options = EncodeOptions(encoder, crf=4, preset="ultrafast")
    drawn = convert(source, output, options, level=-30)
    info, frames = read(output)
    assert info.bit_depth == 10
    tags = (info.tags.primaries, info.tags.transfer, info.tags.matrix, info.tags.range)
    assert tags == (9, PQ, 9, 1)
    light = info.tags.light
    assert light is not None and light.primaries is not None and light.luminance is not None
    assert (light.max_cll, light.max_fall) == (900, 300)
    assert LIGHT.primaries is not None and LIGHT.luminance is not None
    assert np.allclose(light.primaries, LIGHT.primaries, atol=1e-4)
    assert np.allclose(light.luminance, LIGHT.luminance, rtol=0.01)
    for frame, wanted in zip(frames, drawn, strict=True):
        assert wanted.fine is not None
        assert np.abs(frame.canvas() - wanted.fine).mean() < 2.5
    _check_with_mediainfo(output)


def _check_with_mediainfo(path: Path) -> None:
    """Another's eyes, where they are installed."""
    if shutil.which("mediainfo") is None:
        return
    told = subprocess.run(["mediainfo", "--Output=JSON", path], capture_output=True, check=True).stdout
    track = next(t for t in json.loads(told)["media"]["track"] if t["@type"] == "Video")
    assert track["transfer_characteristics"] == "PQ" and "2020" in track["colour_primaries"]
    assert "1000" in track["MasteringDisplay_Luminance"] and "P3" in track["MasteringDisplay_ColorPrimaries"]
    assert track["MaxCLL"].startswith("900") and track["MaxFALL"].startswith("300")


def test_hlg_stays_hlg_with_its_ambient_light(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mkv", HLG, codec="libx265")
    info, frames = read(source)
    light = LightMetadata(ambient=(5.0, 0.3127, 0.3290))
    info = replace(info, tags=replace(info.tags, light=light))
    options = EncodeOptions("x265", preset="ultrafast")
    with SegmentWriter(tmp_path / "a.nut", info, options) as writer:
        for frame in frames:
            writer.write(frame)
    join_segments([tmp_path / "a.nut"], source, tmp_path / "out.mp4", info)
    written = probe(tmp_path / "out.mp4").tags
    assert written.transfer == HLG and written.light is not None and written.light.ambient is not None
    assert np.allclose(written.light.ambient, (5.0, 0.3127, 0.3290), atol=1e-3)
    assert any("ambient" in line for line in check_output(tmp_path / "out.mkv", info, options))
    assert not any("ambient" in line for line in check_output(tmp_path / "b.mp4", info, options))


@pytest.mark.parametrize("transfer", TRANSFERS.values(), ids=TRANSFERS)
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "%d.png"])
def test_an_sdr_copy_is_the_view(tmp_path: Path, transfer: int, name: str) -> None:
    source = clip(tmp_path / "a.mkv", transfer, codec="libx265", light=LIGHT if transfer == PQ else None)
    encoder = {"out.mp4": "x264", "out.mkv": "ffv1", "%d.png": "png pictures"}[name]
    options = EncodeOptions(encoder, crf=1, preset="ultrafast", sdr=True)
    assert any("--sdr" in line for line in check_output(tmp_path / name, probe(source), options))
    drawn = convert(source, tmp_path / name, options, level=-30)
    info, frames = read(tmp_path / name)
    assert info.bit_depth == 8 and not info.hdr and info.tags.light is None
    if name != "%d.png":
        assert info.tags == ColourTags(1, 1, 1, 1)
    for frame, wanted in zip(frames, drawn, strict=True):
        assert np.abs(frame.image.astype(int) - wanted.image).mean() < 1.5


def test_a_transparent_clip_is_kept_so_as_hdr_only(tmp_path: Path) -> None:
    info = probe(clip(tmp_path / "a.mkv", PQ, pixel_format="yuva444p10le"))
    assert info.pixels.alpha and info.hdr
    options = EncodeOptions("ffv1", sdr=True)
    assert any("transparency" in line for line in check_output(tmp_path / "o.mkv", info, options))
    assert not target_format(as_written(info, options), options).startswith("yuva")
    assert target_format(info, EncodeOptions("ffv1")) == "yuva444p10le"


def test_of_sdr_there_is_no_other_copy(tmp_path: Path) -> None:
    info = replace(probe(clip(tmp_path / "a.mkv", PQ)), tags=ColourTags(1, 1, 1, 1))
    assert as_written(info, EncodeOptions("x264", sdr=True)) is info


def test_encoders_that_hold_no_hdr_are_refused(tmp_path: Path) -> None:
    info = probe(clip(tmp_path / "a.mkv", PQ))
    for name in ("x264", "png", "h264_nvenc", "hevc_nvenc", "png pictures", "gif"):
        assert not ENCODERS[name].hdr
        suffix = {"png pictures": "%d.png", "gif": "a.gif", "png": "a.mov"}.get(name, "a.mp4")
        with pytest.raises(UserError, match="HDR") as caught:
            check_output(tmp_path / suffix, info, EncodeOptions(name))
        assert "--sdr" in (caught.value.hint or "") and "x265" in (caught.value.hint or "")
    assert {name for name in EncoderName if ENCODERS[name].hdr} == {"x265", "av1", "ffv1", "prores"}


def test_hdr_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    for tags in (replace(hdr_tags(PQ), matrix=10), replace(hdr_tags(HLG), primaries=11)):
        path = write_hdr(tmp_path / f"{tags.matrix}.mkv", [smooth(0)], tags=tags)
        with pytest.raises(UserError, match=r"H\.273"), VideoReader(path):
            pass
    path = tmp_path / "a.mkv"
    assert replace(probe(write_hdr(path, [smooth(0)])).tags, matrix=2, primaries=2).unreadable is None


def test_dolby_vision_without_a_base_layer_is_refused(tmp_path: Path) -> None:
    for profile, refused in ((5, True), (8, False)):
        path = clip(tmp_path / f"{profile}.mov", HLG, codec="libx265")
        _put_dolby_vision(path, profile)
        if refused:
            with pytest.raises(UserError, match="profile 5"), VideoReader(path):
                pass
        else:
            options = EncodeOptions("x265")
            assert any(
                "Dolby Vision" in line for line in check_output(tmp_path / "o.mp4", probe(path), options)
            )


def test_metadata_of_single_pictures_is_told_as_left_out(tmp_path: Path) -> None:
    path = with_hdr10_plus(clip(tmp_path / "a.hevc", PQ, codec="libx265"))
    options = EncodeOptions("x265", preset="ultrafast")
    told = check_output(tmp_path / "o.mp4", probe(path), options)
    assert [line for line in told if "HDR10+" in line] == ["HDR10+'s metadata: left out"]
    convert(path, tmp_path / "o.mp4", options, level=-30)
    assert probe(tmp_path / "o.mp4").said_aside == ()


def _put_dolby_vision(path: Path, profile: int) -> None:
    write_projection(path, 1, Projection(box(b"dvcC", bytes([1, 0, profile << 1, 5]) + bytes(20))))


def test_a_turned_clip_is_drawn_on_where_it_is_seen(tmp_path: Path) -> None:
    one = 1 << 16
    matrix = (0, -one, 0, one, 0, 0, 0, 0, 1 << 30)
    source = clip(tmp_path / "a.mov", PQ, codec="libx265", matrix=matrix)
    drawn = convert(source, tmp_path / "out.mkv", EncodeOptions("ffv1"), level=-30)
    for frame, wanted in zip(read(tmp_path / "out.mkv")[1], drawn, strict=True):
        assert frame.image.shape == (64, 48, 3)
        assert wanted.fine is not None and np.abs(frame.canvas() - wanted.fine).mean() < 0.5


def test_frames_drawn_in_whole_levels_and_made_up_ones_are_written_too(tmp_path: Path) -> None:
    info, frames = read(clip(tmp_path / "a.mkv", PQ, pixel_format="yuv444p10le"))
    coarse = frames[0].image.copy()
    coarse[BOX] //= 2
    given = [replace(frames[0], image=coarse), replace(frames[1], picture=None)]
    wanted = [frame.image.astype(int) for frame in given]
    with SegmentWriter(tmp_path / "a.nut", info, EncodeOptions("ffv1")) as writer:
        for frame in given:
            writer.write(frame)
    with VideoReader(tmp_path / "a.nut", replace(info, path=tmp_path / "a.nut")) as reader:
        written = list(reader)  # NUT itself says nothing of colours
    for frame, image in zip(written, wanted, strict=True):
        assert np.abs(frame.image - image).mean() < 1


def test_the_label_is_no_brighter_than_paper() -> None:
    brightest = {}
    for transfer in (1, PQ, HLG):
        picture = VideoFrame(320, 240, "yuv420p10le")
        for plane in planes(picture):
            plane[:] = 64 if plane.shape[0] == 240 else 512
        picture.color_trc = transfer
        PixelMarks(None, Corner.LOWER_RIGHT).on_picture(picture, Orientation())
        brightest[transfer] = int(planes(picture)[0].max())
    assert brightest[PQ] < 0.6 * 1023 and brightest[HLG] < 0.76 * 1023 < 0.85 * 1023 < brightest[1]
