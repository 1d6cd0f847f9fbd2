"""A face between several people: their heads in one mean shape, weighed, in a shape that is weighed likewise.

As F. Galton, Composite portraits, 1878, but feature on feature, so that nothing is double.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.device import pick_device
from faceswap_cli.errors import UserError
from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.faces.geometry import crop_matrix, transform, warp
from faceswap_cli.faces.parsing.person_segmenter import PersonSegmenter
from faceswap_cli.generation.aligned import cut_out, move_into
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.photo import read_photo
from faceswap_cli.networks.generator.appearance import AppearanceGenerator
from faceswap_cli.training.data.picture_set import to_pictures

SIZE, UNITS = 320, 3.25
"""Side in pixels and in face units of the square in which a head is looked at, as of those learnt from."""

MOST = 3.0
"""Standard deviations of a shape beyond which it is drawn as less: a head that is turned far."""


@dataclass(frozen=True)
class Liking:
    """A person who is to be seen in a face.

    Attributes:
        photo: of the person.
        weight: how much of the face, in parts of the sum of all.
    """

    photo: Path
    weight: float


@dataclass(frozen=True)
class AlignedHead:
    """A head in the mean shape.

    Attributes:
        texture: (4, S, S) colours times the share of a person, and this, in [0, 1].
        shape: (K,) standard deviations.
    """

    texture: Tensor
    shape: Tensor


def parse_liking(text: str) -> Liking:
    """PHOTO or PHOTO:WEIGHT as a Liking.

    Raises:
        UserError: the weight can't be used.
    """
    path, colon, weight = text.rpartition(":")
    if not colon or Path(text).is_file():
        return Liking(Path(text), 1.0)
    try:
        number = float(weight)
    except ValueError:
        number = 0.0
    if not 0 < number <= 100:
        raise UserError(f"--like {text}: {weight} is no weight", "Write it like anna.jpg:.6")
    return Liking(Path(path), number)


class HybridFaces:
    """Draws faces between people.

    Args:
        network: the bundled generator.
        device: a `--device` value.
    """

    def __init__(self, network: AppearanceGenerator, device: str = "cpu") -> None:
        self._network, self._device = network, device

    def draw(self, likings: Sequence[Liking]) -> NDArray[np.uint8]:
        """A face (H, W, 3).

        Raises:
            UserError: a photo can't be read, or shows no face.
        """
        heads = [self.align(read_photo(liking.photo).image, liking.photo) for liking in likings]
        weights = torch.tensor([liking.weight for liking in likings])
        weights = weights / weights.sum()
        texture = torch.einsum("n,ncyx->cyx", weights, torch.stack([head.texture for head in heads]))
        shape = weights @ torch.stack([head.shape for head in heads])
        with torch.inference_mode():
            parts = texture[None].to(self._place), shape[None].to(self._place)
            if self._network.finer is None:
                drawn = self._network.compose(*parts)
            else:
                drawn = self._network.compose_finer(*parts, torch.Generator().manual_seed(0))
        found: Image = to_pictures(drawn)[0]
        return found

    def align(self, image: Image, path: Path) -> AlignedHead:
        """The largest head of a picture, in the mean shape.

        Raises:
            UserError: it shows no face.
        """
        faces = self._analyser.find([Frame(0, 0.0, image)])[0]
        faces = [face for face in faces if face.dense is not None]
        if not faces:
            raise UserError(f"{path} shows no face", "Give a photo of one person who looks ahead")
        face = max(faces, key=lambda one: float(one.box[3] - one.box[1]))
        matrix = crop_matrix(face.landmarks, SIZE, UNITS)
        crop = warp(image, matrix, SIZE)
        assert face.dense is not None
        points = (transform(face.dense[:, :2], matrix) + 0.5) * (2 / SIZE) - 1
        person = (255 * self._segmenter.share(crop)).astype(np.uint8)
        mean = self._network.points.cpu().numpy().astype(np.float64)
        texture = move_into(cut_out(crop, person), points, mean, self._network.config.side)
        shape = self._network.read_shape(torch.from_numpy(points)[None].float().to(self._place))[0].cpu()
        return AlignedHead(torch.from_numpy(texture).permute(2, 0, 1).float() / 255, shape.clamp(-MOST, MOST))

    @property
    def _place(self) -> torch.device:
        return self._network.mean.device

    @cached_property
    def _analyser(self) -> FaceAnalyser:
        return build_analyser(device=self._device, thorough=True)

    @cached_property
    def _segmenter(self) -> PersonSegmenter:
        return PersonSegmenter(str(pick_device(self._device)))
