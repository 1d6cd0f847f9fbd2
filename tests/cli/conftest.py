"""The command line as a user calls it: the tests' own process, and clips with a real face in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from faceswap_cli.cli import app
from tests.clips import write_clip

PICTURE = Path(__file__).resolve().parents[1] / "data" / "face.jpg"


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    def is_one_line_error(self, *words: str) -> bool:
        """One line that begins with "error:" and holds the words, exit code 1, no traceback."""
        errors = [line for line in self.err.splitlines() if line.startswith("error:")]
        clean = "Traceback" not in self.err + self.out
        told = len(errors) == 1 and all(word in errors[0] for word in words)
        return self.code == 1 and clean and told and self.err.rstrip().splitlines()[-1] == errors[0]


@pytest.fixture(scope="session")
def faceswap():
    """Call the command line: faceswap("extract", path, "-o", folder)."""

    def call(*arguments: object) -> Result:
        done = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=True)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Result(done.exit_code, done.stdout, done.stderr)

    return call


def face_frames(count: int, mirrored: bool = False) -> list[np.ndarray]:
    """The real picture, drifting by a pixel a frame."""
    picture = cv2.imread(str(PICTURE))[..., ::-1]
    if mirrored:
        picture = picture[:, ::-1]
    return [np.ascontiguousarray(np.roll(picture, index, axis=1)) for index in range(count)]


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return (
        write_clip(folder / "one.mp4", face_frames(6)),
        write_clip(folder / "two.mp4", face_frames(6, mirrored=True)),
    )
