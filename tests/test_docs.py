"""One page a command, and links that lead somewhere."""

import re
from pathlib import Path

import pytest

from faceswap_cli.cli.commands import SUMMARIES

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
INDEX = dict(
    re.findall(r"^\| `(\w+)` \| \[.*?\]\(([\w-]+\.md)\)", (ROOT / "docs" / "README.md").read_text(), re.M)
)


def headings(page):
    """The anchors that forges give a page's headings."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_every_command_has_a_page_with_an_example():
    assert list(INDEX) == list(SUMMARIES)
    for command, page in INDEX.items():
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        assert re.search(rf"^ *faceswap {command}\b", text, re.M), page
        assert "cli.md" in text, page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", text):
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), target
        if anchor:
            assert anchor in headings(there), f"{target}#{anchor}"
