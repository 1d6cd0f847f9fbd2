"""The page beside a training in a real browser: previews, curves, and loading anew while it goes on."""

import cv2
import numpy as np
import pytest

from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.monitor.figures import charts
from faceswap_cli.training.monitor.report import render_report
from tests.browser import Browser, find_browser

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")
FIGURES = FAMILIES["shared"].figures
STEPS = (100, 200, 300, 400)
LOADED = "document.querySelectorAll('#charts figure').length > 0"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile"), offline=True) as found:
        yield found


def write_page(folder, steps=STEPS, refresh=0.0):
    """A run's page, with a preview and measures at each of some steps."""
    (folder / "previews").mkdir(exist_ok=True)
    for step in steps:
        cv2.imwrite(str(folder / f"previews/{step}.jpg"), np.full((40, 60, 3), step % 250, np.uint8))
    names = [one.name for one in FIGURES]
    values = {
        "name": "run <b>", "step": steps[-1], "seconds": 60.0 * len(steps), "images_per_second": 30.0,
        "left": "1:00 left", "done": not refresh, "closing_from": None, "verdict": "rising", "since": None,
        "advice": "It still gets better.", "held": "held out: 10 faces", "written": "today",
        "refresh": refresh,
        "people": [{"id": "b", "name": "anna"}], "figures": names, "charts": charts(FIGURES),
        "losses": [[step, 0.6 * step, 3.0 / step] for step in range(10, steps[-1] + 1, 10)],
        "measures": [[step, 0.6 * step, *(0.5 for _ in names)] for step in steps],
        "previews": [[step, f"previews/{step}.jpg"] for step in steps],
    }  # fmt: skip
    page = folder / "train.html"
    page.write_text(render_report(values), encoding="utf-8")
    return page


@pytest.fixture
def page(browser, tmp_path):
    browser.events.clear()
    browser.open_tab()
    browser.resize(1280, 900)
    browser.open(write_page(tmp_path).as_uri())
    browser.wait(LOADED)
    return browser


def picture(page):
    return page.run("document.getElementById('picture').src.split('/').pop()")


def test_the_last_preview_and_the_curves_are_seen_and_nothing_is_complained_of(page):
    page.wait("document.getElementById('picture').naturalWidth > 0")
    assert picture(page) == "400.jpg"
    assert page.run("document.querySelectorAll('#charts path.curve, #charts path.thin').length") > 1
    assert page.run("document.querySelector('h1').textContent") == "Training run <b>"
    assert page.complaints() == []
    assert all(address.startswith(("file:", "data:")) for address in page.requests())


def test_previews_are_moved_through_by_slider_and_by_keyboard(page):
    page.run("const s = document.getElementById('slider'); s.value = 1; s.dispatchEvent(new Event('input'))")
    assert picture(page) == "200.jpg"
    page.press("ArrowRight")
    assert picture(page) == "300.jpg"
    page.press("ArrowLeft")
    page.press("ArrowLeft")
    assert picture(page) == "100.jpg"


def test_the_axis_and_the_preview_that_were_chosen_outlive_a_reload(page):
    first = page.run("document.querySelector('#charts svg').textContent")
    page.run("document.querySelector('input[value=steps]').click()")
    assert page.run("document.querySelector('#charts svg').textContent") != first
    page.press("ArrowLeft")
    page.reload()
    page.wait(LOADED)
    assert page.run("document.querySelector('input[name=axis]:checked').value") == "steps"
    assert picture(page) == "300.jpg"


def test_the_page_loads_itself_anew_while_the_training_goes_on(browser, tmp_path):
    browser.open_tab()
    browser.open(write_page(tmp_path, STEPS[:2], refresh=5.0).as_uri())
    assert picture(browser) == "200.jpg"
    write_page(tmp_path, STEPS)
    browser.wait("document.getElementById('picture')?.src.endsWith('400.jpg')")


def test_it_fits_on_a_phone(page):
    page.resize(390, 800, mobile=True)
    try:
        page.wait("innerWidth <= 400")
        assert page.run("document.documentElement.scrollWidth <= innerWidth + 1")
    finally:
        page.resize(1280, 900)
