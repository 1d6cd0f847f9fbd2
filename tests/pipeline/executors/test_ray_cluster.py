"""Work on a Ray of this machine's own."""

from __future__ import annotations

import gc
import os
import socket
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline import moving_face as mf
from tests.pipeline.executor_tasks import PIECES, TEXT, Letters, text_of

pytest.importorskip("ray", reason="ray is not installed")

from faceswap_cli.errors import UserError
from faceswap_cli.pipeline.executors.processes import WorkerError
from faceswap_cli.pipeline.executors.ray_cluster import RayExecutor


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayExecutor]:
    with pytest.MonkeyPatch.context() as patch:
        # Its workers find this folder's modules, and ours wherever they are imported from.
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        with RayExecutor("local", 2) as cluster:
            yield cluster
    with warnings.catch_warnings():  # Ray does not wait for the processes that it ends
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text"
    path.write_text(TEXT)
    return path


def test_an_address_that_does_not_answer_is_told_within_seconds() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"  # bound, so that nobody else has it; not listening
        began = time.monotonic()
        for way in (address, f"ray://{address}"):
            with pytest.raises(UserError, match="no Ray cluster can be used at") as caught:
                RayExecutor(way)
            assert address in str(caught.value) and "\n" not in str(caught.value)
        assert time.monotonic() - began < 20
    for wrong in ("here", "host:port", ":1", ""):
        with pytest.raises(UserError, match="is no address"):
            RayExecutor(wrong)


def test_the_same_bytes(video: Path, tmp_path: Path, cluster: RayExecutor) -> None:
    options = mf.options(colour="rct", smoothing=1.0)
    one, other = tmp_path / "one.mp4", tmp_path / "other.mp4"
    mf.convert(video, one, options=options)
    mf.convert(video, other, options=options, executor=cluster)
    assert one.read_bytes() == other.read_bytes()


def test_a_lost_workers_piece_is_done_again(text: Path, tmp_path: Path, cluster: RayExecutor) -> None:
    work = Letters(text, "killed once", tmp_path / "mark")
    assert text_of(list(cluster.run(work, PIECES))) == TEXT
    assert (tmp_path / "mark").exists()


def test_a_video_that_workers_do_not_see_is_sent(text: Path, cluster: RayExecutor) -> None:
    with text.open() as file:
        here = Path(f"/proc/self/fd/{file.fileno()}")
        if not here.exists():
            pytest.skip("no /proc here")
        # Any other process has something else there, or nothing.
        assert text_of(list(cluster.run(Letters(here), PIECES))) == TEXT


@pytest.mark.parametrize(("wrong", "error"), [("error", UserError), ("bug", WorkerError)])
def test_an_error_ends_the_run(text: Path, cluster: RayExecutor, wrong: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="letter 3 is bad" if wrong == "error" else "nobody thought of that"):
        list(cluster.run(Letters(text, wrong), PIECES))
    # The cluster still works.
    assert text_of(list(cluster.run(Letters(text), PIECES))) == TEXT
