"""Heads as shapes, and as pictures in one mean shape: a linear model that can be drawn from.

T. Cootes, G. Edwards and C. Taylor, Active appearance models, ECCV 1998. Every head that was learnt from was
moved by its dense points into the mean shape, so that eyes lie on eyes and mouths on mouths; what then
differs are colours, and a mean and directions say it. A drawn head is the mean and some of each direction,
moved by a drawn shape. Its fourth channel is how much of each pixel is a person; the ground behind is plain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.networks.generator.finer import LEAST_SHARE, FinerNetwork
from faceswap_cli.networks.generator.surroundings import HeadSurroundings, Surroundings

OUTLINES, CALM = 6, 0.3
"""Directions of the texture by which an outline is drawn in full for the second stage, and how much of the
others: independent draws of many frayed it."""

HALF = 0.5
"""Share of a person from which a place counts as one."""

BROAD, STRAYED = 5, 0.06
"""Pixels around one over which a second stage's colours are looked at, and how far they may go, of 0..1."""

TURNS = 8
"""Steps in which a field of moves is turned about: each halves what is left, and more."""

MATTE = (0.3, 0.7)
"""Shares of a person between which a pixel goes from ground to person: the mean of hair edges is soft."""

GROUND, DARKER = (0.6, 0.61, 0.63), 0.2
"""Colour of the ground in [0, 1], and how much less of it there is in the corners."""


@dataclass(frozen=True)
class AppearanceConfig:
    """What rebuilds an AppearanceGenerator.

    Attributes:
        resolution: side of the drawn pictures.
        side: of the textures in pixels.
        nodes: along each side of a field of moves.
        textures: directions of the texture.
        coarse_textures: of these the first ones, which are light, hair and skin.
        shapes: directions of the shape.
        points: of a shape.
        view, lift: share of a texture's side that a picture shows, and how far its middle is above that of
            the texture, in half sides.
        sharpen: how much of the finest detail is added again; means and few directions leave it weak.
        domain: always "aligned".
    """

    resolution: int = 256
    side: int = 160
    nodes: int = 65
    textures: int = 80
    coarse_textures: int = 16
    shapes: int = 24
    points: int = 222
    view: float = 0.95
    lift: float = 0.05
    sharpen: float = 0.8
    domain: str = "aligned"

    @property
    def inputs(self) -> int:
        """Length of the noise that is put in, and of a style."""
        return self.textures + self.shapes


class AppearanceGenerator(nn.Module):
    """Noise to heads; see the module. Only a second stage, if it has one, is trained by descent.

    Styles are standard deviations of each direction, textures first. A whole picture takes one style for each
    of three layers: the shape, the coarse and the other textures.

    Args:
        config: its sizes.

    Attributes:
        finer: the second stage, which is put in from outside; None: what is drawn is the draft.
        surroundings: of what the second stage has drawn, put in likewise; None: it draws hair and clothes.
    """

    layers = 3
    finer: FinerNetwork | None
    surroundings: Surroundings | None
    mean: Tensor
    texture: Tensor
    texture_scale: Tensor
    move: Tensor
    joint: Tensor
    points: Tensor
    point_moves: Tensor

    def __init__(self, config: AppearanceConfig) -> None:
        super().__init__()
        self.config = c = config
        self.finer = self.surroundings = None
        self.register_buffer("mean", torch.zeros(4, c.side, c.side))
        self.register_buffer("texture", torch.zeros(c.textures, 4, c.side, c.side, dtype=torch.int8))
        self.register_buffer("texture_scale", torch.ones(c.textures))
        self.register_buffer("move", torch.zeros(c.shapes, 2, c.nodes, c.nodes))
        self.register_buffer("joint", torch.eye(c.inputs))
        self.register_buffer("points", torch.zeros(c.points, 2))
        self.register_buffer("point_moves", torch.zeros(c.shapes, c.points, 2))

    def layer_groups(self) -> dict[str, list[int]]:
        """Names of groups of layers: the shape, light and hair and skin, features."""
        return {"coarse": [0], "middle": [1], "fine": [2]}

    def styles(self, noise: Tensor, truncation: float = 1.0) -> Tensor:
        """Normal noise (B, N) to styles (B, N), as often together as among the heads learnt from."""
        found: Tensor = truncation * noise @ self.joint.T
        return found

    def draw(
        self,
        styles: Tensor,
        noise: torch.Generator | None = None,
        detail: float = 1.0,
        around: Sequence[HeadSurroundings] | None = None,
    ) -> Tensor:
        """Styles to pictures.

        Args:
            styles: (B, N), or (B, 3, N): one for each layer.
            noise: draws what is fine and by chance, fixed in the mean shape.
            detail: how much of the second stage is in the pictures, 0..1.
            around: which of the surroundings each has; None: the nearest.

        Returns:
            (B, 3, resolution, resolution) in [-1, 1].
        """
        c = self.config
        styles = self.joined_layers(styles)
        texture, shape = self.draw_texture(styles[:, : c.textures]), styles[:, c.textures :]
        if self.finer is None or detail <= 0:
            return self.compose(sharpen(texture, c.sharpen), shape)
        if around is None and self.surroundings is not None:
            around = [self.surroundings.choose(style[: c.textures]) for style in styles]
        finer = self.compose_finer(self.draw_calm_texture(styles[:, : c.textures]), shape, noise, around)
        if detail >= 1:
            return finer
        return torch.lerp(self.compose(sharpen(texture, c.sharpen), shape), finer, detail)

    def joined_layers(self, styles: Tensor) -> Tensor:
        """Styles (B, 3, N), one for each layer, as one (B, N) each; (B, N) stay."""
        if styles.ndim == 2:
            return styles
        c = self.config
        coarse, fine = styles[:, 1, : c.coarse_textures], styles[:, 2, c.coarse_textures : c.textures]
        return torch.cat([coarse, fine, styles[:, 0, c.textures :]], 1)

    def compose(self, texture: Tensor, shape: Tensor) -> Tensor:
        """Textures (B, 4, side, side) in shapes (B, shapes), as pictures; see `draw`."""
        at = self._turned_about(self.field(shape))
        return lay_on_ground(F.grid_sample(texture, at, "bicubic", "border", align_corners=False)) * 2 - 1

    def compose_finer(
        self,
        texture: Tensor,
        shape: Tensor,
        noise: torch.Generator | None = None,
        around: Sequence[HeadSurroundings] | None = None,
    ) -> Tensor:
        """The same after the second stage, which there has to be, each with one of the surroundings."""
        assert self.finer is not None
        side = self.finer.config.side
        draft = F.interpolate(texture, (side, side), mode="bilinear", align_corners=False)
        grain = torch.randn(len(draft), 1, side, side, generator=noise).to(draft)
        finer = hold_colours(self.finer(draft, grain), draft)
        share = finer[:, 3:] * joined(finer[:, 3:])
        cut = torch.cat([finer[:, :3].clamp(0, 1) * share, share], 1)
        if around is not None:
            assert self.surroundings is not None
            cut = self.surroundings.lay_around(cut, around)
        at = self._turned_about(self.field(shape))
        moved = F.grid_sample(cut, at, "bicubic", "border", align_corners=False)
        share = moved[:, 3:].clamp(0, 1)
        ground = plain_ground(moved.shape[-2], moved.shape[-1], moved.device)
        return (moved[:, :3] + (1 - share) * ground).clamp(0, 1) * 2 - 1

    def forward(self, noise: Tensor) -> Tensor:
        """Noise (B, N) to pictures; see `draw`."""
        return self.draw(self.styles(noise))

    def draw_texture(self, coefficients: Tensor) -> Tensor:
        """(B, textures) to (B, 4, side, side): colours times the share of a person, and this, in [0, 1]."""
        flat = (coefficients * self.texture_scale) @ self.texture.flatten(1).float()
        return flat.view(-1, *self.mean.shape) + self.mean

    def draw_calm_texture(self, coefficients: Tensor) -> Tensor:
        """The same with an outline nearer to the mean's, for the second stage, which makes haze firm."""
        texture = self.draw_texture(coefficients)
        calm = torch.full((self.config.textures,), CALM, device=coefficients.device)
        calm[:OUTLINES] = 1
        share = self.draw_texture(coefficients * calm)[:, 3:]
        colour = (texture[:, :3] / texture[:, 3:].clamp(min=LEAST_SHARE)).clamp(0, 1)
        return torch.cat([colour * share, share], 1)

    def field(self, shape: Tensor) -> Tensor:
        """(B, shapes) to (B, 2, nodes, nodes): the way of each node of the mean shape, in its square."""
        return torch.einsum("bs,scyx->bcyx", shape, self.move)

    def read_texture(self, texture: Tensor) -> Tensor:
        """The coefficients (B, textures) of textures (B, 4, side, side): what `draw_texture` takes."""
        basis = self.texture.flatten(1).float() * self.texture_scale[:, None]
        found: Tensor = torch.linalg.solve(basis @ basis.T, basis @ (texture - self.mean).flatten(1).T)
        return found.T

    def read_shape(self, points: Tensor) -> Tensor:
        """The coefficients (B, shapes) of points (B, P, 2) in the square -1..1."""
        basis = self.point_moves.flatten(1)
        found: Tensor = torch.linalg.solve(basis @ basis.T, basis @ (points - self.points).flatten(1).T)
        return found.T

    def _turned_about(self, field: Tensor) -> Tensor:
        """(B, resolution, resolution, 2): where in the mean shape each pixel of a picture is."""
        side = self.config.resolution
        line = (torch.arange(side, device=field.device) + 0.5) * (2 / side) - 1
        y, x = torch.meshgrid(line, line, indexing="ij")
        seen = torch.stack([x * self.config.view, y * self.config.view - self.config.lift], -1)
        place = seen.expand(len(field), -1, -1, -1)
        at = place
        for _ in range(TURNS):
            moved = F.grid_sample(field, at, "bilinear", "border", align_corners=True)
            at = place - moved.permute(0, 2, 3, 1)
        return at


def sharpen(texture: Tensor, amount: float) -> Tensor:
    """Textures (B, 4, H, W) whose colours, not their last channel, have more of their finest detail."""
    kernel = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=texture.device) / 16
    colour = texture[:, :3]
    soft = F.conv2d(
        F.pad(colour, (2, 2, 2, 2), "replicate"), torch.outer(kernel, kernel).expand(3, 1, 5, 5), groups=3
    )
    return torch.cat([colour + amount * (colour - soft), texture[:, 3:]], 1)


def lay_on_ground(drawn: Tensor) -> Tensor:
    """Heads (B, 4, H, W), colours times share and share, on a plain ground: (B, 3, H, W) in [0, 1]."""
    share = drawn[:, 3:]
    colour = drawn[:, :3] / share.clamp(min=LEAST_SHARE)
    t = ((share - MATTE[0]) / (MATTE[1] - MATTE[0])).clamp(0, 1)
    matte = t * t * (3 - 2 * t)
    ground = plain_ground(drawn.shape[-2], drawn.shape[-1], drawn.device)
    return (matte * colour + (1 - matte) * ground).clamp(0, 1)


def hold_colours(finer: Tensor, draft: Tensor) -> Tensor:
    """A second stage's answers (B, 4, H, W) whose broad colours are at most STRAYED from those of its drafts,
    which are times share: what it never saw can draw it to spots."""
    share = draft[:, 3:].clamp(0, 1)
    apart = (finer[:, :3] - draft[:, :3] / share.clamp(min=LEAST_SHARE)) * share
    broad = F.avg_pool2d(apart, 2 * BROAD + 1, 1, BROAD, count_include_pad=False)
    beyond = (broad - broad.clamp(-STRAYED, STRAYED)) * share
    return torch.cat([finer[:, :3] - beyond, finer[:, 3:]], 1)


def joined(share: Tensor) -> Tensor:
    """(B, 1, H, W) 1 where a share of a person hangs together with its middle: scraps of hair do not."""
    small = (F.avg_pool2d(share, 4) > HALF).to(share)
    reached = torch.zeros_like(small)
    middle = small.shape[-1] // 2
    reached[..., middle - 2 : middle + 2, middle - 2 : middle + 2] = 1
    for _ in range(2 * small.shape[-1]):
        before, reached = reached, F.max_pool2d(reached, 3, 1, 1) * small
        if torch.equal(before, reached):
            break
    around = F.max_pool2d(reached, 3, 1, 1)
    return F.interpolate(around, share.shape[-2:], mode="bilinear", align_corners=False)


def plain_ground(height: int, width: int, device: torch.device) -> Tensor:
    """(1, 3, height, width) in [0, 1]: a ground that is a little darker in its corners."""
    y = torch.linspace(-1, 1, height, device=device)[:, None]
    x = torch.linspace(-1, 1, width, device=device)[None]
    light = 1 - DARKER * (x.square() + (y + 0.2).square()) / 2
    return torch.tensor(GROUND, device=device)[None, :, None, None] * light


def build_appearance(config: Mapping[str, Any]) -> AppearanceGenerator:
    """The generator of a card's configuration."""
    return AppearanceGenerator(AppearanceConfig(**config))


def learn_directions(rows: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Principal components of rows (M, D), for fewer rows than columns.

    Returns:
        the mean (D,), directions (count, D) for one standard deviation each, and the rows' coefficients
        (M, count) in standard deviations.
    """
    mean = rows.mean(0)
    apart = rows - mean
    vectors = torch.linalg.eigh((apart @ apart.T).double())[1].flip(1)[:, :count].float()
    return mean, vectors.T @ apart / len(rows) ** 0.5, vectors * len(rows) ** 0.5


def correlate(coefficients: Sequence[Tensor]) -> Tensor:
    """The matrix (N, N) that makes of normal noise coefficients as they occur together in columns (M, k)."""
    columns = torch.cat(list(coefficients), 1).double()
    covariance = columns.T @ columns / len(columns)
    found: Tensor = torch.linalg.cholesky(covariance + 1e-4 * torch.eye(len(covariance)))
    return found.float()
