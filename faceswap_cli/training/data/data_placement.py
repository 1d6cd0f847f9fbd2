"""Where a person's samples live while training: on the card when they fit, else in the computer's memory."""

from __future__ import annotations

from dataclasses import fields, replace

import torch

from faceswap_cli.training.data.dataset import PICTURES, Faces
from faceswap_cli.training.engine.autobatch import ROOM


def place_samples(faces: dict[str, Faces], device: torch.device) -> tuple[dict[str, Faces], bool]:
    """Everyone's samples where training wants them, and whether that is on the device itself.

    Args:
        faces: by identity, in the computer's memory.
        device: where the network runs.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if sum(nbytes(person) for person in faces.values()) > ROOM * free:
            return {identity: is_on_host(person, device) for identity, person in faces.items()}, False
    # The card's memory, the CPU's own, or what an Apple GPU shares with it.
    return {identity: person.to(device) for identity, person in faces.items()}, True


def is_on_host(faces: Faces, device: torch.device) -> Faces:
    """The same samples; their pictures stay in the computer's memory and are sent a batch at a time."""
    small = {f.name: getattr(faces, f.name).to(device) for f in fields(Faces) if f.name not in PICTURES}
    return replace(faces, **small)


def nbytes(faces: Faces) -> int:
    """Memory that samples take."""
    return sum(getattr(faces, f.name).nbytes for f in fields(Faces))
