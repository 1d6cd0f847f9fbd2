"""A video whose face talks, and sets that were made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.media.frame import Image
from tests.clips import write_clip
from tests.dense_faces import with_dense
from tests.faces.sets.extracting import Extracted, Maker, run


@pytest.fixture
def clip(make_video: Maker, talking: list[Image]) -> Path:
    return make_video(talking)


@pytest.fixture(scope="module")
def extracted(
    tmp_path_factory: pytest.TempPathFactory, talking: list[Image], stage: FaceAnalyser
) -> Extracted:
    folder = tmp_path_factory.mktemp("extracted")
    made = Extracted(write_clip(folder / "clip.mp4", talking), folder / "faces", folder / "dense")
    run([made.clip], made.faces, stage)
    run([made.clip], made.dense, with_dense(stage))
    return made
