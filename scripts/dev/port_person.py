"""Make models/person from MediaPipe's published selfie segmentation, and check it against the original.

python -m scripts.dev.port_person TFLITE [--pictures FOLDER] [--output models/person]

The file is selfie_segmentation.tflite in the npm package @mediapipe/selfie_segmentation (Apache-2.0). Needs
the packages tflite and flatbuffers, which read its tables; with ai-edge-litert installed the answers of both
are compared on the pictures. Its operations stand in the order in which they are done, and so do the layers
of `networks.perception.person`, but for the batch of two that follow the encoder.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from faceswap_cli import zoo
from faceswap_cli.networks.perception.person import PersonConfig, PersonNetwork, build_person_network


def published_layers(path: Path) -> Iterator[list[np.ndarray]]:
    """Kernel and bias of each layer, in the order of the operations."""
    import tflite

    model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    wanted = {
        tflite.BuiltinOperator.CONV_2D,
        tflite.BuiltinOperator.DEPTHWISE_CONV_2D,
        tflite.BuiltinOperator.CUSTOM,  # the transposed convolution at the end
    }
    stored = {}
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        inputs = operator.InputsAsNumpy()
        if kind == tflite.BuiltinOperator.DEQUANTIZE:  # from fp16
            tensor = graph.Tensors(int(inputs[0]))
            data = model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes()
            values = np.frombuffer(data, np.float16).reshape(tensor.ShapeAsNumpy())
            stored[int(operator.OutputsAsNumpy()[0])] = values.astype(np.float32)
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if kind not in wanted:
            continue
        kernel, bias = (stored[int(place)] for place in operator.InputsAsNumpy()[1:3])
        depthwise = kind == tflite.BuiltinOperator.DEPTHWISE_CONV_2D
        yield [kernel.transpose(3, 0, 1, 2) if depthwise else kernel.transpose(0, 3, 1, 2), bias]


def port(path: Path) -> PersonNetwork:
    """The network with the published weights."""
    network = PersonNetwork(PersonConfig()).eval()
    own = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    given = list(published_layers(path))
    if len(own) != len(given):
        raise SystemExit(f"{len(given)} layers in the file, {len(own)} in the network")
    for layer, (kernel, bias) in zip(own, given, strict=True):
        turned = kernel.transpose(1, 0, 2, 3) if isinstance(layer, nn.ConvTranspose2d) else kernel
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(turned)).reshape(layer.weight.shape))
            layer.bias.copy_(torch.from_numpy(bias))
    return network


def largest_difference(network: PersonNetwork, path: Path, pictures: list[Path]) -> float:
    """Of the two networks' shares, over all pixels of the pictures."""
    from ai_edge_litert.interpreter import Interpreter

    original = Interpreter(model_path=str(path))
    original.allocate_tensors()
    worst = 0.0
    for picture in pictures:
        image = cv2.resize(cv2.imread(str(picture)), (256, 256), interpolation=cv2.INTER_AREA)
        values = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)[None].astype(np.float32) / 255
        original.set_tensor(original.get_input_details()[0]["index"], values)
        original.invoke()
        theirs = original.get_tensor(original.get_output_details()[0]["index"])[0, ..., 0]
        with torch.inference_mode():
            ours = torch.sigmoid(network(torch.from_numpy(values).permute(0, 3, 1, 2)))[0, 0].numpy()
        worst = max(worst, float(np.abs(ours - theirs).max()))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tflite", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--output", type=Path, default=Path("models/person"))
    given = parser.parse_args()
    network = port(given.tflite)
    figures: dict[str, float] = {}
    if given.pictures:
        pictures = sorted(p for p in given.pictures.iterdir() if p.suffix in (".jpg", ".png"))
        worst = largest_difference(network, given.tflite, pictures)
        figures[f"largest difference to the original, {len(pictures)} pictures"] = float(f"{worst:.2g}")
        print(figures)
    zoo.write(
        given.output,
        network,
        {
            "what": "Whether a pixel shows a person: a picture of 256 x 256 to shares of the same size. "
            "MediaPipe Selfie Segmentation, general model.",
            "source": "npm package @mediapipe/selfie_segmentation 0.1.1675465747, by Google",
            "licence": "Apache-2.0, Copyright The MediaPipe Authors",
            "data": "As published by the authors: their own pictures of people, in 17 geographical regions; "
            "none of it was seen here",
            "changes": "Read out of the tflite file into our own network. Nothing was trained.",
            "steps": 0,
            "config": asdict(network.config),
            "figures": figures,
            "limits": "Everybody in a picture is one person to it; made for people within 4 m of the camera. "
            "Hair and fingers are coarse: see faceswap_cli/portrait/headshot/matte.py for what is done.",
            "remake": "npm pack @mediapipe/selfie_segmentation@0.1.1675465747; pip install tflite; "
            "python -m scripts.dev.port_person FILE --pictures FOLDER",
        },
    )
    build_person_network(asdict(network.config)).load_state_dict(zoo.tensors(given.output.name))


if __name__ == "__main__":
    main()
