"""Checkpoints that survive anything: written aside, flushed, renamed, and checked when read.

A checkpoint is one safetensors file whose name carries its step and the start of its SHA-256, so that
file and checksum come into being in the same rename:

    step-00001200-0f3a5c1e9b7d2468.safetensors
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from faceswap_cli.errors import UserError
from faceswap_cli.files import atomic_output, make_folder
from faceswap_cli.limits import parse_json, read_limited

_NAME = re.compile(r"^step-(\d{8})-([0-9a-f]{16})\.safetensors$")


@dataclass(frozen=True)
class Checkpoint:
    """What was saved.

    Attributes:
        tensors: by name, on the CPU.
        facts: plain values that go with them: step, seconds trained, ...
        path: the file.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, float]
    path: Path


class CheckpointStore:
    """The checkpoints of a run folder, newest last.

    Args:
        folder: where they are; made on the first save.
        keep: how many of the newest are kept.
    """

    def __init__(self, folder: Path, keep: int = 3) -> None:
        self.folder = folder
        self.keep = keep

    def paths(self) -> list[Path]:
        """The files, oldest first. Which of them are whole only reading tells."""
        if not self.folder.is_dir():
            return []
        return sorted(p for p in self.folder.iterdir() if _NAME.match(p.name))

    def save(self, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, float]) -> Path:
        """Write a checkpoint, then drop the ones too many. Nothing older is touched before it is whole.

        Raises:
            UserError: the disk is full or the folder can't be written; the older ones are still there.
        """
        make_folder(self.folder)
        data = safetensors.torch.save(
            {name: t.detach().cpu().contiguous() for name, t in tensors.items()},
            {"facts": json.dumps({**facts, "step": step})},
        )
        digest = hashlib.sha256(data).hexdigest()[:16]
        path = self.folder / f"step-{step:08d}-{digest}.safetensors"
        with atomic_output(path) as temporary:
            temporary.write_bytes(data)
        self._prune(path)
        return path

    def newest(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest whole checkpoint, and a word on each damaged one that was passed over.

        Raises:
            UserError: there are checkpoints, but every one is damaged. Starting anew in silence would
                throw hours of training away.
        """
        passed_over: list[str] = []
        paths = self.paths()
        for path in reversed(paths):
            try:
                return read_checkpoint(path), passed_over
            except UserError as error:
                passed_over.append(f"passed over {path.name}: {error.message}")
        if paths:
            raise UserError(
                f"all {len(paths)} checkpoints in {self.folder} are damaged",
                "Go back to a snapshot by --rollback, restore one from a backup, or train into a new folder",
            )
        return None, passed_over

    def _prune(self, newest: Path) -> None:
        """Drop all but the newest `keep`, and what a killed process left half-written."""
        for path in self.paths()[: -self.keep]:
            if path != newest:
                path.unlink(missing_ok=True)
        for leftover in self.folder.glob(".step-*.part*"):
            leftover.unlink(missing_ok=True)


def step_of(path: Path) -> int:
    """The step that a checkpoint's name tells."""
    name = _NAME.match(path.name)
    assert name is not None
    return int(name[1])


def read_checkpoint(path: Path) -> Checkpoint:
    """Read and check one file.

    Raises:
        UserError: it is damaged, or not a checkpoint.
    """
    name = _NAME.match(path.name)
    try:
        data = read_limited(path, "weights_bytes")
    except OSError as error:
        raise UserError(f"it can't be read ({error.strerror})") from error
    if name is None or hashlib.sha256(data).hexdigest()[:16] != name[2]:
        raise UserError("its checksum does not match: it is damaged")
    try:
        tensors = safetensors.torch.load(data)
        with safetensors.safe_open(path, framework="pt") as file:
            facts = _facts(parse_json(file.metadata()["facts"]))
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"it is not a checkpoint of this tool ({error})") from error
    return Checkpoint(tensors, facts, path)


def _facts(told: object) -> dict[str, float]:
    """A checkpoint's counters, if they are some."""
    if not isinstance(told, dict) or "step" not in told:
        raise ValueError("it has no counters")
    if not all(type(value) in (int, float) and abs(value) < 2**53 for value in told.values()):
        raise ValueError("its counters are no numbers")
    return told
