"""Augmentation, done on the device for a whole batch at once.

The random warp is what makes two decoders swap (deepfakes 2017): a 5x5 grid of nodes moved at random and
interpolated bicubically distorts the input, so that the encoder learns what is common to all faces'
distortions and the decoder draws its own person's undistorted face. Every
random number comes from a generator seeded by (seed, step), so a resumed run draws the same ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from faceswap_cli.training.data.dataset import OPPONENT, Faces
from faceswap_cli.training.engine.accelerate import upload
from faceswap_cli.training.engine.parallel import WHOLE, Share

NODES = 5
WARP = 3.5 / 256
"""Standard deviation of a node's shift, as a share of the picture's side. The field uses 5/256; here
rotation, zoom and shift distort the input against the label as well."""
TURN = 10.0
"""Greatest rotation of the input, degrees."""
ZOOM = 0.05
SHIFT = 0.05
"""Greatest zoom and shift of the input; shift as a share of the side."""
GAIN = 0.1
TINT = 0.03
"""Greatest change of brightness, and of each colour channel by itself."""
RECOLOUR_GAIN = (0.5, 2.0)
"""Limits of the contrast change when a sample takes on another one's colours."""


@dataclass(frozen=True)
class Samples:
    """One person's part of a batch.

    Attributes:
        identity: the decoder's name.
        input: (B, 3, R, R) in [0, 1], warped.
        target: (B, 3, R, R) in [0, 1], not warped.
        mask: (B, 1, R, R) in [0, 1].
        weight: (B, 1, R, R) in [0, 1], 1 on eyes and mouth.
        free: (B, 1, R, R) in [0, 1], 0 where something stands before the face.
    """

    identity: str
    input: Tensor
    target: Tensor
    mask: Tensor
    weight: Tensor
    free: Tensor

    def part(self, share: Share) -> Self:
        """The same for an equal part of the samples."""
        if share.parts == 1:
            return self
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        tensors = {k: share.of(v) for k, v in values.items() if isinstance(v, Tensor)}
        return type(self)(**(values | tensors))


def augment(
    faces: Faces,
    identity: str,
    count: int,
    generator: torch.Generator,
    strength: float = 1.0,
    colours: Faces | None = None,
    chances: Tensor | None = None,
    share: Share = WHOLE,
    view: bool | Tensor = True,
) -> Samples:
    """Draw `count` samples, warped and recoloured.

    Args:
        faces: the person's samples.
        identity: the decoder's name.
        count: B.
        generator: a CPU generator; the draw is the same on every device.
        strength: 0..1, scales warp, rotation, zoom and shift.
        colours: when given, every sample takes on the mean and contrast of a random one of these, so
            that both people are learnt in the light of the footage the result goes into.
        chances: (len(faces),) float64 on the CPU, growing to 1: how likely a sample up to each is drawn;
            None draws evenly. Or (count,) int64: which samples, drawn already.
        share: the part of them to make; the numbers are drawn for all.
        view: mirror half of them, or none; or (B, R, R, 2) in grid_sample's coordinates, where in the wide
            pictures this process's part is read, labels as well, and none is mirrored.
    """
    device = faces.device

    def uniform(*shape: int) -> Tensor:
        return upload(share.of(torch.rand(*shape, generator=generator)), device) * 2 - 1

    def some_of(total: int) -> Tensor:
        return share.of(torch.randint(total, (count,), generator=generator))

    if chances is None:
        drawn = faces.pick(some_of(len(faces)))
    elif not chances.is_floating_point():
        drawn = faces.pick(share.of(chances))
    else:
        dice = share.of(torch.rand(count, generator=generator, dtype=torch.float64))
        drawn = faces.pick(torch.searchsorted(chances, dice).clamp(max=len(faces) - 1))
    wide, target = drawn.wide.float() / 255, drawn.target.float() / 255
    if colours is not None:
        matrix, offset = colour_transform(drawn, colours.pick_colours(some_of(len(colours))))
        wide, target = (apply_colour(x, matrix, offset) for x in (wide, target))
    jitter = ((1 + GAIN * uniform(count, 1)) * (1 + TINT * uniform(count, 3)))[:, :, None, None]
    wide, target = (wide * jitter).clamp_(0, 1), (target * jitter).clamp_(0, 1)

    size = target.shape[-1]
    nodes = upload(share.of(torch.randn(count, 2, NODES, NODES, generator=generator)), device)
    plain = upload(view, device) if isinstance(view, Tensor) else None
    grid = sampling_grid(size, wide.shape[-1], uniform(count, 4), nodes, strength, plain)
    # Mirrored samples double the poses; input and label are mirrored alike.
    mirrored = (uniform(count) < (0 if view is True else -2)).view(-1, 1, 1, 1)
    # Clamped by hand: older torch has no border padding on MPS.
    bent = F.grid_sample(wide, grid.clamp(-1, 1), mode="bilinear", align_corners=True)
    masks = [values.float() / 255 for values in (drawn.mask, drawn.weight, drawn.free)]
    if plain is not None:
        target, masks = _labels_at(plain, wide, masks)
    return Samples(identity, *(torch.where(mirrored, x.flip(-1), x) for x in (bent, target, *masks)))


def _labels_at(grid: Tensor, wide: Tensor, masks: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Targets and masks as they are where a grid reads the wide pictures; masks have no margin."""
    # Cubic: a label must not get softer by being bent.
    target = F.grid_sample(wide, grid.clamp(-1, 1), mode="bicubic", align_corners=True).clamp_(0, 1)
    inside = (grid * ((wide.shape[-1] - 1) / (grid.shape[1] - 1))).clamp(-1, 1)
    bent = F.grid_sample(torch.cat(masks, 1), inside, mode="bilinear", align_corners=True)
    return target, list(bent.chunk(len(masks), 1))


def colour_transform(faces: Faces, others: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The colour change that gives faces the mean and contrast of others, along the opponent axes.

    Reinhard et al., Color transfer between images, 2001, in a linear space.

    Args:
        faces: B samples.
        others: mean and std of B samples, each (B, 3).

    Returns:
        (B, 3, 3) and (B, 3): RGB' = matrix @ RGB + offset.
    """
    mean, std = others
    gain = (std / faces.std.clamp(min=1e-3)).clamp(*RECOLOUR_GAIN)
    opponent = _opponent(gain.device)
    matrix = opponent.T @ (gain[:, :, None] * opponent)
    return matrix, (mean - gain * faces.mean) @ opponent


@lru_cache
def _opponent(device: torch.device) -> Tensor:
    """OPPONENT on a device: uploading it in every step would make the CPU wait."""
    return torch.from_numpy(OPPONENT).to(device)


def apply_colour(pictures: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """(B, 3, H, W) through one colour change each, kept channels-last."""
    rows = pictures.permute(0, 2, 3, 1).flatten(1, 2) @ matrix.transpose(1, 2) + offset[:, None]
    return rows.view(len(rows), *pictures.shape[2:], 3).permute(0, 3, 1, 2)


def sampling_grid(
    size: int, wide: int, draws: Tensor, nodes: Tensor, strength: float, plain: Tensor | None = None
) -> Tensor:
    """Where in the wide picture each input pixel is read.

    Args:
        size: side R of the input in pixels.
        wide: side of the wide picture in pixels.
        draws: (B, 4) uniform in [-1, 1]: rotation, zoom, shift x, shift y.
        nodes: (B, 2, 5, 5) standard normal, the warp.
        strength: 0 changes nothing.
        plain: (B, R, R, 2) where it would be read; None: the middle of the wide picture.

    Returns:
        (B, R, R, 2) in grid_sample's coordinates with align_corners.
    """
    share = (size - 1) / (wide - 1)  # the network's square in the wide picture's -1..1
    if plain is None:
        axis = torch.linspace(-share, share, size, device=draws.device)
        plain = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)[None]
    plain = plain.flatten(1, 2)
    angle = draws[:, 0] * math.radians(TURN) * strength
    zoom = 1 + draws[:, 1] * ZOOM * strength
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], 1)
    # One share of the side is 2 * share in grid coordinates.
    moved = plain @ turn.transpose(1, 2) + draws[:, None, 2:] * (2 * SHIFT * share * strength)
    warp = F.interpolate(nodes, size=(size, size), mode="bicubic", align_corners=True)
    return moved.view(-1, size, size, 2) + warp.permute(0, 2, 3, 1) * (2 * WARP * share * strength)
