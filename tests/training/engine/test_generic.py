"""The loop knows no faces."""

import ast
from pathlib import Path

import pytest

from faceswap_cli.training import engine

FILES = sorted(Path(next(iter(engine.__path__))).glob("*.py"))
ALLOWED = tuple(f"faceswap_cli.{room}" for room in ("errors", "files", "limits", "device", "options"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_engine_imports_nothing_of_what_is_trained(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("faceswap_cli"):
            assert node.module.startswith(("faceswap_cli.training.engine", *ALLOWED)), node.module
