"""How far a conditional base is: strangers drawn as strangers, looked at and measured."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.faces.identity.identity_encoder import load_identity_network
from faceswap_cli.files import write_bytes
from faceswap_cli.networks.swap.conditional import ConditionalModel
from faceswap_cli.networks.swap.conditions import ATTRIBUTES, LIGHT
from faceswap_cli.networks.swap.family import split_output
from faceswap_cli.training.data.conditional_batches import ConditionalDataset
from faceswap_cli.training.data.dataset import spread_indices
from faceswap_cli.training.objectives.conditional import cut_chips

TARGETS, SOURCES, MEASURED = 5, 5, 24


@torch.inference_mode()
def swap_figures(model: torch.nn.Module, held: ConditionalDataset) -> dict[str, float]:
    """Means over strangers drawn as strangers.

    Returns:
        nearer: share of swaps nearer to the source than to the target by the network that is trained with.
        source, target: distance to each of them.
        rebuilt: mean error inside the face of people rebuilt from a picture and their descriptor, 0..255.
        traits: mean error of the traits read from the held-out pictures.
    """
    assert isinstance(model, ConditionalModel)
    rows = torch.tensor(list(spread_indices(len(held.faces), MEASURED)))
    picked, known = held.faces.pick(rows), held.known.pick(rows)
    pictures, own = picked.target.float() / 255, known.embedding[:, 1]
    others = own.roll(MEASURED // 3, 0)
    code = model.encode(pictures)
    swap = _pasted(model, code, others, pictures)
    network = load_identity_network("cpu")
    found = network(cut_chips(swap, known.chip) * 255)
    source, target = ((found - e).norm(dim=1) for e in (others, known.embedding[:, 0]))
    rebuilt = split_output(model.draw(code, own)).image
    weight = picked.mask.float() / 255 * picked.free.float() / 255
    error = ((rebuilt - pictures).abs() * weight).sum() / weight.sum() / 3 * 255
    return {
        "nearer": float((source < target).float().mean()),
        "source": float(source.mean()),
        "target": float(target.mean()),
        "rebuilt": float(error),
        "traits": float((code[:, -ATTRIBUTES:-LIGHT] - known.traits).abs().mean()),
    }


@torch.inference_mode()
def write_sheet(path: Path, model: torch.nn.Module, held: ConditionalDataset) -> None:
    """A table: people in the first column drawn as those in the first row; the second column is rebuilt."""
    assert isinstance(model, ConditionalModel)
    rows = torch.tensor(list(spread_indices(len(held.faces), TARGETS + SOURCES)))
    pictures = held.faces.pick(rows).target.float() / 255
    who = held.known.embedding[rows][:, 0]
    targets, sources = slice(0, None, 2), slice(1, None, 2)
    blank = torch.ones_like(pictures[:1])
    lines = [torch.cat([blank, blank, pictures[sources]])]
    code = model.encode(pictures[targets])
    rebuilt = split_output(model.draw(code, who[targets])).image
    swaps = [_pasted(model, code, one.expand(len(code), -1), pictures[targets]) for one in who[sources]]
    for row in range(len(code)):
        cells = [pictures[targets][row], rebuilt[row], *(swap[row] for swap in swaps)]
        lines.append(torch.stack(cells))
    sheet = np.vstack([np.hstack(_cells(line)) for line in lines])
    write_bytes(path, cv2.imencode(path.suffix, sheet[..., ::-1])[1].tobytes())


def _pasted(model: ConditionalModel, code: Tensor, who: Tensor, pictures: Tensor) -> Tensor:
    drawn = split_output(model.draw(code, who))
    return drawn.image * drawn.mask + pictures * (1 - drawn.mask)


def _cells(pictures: Tensor) -> list[NDArray[np.uint8]]:
    values = np.rint(pictures.permute(0, 2, 3, 1).clamp(0, 1).numpy() * 255).astype(np.uint8)
    return [cv2.resize(v, (128, 128), interpolation=cv2.INTER_CUBIC) for v in values]  # type: ignore[misc]
