"""Features of a network that nothing here was trained by: InceptionV3 of the npm package nsfwjs (MIT).

    npm pack nsfwjs@4.4.0

Pooled, 2048 numbers a picture. They tell sets of one run apart, and are not those of published FID figures.
The package holds a Keras graph as a script, and its weights as bytes in base64, quantised to 8 bits; both are
read here as text, nothing of them is run.
"""

from __future__ import annotations

import base64
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

FOLDER = "package/dist/models/inception_v3/"
SIDE = 299

Layer = dict[str, Any]


class OutsideFeatures:
    """Reads the package and says what its network sees.

    Args:
        package: nsfwjs-4.4.0.tgz.
    """

    def __init__(self, package: Path) -> None:
        with tarfile.open(package) as archive:
            graph = read_literal(_text(archive, "model.min.js"), "modelTopology")
            [group] = graph["weightsManifest"]
            shards = sorted(name for name in archive.getnames() if FOLDER + "group1-shard" in name)
            data = b"".join(read_bytes_of(_text(archive, Path(name).name)) for name in shards)
        self._weights = read_weights(group["weights"], data)
        self._layers: list[Layer] = graph["modelTopology"]["model_config"]["config"]["layers"]

    def __call__(self, pictures: np.ndarray) -> Tensor:
        """(N, 2048) of pictures (N, H, W, 3) uint8."""
        found = []
        with torch.inference_mode():
            for one in pictures:
                large = cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
                seen = torch.from_numpy(large).permute(2, 0, 1)[None].float() / 255
                found.append(self._run(seen))
        return torch.cat(found)

    def _run(self, x: Tensor) -> Tensor:
        """The last features of (1, 3, SIDE, SIDE) pictures in [0, 1], pooled."""
        done: dict[str, Tensor] = {}
        for layer in self._layers:
            if layer["class_name"] == "Flatten":
                break
            nodes = layer["inbound_nodes"]
            inputs = [done[node[0]] for node in nodes[0]] if nodes else [x]
            x = _run_layer(layer["class_name"], layer["config"], inputs, self._weights)
            done[layer["config"]["name"]] = x
        return x.mean((2, 3))


def _run_layer(kind: str, config: Layer, inputs: list[Tensor], weights: dict[str, Tensor]) -> Tensor:
    x, name = inputs[0], config["name"]
    if kind == "Conv2D":
        kernel = weights[f"{name}/kernel"].permute(3, 2, 0, 1)
        padded = _padded(x, config, kernel.shape[-2:], 0.0)
        return F.conv2d(padded, kernel, weights.get(f"{name}/bias"), config["strides"])
    if kind == "BatchNormalization":
        mean, variance = weights[f"{name}/moving_mean"], weights[f"{name}/moving_variance"]
        scale, shift = weights.get(f"{name}/gamma"), weights.get(f"{name}/beta")
        return F.batch_norm(x, mean, variance, scale, shift, eps=config["epsilon"])
    if kind == "Activation":
        return F.relu(x)
    if kind == "MaxPooling2D":
        padded = _padded(x, config, config["pool_size"], float("-inf"))
        return F.max_pool2d(padded, config["pool_size"], config["strides"])
    if kind == "AveragePooling2D":
        around = config["pool_size"][0] // 2 if config["padding"] == "same" else 0
        return F.avg_pool2d(x, config["pool_size"], config["strides"], around, count_include_pad=False)
    return torch.cat(inputs, 1) if kind == "Concatenate" else x


def _padded(x: Tensor, config: Layer, size: Any, value: float) -> Tensor:
    """What "same" adds: as much as the output needs, the odd pixel at the end."""
    if config["padding"] != "same":
        return x
    sides = []
    for length, kernel, stride in zip(x.shape[-2:], size, config["strides"], strict=True):
        more = max(0, (-(-length // stride) - 1) * stride + kernel - length)
        sides = [more // 2, more - more // 2, *sides]
    return F.pad(x, sides, value=value)


def read_literal(script: str, key: str) -> Layer:
    """The object of a script that has a key, whose literals are those of JavaScript."""
    start = script.index("exports={", 0)
    while key not in script[start : start + 200]:
        start = script.index("exports={", start + 1)
    body = script[start + len("exports=") :]
    body = re.sub(r"([{,])([A-Za-z_]\w*):", r'\1"\2":', body)
    body = re.sub(r"!([01])", lambda found: "true" if found[1] == "0" else "false", body)
    body = re.sub(r"([:\[,]-?)\.(\d)", r"\g<1>0.\2", body)
    found: Layer = json.JSONDecoder().raw_decode(body)[0]
    return found


def read_bytes_of(script: str) -> bytes:
    """The longest base64 text of a script."""
    return base64.b64decode(max(re.findall(r'"([A-Za-z0-9+/=]{1000,})"', script), key=len))


def read_weights(manifest: list[Layer], data: bytes) -> dict[str, Tensor]:
    """Tensors by name, from one after the other as numbers of 8 bits."""
    found, start = {}, 0
    for one in manifest:
        count = int(np.prod(one["shape"]))
        scale = one["quantization"]
        raw = np.frombuffer(data, np.uint8, count, start).astype(np.float32)
        found[one["name"]] = torch.from_numpy(raw * scale["scale"] + scale["min"]).view(one["shape"])
        start += count
    return found


def _text(archive: tarfile.TarFile, name: str) -> str:
    file = archive.extractfile(FOLDER + Path(name).name)
    assert file is not None
    return file.read().decode()
