"""What files say of themselves, and every file that is none."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.media.inputs import find_media
from faceswap_cli.media.orientation import Orientation, from_display_matrix, from_exif
from faceswap_cli.media.probe import probe

ONE, TURN_90 = 1 << 16, (0, -(1 << 16), 0, 1 << 16, 0, 0, 0, 0, 1 << 30)


def test_a_video_tells_its_facts(make_clip: Callable[..., Path]) -> None:
    info = probe(make_clip(audio="aac", tags=(9, 16, 9, 1), pixel_format="yuv420p10le"))
    assert (info.kind, info.codec, info.width, info.height) == ("video", "h264", 64, 48)
    assert (info.pixel_format, info.bit_depth, info.pixels.alpha) == ("yuv420p10le", 10, False)
    assert (info.tags.primaries, info.tags.transfer, info.tags.matrix, info.hdr) == (9, 16, 9, True)
    assert (info.frames, info.time_base, info.average_rate) == (6, Fraction(1, 12800), 25)
    assert [(s.type, s.codec) for s in info.others] == [("audio", "aac")]
    assert (info.orientation.degrees, info.display_matrix, info.start_pts) == (0, None, 0)
    assert (info.note or "").startswith("clip.mp4 is HDR (PQ)")


def test_a_turned_video_is_measured_upright(make_clip: Callable[..., Path]) -> None:
    info = probe(make_clip(matrix=TURN_90))
    assert (info.width, info.height, info.stored_width, info.stored_height) == (48, 64, 64, 48)
    assert (info.orientation.degrees, info.display_matrix) == (90, TURN_90)


def test_an_interlaced_video_says_so(make_clip: Callable[..., Path]) -> None:
    info = probe(make_clip("old.mp4", options={"x264-params": "interlaced=1"}))
    assert info.interlaced and info.note is not None
    assert "old.mp4 is interlaced video: it is deinterlaced" in info.note


def test_a_photo_tells_its_facts(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 30, 4), np.uint16))
    info = probe(tmp_path / "a.png")
    assert (info.kind, info.codec, info.width, info.height) == ("photo", "png", 30, 20)
    assert (info.bit_depth, info.pixels.alpha) == (16, True)


def test_what_is_no_video_or_photo_is_said_in_one_line(
    tmp_path: Path, make_clip: Callable[..., Path]
) -> None:
    text, empty, sound, cover = (
        tmp_path / name for name in ("text.mp4", "empty.mp4", "sound.m4a", "cover.m4a")
    )
    text.write_text("this is no video\n" * 99)
    empty.touch()
    _write_sound(sound, None)
    picture = cv2.imencode(".jpg", np.zeros((32, 32, 3), np.uint8))[1].tobytes()
    _write_sound(cover, picture)
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
    )
    cases = {
        tmp_path / "missing.mp4": "no such file",
        tmp_path: "is a folder",
        text: "is not a video or photo",
        empty: "is empty",
        sound: "has no video stream",
        cover: "its cover picture is not one",
        playlist: "is not a video or photo",
    }
    for path, said in cases.items():
        with pytest.raises(UserError, match=said) as caught:
            probe(path)
        assert "\n" not in str(caught.value) and caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_one_may_not_read(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    clip = make_clip()
    clip.chmod(0)
    with pytest.raises(UserError, match="can't be read"):
        probe(clip)


def test_the_three_ways_to_say_an_orientation_agree() -> None:
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    turns = {
        0: (ONE, 0, 0, ONE),
        90: (0, -ONE, ONE, 0),
        180: (-ONE, 0, 0, -ONE),
        270: (0, ONE, -ONE, 0),
    }
    for degrees, (a, b, c, d) in turns.items():
        orientation = from_display_matrix((a, b, 0, c, d, 0, 0, 0, 1 << 30))
        assert (orientation.degrees, orientation.mirrored) == (degrees, False)
        assert np.array_equal(orientation.apply(image), np.rot90(image, degrees // 90))
    for value in range(1, 9):
        orientation = from_exif(value)
        assert np.array_equal(orientation.undo(orientation.apply(image)), image)
        assert orientation.mirrored == (value in (2, 4, 5, 7))
    assert np.array_equal(from_exif(6).apply(image), np.rot90(image, -1))
    assert np.array_equal(from_exif(8).apply(image), np.rot90(image, 1))
    assert from_display_matrix((46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30)) == Orientation()


def test_inputs_are_found_in_natural_order(tmp_path: Path) -> None:
    names = ["b10.jpg", "b2.JPG", "a.mp4", "deep/c.png", ".hidden.jpg", ".deep/d.jpg", "notes.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_media([tmp_path / "notes.txt", tmp_path, tmp_path / "a.mp4"])
    assert [str(p.relative_to(tmp_path)) for p in found] == [
        "notes.txt",
        "a.mp4",
        "b2.JPG",
        "b10.jpg",
        "deep/c.png",
    ]


def test_inputs_that_are_not_there(tmp_path: Path) -> None:
    for inputs, said in (
        ([tmp_path / "no"], "no such file"),
        ([tmp_path], "no photo or video in"),
        ([], "given"),
    ):
        with pytest.raises(UserError, match=said):
            find_media(inputs)


def _write_sound(path: Path, cover: bytes | None) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=44100)
        picture = container.add_mux_stream("mjpeg", width=32, height=32) if cover else None
        if picture is not None and cover is not None:
            picture.disposition = av.stream.Disposition.attached_pic
            packet = av.Packet(cover)
            packet.stream, packet.pts, packet.dts, packet.time_base = picture, 0, 0, Fraction(1, 90000)
            container.mux(packet)
        for index in range(4):
            samples = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
            samples.sample_rate, samples.pts, samples.time_base = 44100, index * 1024, Fraction(1, 44100)
            container.mux(sound.encode(samples))
        container.mux(sound.encode(None))
