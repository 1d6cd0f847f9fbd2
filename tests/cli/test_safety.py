"""Refusals' exit code, the notice that comes once, and a report without anybody's name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from faceswap_cli.__main__ import main as begin
from faceswap_cli.cli.app import Boundary, new_app
from faceswap_cli.cli.consent import NOTICE, tell_consent
from faceswap_cli.cli.doctor import hide_user_paths
from faceswap_cli.errors import Refusal
from faceswap_cli.media.photo import write_photo
from tests.cli.conftest import PICTURE
from tests.faces.face_pictures import invented_child


def test_a_refusal_is_one_line_and_exit_code_three():
    app = new_app(cls=Boundary)

    @app.command()
    def refuse() -> None:
        raise Refusal("a.mp4 shows what is not converted", "Choose another")

    @app.command()
    def other() -> None:
        raise typer.Exit(0)

    done = CliRunner().invoke(app, ["refuse"])
    assert done.exit_code == 3
    assert done.stderr.splitlines() == ["error: a.mp4 shows what is not converted. Choose another"]


def test_the_notice_comes_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "new"))
    tell_consent()
    assert NOTICE[:40] in capsys.readouterr().err
    tell_consent()
    assert capsys.readouterr().err == ""


def test_it_is_silent_where_it_can_not_be_remembered(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    tell_consent()
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(os.name == "nt", reason="these are paths of other systems")
def test_a_report_names_nobody(monkeypatch):
    monkeypatch.setenv("HOME", "/home/alice")
    monkeypatch.setenv("USER", "alice")
    assert hide_user_paths("/home/alice/films/a") == "~/films/a"
    assert hide_user_paths("/media/alice/disk") == "/media/~/disk"
    monkeypatch.setenv("XDG_DATA_HOME", "/films/secret")
    assert hide_user_paths("/films/secret/faceswap") == "$XDG_DATA_HOME/faceswap"
    assert hide_user_paths("malice and /data/malice") == "malice and /data/malice"


def test_doctor_tells_limits_and_no_home(faceswap, monkeypatch, tmp_path):
    home = tmp_path / "somebody"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("FACESWAP_MAX_FRAMES", "12345")
    before = sorted(Path(home).rglob("*"))
    done = faceswap("doctor", "--report")
    assert done.code == 0, done.err
    assert "12,345" in done.out and "most video pixels" in done.out and "nudenet" in done.out
    assert "c2pa-python" in done.out and "models/ageing" in done.out
    assert "somebody" not in done.out + done.err
    assert sorted(Path(home).rglob("*")) == before


def test_ctrl_c_is_no_traceback_even_while_loading(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("faceswap_cli.cli.main", interrupted)
    with pytest.raises(SystemExit) as ended:
        begin()
    assert ended.value.code == 130 and capsys.readouterr().err == "interrupted\n"


def test_a_sheet_draws_nobody_who_looks_like_a_child_unless_all_are_adults(faceswap, tmp_path):
    child = tmp_path / "child.png"
    write_photo(child, invented_child())
    where = ("-m", "conditional", "--face", child, "-o", tmp_path / "sheet.png", "--vary", "feather=0,0.2")
    done = faceswap("convert", "sheet", PICTURE, *where)
    assert done.code == 3 and "--adult-confirmed" in done.err and not (tmp_path / "sheet.png").exists()
    done = faceswap("convert", "sheet", PICTURE, *where, "--adult-confirmed")
    assert done.code == 0 and (tmp_path / "sheet.png").is_file()
