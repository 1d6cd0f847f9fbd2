"""Checkpoints too large for a repository, described: each tensor's name, type and shape, made-up values.

`checkpoint.json` in a run folder holds {"facts": ..., "tensors": {name: [type, shape, low, high]}}: made up
values lie between low and high. Tensors that are kept as they are lie beside it in `checkpoint.safetensors`.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

ABOUT, KEPT = "checkpoint.json", "checkpoint.safetensors"
SPREAD = 1.7  # an even distribution of a standard deviation of 1 reaches so far


def describe(checkpoint: Path, keep: tuple[str, ...] = ()) -> None:
    """Put a description in place of RUN/checkpoints/FILE; tensors whose names begin with `keep` are kept."""
    tensors = safetensors.torch.load_file(checkpoint)
    with safetensors.safe_open(checkpoint, "pt") as file:
        facts = json.loads(file.metadata()["facts"])
    folder = checkpoint.parents[1]
    kept = {name: tensor for name, tensor in tensors.items() if name.startswith(keep)} if keep else {}
    if kept:
        safetensors.torch.save_file(kept, folder / KEPT)
    rows = [
        f"  {json.dumps(name)}: {json.dumps(_row(name, tensor))}"
        for name, tensor in tensors.items()
        if name not in kept
    ]
    text = f'{{\n "facts": {json.dumps(facts)},\n "tensors": {{\n' + ",\n".join(rows) + "\n }\n}\n"
    (folder / ABOUT).write_text(text, encoding="utf-8")
    checkpoint.unlink()


def _row(name: str, tensor: Tensor) -> list[object]:
    values = tensor.double()
    mean = float(values.mean())
    if name.endswith(".exp_avg"):  # with a gradient's mean and square apart, the next step would leap
        low = high = 0.0
    elif name.endswith((".exp_avg_sq", ".step")) or not tensor.is_floating_point() or tensor.numel() < 2:
        low = high = mean
    else:
        reach = float(values.std()) * SPREAD
        low, high = max(float(values.min()), mean - reach), min(float(values.max()), mean + reach)
    return [
        str(tensor.dtype).removeprefix("torch."),
        list(tensor.shape),
        float(f"{low:.4g}"),
        float(f"{high:.4g}"),
    ]


def write_checkpoint(folder: Path) -> None:
    """Make RUN/checkpoints/FILE of the description in RUN, and take the description away."""
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    tensors = {name: _made_up(name, *row) for name, row in about["tensors"].items()}
    if (folder / KEPT).exists():
        tensors |= safetensors.torch.load((folder / KEPT).read_bytes())
        (folder / KEPT).unlink()
    data = safetensors.torch.save(tensors, {"facts": json.dumps(about["facts"])})
    step, digest = about["facts"]["step"], hashlib.sha256(data).hexdigest()[:16]
    (folder / "checkpoints").mkdir(exist_ok=True)
    (folder / "checkpoints" / f"step-{step:08d}-{digest}.safetensors").write_bytes(data)
    (folder / ABOUT).unlink()


def _made_up(name: str, kind: str, shape: list[int], low: float, high: float) -> Tensor:
    values = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()))).random(shape)
    return torch.tensor(low + (high - low) * values).to(getattr(torch, kind))
