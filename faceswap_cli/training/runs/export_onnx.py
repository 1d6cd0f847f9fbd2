"""A trained swap as an ONNX file, for programs other than this one: crops in, faces and masks out.

torch's exporter needs the packages onnx and onnxscript, which come with the extra `onnx`.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from faceswap_cli.files import atomic_output
from faceswap_cli.networks.swap.family import FaceModel, split_output
from faceswap_cli.optional import require
from faceswap_cli.training.runs.export import Exported, made_up_input, prepare_export
from faceswap_cli.training.runs.folder import Run

INPUT, OUTPUTS = "crops", ("image", "mask")

AGREE = 1e-3
"""Largest difference, of values in [0, 1], between what torch and onnxruntime draw; a quarter of a step of
8 bits."""


class _Swap(nn.Module):
    """One person's drawing of crops."""

    def __init__(self, model: FaceModel, identity: str) -> None:
        super().__init__()
        self.model = model
        self.identity = identity

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, R, R) in [0, 1] to the drawn face, the same shape, and its mask (B, 1, R, R)."""
        drawn = split_output(self.model.decode(self.model.encode(crops), self.identity))
        return drawn.image, drawn.mask


def export_onnx(
    run: Run, path: Path, face: str, with_names: bool = True, licence: str = ""
) -> tuple[Exported, float]:
    """Write the drawing of one person as an ONNX model with any number of crops in a batch.

    Args:
        run: the trained run.
        path: a .onnx file.
        face: the identity that is drawn.
        with_names: put its name into the file.
        licence: what others may do with it.

    Returns:
        what was exported, and the largest difference between torch's and onnxruntime's drawings.

    Raises:
        UserError: the extra is missing, nothing was trained yet, or the file can't be written.
    """
    for package in ("onnx", "onnxscript"):
        require(package, '"faceswap-cli[onnx]"', "an ONNX file")
    exported, _ = prepare_export(run, (), with_names, licence)
    card = {**exported.card, "identities": [face], "draws": face}
    card["names"] = {k: v for k, v in exported.card["names"].items() if k == face}
    model = exported.model
    pictures = made_up_input(model.config.resolution)
    with atomic_output(path) as temporary:
        _write(temporary, _Swap(model, face).eval(), pictures[:2], card)
        difference = _difference(temporary, _Swap(model, face).eval(), pictures)
        assert difference < AGREE, f"onnxruntime draws otherwise, by {difference}"
    return Exported(model, card, exported.notes), difference


def _write(path: Path, swap: nn.Module, example: Tensor, card: Mapping[str, Any]) -> None:
    import onnx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own, about its parts
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            swap,
            (example,),
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    onnx.helper.set_model_props(proto, {"card": json.dumps(card, ensure_ascii=False)})
    onnx.checker.check_model(proto)
    path.write_bytes(proto.SerializeToString())


@torch.inference_mode()
def _difference(path: Path, swap: nn.Module, pictures: Tensor) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    drawn = session.run(list(OUTPUTS), {INPUT: pictures.numpy()})
    pairs = zip(drawn, swap(pictures), strict=True)
    return max(float(np.abs(one - other.numpy()).max()) for one, other in pairs)
