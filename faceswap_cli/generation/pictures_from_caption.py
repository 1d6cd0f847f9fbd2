"""Pictures after a caption, by a generator that learnt from pictures with captions."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.generation.sampling import PictureGenerator
from faceswap_cli.networks.generator.captions import number_words, split_caption
from faceswap_cli.networks.generator.style import SMALLEST, StyleGenerator
from faceswap_cli.training.data.latents import decode_drawn
from faceswap_cli.training.data.picture_set import to_pictures

USUAL = 64
"""Pictures whose mean style is the usual one of a caption."""

DRAFT = 4
"""A draft has so many times fewer pixels a side."""


class CaptionedPictures:
    """Draws pictures after one caption.

    Args:
        generator: that has learnt captions.
        caption: what is to be seen.

    Raises:
        UserError: it has learnt none, or none of the caption's words.
    """

    def __init__(self, generator: PictureGenerator, caption: str) -> None:
        network = generator.network
        if not isinstance(network, StyleGenerator) or network.captions is None:
            raise UserError(
                "this generator has learnt no words",
                "Put a captions.csv into its folder of pictures and train anew, or leave out -m for faces",
            )
        known = set(network.config.words)
        words = split_caption(caption)
        self.understood = [word for word in words if word in known]
        self.unknown = [word for word in words if word not in known]
        if not self.understood:
            some = ", ".join(network.config.words[:8])
            raise UserError(f"no word of {caption!r} was learnt", f"Words that were: {some}, ...")
        self._network = network
        with torch.inference_mode():
            numbers = number_words([caption], network.config.words)
            self._told = network.captions(numbers.to(generator.device))[0]
            random = torch.Generator().manual_seed(0)
            self._usual = self._styles(torch.randn(USUAL, network.config.noise, generator=random)).mean(0)

    def draw(self, seed: int, truncation: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """A picture (S, S, 3 or 4) and the draft of it, which is what its coarse stages draw alone.

        Args:
            seed: of the picture.
            truncation: below 1 towards what is usual for the caption.
        """
        random = torch.Generator().manual_seed(seed)
        noise = torch.randn(1, self._network.config.noise, generator=random)
        with torch.inference_mode():
            style = self._usual + truncation * (self._styles(noise) - self._usual)
            side = max(SMALLEST, self._network.config.drawn_side // DRAFT)
            found = []
            for until in (None, side):
                grain = torch.Generator().manual_seed(seed)
                drawn = self._network.draw(style, until, noise=grain)
                if drawn.shape[-1] < self._network.config.drawn_side:
                    drawn = F.interpolate(drawn, size=self._network.config.drawn_side, mode="nearest")
                found.append(to_pictures(decode_drawn(self._network, drawn))[0])
        return found[0], found[1]

    def _styles(self, noise: torch.Tensor) -> torch.Tensor:
        told = self._told.expand(len(noise), -1)
        return self._network.styles(torch.cat([noise.to(told.device), told], 1))
