"""Completion in real shells: what the Tab key makes of a beginning."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
START = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"]}


@pytest.fixture
def folder(tmp_path):
    """A folder with the command `faceswap` in it."""
    script = tmp_path / "faceswap"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m faceswap_cli "$@"\n')
    script.chmod(0o755)
    return tmp_path


@pytest.fixture
def terminal(folder, request):
    """A shell with our completion in a terminal of its own: write to it, read what it shows."""
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PS1": "> ", "TERM": "xterm"}
    told = subprocess.run(
        [folder / "faceswap", "--show-completion", shell], capture_output=True, text=True, check=True,
        env=environment | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
    )  # fmt: skip
    (folder / "completion").write_text(told.stdout)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [shell, *START[shell]], stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=folder,
        start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    if shell == "zsh":
        os.write(master, b"autoload -Uz compinit && compinit -u -d ./zcompdump\n")
    os.write(master, b"source ./completion && echo re''ady\n")
    read_until(master, "ready")
    yield master
    process.kill()
    process.wait()
    os.close(master)


def read_until(master, pattern):
    seen, until = "", time.monotonic() + 120
    while not re.search(pattern, seen):
        assert time.monotonic() < until, f"never came: {pattern}\n{seen}"
        if select.select([master], [], [], 0.2)[0]:
            seen += os.read(master, 65536).decode(errors="replace")
    return seen


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize("terminal", START, indirect=True)
def test_commands_and_options_are_completed(terminal):
    os.write(terminal, b"faceswap conv\t")
    read_until(terminal, "convert")
    os.write(terminal, b"vid\t")
    read_until(terminal, "video")
    os.write(terminal, b"--smoo\t")
    read_until(terminal, "--smoothing")
