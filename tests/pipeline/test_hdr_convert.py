"""A face drawn in HDR video is that of the SDR original in its light, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.faces.sets.extract import extract_faces
from faceswap_cli.faces.sets.extract_options import ExtractOptions
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.media.colour import ColourTags
from faceswap_cli.media.encoders import EncodeOptions
from faceswap_cli.media.hdr import HdrView
from faceswap_cli.media.planes import planes
from tests.media.hdr_clips import TRANSFERS, write_hdr
from tests.pipeline import moving_face as mf

COUNT = 12
FFV1 = EncodeOptions("ffv1")


def clips(folder: Path, transfer: int) -> tuple[Path, Path]:
    """The same pictures as SDR of ten bits, and in the light of which they are the view."""
    pictures = [mf.picture(index).astype(np.float32) for index in range(COUNT)]
    tags = ColourTags(1, 1, 1, 1)
    sdr = write_hdr(folder / "sdr.mkv", pictures, tags=tags, pixel_format="yuv444p10le")
    view = HdrView(transfer, 9, 1000.0)
    signals = [view.to_signal(picture) for picture in pictures]
    return sdr, write_hdr(folder / "hdr.mkv", signals, transfer, pixel_format="yuv444p10le")


def samples(path: Path) -> list[list[np.ndarray]]:
    return [
        [plane[..., 0].copy() for plane in planes(frame.picture.stored)]
        for frame in mf.frames_of(path)
        if frame.picture is not None
    ]


def lab(frame: object) -> np.ndarray:
    """(H, W, 3) CIELAB of what a frame shows."""
    return cv2.cvtColor((frame.canvas() / 255).astype(np.float32), cv2.COLOR_RGB2LAB)  # type: ignore[attr-defined]


@pytest.mark.parametrize("transfer", TRANSFERS.values(), ids=TRANSFERS)
def test_the_face_is_the_sdr_originals_and_the_rest_the_sources(tmp_path: Path, transfer: int) -> None:
    sdr, hdr = clips(tmp_path, transfer)
    for name, source in (("sdr", sdr), ("hdr", hdr)):
        mf.convert(source, tmp_path / f"{name}-out.mkv", options=mf.options(encode=FFV1))
    old, new = samples(hdr), samples(tmp_path / "hdr-out.mkv")
    shown = [mf.frames_of(tmp_path / f"{name}-out.mkv") for name in ("sdr", "hdr")]
    unseen = mf.frames_of(sdr)
    away, before = [], None
    for number, (plain, lit, source) in enumerate(zip(*shown, unseen, strict=True)):
        face = (plain.canvas() != source.canvas()).any(axis=2)
        assert face.sum() > 500
        around = cv2.dilate(face.astype(np.uint8), np.ones((3, 3))) > 0
        for one, other in zip(old[number], new[number], strict=True):
            assert np.array_equal(one[~around], other[~around])
        apart = np.linalg.norm(lab(plain) - lab(lit), axis=2)[face]
        away.append(float(apart.mean()))
        before = before or float(np.linalg.norm(lab(source) - lab(plain), axis=2)[face].mean())
    assert before is not None and before > 20  # what was drawn is not what was there
    assert max(away) < 1


def test_an_encoder_without_hdr_is_refused_before_the_work_and_sdr_is_not(tmp_path: Path) -> None:
    _, hdr = clips(tmp_path, TRANSFERS["pq"])
    with pytest.raises(UserError, match="HDR"):
        mf.convert(hdr, tmp_path / "a.mp4")
    notes = mf.convert(
        hdr,
        tmp_path / "a.mp4",
        options=mf.options(encode=EncodeOptions("x264", preset="ultrafast", sdr=True)),
    )
    assert any("HDR (PQ)" in (step.note or "") for step in notes)
    assert any("--sdr" in (step.note or "") for step in notes)
    seen = mf.frames_of(tmp_path / "a.mp4")
    assert (
        len(seen) == COUNT and np.abs(seen[0].image.astype(int)[:, -40:] - mf.picture(0)[:, -40:]).mean() < 3
    )


def test_a_face_set_may_mix_sdr_and_hdr(tmp_path: Path) -> None:
    sdr, hdr = clips(tmp_path, TRANSFERS["hlg"])
    faces = tmp_path / "faces"
    told = list(extract_faces([sdr, hdr], faces, mf.fake_stage(), ExtractOptions(crop_size=64)))
    notes = [note for step in told for note in step.notes if step.state == "complete"]
    assert [("hdr.mkv" in note, "tone-mapped" in note) for note in notes] == [(True, True)]
    found = FaceSet.open(faces)
    one, other = ([r for r in found.records if r.source == n] for n in (0, 1))
    assert len(one) == len(other) == COUNT
    for plain, lit in zip(one, other, strict=True):
        crops = [found.crop(record).astype(int) for record in (plain, lit)]
        assert crops[0].std() > 10 and np.abs(crops[0] - crops[1]).mean() < 2
