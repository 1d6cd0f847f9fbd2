"""`faceswap lab` as a user calls it."""

import fcntl
import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from faceswap_cli.generation.lab.examples import EXAMPLES
from faceswap_cli.training.runs.folder import open_run

SMALL = ("--generator-width", 8, "--discriminator-width", 8, "--batch", 8)


def test_json_says_what_came_of_it(faceswap, tmp_path):
    done = faceswap("lab", "--data", "ring", "--loss", "gan", "--steps", 4, "--seed", 3, *SMALL, "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert {"data": "ring", "loss": "gan", "seed": 3, "steps": 4, "modes_of": 12}.items() <= found.items()
    assert found["js"] > found["js_floor"] > 0 and isinstance(found["collapsed"], bool)


def test_plain_lines_and_a_page_and_a_run_that_goes_on(faceswap, tmp_path):
    asked = ("lab", "--data", "grid", "-m", tmp_path / "run", *SMALL)
    done = faceswap(*asked, "--steps", 3, "--page", tmp_path / "page.html")
    assert done.code == 0 and "step 3 |" in done.err and f"done: {tmp_path / 'run'}" in done.out
    assert (tmp_path / "page.html").stat().st_size > 10_000
    more = faceswap("lab", "-m", tmp_path / "run", "--steps", 5, "--json")
    found = json.loads(more.out)
    assert (found["data"], found["steps"]) == ("grid", 5) and "going on at step 3" in more.err
    again = faceswap("lab", "-m", tmp_path / "run", "--steps", 5)
    assert again.code == 0 and "nothing to do" in again.out
    settings = open_run(tmp_path / "run").settings
    assert settings.network["generator_width"] == 8 and settings.batch == 8


def test_train_goes_on_with_a_run_of_the_laboratory(faceswap, tmp_path):
    faceswap("lab", "--data", "ring", "-m", tmp_path / "run", "--steps", 2, *SMALL)
    done = faceswap("train", "-A", "ring", "-m", tmp_path / "run", "--steps", 4, "--device", "cpu")
    assert done.code == 0 and "step 4" in done.out and (tmp_path / "run" / "preview.jpg").is_file()


def test_other_data_or_another_loss_is_another_run(faceswap, tmp_path):
    faceswap("lab", "--data", "ring", "-m", tmp_path / "run", "--steps", 2, *SMALL)
    assert faceswap("lab", "--data", "line", "-m", tmp_path / "run", "--steps", 4).is_one_line_error("ring")
    other = faceswap("lab", "--data", "ring", "--loss", "ls", "-m", tmp_path / "run", "--steps", 4)
    assert other.is_one_line_error("loss r3, not ls")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_in_two_sentences_what_to_look_at(faceswap, name):
    about = EXAMPLES[name].about
    assert len(re.findall(r"[.](?: |$)", about)) == 2
    done = faceswap("lab", "--example", name, "--steps", 2, "--json")
    assert done.code == 0 and " ".join(done.err.split()).startswith(about)
    assert json.loads(done.out)["data"] == EXAMPLES[name].data


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--data", "rings"), "neither a shape nor a file"),
        (("--page", "out.txt"), "is no page"),
        (("--page", "/nowhere/out.html"), "does not exist"),
        (("--serve", "--json"), "--serve"),
    ],
)
def test_what_can_not_be_is_one_line(faceswap, arguments, words):
    assert faceswap("lab", "--steps", 2, *arguments).is_one_line_error(words)


def test_a_table_with_words_is_one_line(faceswap, tmp_path):
    (tmp_path / "bad.csv").write_text("x,y\n1,2\nlorem,ipsum\n")
    assert faceswap("lab", "--data", tmp_path / "bad.csv").is_one_line_error("line 3", "lorem")


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
class TestInATerminal:
    @pytest.fixture(autouse=True)
    def started(self):
        """The commands that a test starts: none outlives it."""
        self.processes = []
        yield
        for process in self.processes:
            process.kill()
            process.wait()

    def start(self, *arguments):
        """The command in a terminal of 80 x 30, and what reads it."""
        master, slave = pty.openpty()
        root = Path(__file__).resolve().parents[2]
        environment = {
            **os.environ, "PYTHONPATH": str(root), "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "30",
            "COLORTERM": "truecolor", "PYTHONIOENCODING": "utf-8",
        }  # fmt: skip
        environment.pop("NO_COLOR", None)
        words = [sys.executable, "-m", "faceswap_cli", "lab", *map(str, arguments)]
        process = subprocess.Popen(
            words, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - or Ctrl-C is a key
        )  # fmt: skip
        self.processes.append(process)
        os.close(slave)
        return process, master

    def read_until(self, master, pattern, seen=""):
        until = time.monotonic() + 120
        while not re.search(pattern, seen, re.S):
            assert time.monotonic() < until, f"never came: {pattern}\n{seen[-2000:]}"
            if select.select([master], [], [], 0.2)[0]:
                try:
                    seen += os.read(master, 65536).decode(errors="replace")
                except OSError:  # it has ended
                    break
        assert re.search(pattern, seen, re.S), seen[-2000:]
        return seen

    def test_the_picture_is_steered_by_keys(self):
        process, master = self.start("--data", "ring", "--steps", 100_000, *SMALL)
        seen = self.read_until(master, r"steps a frame")
        assert re.search("[\u2801-\u28ff]", seen) and "\x1b[38;2;" in seen
        os.write(master, b" ")
        self.read_until(master, r"paused")
        os.write(master, b"l")
        self.read_until(master, r"ring, gan, seed 0")
        os.write(master, b"q")
        self.read_until(master, r"steps/s\s*$")
        assert process.wait(60) == 0
        os.close(master)

    def test_ctrl_c_ends_it_and_gives_the_terminal_back(self, tmp_path):
        process, master = self.start("--steps", 100_000, "-m", tmp_path / "run", *SMALL)
        self.read_until(master, r"steps a frame")
        os.write(master, b"\x03")
        self.read_until(master, r"done: ")
        assert process.wait(60) == 130 and open_run(tmp_path / "run").store.newest()[0].facts["step"] > 0
        os.close(master)
