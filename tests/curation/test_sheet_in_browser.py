"""The review sheet in a real browser, as a person uses it."""

import json
import re

import pytest

from faceswap_cli.curation.sheet import write_sheet
from faceswap_cli.faces.sets.faceset import FaceSet
from tests.browser import Browser, find_browser
from tests.face_sets import make_set

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")
MANY = 50_000


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile"), offline=True) as found:
        found.resize(1280, 900)
        yield found


@pytest.fixture
def page(browser, tmp_path):
    folder = make_set(
        tmp_path / "faces",
        24,
        change=lambda k: {"sharpness": 0.2 + 0.02 * k, "pose": (5.0 * k - 60, 0, 0)},
        track=lambda k: k % 2,
    )
    browser.events.clear()
    browser.open(write_sheet(FaceSet.open(folder))[0].as_uri())
    browser.wait("document.querySelectorAll('.tile').length === 24")
    return browser


def shown(page):
    return page.run("document.getElementById('count').textContent")


def choose(page, name, value):
    page.run(f"document.getElementById('{name}').value = '{value}'")
    page.run(f"document.getElementById('{name}').oninput()")


def order(page):
    return page.run("[...document.querySelectorAll('.tile')].map(t => t.title.split('\\n')[0])")


def test_pictures_are_seen_and_nothing_is_complained_of(page):
    page.wait("[...document.querySelectorAll('.tile img')].every(i => i.complete && i.naturalWidth > 0)")
    assert shown(page) == "24 of 24 shown, 0 ticked"
    assert page.complaints() == []
    assert all(address.startswith(("file:", "data:")) for address in page.requests())


def test_crops_are_sorted_and_filtered(page):
    choose(page, "order", "yaw")
    assert order(page) == [f"clip_{k:06d}_0.jpg" for k in range(24)]
    page.run("document.getElementById('reverse').click()")
    assert order(page)[0] == "clip_000023_0.jpg"
    choose(page, "sharpness", "0.3")
    assert shown(page).startswith("6 of 24")
    choose(page, "track", "1")
    assert shown(page).startswith("3 of 24")
    page.run("document.getElementById('clear').click()")
    assert shown(page).startswith("24 of 24")


def test_ticks_by_mouse_and_by_range_outlive_a_reload(page):
    choose(page, "order", "yaw")
    x, y = page.run(
        "(() => { const b = document.querySelectorAll('.tile input')[2].getBoundingClientRect();"
        " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
    )
    page.drag((x, y))
    assert shown(page).endswith("1 ticked")
    page.run(
        "document.querySelectorAll('.tile input')[6].dispatchEvent("
        "new MouseEvent('click', {bubbles: true, shiftKey: true}))"
    )
    assert shown(page).endswith("5 ticked")
    page.reload()
    page.wait("document.querySelectorAll('.tile').length === 24")
    assert shown(page).endswith("5 ticked")
    page.run("document.getElementById('untick-all').click()")
    assert shown(page).endswith("0 ticked")


def test_fifty_thousand_crops_are_shown_a_screen_at_a_time(browser, tmp_path):
    page = write_sheet(FaceSet.open(make_set(tmp_path / "many", 100)))[0]
    parts = re.compile(r'(.*id="data">)(.*?)(</script>.*)', re.S)
    head, text, tail = parts.fullmatch(page.read_text(encoding="utf-8")).groups()
    data = json.loads(text)
    for name, column in data.items():
        if isinstance(column, list) and len(column) == 100:
            data[name] = column * (MANY // 100)
    data["files"] = [f"{k:05d}-{name}" for k, name in enumerate(data["files"])]
    page.write_text(head + json.dumps(data) + tail, encoding="utf-8")
    browser.open(page.as_uri())
    browser.wait("document.querySelectorAll('.tile').length > 0")
    assert shown(browser) == f"{MANY} of {MANY} shown, 0 ticked"
    assert browser.run("document.querySelectorAll('.tile').length") < 500
    browser.run("scrollTo(0, document.body.scrollHeight)")
    browser.wait("[...document.querySelectorAll('.tile')].some(t => t.title.startsWith('49999'))")
    assert browser.run("document.querySelectorAll('.tile').length") < 500
    choose(browser, "order", "quality")
    browser.run("document.getElementById('tick-all').click()")
    assert shown(browser) == f"{MANY} of {MANY} shown, {MANY} ticked"
