"""A page in a browser of this machine: MJPEG from 127.0.0.1, at an address that nobody can guess."""

from __future__ import annotations

import hmac
import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2

from faceswap_cli.errors import UserError
from faceswap_cli.pipeline.live.outputs.base import Shown, ThreadedOutput

HOST = "127.0.0.1"
"""Nobody but this machine is answered."""

QUALITY = 88
"""Of the JPEGs."""

_BOUNDARY = "picture"

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>faceswap live</title>
<style>body{margin:0;background:#111;color:#ccc;font:14px system-ui;text-align:center}
img{max-width:100vw;max-height:calc(100vh - 2.5em);margin:auto;display:block}p{margin:.6em}</style></head>
<body><img src="stream.mjpg" alt="The camera's picture, with its faces changed">
<p>AI-altered. Only this machine can see this page.</p></body></html>
"""


class PageOutput(ThreadedOutput):
    """Serves the page.

    Args:
        port: where; 0: any that is free.

    Raises:
        UserError: the port is taken.

    Attributes:
        watched: set as soon as a browser asks for its pictures.
    """

    def __init__(self, port: int = 0) -> None:
        self.token = secrets.token_urlsafe(16)
        self._fresh = threading.Condition()
        self._jpeg, self._number, self._closed = b"", 0, False
        self.watched = threading.Event()
        try:
            self._server = _Server((HOST, port), _Handler)
        except OSError as error:
            raise UserError(f"port {port} is taken ({error.strerror})", "Leave --port out") from error
        self._server.output = self
        self._serving = threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True)
        self._serving.start()
        super().__init__("page")

    @property
    def address(self) -> str:
        """Of the page."""
        return f"http://{HOST}:{self._server.server_address[1]}/{self.token}/"

    def send(self, shown: Shown) -> None:
        """See ThreadedOutput."""
        bgr = cv2.cvtColor(shown.labelled, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        with self._fresh:
            self._jpeg, self._number = data.tobytes(), self._number + 1
            self._fresh.notify_all()

    def next_picture(self, after: int) -> tuple[int, bytes] | None:
        """The first picture with a number beyond `after`; None at the end."""
        with self._fresh:
            self._fresh.wait_for(lambda: self._number > after or self._closed)
            return (self._number, self._jpeg) if self._number > after else None

    def close(self) -> None:
        """See Output."""
        super().close()
        with self._fresh:
            self._closed = True
            self._fresh.notify_all()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    output: PageOutput

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """The page, or its pictures; nothing for whoever does not know the address."""
        host = self.headers.get("Host", "").partition(":")[0]
        _, token, *rest = [*self.path.split("?")[0].split("/"), "", ""]
        known = hmac.compare_digest(token.encode(), self.server.output.token.encode())
        # Another name for 127.0.0.1 would be another page's, which makes a browser ask here.
        if not known or host not in (HOST, "localhost"):
            self.send_error(HTTPStatus.NOT_FOUND)
        elif rest[0] == "":
            self._send("text/html; charset=utf-8", PAGE.encode())
        elif rest[0] == "stream.mjpg":
            self._stream()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is told of requests."""

    def _head(self, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Frame-Options", "DENY")

    def _send(self, kind: str, body: bytes) -> None:
        self._head(kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.server.output.watched.set()
        self._head(f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.end_headers()
        # A browser shows a picture when it sees the boundary after it: that goes with it, not with the next.
        self.wfile.write(f"--{_BOUNDARY}\r\n".encode())
        number = 0
        while (found := self.server.output.next_picture(number)) is not None:
            number, jpeg = found
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + f"\r\n--{_BOUNDARY}\r\n".encode())
