"""Window, virtual camera, page and recording."""

import sys
import urllib.error
import urllib.request
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.pipeline.live.keys import KEYS
from faceswap_cli.pipeline.live.outputs import window as windows
from faceswap_cli.pipeline.live.outputs.base import Shown
from faceswap_cli.pipeline.live.outputs.page import PageOutput
from faceswap_cli.pipeline.live.outputs.recording import Recording, unfinished_name
from faceswap_cli.pipeline.live.outputs.virtual import VirtualCamera, driver_hint
from faceswap_cli.provenance.marks import NO_MARKS, Kind, Marks
from faceswap_cli.provenance.verify import verify
from tests.conftest import picture


def shown(index, size=(320, 240)):
    image = picture(index, *size)
    labelled = image.copy()
    labelled[-10:, -40:] = 0
    return Shown(labelled, image, image[:, ::-1].copy(), index / 25, True)


def opened(address, timeout):
    """An answer of this machine: asked directly, whatever proxy the environment names."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=timeout)


def test_the_page_gives_its_pictures_to_whoever_knows_its_address_and_to_nobody_else():
    page = PageOutput()
    try:
        assert page.address.startswith("http://127.0.0.1:") and page.token in page.address
        text = opened(page.address, timeout=10).read().decode()
        assert "stream.mjpg" in text
        root = page.address.removesuffix(f"{page.token}/")
        for wrong in (root, f"{root}guess/", f"{root}{page.token}/else"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                opened(wrong, timeout=10)
        asked = urllib.request.Request(page.address, headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="404"):
            opened(asked, timeout=10)
        one = shown(3)
        page.show(one)
        assert not page.watched.is_set()
        with opened(f"{page.address}stream.mjpg", timeout=10) as stream:
            assert page.watched.wait(10)
            assert stream.readline().startswith(b"--")
            head = {}
            while line := stream.readline().strip():
                name, _, value = line.decode().partition(": ")
                head[name] = value
            jpeg = stream.read(int(head["Content-Length"]))
        seen = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        assert np.abs(seen.astype(int) - one.labelled).mean() < 3
        assert not seen[-6:, -30:].max() > 40  # the label is in it
    finally:
        page.close()
    with pytest.raises(OSError):
        opened(page.address, timeout=2)


def record(path, count=40, marks=None):
    recording = Recording(path, 25, marks or Marks(Kind.SWAP, "abc", label=True))
    for index in range(count):
        while index - recording.frames > 30:  # a camera does not wait, but has its own pace
            recording._thread.join(0.01)
        recording.show(shown(index))
    return recording


def decoded(path):
    with av.open(str(path)) as container:
        return [frame.pts for frame in container.decode(video=0)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_recording_is_whole_marked_and_at_its_own_pace(tmp_path, suffix):
    path = tmp_path / f"take{suffix}"
    recording = record(path)
    recording.close()
    assert len(decoded(path)) == 40 and not unfinished_name(path).exists()
    assert "no sound" in recording.describe() and "watermark" in recording.describe()
    with av.open(str(path)) as container:
        assert not container.streams.audio
        times = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    assert np.allclose(np.diff(times), 0.04, atol=0.0011)
    assert verify(path).marked


def test_a_recording_that_is_cut_off_plays_and_is_not_overwritten(tmp_path):
    path = tmp_path / "take.mp4"
    recording = record(path, 120)
    unfinished = unfinished_name(path)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(unfinished.read_bytes())  # as it lies there while the machine loses its power
    assert len(decoded(copy)) >= 25
    recording.close()
    assert len(decoded(path)) == 120
    copy.rename(unfinished)
    with pytest.raises(UserError, match="cut off"):
        Recording(path, 25, NO_MARKS)


def test_nothing_recorded_leaves_nothing(tmp_path):
    recording = Recording(tmp_path / "take.mp4", 25, NO_MARKS)
    recording.close()
    assert list(tmp_path.iterdir()) == [] and "nothing was recorded" in recording.describe()
    with pytest.raises(UserError, match="no output of that name"):
        Recording(tmp_path / "take.xyz", 25, NO_MARKS)


def test_a_virtual_camera_gets_labelled_pictures():
    pyvirtualcam = pytest.importorskip("pyvirtualcam", reason="the extra `live` is not installed")
    sent = []

    class Backend:
        def __init__(self, *, width, height, fps, fourcc, device):
            self.size = (height, width, 3)

        def close(self):
            pass

        def send(self, frame):
            sent.append(np.array(frame).reshape(self.size))

        def device(self):
            return "made up"

        def native_fourcc(self):
            return None

    from pyvirtualcam import camera as registry

    before = dict(registry.BACKENDS)
    registry.BACKENDS.clear()
    pyvirtualcam.register_backend("made up", Backend)
    try:
        camera = VirtualCamera(320, 240, 25)
        one = shown(2)
        camera.show(one)
        while not sent:
            camera._thread.join(0.01)
        camera.close()
        assert (sent[0] == one.labelled).all() and camera.device == "made up"
    finally:
        registry.BACKENDS.clear()
        registry.BACKENDS.update(before)


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or any(Path("/dev").glob("video*")), reason="there are video devices"
)
def test_without_a_driver_its_package_is_named():
    pytest.importorskip("pyvirtualcam", reason="the extra `live` is not installed")
    with pytest.raises(UserError, match="v4l2loopback"):
        VirtualCamera(320, 240, 25)
    assert "OBS" in driver_hint("win32") and "OBS" in driver_hint("darwin")


def test_where_there_is_no_display_the_page_is_offered():
    for there in ({}, {"DISPLAY": ":4711"}):
        with pytest.raises(UserError, match="-o http"):
            windows.check_display(there, "linux")
    windows.check_display({}, "win32")
    windows.check_display({"WAYLAND_DISPLAY": "wayland-0"}, "linux")


def test_keys_are_each_one_letter_and_are_shown():
    letters = "".join(key.letters for key in KEYS)
    assert len(set(letters)) == len(letters)
    image = np.full((240, 320, 3), 200, np.uint8)
    done = windows.draw_keys(image, list(KEYS))
    assert (image == 200).all() and (done[:160, :180] < 120).mean() > 0.5 and (done[200:] == 200).all()
