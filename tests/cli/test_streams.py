"""Where words go may be full, or lack letters: the work is done all the same, and there is no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORK = """
import sys
from faceswap_cli.cli import console
from faceswap_cli.cli.app import Boundary, new_app
import typer

app = typer.Typer(cls=Boundary, pretty_exceptions_enable=False)

@app.command()
def work(name: str):
    console.tell(f"at work on {name}")
    console.say(f"done: {name}")
    console.warn(f"about {name}")
    console.table(["name"], [[name]])
    open(sys.argv[2], "w").close()  # what is written beside the output, at the very end

@app.command()
def other(): ...

app(["work", sys.argv[1]])
"""


def work(
    tmp_path: Path, name: bytes, stdout: object, encoding: str = "utf-8", **how: object
) -> tuple[int, str]:
    after = tmp_path / "after"
    after.unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", WORK, name, str(after)], stdout=stdout, env=environment, check=False,
        stderr=how.get("stderr", subprocess.PIPE),
    )  # fmt: skip
    assert after.exists()
    return done.returncode, (done.stderr or b"").decode(errors="replace")


@pytest.mark.parametrize("name", ["Привет.mp4".encode(), b"b\xe9\xff.mp4", "雪.mp4".encode()])
def test_names_that_the_encoding_lacks_are_escaped(tmp_path: Path, name: bytes) -> None:
    for encoding in ("cp1252", "ascii", "utf-8"):
        with (tmp_path / "out.txt").open("wb") as file:
            code, error = work(tmp_path, name, file, encoding)
        assert code == 0 and "Traceback" not in error and "Error" not in error
        said = (tmp_path / "out.txt").read_bytes()
        assert said.startswith(b"done: ") and said.count(b".mp4") == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_standard_output_does_not_end_the_work(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        code, error = work(tmp_path, b"a.mp4", full)
        assert code == 1 and "Traceback" not in error and "Exception" not in error
        assert error.count("standard output can't be written") == 1
        code, _ = work(tmp_path, b"a.mp4", subprocess.DEVNULL, stderr=full)
        assert code == 0
