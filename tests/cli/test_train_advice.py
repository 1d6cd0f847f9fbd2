"""What is said at the end of a training: what to do next, and whether it was enough."""

from pathlib import Path

import pytest

from faceswap_cli.cli.train_checks import advice_after


@pytest.mark.parametrize(
    ("family", "command"),
    [
        ("shared", "faceswap convert video"),
        ("age", "faceswap age photo"),
        ("style", "faceswap style photo"),
        ("generator", "faceswap generate -m my-run"),
    ],
)
def test_the_next_command_is_named_with_the_run(family, command):
    [line] = advice_after(family, Path("my-run"), 5000)
    assert command in line
    assert "my-run" in line


def test_a_network_from_nothing_is_said_to_want_more_steps():
    assert "29 steps are few" in advice_after("generator", Path("run"), 29)[0]
    assert not any("few" in line for line in advice_after("shared", Path("run"), 29))


def test_points_have_no_next_command():
    assert advice_after("points", Path("run"), 10) == []
