"""The Typer application, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import typer

from faceswap_cli.cli.command import App, Group
from faceswap_cli.errors import UserError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class Boundary(Group):
    """The top group. A user's error is one line; a bug of ours keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command inside the boundary."""
        from faceswap_cli.cli import console

        try:
            console.prepare()
            with _ended_politely():
                result = super().invoke(ctx)
            if console.unheard():
                raise typer.Exit(1)
            return result
        except UserError as error:
            console.fail(" ".join(str(error).split()))
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            console.tell("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except MemoryError:
            console.fail("out of memory. Lower --batch, --resolution or --size, or close other programs")
            raise typer.Exit(1) from None
        except BrokenPipeError:
            # The reader of our output went away, as `| head` does: that is no error. Point stdout
            # elsewhere, or Python complains again while it closes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except OSError as error:
            if error.errno == errno.ENOSPC and error.filename is None:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                console.fail("standard output can't be written: the disk is full. Free some space")
                raise typer.Exit(1) from None
            if error.filename is None:
                raise  # not about a file the user named
            reason = error.strerror or type(error).__name__
            console.fail(f"{error.filename}: {reason}. Check the path and its permissions")
            raise typer.Exit(1) from None
        except RuntimeError as error:
            if type(error).__name__ != "OutOfMemoryError":
                raise
            console.fail("the device is out of memory. Lower --batch, --resolution or --size")
            raise typer.Exit(1) from None


@contextlib.contextmanager
def _ended_politely() -> Iterator[None]:
    """Within the block SIGTERM is what Ctrl-C is, so that what was begun is closed and nothing lies about."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # where Python takes no handlers
        yield
        return
    before = signal.signal(signal.SIGTERM, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def new_app(**options: Any) -> App:
    """An app with the settings all our groups share."""
    return App(
        cls=options.pop("cls", Group),
        no_args_is_help=True,
        rich_markup_mode=None,  # plain help: readable in any terminal, and quick to start
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
        **options,
    )


@contextlib.contextmanager
def stop_on_signal(message: str) -> Iterator[Callable[[], bool]]:
    """Within the block the first Ctrl-C or SIGTERM only asks to stop; a second Ctrl-C stops at once.

    Args:
        message: shown on the first one.

    Yields:
        whether it was asked.
    """
    asked = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        os.write(2, f"\n{message}\n".encode())  # a stream may be in the middle of being written to

    before = {s: signal.signal(s, on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
