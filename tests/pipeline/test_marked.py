"""Converted videos are marked, in each kind of file; without marks all outside the face is as it was."""

from __future__ import annotations

import contextlib
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from faceswap_cli.media.encoders import EncodeOptions
from faceswap_cli.provenance import xmp
from faceswap_cli.provenance.marks import NO_MARKS, Marks
from faceswap_cli.provenance.verify import verify
from tests.clips import write_clip
from tests.pipeline import moving_face as mf

MARKS = Marks(model="abc123")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures twice as large as the usual ones, which can't hold the watermark; faces are above."""
    size = (2 * mf.WIDTH, 2 * mf.HEIGHT)
    pictures = [cv2.resize(mf.picture(index), size) for index in range(12)]
    return write_clip(tmp_path_factory.mktemp("large") / "large.mp4", pictures)


def options(encoder: str = "x264", **changes: object) -> mf.Options:
    changes = {"marks": MARKS, **changes}
    return mf.options(encode=EncodeOptions(encoder, preset="ultrafast"), **changes)


@pytest.mark.parametrize(
    ("name", "encoder"), [("a.mp4", "x264"), ("a.mov", "x264"), ("a.mkv", "x264"), ("a.gif", "gif")]
)
def test_a_video_says_so(large: Path, tmp_path: Path, name: str, encoder: str) -> None:
    mf.convert(large, tmp_path / name, options=options(encoder))
    report = verify(tmp_path / name)
    assert report.metadata == "compositeWithTrainedAlgorithmicMedia"
    assert report.watermark.state == "valid" and report.watermark.model == "abc"
    assert len(mf.frames_of(tmp_path / name)) == 12


def test_each_picture_of_a_sequence_says_so(large: Path, tmp_path: Path) -> None:
    mf.convert(large, tmp_path / "out" / "%02d.png", options=options("png pictures", frames="0-2"))
    written = sorted((tmp_path / "out").iterdir())
    assert len(written) == 3
    for path in written:
        assert verify(path).watermark.state == "valid"
        assert xmp.source_type(path) == xmp.COMPOSITE


def test_a_signed_video_is_valid(large: Path, tmp_path: Path) -> None:
    pytest.importorskip("c2pa", reason="c2pa-python is not installed")
    from faceswap_cli.provenance.credentials import find_signer

    signed = Marks(model="abc123", label=True, signer=find_signer(None, None))
    mf.convert(large, tmp_path / "a.mp4", options=options(marks=signed))
    report = verify(tmp_path / "a.mp4")
    assert report.credentials.state == "valid" and report.metadata
    assert len(mf.frames_of(tmp_path / "a.mp4")) == 12
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_colour_outside_the_face_is_as_it_was_and_all_is_without_marks(large: Path, tmp_path: Path) -> None:
    def planes(path: Path) -> list[list[np.ndarray]]:
        with av.open(str(path)) as container:
            frames = [frame for frame, _ in zip(container.decode(video=0), range(4), strict=False)]
        # The lower quarter, which no face reaches.
        return [[np.split(plane, 4)[3] for plane in np.split(frame.to_ndarray(), [240])] for frame in frames]

    for name, marks in (("a.mkv", MARKS), ("b.mkv", NO_MARKS)):
        mf.convert(large, tmp_path / name, options=options("ffv1", marks=marks))
    for source, marked, plain in zip(
        *map(planes, (large, tmp_path / "a.mkv", tmp_path / "b.mkv")), strict=True
    ):
        assert np.array_equal(source[0], plain[0]) and np.array_equal(source[1], plain[1])
        assert np.array_equal(source[1], marked[1])
        assert not np.array_equal(source[0], marked[0])
        assert np.abs(source[0].astype(int) - marked[0]).max() < 12


def test_resumed_it_is_the_same_and_never_mixed_with_unmarked_work(large: Path, tmp_path: Path) -> None:
    whole, output = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    chosen = options(segment_frames=4, marks=Marks(model="abc123", label=True))
    mf.convert(large, whole, options=chosen)
    for marks in (chosen.pipeline.marks, NO_MARKS):
        begun = mf.convert_video(
            large, output, mf.negative(), options(segment_frames=4, marks=marks), mf.fake_stage()
        )
        with contextlib.closing(begun):
            for step in begun:
                if step.phase == "render" and step.done >= 6:
                    break
        told = [step.note for step in mf.convert(large, output, options=chosen) if step.note]
        assert output.read_bytes() == whole.read_bytes()
        assert any("other settings" in note for note in told) == (marks == NO_MARKS)
        assert any("going on" in note for note in told) == (marks != NO_MARKS)
        output.unlink()
