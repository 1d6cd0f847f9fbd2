"""Cameras by number, device and name; clips at their own pace."""

import errno
import time

import cv2
import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.pipeline.live import cameras
from faceswap_cli.pipeline.live.cameras import Camera, find_camera, list_cameras, open_feed


@pytest.fixture
def three(tmp_path, monkeypatch):
    """Two cameras, one of them with a second node for its data, and a loopback device."""
    for number, name, index in (
        (0, "Front Camera: HD", 0),
        (1, "Front Camera: HD", 1),
        (2, "USB Cam", 0),
        (10, "Dummy", 0),
    ):
        node = tmp_path / f"video{number}"
        node.mkdir()
        (node / "name").write_text(f"{name}\n")
        (node / "index").write_text(f"{index}\n")
    monkeypatch.setattr(cameras.sys, "platform", "linux")
    found = list_cameras(tmp_path)
    monkeypatch.setattr(cameras, "list_cameras", lambda: found)
    return found


def test_cameras_are_named_in_their_order(three):
    assert [one.index for one in three] == [0, 2, 10]
    assert three[1].describe() == "2  USB Cam  (/dev/video2)"


@pytest.mark.parametrize("asked", ["2", "/dev/video2", "usb", "USB Cam"])
def test_a_camera_is_found_by_number_device_and_name(three, asked):
    assert find_camera(asked) == Camera(2, "USB Cam", "/dev/video2")


def test_what_is_not_there_is_answered_with_what_is(three):
    with pytest.raises(UserError, match=r"no such camera.*0  Front Camera: HD"):
        find_camera("7")
    with pytest.raises(UserError, match="several cameras"):
        find_camera("cam")


class Device:
    """OpenCV's camera, of so many pictures."""

    left = 0
    last: "Device"

    def __init__(self, index, backend):
        self.asked, self.released = {}, False
        Device.last = self

    def isOpened(self):  # noqa: N802
        return True

    def set(self, what, value):
        self.asked[what] = value

    def get(self, what):
        return self.asked.get(what, 0)

    def read(self):
        Device.left -= 1
        return (True, np.full((90, 160, 3), (10, 20, 30), np.uint8)) if Device.left >= 0 else (False, None)

    def release(self):
        self.released = True


def test_a_camera_gives_its_pictures_until_it_is_unplugged(three, monkeypatch):
    monkeypatch.setattr(cameras.cv2, "VideoCapture", Device)
    monkeypatch.setattr(cameras, "_check_free", lambda camera: None)
    monkeypatch.setattr(cameras, "_still_there", lambda camera: False)
    Device.left = 4
    feed = open_feed("usb", (640, 360), 24)
    assert (feed.width, feed.height, feed.fps, feed.is_clip) == (160, 90, 24.0, False)
    assert Device.last.asked[cameras.cv2.CAP_PROP_FRAME_WIDTH] == 640
    frames = list(feed.read())
    assert [one.index for one in frames] == [0, 1, 2] and Device.last.released
    assert (frames[0].image == (30, 20, 10)).all()  # RGB


def test_a_camera_in_use_or_without_a_picture_is_told(three, monkeypatch):
    monkeypatch.setattr(cameras.cv2, "VideoCapture", Device)

    def busy(path, flags):
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr(cameras.os, "open", busy)
    with pytest.raises(UserError, match="in use"):
        open_feed("usb", (640, 360), 24)
    monkeypatch.setattr(cameras, "_check_free", lambda camera: None)
    Device.left = 0
    with pytest.raises(UserError, match="gives no picture"):
        open_feed("usb", (640, 360), 24)
    assert Device.last.released


def test_a_clip_is_played_at_its_own_pace_and_shrunk_to_fit(video):
    feed = open_feed(str(video), (80, 400), 30)
    assert (feed.width, feed.height, feed.is_clip) == (80, 60, True)
    begun, frames = time.monotonic(), []
    for frame in feed.read():
        frames.append(frame)
        assert time.monotonic() - begun >= frame.time - 0.01  # never before its time
        if len(frames) == 12:
            break
    assert frames[0].time == 0 and frames[5].time == pytest.approx(0.2)
    assert frames[0].image.shape == (60, 80, 3)


def test_a_photo_is_no_camera(tmp_path):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(UserError, match="a photo"):
        open_feed(str(path), (640, 360), 30)
