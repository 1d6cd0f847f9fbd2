"""Pictures of their own size that take a video's times, and its sound or another's."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.media.blank_clip import write_blank_clip
from faceswap_cli.media.canvas import Canvas, info_of_canvas
from faceswap_cli.media.containers import check_output
from faceswap_cli.media.encode import SegmentWriter
from faceswap_cli.media.encoders import EncodeOptions
from faceswap_cli.media.join import join_segments
from faceswap_cli.media.other_sound import check_sound
from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader

FAST = EncodeOptions(crf=20, preset="ultrafast")


def draw(clip, out, canvas):
    """Grey pictures of the canvas's size with the clip's times."""
    info = info_of_canvas(probe(clip), canvas)
    check_output(out, info, FAST)
    piece = out.with_suffix(".nut")
    image = np.full((canvas.height, canvas.width, 3), 90, np.uint8)
    with VideoReader(clip) as video, SegmentWriter(piece, info, FAST) as writer:
        for frame in video:
            writer.write(replace(frame, image=image, picture=None))
    join_segments([piece], clip, out, info, sound=canvas.sound)
    return out


def read(path):
    """Size, times and seconds of sound."""
    with av.open(str(path)) as file:
        video = file.streams.video[0]
        times = [float(frame.pts * frame.time_base) for frame in file.decode(video)]
        size = video.width, video.height
    with av.open(str(path)) as file:
        sound = sum(frame.samples for frame in file.decode(audio=0)) / 44100 if file.streams.audio else 0.0
        return size, times, sound, dict(file.metadata)


def test_times_and_sound_are_the_videos_and_its_title_is_not(make_clip, tmp_path):
    clip = make_clip(audio="aac", metadata={"title": "somebody's holiday"})
    size, times, sound, said = read(draw(clip, tmp_path / "out.mp4", Canvas(96, 80)))
    assert size == (96, 80)
    assert times == pytest.approx(read(clip)[1])
    assert sound == pytest.approx(read(clip)[2], abs=0.05)
    assert "title" not in said


def test_the_sound_can_be_left_out(make_clip, tmp_path):
    clip = make_clip(audio="aac")
    assert read(draw(clip, tmp_path / "out.mp4", Canvas(96, 80, video_sound=False)))[2] == 0


def test_the_sound_of_another_file_lasts_as_long_as_the_pictures(make_clip, tmp_path):
    clip = make_clip("silent.mp4")
    other = make_clip("song.mp4", audio="aac", sound_packets=100)
    check_sound(other, ".mp4")
    made = draw(clip, tmp_path / "out.mp4", Canvas(96, 80, video_sound=False, sound=other))
    _, times, sound, _ = read(made)
    assert sound == pytest.approx(times[-1] + 0.04, abs=0.06)


def test_a_file_without_sound_is_refused(make_clip):
    with pytest.raises(UserError, match="has no sound"):
        check_sound(make_clip(), ".mp4")


def test_a_blank_clip_is_the_same_each_time(tmp_path):
    marks = []
    for _ in range(2):
        write_blank_clip(tmp_path / "clock.mkv", 7, Fraction(30000, 1001))
        marks.append(probe(tmp_path / "clock.mkv").mark)
    assert marks[0] == marks[1]
    with VideoReader(tmp_path / "clock.mkv") as video:
        times = [frame.time for frame in video]
    assert len(times) == 7
    assert times[6] == pytest.approx(6 * 1001 / 30000, abs=0.002)


def test_pictures_without_a_loss_become_an_animated_webp(make_clip, tmp_path):
    from PIL import Image

    clip, out = make_clip(), tmp_path / "out.webp"
    info, options = probe(clip), EncodeOptions("webp")
    check_output(out, info, options)
    with VideoReader(clip) as video, SegmentWriter(tmp_path / "piece.nut", info, options) as writer:
        for frame in video:
            writer.write(frame)
    join_segments([tmp_path / "piece.nut"], clip, out, info)
    with Image.open(out) as file:
        file.load()
        assert (getattr(file, "n_frames", 1), file.size, file.info["loop"]) == (6, (64, 48), 0)
        assert file.info["duration"] == 40
