"""A trained run as one file that can be handed on: the averaged weights and a card, and nobody's picture.

The file is safetensors: the network's tensors under their own names, and the card as JSON in the header's
metadata. No crops, previews, paths or optimiser are in it. The embeddings by which convert tells the person
to be replaced from others are biometric data: they come along only when asked for.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from faceswap_cli.errors import UserError
from faceswap_cli.files import write_bytes
from faceswap_cli.limits import parse_json, read_limited
from faceswap_cli.networks.swap.family import FaceModel, describe_model
from faceswap_cli.training.families import build_model
from faceswap_cli.training.runs.folder import Run, load_trained
from faceswap_cli.training.runs.model_file import FORMAT, REFERENCE, VERSION, digest, rebuild_model
from faceswap_cli.version import __version__

ALLOWED = 0.5 / 255
"""Largest change of a drawn picture that weights of half precision may make: half a step of 8 bits."""


@dataclass(frozen=True)
class Exported:
    """What was made of a run.

    Attributes:
        model: on the CPU; float32, but of the very values that the file holds.
        card: what the file says of itself, see `card_of`.
        notes: what a person should know.
    """

    model: FaceModel
    card: Mapping[str, Any]
    notes: list[str]


def export_run(
    run: Run,
    path: Path,
    faces: Collection[str] = (),
    with_reference: bool = False,
    with_names: bool = True,
    licence: str = "",
) -> Exported:
    """Write a run's averaged weights as a file for convert.

    Args:
        run: the trained run.
        path: a .safetensors file.
        faces: the identities whose faces it can draw; all when empty.
        with_reference: put the embeddings of the person to be replaced into it.
        with_names: put the people's names (their face sets' folders') into it.
        licence: what others may do with it, in the words of whoever exports.

    Raises:
        UserError: nothing was trained yet, there is no such identity, the network can't do without the
            others, or the file can't be written.
    """
    exported, tensors = prepare_export(run, faces, with_names, licence)
    if with_reference:
        if not len(run.reference):
            raise UserError(f"{run.path} holds no reference", "Leave --with-reference out")
        tensors[REFERENCE] = torch.from_numpy(run.reference)
    card = {**exported.card, "sha256": digest(tensors)}
    metadata = {"format": FORMAT, "version": str(VERSION), "card": json.dumps(card, ensure_ascii=False)}
    write_bytes(path, safetensors.torch.save(tensors, metadata))
    return Exported(exported.model, card, exported.notes)


def prepare_export(
    run: Run, faces: Collection[str], with_names: bool, licence: str
) -> tuple[Exported, dict[str, Tensor]]:
    """The model, its card and the tensors to be written, of half precision where that changes nothing.

    Raises:
        UserError: see `export_run`.
    """
    whole, checkpoint, notes = load_trained(run, torch.device("cpu"))
    model = _alone(whole, run, faces) if faces else whole
    halved = {name: _half(tensor) for name, tensor in model.state_dict().items()}
    light = rebuild_model(run.settings.family, describe_model(model), halved)
    change = largest_change(model, light)
    if change > ALLOWED:
        notes = [*notes, f"half precision would change pictures by {255 * change:.1f} of 255: not used"]
        halved, light, change = {k: v.contiguous() for k, v in model.state_dict().items()}, model, 0.0
    card = card_of(run, light, checkpoint.facts, with_names, licence)
    card["precision"] = {
        "weights": "float16" if change else "float32",
        "largest change of a picture": round(change, 6),
    }
    return Exported(light, card, notes), halved


def card_of(
    run: Run, model: FaceModel, facts: Mapping[str, float], with_names: bool, licence: str
) -> dict[str, Any]:
    """What a file says of itself. Of the settings only numbers, so that no path can get in."""
    identities = list(model.config.identities)
    numbers = {k: v for k, v in run.settings.to_json().items() if _is_numbers(v) and k != "network"}
    return {
        "family": run.settings.family,
        "config": describe_model(model),
        "identities": identities,
        "names": {name: run.names.get(name, "") for name in identities} if with_names else {},
        "licence": licence,
        "made by": f"faceswap {__version__}",
        "training": {
            "step": int(facts["step"]),
            "minutes": round(facts["seconds"] / 60, 1),
            "settings": numbers,
            "changed": [dict(entry) for entry in run.history],
            "last losses": _last_losses(run.log, int(facts["step"])),
        },
    }


def _is_numbers(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_numbers(v) for v in value.values())
    return isinstance(value, int | float)


def _last_losses(log: Path, step: int) -> dict[str, float]:
    """The losses that the log tells for the step, or the last before it."""
    try:
        text = read_limited(log, "log_bytes").decode("utf-8")
        lines = [parse_json(line) for line in text.splitlines()[-500:]]
        told = [line["losses"] for line in lines if line["step"] <= step]
        return {str(name): float(value) for name, value in told[-1].items()}
    except (OSError, UserError, ValueError, LookupError, TypeError, AttributeError):
        return {}  # a log is no more than a log


def _alone(whole: FaceModel, run: Run, faces: Collection[str]) -> FaceModel:
    """The same network with some of its people only; it must draw them exactly as before."""
    for face in faces:
        if face not in whole.config.identities:
            raise UserError(f"{run.path} has no face {face}", f"It has {', '.join(whole.config.identities)}")
    kept = [name for name in whole.config.identities if name in faces]
    try:
        config = {**describe_model(whole), "identities": kept}
        names = build_model(run.settings.family, config).state_dict().keys()
        state = {name: tensor for name, tensor in whole.state_dict().items() if name in names}
        alone = rebuild_model(run.settings.family, config, state)
        same = largest_change(whole, alone) == 0
    except (UserError, RuntimeError, KeyError, ValueError):
        same = False
    if not same:
        raise UserError(
            f"networks of the family {run.settings.family} draw nobody without the others",
            "Leave --face out: all faces are exported together",
        )
    return alone


def _half(tensor: Tensor) -> Tensor:
    """As float16, where that can hold the values."""
    fits = tensor.is_floating_point() and bool(tensor.abs().max() < torch.finfo(torch.float16).max)
    return (tensor.half() if fits else tensor).contiguous()


def largest_change(before: FaceModel, after: FaceModel) -> float:
    """The largest difference, of values in [0, 1], between what two networks draw of the same pictures.

    Looked for with every identity that the second one has, on made-up pictures from plain to busy.
    """
    pictures = made_up_input(before.config.resolution)
    changes = [0.0]
    for identity in after.config.identities:
        one, other = before.renderer(identity)(pictures), after.renderer(identity)(pictures)
        changes += [float((one.image - other.image).abs().max()), float((one.mask - other.mask).abs().max())]
    return max(changes)


def made_up_input(resolution: int, count: int = 8) -> Tensor:
    """(count, 3, R, R) smooth noise in [0, 1], from coarse to fine; the same at every call."""
    generator = torch.Generator().manual_seed(0)
    rows = []
    for number in range(count):
        nodes = torch.rand(1, 3, 3 + 2 * number, 3 + 2 * number, generator=generator)
        size = (resolution, resolution)
        rows.append(torch.nn.functional.interpolate(nodes, size, mode="bicubic").clamp(0, 1))
    return torch.cat(rows)
