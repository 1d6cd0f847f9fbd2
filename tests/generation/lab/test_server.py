"""The page that steers a training: who may ask, what is refused, and a training changed in a browser."""

import http.client
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from faceswap_cli.cli import lab_serve
from faceswap_cli.errors import UserError
from faceswap_cli.generation.lab.laboratory import Experiment, Laboratory
from faceswap_cli.generation.lab.server import HOST, LabServer
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.families.points import PointsSource
from tests.browser import Browser, find_browser

SMALL = {"generator_width": 8, "discriminator_width": 8}


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A laboratory that is served from another thread; its server."""
    own = replace(FAMILIES["points"].sizes["small"], network=SMALL, batch=8)
    lab = Laboratory(Experiment(PointsSource(Path("ring")), own, 100_000), tmp_path)
    servers, ended = [], threading.Event()
    ready = threading.Event()

    def told(server):
        server.start()
        servers.append(server)
        ready.set()

    monkeypatch.setattr(lab_serve, "_told", told)
    thread = threading.Thread(target=lab_serve.run_server, args=(lab, 0, ended.is_set))
    thread.start()
    assert ready.wait(60)
    yield servers[0]
    ended.set()
    thread.join(60)
    assert not thread.is_alive()


def ask(server, path, method="GET", body=None, **headers):
    connection = http.client.HTTPConnection(HOST, server.server_address[1], timeout=60)
    connection.request(method, path, body, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer, text


def order(server, **values):
    return json.loads(ask(server, f"/{server.token}/order", "POST", json.dumps(values))[1])


def test_only_this_machine_is_listened_to(served):
    assert served.server_address[0] == "127.0.0.1"
    assert served.address.startswith("http://127.0.0.1:") and len(served.token) >= 32


def test_who_does_not_know_the_token_is_told_nothing(served):
    port = served.server_address[1]
    for path in (
        "/",
        "/frames?after=0",
        "/wrong/",
        f"/{served.token[:-1]}/",
        f"/{served.token}/../",
        f"/{served.token}",
    ):
        assert ask(served, path)[0].status == 404, path
    assert ask(served, "/wrong/order", "POST", "{}")[0].status == 404
    assert ask(served, f"/{served.token}/", Host=f"evil.example:{port}")[0].status == 404


def test_the_page_comes_with_its_rules(served):
    answer, text = ask(served, f"/{served.token}/")
    assert answer.status == 200 and b"connect-src 'self'" in text and served.token.encode() not in text
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("body", ["", "{", "[]", '{"name": 3}', '{"name": "explode"}'])
def test_what_is_no_order_is_told(served, body):
    assert "error" in json.loads(ask(served, f"/{served.token}/order", "POST", body)[1])


def test_orders_of_another_kind_and_endless_ones_are_refused(served):
    path = f"/{served.token}/order"
    assert ask(served, path, "POST", "name=pause", **{"Content-Type": "text/plain"})[0].status == 404
    assert ask(served, path, "POST", None, **{"Content-Length": "99999999999"})[0].status == 413


def test_frames_come_and_stop_and_one_step_is_one_step(served):
    path = f"/{served.token}/frames?after="
    first = json.loads(ask(served, path + "0")[1])
    assert first["begun"] and first["frames"] and first["state"]["running"]
    assert order(served, name="pause")["running"] is False
    before = json.loads(ask(served, path + "0")[1])
    order(served, name="generator")
    after = json.loads(ask(served, path + str(before["sequence"]))[1])
    steps = [frame["step"] for frame in after["frames"]]
    assert not after["begun"] and (not steps or steps == [before["frames"][-1]["step"] + 1])


def test_a_taken_port_is_told(served):
    with pytest.raises(UserError, match="can't be opened"):
        LabServer(served.board, {}, served.server_address[1])


@pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")
def test_a_training_is_steered_in_a_browser(served, tmp_path):
    with Browser(tmp_path / "profile") as browser:
        browser.resize(1280, 1000)
        browser.open(served.address)
        browser.wait("lab.frames.length > 2")
        browser.press(" ")
        browser.wait("document.getElementById('play').textContent === 'Train'")
        browser.wait("(window.before ??= lab.frames.at(-1).step) === lab.frames.at(-1).step")
        browser.run("document.querySelector('[data-order=discriminator]').click()")
        browser.wait("lab.frames.at(-1).step > window.before")
        browser.run("form.elements.loss.value = 'hinge', form.elements.data.value = 'grid'")
        browser.run("form.requestSubmit()")
        browser.wait("document.getElementById('title').textContent.startsWith('grid, hinge')")
        browser.wait("lab.frames.length > 1 && lab.frames.at(-1).modes_of === 25")
        browser.run("document.getElementById('draw').click()")
        box = browser.run("(b => [b.left, b.top, b.width])(plane.getBoundingClientRect())")
        browser.drag(*[(box[0] + box[2] * (0.3 + 0.02 * n), box[1] + box[2] * 0.4) for n in range(20)])
        assert browser.run("drawn.length") >= 40
        browser.run("document.getElementById('draw').click()")
        browser.wait("document.getElementById('title').textContent.startsWith('drawn')")
        browser.wait("lab.frames.length > 1")
        assert browser.run("document.getElementById('message').textContent") == ""
        assert browser.complaints() == []
        assert all(
            address.startswith(served.address) or address == "about:blank" for address in browser.requests()
        )
