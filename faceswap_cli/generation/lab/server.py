"""The laboratory on a page of this machine's own browser: 127.0.0.1 only, a random token in its address.

The training runs in the thread that calls `serve`; requests are answered in others and only leave orders.
Who does not know the token is told nothing, and a page of another site can't ask: the Host must be ours, and
answers are given to nobody else's scripts.
"""

from __future__ import annotations

import json
import queue
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from faceswap_cli.errors import UserError
from faceswap_cli.generation.lab.page import page_data, render_page
from faceswap_cli.limits import parse_json
from faceswap_cli.training.families.points import SHOWN, PointsData

HOST = "127.0.0.1"

WAIT = 20.0
"""Seconds that a request for frames waits for one."""

LONGEST = 4 * 2**20
"""Bytes of an order."""

KEPT = 400
"""Frames that are kept for whoever asks late."""

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass
class Board:
    """What the training's thread tells and the requests' threads read.

    Attributes:
        state: of the laboratory, for the page.
        orders: that were given and not obeyed yet.
    """

    state: dict[str, Any] = field(default_factory=dict)
    orders: queue.Queue[Mapping[str, Any]] = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        self._frames: list[tuple[int, dict[str, Any]]] = []
        self._sequence = self._begun_at = 0
        self._page: dict[str, Any] = {}
        self._changed = threading.Condition()

    def begin(self, title: str, about: Sequence[str], data: PointsData) -> None:
        """Another training begins."""
        page = page_data(title, about, data.real.numpy()[:SHOWN], [])
        with self._changed:
            self._sequence += 1
            self._page, self._frames, self._begun_at = page, [], self._sequence
            self._changed.notify_all()

    def add(self, frame: dict[str, Any]) -> None:
        """Another frame, see `frame_data`."""
        with self._changed:
            self._sequence += 1
            self._frames = [*self._frames[-KEPT + 1 :], (self._sequence, frame)]
            self._changed.notify_all()

    def tell(self, **state: Any) -> None:
        """The laboratory's state is another."""
        with self._changed:
            if {**self.state, **state} == self.state:
                return
            self._sequence += 1
            self.state = {**self.state, **state}
            self._changed.notify_all()

    def page(self) -> dict[str, Any]:
        """What a page begins with."""
        with self._changed:
            return dict(self._page)

    def news(self, after: int) -> dict[str, Any]:
        """What came after a number, once there is something."""
        with self._changed:
            self._changed.wait_for(lambda: self._sequence != after, WAIT)
            # A number from before this training, or from another start of the server, is as good as none.
            begun = not self._begun_at <= after <= self._sequence
            return {
                "sequence": self._sequence,
                "begun": begun,
                "real": self._page["real"],
                "frames": [frame for number, frame in self._frames if begun or number > after],
                "state": self.state,
            }


class LabServer(ThreadingHTTPServer):
    """Answers one page's requests.

    Args:
        board: what is told and ordered.
        live: what the page's controls need.
        port: 0: any that is free.

    Raises:
        UserError: the port is taken.
    """

    daemon_threads = True

    def __init__(self, board: Board, live: Mapping[str, Any], port: int = 0) -> None:
        self.board, self.live = board, live
        self.token = secrets.token_urlsafe(24)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise UserError(
                f"port {port} can't be opened ({error.strerror})", "Choose another --port, or leave it out"
            ) from error
        self.hosts = {f"{name}:{self.server_address[1]}" for name in (HOST, "localhost")}

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_address[1]}/{self.token}/"

    def start(self) -> None:
        """Answer, in threads of its own, until `shutdown`."""
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: LabServer
    server_version, sys_version = "lab", ""
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """The page, or frames."""
        part = self._part()
        if part == "":
            page = render_page(self.server.board.page(), self.server.live)
            self._answer(page.encode(), "text/html; charset=utf-8")
        elif part is not None and part.startswith("frames?after="):
            number = part.removeprefix("frames?after=")
            after = int(number) if number.isascii() and number.isdigit() and len(number) < 16 else 0
            self._answer_json(self.server.board.news(after))
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """An order."""
        length = self.headers.get("Content-Length", "")
        own = self.headers.get("Content-Type", "").partition(";")[0] == "application/json"
        if self._part() != "order" or not own:
            self._refuse(HTTPStatus.NOT_FOUND)
        elif not length.isdigit() or int(length) > LONGEST:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            self._answer_json(self._give_order(self.rfile.read(int(length))))

    def _give_order(self, text: bytes) -> Mapping[str, Any]:
        """Leave an order, and what came of it."""
        try:
            order = parse_json(text)
        except ValueError:
            order = None
        if not isinstance(order, dict) or not isinstance(order.get("name"), str):
            return {"error": "this is no order"}
        done: queue.Queue[Mapping[str, Any]] = queue.Queue()
        self.server.board.orders.put({**order, "done": done.put})
        try:
            return done.get(timeout=WAIT)
        except queue.Empty:
            return {"error": "the training does not answer"}

    def _part(self) -> str | None:
        """The path behind the token; None for strangers."""
        token, slash, part = self.path.removeprefix("/").partition("/")
        right = secrets.compare_digest(token.encode(), self.server.token.encode())
        return part if right and slash and self.headers.get("Host") in self.server.hosts else None

    def _refuse(self, status: HTTPStatus) -> None:
        self.close_connection = True
        self._answer(b"", "text/plain", status)

    def _answer_json(self, values: Mapping[str, Any]) -> None:
        self._answer(json.dumps(values, allow_nan=False).encode(), "application/json")

    def _answer(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody is told of requests: their paths hold the token."""
