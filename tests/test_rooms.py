"""Dependencies point downwards only, and the command line starts without the heavy libraries."""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from faceswap_cli.cli.commands import SUMMARIES

PACKAGE = Path(__file__).resolve().parents[1] / "faceswap_cli"

LAYERS = (
    {"__main__", "__init__"},
    {"api"},
    {"keywords"},
    {"cli"},
    {"generation", "portrait"},
    {"pipeline", "training", "curation"},
    {"effects"},
    {"compositing", "evaluation"},
    {"faces"},
    {"networks"},
    {"provenance"},
    {"media", "zoo", "journal"},
    {"device", "files", "optional"},
    {"limits", "options"},
    {"errors", "version", "words"},
)
HEIGHT = {room: len(LAYERS) - level for level, rooms in enumerate(LAYERS) for room in rooms}


@functools.cache
def import_statements():
    """Each file of the package, and its imports: at its top, in functions, for type checkers."""
    files = {
        path: ast.walk(ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(PACKAGE.rglob("*.py"))
    }
    kinds = (ast.Import, ast.ImportFrom)
    return {path: [node for node in nodes if isinstance(node, kinds)] for path, nodes in files.items()}


def imports():
    for path, statements in import_statements().items():
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in statements:
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
                if node.module == "faceswap_cli":
                    names = [f"faceswap_cli.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                if name.startswith("faceswap_cli."):
                    yield path.relative_to(PACKAGE), room, name.split(".")[1]


def test_every_room_has_a_floor():
    rooms = {room for _, room, _ in imports()}
    assert rooms <= set(HEIGHT)


def test_no_arrow_points_up():
    upward = [
        f"{path} imports {target}"
        for path, room, target in imports()
        if room != target and HEIGHT[target] >= HEIGHT[room]
    ]
    assert upward == []


def imports_of_files():
    """Each file of the package with those that it imports."""
    files = {}
    for path in import_statements():
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    graph = {}
    for name, path in files.items():
        named = set()
        for node in import_statements()[path]:
            if isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path}: imports are absolute"
                whole = [f"{node.module}.{alias.name}" for alias in node.names]
                named |= {one if one in files else node.module for one in whole}
            elif isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
        graph[name] = (named & files.keys()) - {name}
    return graph


def test_no_files_import_each_other_in_a_circle():
    left = imports_of_files()
    assert sum(map(len, left.values())) > 500  # it does see imports
    while ends := {name for name, wanted in left.items() if not wanted & left.keys()}:
        left = {name: wanted for name, wanted in left.items() if name not in ends}
    # What is left imports a circle, or is in one: those who are imported by none of them are in none.
    while tops := left.keys() - set().union(*left.values()):
        left = {name: wanted for name, wanted in left.items() if name not in tops}
    assert {name: sorted(wanted & left.keys()) for name, wanted in left.items()} == {}


@pytest.mark.parametrize(
    ("words", "commands"),
    [(["--help"], set()), (["train", "--help"], {"train"}), (["convert", "video", "--help"], {"convert"})],
)
def test_help_imports_nothing_heavy_and_no_other_command(words, commands):
    code = (
        "import sys\n"
        "from faceswap_cli.cli import app\n"
        f"try:\n    app({words})\n"
        "except SystemExit:\n    pass\n"
        "print('LOADED', *sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split("LOADED", 1)[1].split())
    heavy = {"torch", "cv2", "numpy", "av", "onnxruntime", "dlib", "face_alignment", "rich", "pydantic"}
    assert not loaded & heavy
    assert {name for name in SUMMARIES if f"faceswap_cli.cli.{name}" in loaded} == commands


def test_nothing_is_ever_unpickled_or_run():
    loaders = r"\b(pickle|cPickle|cloudpickle|joblib|dill|shelve|marshal)\b|(?<!safetensors\.)torch\.load\("
    loaders += r"|\ballow_pickle\b|\byaml\.(unsafe_|full_)?load\("
    pattern = re.compile(loaders + r"|(?<![\w.])(eval|exec)\(|__import__\(|weights_only")
    found = [
        f"{path}:{number}"
        for folder in (PACKAGE, PACKAGE.parent / "scripts")
        for path in folder.rglob("*.py")
        if path.name != "port_backbone.py"  # reads the names in somebody's pickle, and runs nothing of it
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_files_hold_one_idea_each():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in import_statements()}
    assert {str(path): lines for path, lines in lengths.items() if lines > 420} == {}
