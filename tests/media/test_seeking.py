"""Reading from the middle gives exactly what reading from the beginning gives."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.media import seeking
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.media.seeking import Timeline, checksum, frames_from
from tests.conftest import ClipMaker

COUNT = 70
B_FRAMES = {"g": "24", "bf": "3", "b-pyramid": "normal", "x264-params": "scenecut=0"}
CLIPS = {
    "b-frames": ("b.mp4", {"options": B_FRAMES}),
    "open-gop": ("o.mp4", {"options": B_FRAMES | {"x264-params": "open-gop=1:scenecut=0:bframes=3"}}),
    "intra-refresh": ("i.mp4", {"options": {"x264-params": "intra-refresh=1:keyint=30:bframes=0"}}),
    "one-keyframe": ("k.mp4", {"options": {"g": "1000", "x264-params": "scenecut=0"}}),
    "x265-open": ("h.mkv", {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=20"}}),
    "mpeg": (
        "p.mpg",
        {"codec": "mpeg1video", "options": {"g": "12", "bf": "2"}, "time_base": Fraction(1, 25)},
    ),
    "transport": ("t.ts", {"options": B_FRAMES}),
    "matroska": ("m.mkv", {"options": B_FRAMES}),
    "avi": ("a.avi", {"codec": "mpeg4", "options": {"g": "20"}}),
}


def read(path: Path) -> list[Frame]:
    with VideoReader(path) as reader:
        return list(reader)


def timeline_of(frames: list[Frame]) -> Timeline:
    sums = {frame.index: found for frame in frames if (found := checksum(frame)) is not None}
    return Timeline(np.array([frame.pts for frame in frames], np.int64), sums)


def check(path: Path, places: list[int]) -> None:
    frames, info = read(path), probe(path)
    timeline = timeline_of(frames)
    assert timeline.seconds(info).tolist() == [frame.time for frame in frames]
    for first in places:
        got = list(frames_from(info, timeline, first))
        assert [f.index for f in got] == list(range(first, len(frames)))
        for one, other in zip(got, frames[first:], strict=True):
            assert (one.pts, one.time) == (other.pts, other.time)
            assert np.array_equal(one.image, other.image)


@pytest.mark.parametrize("kind", CLIPS)
def test_from_any_place(make_clip: ClipMaker, kind: str) -> None:
    name, how = CLIPS[kind]
    steps = np.arange(COUNT) * (1 if "time_base" in how else 512)
    if name.endswith(("mp4", "mkv", "ts")):  # variable rate
        steps = np.cumsum([0, *[512 * (1 + index % 3) for index in range(COUNT - 1)]])
    path = make_clip(name, pts=[int(step) for step in steps], **how)
    check(path, [0, 1, 17, 23, 24, 25, 40, 48, COUNT - 1])


@pytest.mark.parametrize("name", ["grid_bbaf2n.mpg", "vfr.mp4", "whitehouse_short_hamilton_clip.mp4"])
def test_of_the_samples(shared: Path, name: str) -> None:
    check(shared / "clips" / name, [71])


def test_a_seek_is_used_where_it_leads_there(make_clip: ClipMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_clip(pts=tuple(range(0, COUNT * 512, 512)), options=B_FRAMES)
    timeline, began = timeline_of(read(path)), []

    class Watched(VideoReader):
        def __init__(self, *arguments: object) -> None:
            began.append(arguments[2] if len(arguments) > 2 else None)
            super().__init__(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(seeking, "VideoReader", Watched)
    assert len(list(frames_from(probe(path), timeline, 50))) == COUNT - 50
    assert began == [34 * 512]
    # Pictures that are not those of before: the checksums tell, and it is read from the beginning.
    liar = replace(timeline, sums=dict.fromkeys(timeline.sums, 0))
    began.clear()
    assert len(list(frames_from(probe(path), liar, 50))) == COUNT - 50
    assert began == [34 * 512, None]
    began.clear()
    assert len(list(frames_from(probe(path), replace(timeline, damage="scratched"), 50))) == COUNT - 50
    assert began == [None]


def test_single_frames(make_clip: ClipMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeking, "FAR", 20)
    path = make_clip(pts=tuple(range(0, COUNT * 512, 512)), options=B_FRAMES)
    frames = read(path)
    timeline = timeline_of(frames)
    for wanted in ([], [0], [3, 4, 9, 40, 69], [50]):
        for damage in (None, "scratched"):
            got = list(seeking.frames_at(probe(path), replace(timeline, damage=damage), wanted))
            assert [frame.index for frame in got] == wanted
            assert all(np.array_equal(frame.image, frames[frame.index].image) for frame in got)


def test_a_video_that_was_changed_is_told(make_clip: ClipMaker) -> None:
    path = make_clip(pts=tuple(range(0, 20 * 512, 512)))
    timeline = timeline_of(read(path))
    for pts in (timeline.pts + 1, np.append(timeline.pts, 10**6), timeline.pts[:-1]):
        with pytest.raises(UserError, match="other frames than before"):
            list(frames_from(probe(path), replace(timeline, pts=pts), 0))
