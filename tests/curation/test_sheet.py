from __future__ import annotations

import json
import shutil
import subprocess
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import cv2
import pytest

from faceswap_cli.curation.sheet import write_sheet
from faceswap_cli.curation.sort import sort_faces
from faceswap_cli.errors import UserError
from faceswap_cli.faces.sets.faceset import FaceSet, FaceSetWriter, Source
from tests.face_sets import HEADER, crop, files, make_set, packed, record

NASTY = """a"b'c</script><script>alert(1)</script><!--&amp;\u2028 %41#?é日.mp4"""


class Page(HTMLParser):
    """The elements of a page, in order, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.title = ""
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        if self._inside == "title":
            self.title += data

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.scripts[0])

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def sheet_of(folder: Path) -> Page:
    page, _ = write_sheet(FaceSet.open(folder))
    return Page(page.read_text(encoding="utf-8"))


@pytest.fixture
def eight(tmp_path: Path) -> Path:
    return make_set(
        tmp_path / "faces",
        8,
        change=lambda k: {
            "sharpness": 0.2 + 0.1 * k,
            "pose": (10.0 * k - 30, 0, 0),
            "score": 0.99 - 0.01 * k,
        },
        track=lambda k: k % 2,
    )


def test_the_page_knows_every_crop(eight: Path) -> None:
    data = sheet_of(eight).data
    assert sorted(data["files"]) == files(eight / "crops")
    columns = ("track", "quality", "sharpness", "score", "confidence", "size", "yaw", "pitch", "roll", "time")
    assert {len(data[name]) for name in columns} == {8}
    place = data["files"].index("clip_000005_0.jpg")
    assert (data["sharpness"][place], data["yaw"][place], data["time"][place]) == (70, 20, 20)
    assert data["tracks"][data["track"][place]]["number"] == 1
    assert not data["sorted"] and data["sources"] == [[0, "clip.mp4"]]
    assert data["track"] == [0] * 4 + [1] * 4  # track by track
    assert data["quality"][:4] == sorted(data["quality"][:4])  # the worst first


def test_mouth_lids_and_gaze_are_offered_where_they_are_known(eight: Path, tmp_path: Path) -> None:
    assert not {"lids", "mouth", "gaze"} & sheet_of(eight).data.keys()
    folder = make_set(tmp_path / "dense", 4, change=lambda k: {"packed": packed(0.1 * k, 0.3 - 0.1 * k, 0.5)})
    page = sheet_of(folder)
    assert {"lids", "mouth", "gaze"} < {option["value"] for option in page.all("option")}
    data = page.data
    frame = [int(file[5:11]) for file in data["files"]]
    lids, mouth = ([data[name][frame.index(k)] for k in range(4)] for name in ("lids", "mouth"))
    assert (
        lids[0] == mouth[3] == 0 and lids == sorted(set(lids)) and mouth == sorted(set(mouth), reverse=True)
    )
    assert data["gaze"] == [50] * 4
    script = "return [sheet.arrange(a0, [0, 1, 2, 3], 'lids', false), sheet.caption(a0, 0, 'gaze')]"
    order, caption = in_node(script, data)
    assert [frame[i] for i in order] == [0, 1, 2, 3] and caption.startswith("0.50")


def test_deleted_crops_are_not_shown(eight: Path) -> None:
    (eight / "crops" / "clip_000003_0.jpg").unlink()
    write_sheet(FaceSet.open(eight))
    text = (eight / "sheet.html").read_text(encoding="utf-8")
    assert "clip_000003_0" not in text and "7 faces" in text and "1 removed" in text


def test_a_sorted_set_is_shown_in_its_order(eight: Path) -> None:
    list(sort_faces(eight, "blur", reverse=True))
    data = sheet_of(eight).data
    assert data["sorted"] and sorted(data["files"])[0] == "000000@clip_000007_0.jpg"


def test_doubtful_tracks_have_their_reason(tmp_path: Path) -> None:
    folder = make_set(
        tmp_path / "faces",
        30,
        change=lambda k: {"score": 0.81 if k == 3 else 0.99},
        track=lambda k: int(k == 3),
    )
    assert [track["doubt"] is None for track in sheet_of(folder).data["tracks"]] == [False, True]


def test_names_can_t_break_out_of_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "fa<b>ces & 'more'"
    name = NASTY.replace("/", "_") + "_000000_0.jpg"
    folder.mkdir()
    with FaceSetWriter(folder, HEADER) as writer:
        known = writer.add_source(Source(-1, NASTY, "/x", "video", 9, 9, "a", 1, 1))
        writer.add(known, [(record(name, 0), crop(100, 0))])
        writer.finish(known, {name: 0})
    page = sheet_of(folder)
    assert len(page.scripts) == 2 and page.title == f"Faces in {folder.name}"
    assert page.data["files"] == [name] and page.data["sources"] == [[0, NASTY]]
    assert NASTY in page.data["tracks"][0]["name"]
    [picture] = page.all("img")
    assert unquote(picture["src"] or "") == f"crops/{name}"


def test_nothing_is_fetched(eight: Path) -> None:
    page = sheet_of(eight)
    text = (eight / "sheet.html").read_text(encoding="utf-8")
    assert "http" not in text and "fetch(" not in text and "import " not in text
    assert all("src" not in script for script in page.all("script"))
    places = [one.get("src") or one.get("href") or "" for tag in ("img", "a") for one in page.all(tag)]
    assert all(place == "sheet.jpg" or place.startswith("crops/") for place in places)


def test_without_a_script_the_worst_are_shown(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "faces", 230)
    page = sheet_of(folder)
    assert len(page.all("img")) == 200 and len(page.data["files"]) == 230


def test_the_picture(eight: Path) -> None:
    (eight / "crops" / "clip_000004_0.jpg").write_bytes(b"damaged")
    _, picture = write_sheet(FaceSet.open(eight))
    assert cv2.imread(str(picture)).shape == (2 * 184, 1280, 3)


def test_an_empty_set_has_no_sheet(eight: Path) -> None:
    shutil.rmtree(eight / "crops")
    with pytest.raises(UserError, match="holds no faces"):
        write_sheet(FaceSet.open(eight))


def in_node(script: str, *arguments: object) -> Any:
    """What a piece of JavaScript that knows the page's `sheet` prints as JSON."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    source = resources.files("faceswap_cli.curation").joinpath("sheet_page.js").read_text(encoding="utf-8")
    given = "".join(f"const a{k} = {json.dumps(value)};\n" for k, value in enumerate(arguments))
    whole = f"{source}\n{given}console.log(JSON.stringify((() => {{ {script} }})()));"
    done = subprocess.run([node, "-"], input=whole, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


NO_FILTER = dict.fromkeys(("source", "track", "quality", "sharpness", "yaw", "size")) | {
    "doubt": False,
    "ticked": False,
}


@pytest.mark.parametrize(
    ("wanted", "bad"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6, 7]),
        ({"track": 1}, [1, 3, 5, 7]),
        ({"source": 1}, []),
        ({"sharpness": 0.4}, [0, 1, 2]),
        ({"yaw": 30}, [0, 6, 7]),
        ({"size": 10}, []),
        ({"doubt": True}, []),
        ({"ticked": True}, [2, 5]),
        ({"ticked": True, "track": 1}, [5]),
    ],
)
def test_the_script_filters(eight: Path, wanted: dict[str, object], bad: list[int]) -> None:
    data = sheet_of(eight).data
    ticked = ["clip_000002_0.jpg", "clip_000005_0.jpg"]
    found = in_node("return sheet.select(a0, a1, new Set(a2))", data, NO_FILTER | wanted, ticked)
    assert sorted(int(data["files"][place][5:11]) for place in found) == bad


def test_the_script_sorts(eight: Path) -> None:
    data = sheet_of(eight).data
    orders = ["worst", "track", "quality", "sharpness", "yaw", "file"]
    script = "const all = a0.files.map((_, i) => i); return a1.map(o => sheet.arrange(a0, all, o, a2))"
    by = dict(zip(orders, in_node(script, data, orders, False), strict=True))
    frame = [int(file[5:11]) for file in data["files"]]
    assert by["worst"] == list(range(8))
    assert [frame[i] for i in by["track"]] == [0, 2, 4, 6, 1, 3, 5, 7]
    assert [frame[i] for i in by["file"]] == [frame[i] for i in by["yaw"]] == list(range(8))
    for column in ("quality", "sharpness"):
        assert [data[column][i] for i in by[column]] == sorted(data[column])
    assert in_node(script, data, orders, True) == [order[::-1] for order in by.values()]


def test_the_script_lays_out_rows(eight: Path) -> None:
    data = sheet_of(eight).data
    grouped = in_node("return sheet.rows(a0, [0, 1, 2, 3, 4, 5, 6, 7], 3, 100, true)", data)
    assert [(row["from"], row["to"], row["track"]) for row in grouped["rows"]] == [
        *((0, 4, 0), (0, 3, None), (3, 4, None)),
        *((4, 8, 1), (4, 7, None), (7, 8, None)),
    ]
    head, tile = grouped["tops"][1], grouped["tops"][2] - grouped["tops"][1]
    assert grouped["tops"][-1] == 2 * head + 4 * tile
    flat = in_node("return sheet.rows(a0, [5, 2], 3, 100, false)", data)
    assert [(row["from"], row["to"], row["track"]) for row in flat["rows"]] == [(0, 2, None)]
    assert in_node("return sheet.rows(a0, [], 3, 100, true)", data) == {"rows": [], "tops": [0]}
    places = in_node("return [-50, 0, 9, 10, 99, 1000].map(y => sheet.rowAt([0, 10, 20, 30], y))")
    assert places == [0, 0, 0, 1, 2, 2]


def test_the_script_writes_a_list_that_filter_reads(eight: Path) -> None:
    data = sheet_of(eight).data
    text = in_node("return sheet.list(a0, new Set(a1))", data, ["clip_000005_0.jpg", "clip_000002_0.jpg"])
    assert sorted(text.splitlines()) == ["clip_000002_0.jpg", "clip_000005_0.jpg"]
    links = in_node("return a0.map(f => sheet.link({folder: 'crops/', files: [f]}, 0))", ["a b#?%é.jpg"])
    assert [unquote(link) for link in links] == ["crops/a b#?%é.jpg"] and "#" not in links[0]
