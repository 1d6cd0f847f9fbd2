"""Where results go: never two into one file, never a folder called "-"."""

from __future__ import annotations

from pathlib import Path

import pytest

from faceswap_cli.cli.convert_outputs import name_outputs
from faceswap_cli.errors import UserError


def test_what_would_be_written_over_is_refused(tmp_path: Path) -> None:
    sources, into = [Path("a/x.mp4"), Path("b/X.mp4")], f"{tmp_path}/out/"
    with pytest.raises(UserError, match="two videos would become"):
        name_outputs(sources, into, "x264")
    with pytest.raises(UserError, match="written over each other"):
        name_outputs(sources, str(tmp_path / "%05d.png"), "png")
    with pytest.raises(UserError, match="standard output"):
        name_outputs(sources[:1], "-", "x264")
    with pytest.raises(UserError, match="standard output"):
        name_outputs(sources, "-", "x264")
    assert not list(tmp_path.iterdir())
    assert name_outputs(sources[:1], into, "x264") == [tmp_path / "out" / "x.mp4"]
