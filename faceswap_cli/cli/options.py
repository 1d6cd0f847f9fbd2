"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        help="auto (the best there is), cpu, cuda, cuda:N or mps. "
        "A device that was asked for and is missing is an error.",
    ),
]
