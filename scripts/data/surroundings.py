#!/usr/bin/env python3
"""Make models/faces-surroundings: hair, ears, neck and clothes of synthetic people, not their faces' middle.

    python -m scripts.data.surroundings fine.npz

fine.npz is what `fine_heads.py` wrote. Those whose names stand in surroundings.txt are taken, which were
chosen by eye among the synthetic ones: whole, without hats, long beards or hard light.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from faceswap_cli import zoo
from faceswap_cli.compositing.guided_filter import guided_filter
from faceswap_cli.faces.geometry import crop_matrix, invert, transform
from faceswap_cli.faces.parsing.face_parser import SIDE, SIZE, FaceParser
from faceswap_cli.generation.attributes import READ, AttributeReader
from faceswap_cli.generation.head_parts import find_parts
from faceswap_cli.generation.sampling import load_bundled
from faceswap_cli.networks.generator.appearance import AppearanceGenerator
from faceswap_cli.networks.generator.surroundings import LOOKS, read_tone
from faceswap_cli.networks.perception.parsing import CLASSES

ROOT = Path(__file__).resolve().parents[2]
NAMES = Path(__file__).with_name("surroundings.txt")
NAME = "faces-surroundings"

QUALITY, MASK_SIDE = 84, 128

WEIGHTS = (3.0, 1.5, 1.5, 1.0, 1.5, 1.0, 1.0, 1.5, 1.0)
"""How much each of LOOKS counts."""

PRIOR = 20.0
"""Of the regression, in heads."""

GROUND = 153
"""Grey behind a head that is parsed."""

SKIN_APART = (15.0, 30.0)
"""CIELAB distance in a and b to a face's skin up to which a pixel of neck or ear surely is skin, and from
which it is none."""

EDGE, SURE, REACH = (0.4, 0.85), 0.95, 3.0
"""Shares of a person between which an edge goes from ground to person, from which on it is free of the
ground, and pixels from which its colours are taken."""

CHIN = 12.0
"""Pixels above the chin within which the evening of skin ends."""

BROAD, FLAT = 0.12, 0.85
"""Face units over which light on skin is looked at, and how much of it is evened."""

FRINGE = 0.05
"""Face units by which hair over a face is wider than it is seen."""

FACTS = {
    "what": "Hair, ears, necks and clothes of synthetic people around the invented faces of models/faces, in "
    "its mean shape. The middle of their faces is left out; beside a fringe the end of a brow or an eye is "
    "not. No network.",
    "licence": "MIT",
    "data": "sfhq_synthetic_mit (MIT, synthetic; without rows of a research-licensed generator), chosen by "
    "eye: scripts/data/surroundings.txt",
    "kept_back": "A tenth of the set by sha256 of the file's name.",
    "limits": "Near-frontal heads; one of these surroundings is seen on many faces.",
    "remake": "scripts/data/base_sets.py, head_crops.py, fine_heads.py, then scripts/data/surroundings.py",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("heads", type=Path)
    options = parser.parse_args()
    network = load_bundled("cpu", finer=False).network
    assert isinstance(network, AppearanceGenerator)
    loaded = np.load(options.heads)
    wanted = set(NAMES.read_text(encoding="utf-8").split())
    rows = [row for row, name in enumerate(loaded["names"]) if name in wanted]
    assert len(rows) == len(wanted), "fine.npz lacks some of them"
    textures = loaded["textures"][rows]
    points = (network.points.numpy().astype(np.float64) + 1) * (textures.shape[1] / 2) - 0.5
    parts = find_parts(network.points.numpy().astype(np.float64), textures.shape[1])
    inside = parts["face"] * np.prod([1 - parts[name] for name in ("eyes", "brows", "mouth")], 0)
    face = torch.from_numpy(inside * (1 - parts["hair"]))
    files, ends, tones = bytearray(), [], []
    for hair, texture in zip(find_hair(textures, points), textures, strict=True):
        head = torch.from_numpy(texture).permute(2, 0, 1).float() / 255
        tones.append(read_tone(head, face * torch.from_numpy(1 - hair)))
        cover = np.maximum(1 - face_share(parts), widen(hair, points))
        # The dense points end on the forehead, and its skin does not.
        rows_of = np.arange(textures.shape[1])[:, None]
        bare = (1 - hair) * np.clip((points[8, 1] - rows_of) / CHIN, 0, 1)
        picture, masks = encode(flatten(texture, bare, points, tones[-1]), hair, cover, tones[-1])
        files += picture
        ends.append([len(files), len(files) + len(masks)])
        files += masks
    card = zoo.write(
        ROOT / "models" / NAME,
        {
            "pictures": torch.frombuffer(files, dtype=torch.uint8).clone(),
            "ends": torch.tensor(ends),
            **read_looks(loaded["textures"], torch.from_numpy(loaded["coefficients"]), rows),
            "tones": torch.stack(tones),
            "face": (255 * face[::4, ::4]).round().to(torch.uint8),
        },
        {
            **FACTS,
            "heads": len(rows),
            "config": {"side": textures.shape[1]},
            "steps": 0,
            "figures": [f"{len(rows)} heads' hair and clothes, {len(files) / len(rows) / 1e3:.0f} KB each"],
        },
    )
    print(f"{len(rows)} heads, {card.facts['bytes'] / 1e6:.1f} MB")


def read_looks(textures: np.ndarray, coefficients: Tensor, rows: list[int]) -> dict[str, Tensor]:
    """`looks`, `slope`, `middle` and `unit` as `Surroundings` takes them, by all heads with a face."""
    reader, found = AttributeReader(), {}
    for row, texture in enumerate(textures):
        values = reader(on_ground(texture))
        if values is not None:
            found[row] = values[[READ.index(name) for name in LOOKS]]
        if row % 100 == 99:
            print(row + 1, "heads read", flush=True)
    known = list(found)
    y, x = torch.from_numpy(np.stack([found[row] for row in known])), coefficients[known].float()
    middle, spread = y.mean(0), y.std(0)
    standard = (y - middle) / spread
    slope = torch.linalg.solve(x.T @ x + PRIOR * torch.eye(x.shape[1]), x.T @ (standard - standard.mean(0))).T
    told = (x @ slope.T).std(0)  # less than 1: what is told of by coefficients is nearer to the mean
    weights = torch.tensor(WEIGHTS)
    print("told by coefficients:", dict(zip(LOOKS, told.tolist(), strict=True)))
    looks = torch.from_numpy(np.stack([found.get(row, middle.numpy()) for row in rows]))
    return {
        "looks": weights * (looks - middle) / spread,
        "slope": (weights / told)[:, None] * slope,
        "middle": middle,
        "unit": spread / weights,
    }


def on_ground(texture: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8 a texture (S, S, 4) on grey."""
    share = texture[..., 3:] / 255
    return np.rint(texture[..., :3] + (1 - share) * GROUND).clip(0, 255).astype(np.uint8)


def find_hair(textures: np.ndarray, points: np.ndarray) -> list[np.ndarray]:
    """(S, S) float32 in [0, 1] where each texture (S, S, 4) shows hair."""
    parser, side = FaceParser(), textures.shape[1]
    matrix = crop_matrix(points[:68, :2], SIZE, SIDE)
    corners = np.array([[0, 0], [1, 0], [0, 1]], np.float32)
    back = cv2.getAffineTransform(corners, transform(corners, invert(matrix)).astype(np.float32))
    found = []
    for texture in textures:
        seen = on_ground(texture)
        parsed = parser.probabilities([parser.crop(seen, points[:68, :2])])[0][CLASSES.index("hair")]
        moved = cv2.warpAffine(parsed, back, (side, side), borderMode=cv2.BORDER_REPLICATE)
        fine = guided_filter(np.asarray(seen / 255, np.float32), np.asarray(moved, np.float32), 4, 1e-3)
        found.append(np.clip(fine, 0, 1).astype(np.float32))
    return found


def face_share(parts: dict[str, np.ndarray]) -> np.ndarray:
    """(S, S) in [0, 1] where the drawn face stays: from above the brows to just within the jaw."""
    return np.asarray((1 - parts["hair"]) * parts["inner"], np.float32)


def widen(hair: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(S, S) in [0, 1]: hair, a little wider and soft."""
    unit = float(np.linalg.norm(points[36] - points[45]))
    near = 1 - np.clip(
        cv2.distanceTransform((hair < 0.5).astype(np.uint8), cv2.DIST_L2, 5) / (FRINGE * unit), 0, 1
    )
    return np.asarray(cv2.GaussianBlur(np.maximum(near, hair).astype(np.float32), (0, 0), FRINGE * unit / 3))


def flatten(texture: np.ndarray, bare: np.ndarray, points: np.ndarray, tones: Tensor) -> np.ndarray:
    """A texture whose bare skin (S, S) above the chin has its mean tone: a bright forehead fits no other."""
    unit = float(np.linalg.norm(points[36] - points[45]))
    share = texture[..., 3:].astype(np.float32) / 255
    colour = texture[..., :3] / np.maximum(share, 0.02)
    tone = 255 * tones.mean(0).numpy()
    weight = (bare * skin_share(colour, tone))[..., None].astype(np.float32) * share
    low = cv2.GaussianBlur(colour * weight, (0, 0), BROAD * unit) / (
        cv2.GaussianBlur(weight[..., 0], (0, 0), BROAD * unit)[..., None] + 1e-3
    )
    gain = np.clip((tone + 1) / (low + 1), 0.3, 3.0) ** FLAT
    even = colour * (1 + weight * (gain - 1))
    return np.dstack([np.clip(even * share, 0, 255), texture[..., 3:]])


def encode(texture: np.ndarray, hair: np.ndarray, cover: np.ndarray, tones: Tensor) -> tuple[bytes, bytes]:
    """The picture without its face, and the masks, as WebP."""
    colour, share = clean_edge(texture)
    tone = 255 * tones.mean(0).numpy()
    kept = cv2.dilate((cover > 0.01).astype(np.uint8), np.ones((9, 9)))[..., None].astype(np.float32)
    colour = kept * colour + (1 - kept) * tone
    skin = skin_share(colour, tone) * (1 - hair)
    masks = [
        cv2.resize(one, (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_AREA) for one in (cover, skin, hair)
    ]
    picture = np.dstack([colour[..., ::-1], 255 * np.maximum(share, 1 - kept)])
    flags = [cv2.IMWRITE_WEBP_QUALITY, QUALITY]
    both = (
        np.rint(picture.clip(0, 255)).astype(np.uint8),
        np.rint(255 * np.hstack(masks).clip(0, 1)).astype(np.uint8),
    )
    first, second = (cv2.imencode(".webp", one, flags)[1].tobytes() for one in both)
    return first, second


def clean_edge(texture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colours (S, S, 3) in 0..255 and the share of a person (S, S, 1) of a texture, without what shines
    through its edge of the ground it stood on, and without scraps of that."""
    share = texture[..., 3].astype(np.float32) / 255
    colour = texture[..., :3] / np.maximum(share, 0.02)[..., None]
    sure = (share > SURE).astype(np.float32)
    near = cv2.GaussianBlur(sure, (0, 0), REACH)[..., None] + 1e-4
    spread = cv2.GaussianBlur(colour * sure[..., None], (0, 0), REACH) / near
    own = np.clip((share - EDGE[1]) / (SURE - EDGE[1]), 0, 1)[..., None]
    share = np.clip((share - EDGE[0]) / (EDGE[1] - EDGE[0]), 0, 1)
    _, pieces, sizes, _ = cv2.connectedComponentsWithStats((share > 0.5).astype(np.uint8))
    largest = (pieces == 1 + sizes[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    share = share * cv2.dilate(largest, np.ones((7, 7), np.uint8))
    return np.asarray(own * colour + (1 - own) * spread), np.asarray(share[..., None])


def skin_share(colour: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """(S, S) in [0, 1] how surely pixels are skin, by their colours and the face's."""
    lab = cv2.cvtColor(np.asarray(colour.clip(0, 255) / 255, np.float32), cv2.COLOR_RGB2Lab)
    own = cv2.cvtColor(np.asarray(tone.clip(0, 255) / 255, np.float32)[None, None], cv2.COLOR_RGB2Lab)[0, 0]
    apart = np.hypot(lab[..., 1] - own[1], lab[..., 2] - own[2])
    sure = 1 - np.clip((apart - SKIN_APART[0]) / (SKIN_APART[1] - SKIN_APART[0]), 0, 1)
    return np.asarray(cv2.GaussianBlur(sure.astype(np.float32), (0, 0), 2))


if __name__ == "__main__":
    main()
