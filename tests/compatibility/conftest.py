"""The command line by its entry point alone, and a copy of the old files: modules may move as they like."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from faceswap_cli.__main__ import main
from tests.compatibility.described import ABOUT, write_checkpoint
from tests.compatibility.old_files import HERE, SECONDS

OLD = Path(__file__).resolve().parents[1] / "data" / "written-by-0.1"


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def faceswap(monkeypatch):
    """Call the command line: faceswap("extract", path, "-o", folder)."""

    def call(*arguments: object) -> Result:
        out, err, code = io.StringIO(), io.StringIO(), 0
        monkeypatch.setattr(sys, "argv", ["faceswap", *map(str, arguments)])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        return Result(code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    """All old files, as they lay on the disk that they were made on."""
    folder = tmp_path_factory.mktemp("old") / "files"
    shutil.copytree(OLD, folder)
    for about in list(folder.glob(f"*/{ABOUT}")):
        write_checkpoint(about.parent)
    for index in folder.rglob("faces.jsonl"):
        index.write_text(index.read_text(encoding="utf-8").replace(HERE, str(folder)), encoding="utf-8")
    for path in folder.rglob("*"):
        os.utime(path, (SECONDS, SECONDS))
    return folder


@pytest.fixture
def old(whole) -> Iterator[Path]:
    """The old files, to be written to: the next test finds them as they were."""
    kept = whole.with_name("kept")
    shutil.copytree(whole, kept)  # copies times of change
    yield whole
    shutil.rmtree(whole)
    kept.rename(whole)
