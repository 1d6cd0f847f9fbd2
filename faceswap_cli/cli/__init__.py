"""The command line; the `faceswap` script calls `main` by way of `__main__`."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from faceswap_cli.cli.app import Boundary, new_app
from faceswap_cli.cli.commands import SUMMARIES, Commands


class Top(Boundary):
    """The group of all commands, which are loaded when they are wanted."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = Commands()  # type: ignore[assignment]  # which only are read

    def summaries(self, ctx: Any) -> list[tuple[str, str]]:
        """The commands and what they do, without loading them."""
        return list(SUMMARIES.items())


app = new_app(name="faceswap", cls=Top, add_completion=True)


def _version(wanted: bool) -> None:
    if wanted:
        from faceswap_cli.version import __version__

        typer.echo(f"faceswap {__version__}")
        raise typer.Exit


@app.callback()
def faceswap(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Swap, age, edit, animate and invent faces, in photos and video.

    Use it on footage of people who agreed to it, and say that the result is made.
    """


def main() -> None:
    """Run the command line."""
    # GNU OpenMP's threads wait for each other by spinning, 300,000 rounds by default: as soon as anything
    # else wants a core, training is ten times slower. With 20,000 it is four times slower then, and
    # nearly as fast as before on a quiet machine. Must be set before torch is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    # numpy's OpenBLAS does the same, where its systems are small: see `device.set_blas_threads`.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # SVT-AV1 would print its settings for every piece of a video; 1 is errors only.
    os.environ.setdefault("SVT_LOG", "1")
    app(prog_name="faceswap")
