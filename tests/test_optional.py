"""Packages that are loaded when they are wanted."""

import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.optional import require


def test_a_package_that_is_not_there_is_told():
    with pytest.raises(UserError, match="needs not_there"):
        require("not_there", "not-there", "the test")


def test_a_signal_while_a_package_is_loaded_is_no_fault_of_the_package(tmp_path, monkeypatch):
    """Compiled modules say of it only that they could not be initialised."""
    (tmp_path / "half_loaded.py").write_text(
        "try:\n    raise KeyboardInterrupt\nexcept KeyboardInterrupt as stop:\n"
        "    raise ImportError('initialization failed') from stop\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        require("half_loaded", "half-loaded", "the test")
