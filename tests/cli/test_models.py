"""`faceswap models`: families and bundled weights."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from faceswap_cli import zoo
from faceswap_cli.cli import app


def test_list_names_every_bundled_network() -> None:
    result = CliRunner().invoke(app, ["models", "list"])
    assert result.exit_code == 0
    for name in zoo.names():
        assert name in result.output and f"{zoo.card(name).facts['bytes'] / 1e6:.1f} MB" in result.output


@pytest.mark.parametrize("name", zoo.names())
def test_show_prints_a_card(name: str) -> None:
    result = CliRunner().invoke(app, ["models", "show", name])
    assert result.exit_code == 0
    assert json.loads(result.output)["sha256"] == zoo.card(name).facts["sha256"]


def test_show_of_neither_says_so(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["models", "show", str(tmp_path / "nothing")])
    assert result.exit_code == 1 and "Traceback" not in result.output
