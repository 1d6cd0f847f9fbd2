"""A face recogniser to learn from, read from an ONNX file and run in torch, where gradients flow through it.

The network of the file has convolutions, PReLUs and sums only. It is used in training and never shipped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import Tensor, nn

from faceswap_cli.faces.geometry import fit_similarity, mean_face

SIZE = 112
"""Side of its pictures in pixels."""

FIVE = np.array([[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]])
"""Where eyes, tip of the nose and corners of the mouth lie in them (InsightFace's arcface_112)."""


class Recogniser(nn.Module):
    """Aligned crops to embeddings of length 1, compared by their cosine.

    It tells all people of the London set apart.

    Args:
        file: faceplugin_fr_feature.onnx.
        side: of the crops in face units.
    """

    def __init__(self, file: Path, side: float) -> None:
        super().__init__()
        graph = onnx.load(str(file)).graph
        self.nodes = [(n.op_type, list(n.input), n.output[0], _options(n)) for n in graph.node]
        self.first, self.last = graph.input[0].name, graph.output[0].name
        self.names: dict[str, str] = {}
        for number, tensor in enumerate(graph.initializer):
            value = np.array(numpy_helper.to_array(tensor))
            if value.dtype == np.float32:
                self.names[tensor.name] = f"value{number}"
                self.register_buffer(f"value{number}", torch.from_numpy(value))
        self.side = side

    def forward(self, crops: Tensor) -> Tensor:
        """(B, 3, S, S) RGB in [0, 1] to (B, 512)."""
        values = {self.first: (framed(crops, self.side).flip(1) * 255 - 127.5) / 128}
        for kind, inputs, output, options in self.nodes:
            x = values[inputs[0]]
            own = [getattr(self, self.names[name]) for name in inputs[1:] if name in self.names]
            if kind == "Conv":
                x = F.conv2d(x, *own, **options)
            elif kind == "PRelu":
                x = F.prelu(x, own[0].flatten())
            elif kind == "Add":
                x = x + values[inputs[1]]
            elif kind == "Reshape":
                x = x.flatten(1)
            else:
                raise ValueError(kind)
            values[output] = x
        return F.normalize(values[self.last])


def framed(crops: Tensor, side: float) -> Tensor:
    """Crops (B, 3, S, S) of `side` face units as the recogniser wants them: (B, 3, SIZE, SIZE)."""
    points = mean_face(2, side) - 0.5  # -1..1 across the crop
    eyes = [points[36:42].mean(0), points[42:48].mean(0)]
    five = np.array([*eyes, points[30], points[48], points[54]])
    wanted = (FIVE + 0.5) / SIZE * 2 - 1
    theta = torch.from_numpy(fit_similarity(wanted, five).astype(np.float32)).to(crops)
    grid = F.affine_grid(theta.expand(len(crops), 2, 3), [len(crops), 3, SIZE, SIZE], align_corners=False)
    return F.grid_sample(crops, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _options(node: onnx.NodeProto) -> dict[str, object]:
    found = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type != "Conv":
        return {}
    return {"stride": found["strides"], "padding": found["pads"][:2], "groups": found["group"]}
