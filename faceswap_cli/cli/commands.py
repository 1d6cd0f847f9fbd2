"""The table of commands, each with what it does in a line. A command's module is imported when it is wanted.

So help starts quickly, and the imports of one command cost another nothing.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import typer

SUMMARIES = {
    "extract": "Find the faces of videos and photos and put them into a face set.",
    "train": "Train a swap: B's face put on A.",
    "convert": "Put a learnt face, or that of a photo, into a video or a photo.",
    "age": "Make faces older or younger, in a photo or a video.",
    "edit": "Change a feature of faces, in a photo or a video: smile, hair, eyes, skin and more.",
    "animate": "Make a photo move: its face follows that of a video, before its own background.",
    "live": "Swap, age or edit faces before a camera while it films, or let a photo move as they do.",
    "headshot": "Make a business photo of a selfie: "
    "cut out, straightened, cropped, retouched, before a new background.",
    "generate": "Invent faces, or pictures like those that a generator was trained on.",
    "style": "Turn pictures of one kind into another, by what a run has learnt.",
    "lab": "Watch two networks compete until random points become the data: a GAN in two dimensions.",
    "verify": "Say which marks of AI a file carries: words in the file, watermark, Content Credentials.",
    "doctor": "Say what this installation has: versions, devices, encoders, weights.",
    "faces": "Look at face sets, sort them, take out what should not be there.",
    "models": "The network families, what a trained run holds, and files to hand on.",
    "evaluate": "Figures that say how good results are, beside those of doing nothing and of cheating.",
}
"""The first sentence of each command's help, in the order in which they are shown.

The command `name` is the `app` of the module `faceswap_cli.cli.name`.
"""


class Commands(Mapping[str, Any]):
    """All commands by their names; one is built when it is taken out."""

    def __getitem__(self, name: str) -> Any:
        if name not in SUMMARIES:
            raise KeyError(name)
        return load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(SUMMARIES)

    def __len__(self) -> int:
        return len(SUMMARIES)


@functools.cache
def load(name: str) -> Any:
    """Import and build a command, or a group of them."""
    app: typer.Typer = importlib.import_module(f"faceswap_cli.cli.{name}").app
    is_group = isinstance(app.info.help, str)  # also one with a single command in it
    command = typer.main.get_group(app) if is_group else typer.main.get_command(app)
    command.name = name
    return command
