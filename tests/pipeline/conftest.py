"""Sample videos for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.moving_face import write_video


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "one.mp4")


@pytest.fixture(scope="session")
def couple(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "two.mp4", people=2)
