"""A face between several people: their heads in one mean shape, weighed or by parts, and so their shapes.

As F. Galton, Composite portraits, 1878, but feature on feature, so that nothing is double.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from faceswap_cli.device import pick_device
from faceswap_cli.errors import UserError
from faceswap_cli.faces.face import Face, FloatArray
from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.faces.geometry import crop_matrix, invert, transform, warp
from faceswap_cli.faces.parsing.face_parser import SIDE as PARSED_UNITS
from faceswap_cli.faces.parsing.face_parser import SIZE as PARSED
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.parsing.person_segmenter import PersonSegmenter
from faceswap_cli.generation.aligned import cut_out, move_into
from faceswap_cli.generation.head_parts import OUTLINED, PARTS, AlignedHead, join_parts
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.photo import read_photo
from faceswap_cli.networks.generator.appearance import AppearanceGenerator
from faceswap_cli.networks.perception.parsing import CLASSES
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
        weight: how much of the face, in parts of the sum of all; of what no parts are asked of anybody for.
        parts: see `head_parts.PARTS`; only these are this person's.
    """

    photo: Path
    weight: float
    parts: tuple[str, ...] = ()


def parse_liking(text: str) -> Liking:
    """PHOTO, PHOTO:WEIGHT or PHOTO:PART,PART as a Liking.

    Raises:
        UserError: the weight or the parts can't be used.
    """
    path, colon, how = text.rpartition(":")
    if not colon or Path(text).is_file():
        return Liking(Path(text), 1.0)
    try:
        number = float(how)
    except ValueError:
        parts = tuple(part.strip() for part in how.split(","))
        if unknown := [part for part in parts if part not in PARTS]:
            raise UserError(
                f"--like {text}: {unknown[0] or how} is no weight and no part",
                f"Write it like anna.jpg:.6 or anna.jpg:eyes,nose; parts are {', '.join(sorted(PARTS))}",
            ) from None
        return Liking(Path(path), 1.0, parts)
    if not 0 < number <= 100:
        raise UserError(f"--like {text}: {how} is no weight", "Write it like anna.jpg:.6")
    return Liking(Path(path), number)


def check_likings(likings: Sequence[Liking]) -> None:
    """Raises:
    UserError: a part is asked of two people.
    """
    asked = dict[str, Path]()
    for liking in likings:
        for part in liking.parts:
            if asked.setdefault(part, liking.photo) != liking.photo:
                raise UserError(
                    f"--like: {part} is asked of {asked[part]} and of {liking.photo}", "Name each part once"
                )


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
        check_likings(likings)
        heads = [self.align(read_photo(liking.photo).image, liking.photo) for liking in likings]
        rest = [k for k, liking in enumerate(likings) if not liking.parts] or range(len(likings))
        weights = torch.tensor([likings[k].weight for k in rest])
        weights = weights / weights.sum()
        head = AlignedHead(
            *(
                torch.einsum("n,n...->...", weights, torch.stack([getattr(heads[k], what) for k in rest]))
                for what in ("texture", "points", "outlined")
            )
        )
        # The mean of several people's hair is haze.
        parts = {"hair": heads[max(rest, key=lambda k: likings[k].weight)]}
        parts |= {part: heads[k] for k, liking in enumerate(likings) for part in liking.parts}
        head = join_parts(head, parts, self._network.points)
        shape = self._network.read_shape(head.points[None].to(self._place)).clamp(-MOST, MOST)
        with torch.inference_mode():
            texture = head.texture[None].to(self._place)
            if self._network.finer is None:
                drawn = self._network.compose(texture, shape)
            else:
                drawn = self._network.compose_finer(texture, shape, torch.Generator().manual_seed(0))
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
        outlined = move_into(self._parse(image, face, matrix), points, mean, self._network.config.side)
        return AlignedHead(
            torch.from_numpy(texture).permute(2, 0, 1).float() / 255,
            torch.from_numpy(points).float(),
            torch.from_numpy(outlined).permute(2, 0, 1).float() / 255,
        )

    def _parse(self, image: Image, face: Face, matrix: FloatArray) -> NDArray[np.float32]:
        """(SIZE, SIZE, 2) in [0, 1] where OUTLINED are, in a head's square by its matrix from the picture."""
        found = self._parser.probabilities([self._parser.crop(image, face.landmarks)])[0]
        parsed = np.stack([found[CLASSES.index(name)] for name in OUTLINED], -1)
        corners = np.array([[0, 0], [1, 0], [0, 1]], np.float32)
        in_head = transform(
            transform(corners, invert(crop_matrix(face.landmarks, PARSED, PARSED_UNITS))), matrix
        )
        back = cv2.getAffineTransform(corners, in_head.astype(np.float32))
        moved = cv2.warpAffine(parsed, back, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.float32)

    @property
    def _place(self) -> torch.device:
        return self._network.mean.device

    @cached_property
    def _analyser(self) -> FaceAnalyser:
        return build_analyser(device=self._device, thorough=True)

    @cached_property
    def _segmenter(self) -> PersonSegmenter:
        return PersonSegmenter(str(pick_device(self._device)))

    @cached_property
    def _parser(self) -> FaceParser:
        return FaceParser(str(pick_device(self._device)))
