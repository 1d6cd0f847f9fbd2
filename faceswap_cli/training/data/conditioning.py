"""What the conditional networks are told about samples: who it is, pose, expression, where the chip is.

It is read from the samples' own wide pictures, at the size the network draws: so a descriptor is never asked
for what the network could not show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.faces.face import Detection, Points
from faceswap_cli.faces.geometry import STORED_SIDE, invert, mean_face
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder, chip_matrix, cut_chip
from faceswap_cli.faces.landmarks.compact import CompactLandmarker
from faceswap_cli.faces.landmarks.dense import POINTS
from faceswap_cli.faces.landmarks.head_attributes import measure_points
from faceswap_cli.faces.landmarks.mean_shape import MIRROR, five_from_68
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.swap.conditions import TRAITS
from faceswap_cli.training.data.dataset import Faces

BLOCK = 32
"""Samples that are looked at together."""


@dataclass(frozen=True)
class Conditioning:
    """What is known about N samples, all float32 on the CPU.

    Attributes:
        embedding: (N, 2, 128) descriptors of the picture and of its mirror image.
        traits: (N, len(TRAITS)) pose and expression.
        chip: (N, 2, 3) from the pixels of the identity chip to those of the network's square.
        points: (N, 68, 2) landmarks in the pixels of the wide picture, or (N, 222, 3) dense points. Traits
            are what `head_attributes.measure_points` reads from them.
    """

    embedding: Tensor
    traits: Tensor
    chip: Tensor
    points: Tensor

    def __len__(self) -> int:
        return len(self.traits)

    def pick(self, rows: Tensor) -> Conditioning:
        """Some of them."""
        return Conditioning(self.embedding[rows], self.traits[rows], self.chip[rows], self.points[rows])


def describe_faces(faces: Faces, version: int = 1) -> Conditioning:
    """Look at samples: about 50 ms of one core each.

    Args:
        faces: N samples.
        version: of the traits, see `conditional.ConditionalConfig`.
    """
    landmarker, encoder = CompactLandmarker(), IdentityEncoder()
    embedding = np.zeros((len(faces), 2, 128), np.float32)
    traits = np.zeros((len(faces), len(TRAITS)), np.float32)
    where = np.zeros((len(faces), 2, 3), np.float32)
    landmarks = np.zeros((len(faces), *((68, 2) if version == 1 else (POINTS, 3))), np.float32)
    for start in range(0, len(faces), BLOCK):
        rows = slice(start, min(start + BLOCK, len(faces)))
        picked = faces.pick(torch.arange(rows.start, rows.stop))
        images = list(np.ascontiguousarray(picked.wide.permute(0, 2, 3, 1).cpu().numpy()))
        found = describe_face(images, landmarker)
        points = [one.landmarks for one in found]
        embedding[rows, 0] = encoder.embed_chips(cut_chip(i, p) for i, p in zip(images, points, strict=True))
        embedding[rows, 1] = encoder.embed_chips(
            cut_chip(np.ascontiguousarray(i[:, ::-1]), mirror(p, i.shape[1]))
            for i, p in zip(images, points, strict=True)
        )
        landmarks[rows] = points if version == 1 else [one.dense for one in found]
        traits[rows] = [measure_points(p) for p in landmarks[rows]]
        margin = (picked.wide.shape[-1] - picked.target.shape[-1]) / 2
        where[rows] = [invert(chip_matrix(p)) - [[0, 0, margin]] * 2 for p in points]
    return Conditioning(*map(torch.from_numpy, (embedding, traits, where, landmarks)))


def describe_face(images: list[Image], landmarker: CompactLandmarker) -> list[Points]:
    """The face in each wide picture; looked for where alignment has put it."""
    size = images[0].shape[0]
    box = np.array([0, 0, size, size], np.float32)
    expected = Detection(box, five_from_68(mean_face(size, STORED_SIDE)).astype(np.float32), 1.0)
    return [found[0] for found in landmarker(images, [[expected]] * len(images))]


def mirror(points: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """(68, 2) of a picture's mirror image."""
    flipped: NDArray[np.float32] = points[MIRROR].copy()
    flipped[:, 0] = width - 1 - flipped[:, 0]
    return flipped
