"""Packages that one back end needs and another doesn't."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from faceswap_cli.errors import UserError


def require(module: str, package: str, purpose: str) -> ModuleType:
    """Import a module only now.

    Args:
        module: its import name.
        package: what to `pip install` for it.
        purpose: what needs it, for the message.

    Raises:
        UserError: it is not installed, or fails to load.
    """
    try:
        return import_module(module)
    except (ImportError, OSError) as error:  # OSError: a shared library of it is missing
        if isinstance(error.__cause__, KeyboardInterrupt):  # a signal while it was loaded: a compiled module
            raise error.__cause__ from None  # says only that it could not begin
        raise UserError(
            f"{purpose} needs {module}, which can't be loaded ({error})", f"pip install {package}"
        ) from error
