"""Converting some frames only, and pictures: resumed as a whole video is."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import numpy as np

from faceswap_cli.media.photo import read_photo
from tests.pipeline import moving_face as mf
from tests.pipeline.test_convert import make_set

PIECES = "5-14,30-"


def wanted(frame: int) -> bool:
    return 5 <= frame <= 14 or frame >= 30


def options(encoder: str = "ffv1", frames: str = PIECES) -> mf.Options:
    encode = dataclasses.replace(mf.FAST, encoder=encoder)
    return mf.options(encode=encode, frames=frames, segment_frames=6)


def test_faces_of_a_set_are_drawn_in_the_wanted_frames(video: Path, tmp_path: Path) -> None:
    output, whole = tmp_path / "out.mkv", tmp_path / "whole.mkv"
    faces = make_set(tmp_path / "faces", video)
    mf.convert(video, output, faces=faces, options=options())
    old = [frame for frame in mf.frames_of(video) if wanted(frame.index)]
    new = mf.frames_of(output)
    assert len(old) == len(new)
    for before, after in zip(old, new, strict=True):
        x, y = mf.face_points(before.index).mean(0).astype(int)
        patch = (slice(y - 6, y + 6), slice(x - 6, x + 6))
        assert np.abs(before.image[patch].astype(int) - after.image[patch]).mean() > 30
    # Stopped in the middle and taken up again it is the same.
    steps = mf.convert_video(video, whole, mf.negative(), options(), faces=faces)
    with contextlib.closing(steps):
        for step in steps:
            if step.phase == "render" and step.done >= 8:
                break
    assert not whole.exists()
    mf.convert(video, whole, faces=faces, options=options())
    assert whole.read_bytes() == output.read_bytes()


def test_a_video_becomes_pictures_and_these_a_video(video: Path, tmp_path: Path) -> None:
    mf.convert(video, tmp_path / "out" / "%03d.png", options=options("png pictures", ""))
    written = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in written] == [f"{n:03d}.png" for n in range(mf.FRAMES)]
    mf.convert(video, tmp_path / "whole.mkv", options=options("ffv1", ""))
    for path, frame in zip(written, mf.frames_of(tmp_path / "whole.mkv"), strict=True):
        assert np.abs(read_photo(path).image.astype(int) - frame.image).mean() < 1.5
    mf.convert(tmp_path / "out", tmp_path / "again.mp4", options=options("x264", "2-6"))
    assert len(mf.frames_of(tmp_path / "again.mp4")) == 5
