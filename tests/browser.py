"""A real browser, driven through a pipe: headless Chromium where it is installed, and no other package.

It speaks the Chrome DevTools protocol: JSON messages that end in a zero byte, on file descriptors 3 and 4.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 90.0
"""That are waited for an answer: a busy machine starts a browser slowly."""

KEYS = {
    " ": ("Space", 32),
    "ArrowLeft": ("ArrowLeft", 37),
    "ArrowRight": ("ArrowRight", 39),
    "Home": ("Home", 36),
    "End": ("End", 35),
}


def find_browser() -> str | None:
    """The program, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page in a browser of its own. Use as a context manager.

    Args:
        folder: for the browser's profile.
        offline: without any network, loopback included.
    """

    def __init__(self, folder: Path, offline: bool = False) -> None:
        program = find_browser()
        assert program is not None
        to_read, self._out = os.pipe()
        self._in, to_write = os.pipe()
        arguments = [
            *(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"),
            *("--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--mute-audio"),
            f"--user-data-dir={folder}",
        ]
        # The browser expects its ends under these numbers.
        script = f'exec "$@" 3<&{to_read} 4>&{to_write}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "browser", *arguments],
            pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        os.set_blocking(self._in, False)
        self._waiting, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        self._offline = offline
        self.open_tab()

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What a method answers."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            told = self._read()
            if told is None:
                time.sleep(0.01)
            elif told.get("id") == self._number:
                assert "error" not in told, told
                return dict(told["result"])
            else:
                self.events.append(told)
        raise TimeoutError(f"the browser does not answer {method}")

    def _read(self) -> dict[str, Any] | None:
        """The next message that is there."""
        while b"\0" not in self._waiting:
            try:
                read = os.read(self._in, 1 << 20)
            except BlockingIOError:
                return None
            assert read, "the browser has ended"
            self._waiting += read
        message, _, self._waiting = self._waiting.partition(b"\0")
        return dict(json.loads(message))

    def open_tab(self) -> None:
        """Go on in a new tab, whose pages remember nothing of the session of the one before."""
        self._session = ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        if self._offline:
            limits = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
            self.call("Network.emulateNetworkConditions", offline=True, **limits)

    def open(self, address: str) -> None:
        """Load a page, and wait until its scripts have run."""
        self._load("Page.navigate", url=address)

    def reload(self) -> None:
        """Load the page anew, and wait until its scripts have run."""
        self._load("Page.reload")

    def _load(self, method: str, **parameters: Any) -> None:
        # The browser answers before the old page is gone: it is told from the new one by a mark.
        self.run("window.beforeLoading = true")
        self.call(method, **parameters)
        self.wait("document.readyState === 'complete' && !window.beforeLoading")

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script: str) -> None:
        """Until an expression is true."""
        until = time.monotonic() + SECONDS
        while not self.run(script):
            assert time.monotonic() < until, f"never true: {script}"
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """A key, as a keyboard gives it."""
        code, number = KEYS.get(key, (f"Digit{key}", ord(key[0])))
        text = {"text": key} if len(key) == 1 else {}
        names = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        self.call("Input.dispatchKeyEvent", type="keyDown", **names, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **names)

    def drag(self, *places: tuple[float, float]) -> None:
        """The mouse, pressed at the first place and let go at the last."""
        for number, (x, y) in enumerate(places):
            kind = "mousePressed" if not number else "mouseMoved"
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
        x, y = places[-1]
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)

    def resize(self, width: int, height: int, mobile: bool = False) -> None:
        """The window, in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    def screenshot(self, path: Path) -> None:
        """The whole page as a PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """What scripts and the page's rules have complained of so far."""
        self.run("0")
        return [
            json.dumps(one["params"])
            for one in self.events
            if one["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")
        ]

    def requests(self) -> list[str]:
        """Addresses that were asked for so far."""
        self.run("0")
        return [
            one["params"]["request"]["url"]
            for one in self.events
            if one["method"] == "Network.requestWillBeSent"
        ]
