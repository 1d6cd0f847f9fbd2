"""The page that replays a training, as text and in a real browser."""

import json
import re

import numpy as np
import pytest

from faceswap_cli.generation.lab.frames import FIELD, Frame
from faceswap_cli.generation.lab.page import page_data, render_page, write_page
from faceswap_cli.training.monitor.points_validation import WINDOW
from tests.browser import Browser, find_browser

in_browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")
COUNT = 12


def frame(number, collapsed=False):
    random = np.random.default_rng(number)
    return Frame(
        step=10 * number,
        fake=random.uniform(-1, 1, (50, 2)).astype(np.float32),
        field=np.linspace(0, 1, FIELD * FIELD, dtype=np.float32).reshape(FIELD, FIELD),
        arrows=random.uniform(-1, 1, (20, 2)).astype(np.float32),
        sheet=random.uniform(-1, 1, (5, 5, 2)).astype(np.float32),
        losses={"discriminator": 1.0 / number, "generator": 0.5, "r1": 0.01},
        figures={
            "js": 1.0 / number, "js_floor": 0.05, "modes": min(number, 8), "modes_of": 8, "near": 0.9,
            "covered": min(number, 8) / 8, "collapsed": collapsed,
        },
        note="",
        steps_per_second=100.0,
    )  # fmt: skip


REAL = np.random.default_rng(0).uniform(-1, 1, (40, 2)).astype(np.float32)
FRAMES = [frame(number) for number in range(1, COUNT + 1)]


def told(text):
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])


def test_the_page_needs_nothing_from_elsewhere(tmp_path):
    write_page(tmp_path / "page.html", "ring, r3", ["about"], REAL, FRAMES)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|src=|@import|url\(", text)
    assert "default-src 'none'" in text and "connect-src" not in text
    assert len(told(text)["frames"]) == COUNT


def test_names_from_outside_end_no_script_and_make_no_markup():
    nasty = "</script><img onerror=alert(1)>.csv"
    text = render_page(page_data(nasty, [nasty], REAL, FRAMES))
    assert "<img" not in text and text.count("</script>") == 2
    assert told(text)["title"] == nasty


def test_what_is_no_number_and_what_is_far_away_can_be_packed():
    far = frame(1)
    far.fake[0] = (np.nan, 1e9)
    text = render_page(page_data("far", [], REAL, [far]))
    assert "NaN" not in told(text)["frames"][0]["fake"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile"), offline=True) as found:
        yield found


@pytest.fixture
def page(browser, tmp_path):
    write_page(tmp_path / "page.html", "ring, r3", ["Look at this."], REAL, FRAMES)
    browser.resize(1280, 900)
    browser.events.clear()
    browser.open((tmp_path / "page.html").as_uri())
    return browser


def where(browser):
    return browser.run("document.getElementById('where').textContent")


def pixels(browser):
    """How many pixels of the plane are near a colour, by name."""
    script = """(() => { const d = context.getImageData(0, 0, plane.width, plane.height).data;
      const found = { real: 0, fake: 0, arrows: 0, tinted: 0 };
      for (let i = 0; i < d.length; i += 4) { const [r, g, b, a] = d.slice(i, i + 4);
        if (a && Math.abs(r - 31) + Math.abs(g - 138) + Math.abs(b - 59) < 30) found.real++;
        if (a && Math.abs(r - 161) + Math.abs(g - 31) + Math.abs(b - 168) < 80) found.fake++;
        if (a && Math.abs(r - 194) + Math.abs(g - 65) + Math.abs(b - 12) < 40) found.arrows++;
        if (a && r + g + b < 740) found.tinted++; } return found; })()"""
    return browser.run(script)


@in_browser
class TestInABrowser:
    def test_it_shows_the_end_and_complains_of_nothing(self, page):
        assert where(page) == "step 120"
        assert page.run("document.getElementById('state').textContent") == "matches the data: 8 of 8 modes"
        assert page.run("document.getElementById('title').textContent") == "ring, r3"
        found = pixels(page)
        assert found["real"] > 500 and found["fake"] > 500 and found["tinted"] > 200_000
        assert page.complaints() == [] and all(a.startswith("file:") for a in page.requests())

    def test_the_slider_moves_through_the_training(self, page):
        page.run("document.getElementById('step').value = 3")
        page.run("document.getElementById('step').dispatchEvent(new Event('input'))")
        assert where(page) == "step 40"
        assert page.run("document.getElementById('step').getAttribute('aria-valuetext')") == "step 40"

    def test_the_keyboard_moves_and_plays(self, page):
        page.press("Home")
        assert where(page) == "step 10"
        page.press("ArrowRight")
        page.press("ArrowRight")
        assert where(page) == "step 30"
        page.press("ArrowLeft")
        assert where(page) == "step 20"
        page.press(" ")
        assert page.run("document.getElementById('play').textContent") == "Pause"
        page.wait("document.getElementById('where').textContent === 'step 120'")
        page.wait("document.getElementById('play').textContent === 'Play'")

    def test_space_on_a_focused_button_plays_once(self, page):
        page.press("Home")
        page.run("document.getElementById('play').focus()")
        page.press(" ")
        page.wait("lab.at > 0")

    def test_layers_come_and_go_by_key(self, page):
        before = pixels(page)
        assert before["arrows"] == 0
        page.press("5")
        assert pixels(page)["arrows"] > 100
        page.press("2")
        page.press("4")
        hidden = pixels(page)
        assert hidden["fake"] < before["fake"] / 2

    def test_it_fits_a_phone(self, page):
        page.resize(360, 740, mobile=True)
        assert page.run("document.documentElement.scrollWidth") <= 360
        heights = "[...document.querySelectorAll('button, .layers label')].map(e => e.offsetHeight)"
        assert min(page.run(heights)) >= 34
        assert page.run("plane.getBoundingClientRect().width") > 300

    def test_a_link_says_what_it_shows(self, page, tmp_path):
        page.open("about:blank")
        page.open((tmp_path / "page.html").as_uri() + "#step=35&show=real,arrows")
        assert where(page) == "step 40"
        found = pixels(page)
        assert found["arrows"] > 100 and found["fake"] == 0

    def test_a_collapse_is_called_so(self, page, tmp_path):
        write_page(tmp_path / "bad.html", "gan", [], REAL, [frame(1, collapsed=True)])
        page.open((tmp_path / "bad.html").as_uri())
        assert page.run("document.getElementById('state').className") == "bad"
        assert "mode collapse: 1 of 8" in page.run("document.getElementById('state').textContent")


def test_the_window_is_what_is_measured():
    assert page_data("", [], REAL, [])["window"] == WINDOW
