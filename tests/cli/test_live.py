"""`faceswap live`, as it is typed."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from faceswap_cli.cli import app
from faceswap_cli.provenance.verify import verify
from tests.python import Python

DATA = Path(__file__).resolve().parents[1] / "data" / "written-by-0.1"
PICTURE = Path(__file__).resolve().parents[1] / "data" / "face.jpg"
CLIP, RUN = DATA / "clip.mp4", DATA / "shared"


def live(*words):
    return CliRunner().invoke(app, ["live", *map(str, words)])


def test_cameras_and_outputs_are_named():
    done = live("--list")
    assert done.exit_code == 0
    for word in ("Cameras:", "window", "virtual", "http", "FILE.mp4"):
        assert word in done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--camera", CLIP], "Give one of -m RUN, --face PHOTO, --puppet PHOTO, --age 70, --set"),
        (["--camera", CLIP, "--age", 70, "--face", "x.jpg"], "Give one"),
        (["--camera", CLIP, "--age", 70, "--puppet", "x.jpg"], "--age and --puppet say different things"),
        (["--camera", CLIP, "-m", RUN, "--set", "smile=.5"], "--set needs no run"),
        (["--camera", CLIP, "--set", "smiel=.5"], "smile"),
        (["--camera", CLIP, "--puppet", "x.jpg"], "no such file: x.jpg"),
        (["--camera", "nowhere", "-m", RUN], "no such camera"),
        (["--camera", CLIP, "-m", RUN, "--size", "large"], "is no size"),
        (["--camera", CLIP, "-m", RUN, "--age", 70], "of the family shared"),
        (["--camera", CLIP, "-m", DATA / "age"], "age"),
        (["--camera", CLIP, "-m", RUN, "--all-faces", "-o", "take.xyz"], "window, virtual, http"),
        (["--camera", CLIP, "-m", RUN, "--all-faces", "-o", CLIP], "the clip itself"),
        (["--camera", CLIP, "-m", RUN, "--all-faces", "-o", "http", "-o", "http"], "twice"),
    ],
)
def test_what_can_not_be_is_one_line_with_a_way_out(words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = live(*words)
    assert done.exit_code == 1, done.output
    line = done.output.strip().splitlines()[-1]
    assert line.startswith("error:") and told in done.output and "Traceback" not in done.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a display")
def test_without_a_display_the_page_is_offered(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    done = live("--camera", CLIP, "-m", RUN, "--all-faces")
    assert done.exit_code == 1 and "-o http" in done.output


def test_a_clip_is_recorded_and_what_became_of_its_frames_is_told(tmp_path):
    path = tmp_path / "take.mp4"
    done = live("--camera", CLIP, "-m", RUN, "--all-faces", "-o", path, "--stats", "--adult-confirmed")
    assert done.exit_code == 0, done.output
    for word in ("agreed", "without sound", "no sound", "watermark", "frames/s", "p50 and p95", "drawn face"):
        assert word in done.output
    with av.open(str(path)) as container:
        assert container.streams.video[0].width % 2 == 0 and not container.streams.audio
        assert sum(1 for _ in container.decode(video=0)) >= 1
    assert verify(path).marked


def test_one_photo_and_a_photo_that_moves_are_recorded(tmp_path):
    for number, way in enumerate(("--face", "--puppet")):
        path = tmp_path / f"take{number}.mp4"
        done = live("--camera", CLIP, way, PICTURE, "-o", path, "--adult-confirmed")
        assert done.exit_code == 0, done.output
        with av.open(str(path)) as container:
            assert sum(1 for _ in container.decode(video=0)) >= 1
    assert "of the photo at rest" in done.output  # the clip ends before its face is learnt


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_ctrl_c_ends_it_cleanly_and_the_recording_is_whole(tmp_path):
    path, clip = tmp_path / "take.mp4", tmp_path / "long.mp4"
    write_still(clip, 60)
    words = ["live", "--camera", clip, "-m", RUN, "--all-faces", "-o", path, "-o", "http"]
    words += ["--when-lost", "black"]
    child = Python("-m", "faceswap_cli", *words)
    unfinished = tmp_path / "take-unfinished.mp4"
    for _ in range(5000):  # until all is loaded, on a busy machine, too
        if unfinished.exists() or child.returncode is not None:
            break
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    code, told = child.wait(120), child.stdout + child.stderr
    assert code == 0, told
    assert "page: http://127.0.0.1:" in told and "black" in told and "Traceback" not in told
    assert path.exists() and not unfinished.exists()
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) >= 1


def write_still(path, seconds):
    """A clip without a face, which is long and small."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(10 * seconds):
            frame = av.VideoFrame.from_ndarray(np.full((120, 160, 3), 90, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_a_clip_that_only_a_page_shows_waits_until_somebody_looks():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    child = Python(
        "-m", "faceswap_cli", "live", "--camera", CLIP, "-m", RUN, "--all-faces", "-o", "http", "--port", port
    )
    for _ in range(5000):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0 or child.returncode is not None:
                break
        time.sleep(0.1)
    time.sleep(2)  # longer than the clip lasts
    child.send_signal(signal.SIGINT)
    code, told = child.wait(120), child.stdout + child.stderr
    assert code == 1 and "the clip begins when the page is opened" in told, told
    assert "nobody has opened the page" in told and "Traceback" not in told
