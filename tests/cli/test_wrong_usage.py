"""What is said of command lines that can't be read, and the examples that show how they can."""

import shlex

import pytest
import typer

from faceswap_cli.cli import app
from faceswap_cli.cli.commands import SUMMARIES, Commands
from faceswap_cli.cli.wrong_usage import OTHER_WORDS, suggest_command


def commands(command, path=()):
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name, one in below.items():
        yield from commands(one, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["convert", "clip.mp4", "-o", "out.mp4"], "faceswap convert video clip.mp4 -o out.mp4"),
        (["age", "me.jpg", "--to", "70"], "faceswap age photo me.jpg --to 70"),
        (["age", "my photo.jpg"], "faceswap age photo 'my photo.jpg'"),
        (["swap", "a.mp4"], "faceswap convert"),
        (["convrt"], "faceswap convert"),
        (["faces", "shet", "x"], "faceswap faces sheet"),
    ],
)
def test_the_command_that_was_meant_is_said(faceswap, arguments, meant):
    done = faceswap(*arguments)
    assert done.code == 2
    assert f"Did you mean: {meant}" in " ".join(done.err.split())


def test_a_folder_is_taken_for_photos(faceswap, tmp_path):
    assert f"faceswap age photo {tmp_path}" in faceswap("age", tmp_path).err


def test_a_word_like_nothing_is_answered_with_what_there_is(faceswap):
    done = faceswap("xyzzy")
    assert done.code == 2
    assert "There are: extract, train" in done.err


def test_other_tools_words_lead_somewhere_once_it_is_there():
    assert "faceswap live" in suggest_command("faceswap", ["webcam"], ["convert", "live"])
    assert "There are: convert" in suggest_command("faceswap", ["webcam"], ["convert"])
    assert not OTHER_WORDS.keys() & {path[0] for path in ALL}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["extract", "a.mp4"], "'-o': Face set folder"),
        (["train", "-A", "faces"], "'-m': Run folder"),
    ],
)
def test_a_missing_option_says_what_it_is_for(faceswap, arguments, told):
    done = faceswap(*arguments)
    assert done.code == 2
    assert told in " ".join(done.err.split())


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_each_command_has_an_example_that_it_understands(path, faceswap):
    command = ALL[path]
    assert command.epilog
    flags = {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)}
    for line in command.epilog.splitlines():
        words = shlex.split(line, comments=True)
        assert tuple(words[: len(path) + 1]) == ("faceswap", *path)
        assert {word for word in words if word.startswith("-") and not word[1:2].isdigit()} <= flags
    shown = faceswap(*path, "--help").out
    assert command.epilog.splitlines()[0] in shown


def test_the_table_of_commands_says_what_each_one_says():
    assert {name: one.get_short_help_str(300) for name, one in Commands().items()} == SUMMARIES
