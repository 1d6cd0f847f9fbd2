"""Captions as vectors, for generators that are told what to draw.

H. Zhang et al., StackGAN: text to photo-realistic image synthesis with stacked generative adversarial
networks, ICCV 2017: a caption gives a distribution, from which what the generator is told is drawn
(conditioning augmentation), so that near captions give near pictures.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PADDING, UNKNOWN = 0, 1
"""Numbers that stand for no word, and for one that was not learnt; words are counted from 2."""

MOST_WORDS = 24
"""Words of a caption that are read."""


def split_caption(text: str) -> list[str]:
    """The words of a caption, in small letters; numbers count as words."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower())[:MOST_WORDS]


def number_words(captions: Sequence[str], words: Sequence[str]) -> Tensor:
    """(B, MOST_WORDS) numbers of the words of captions, by their places among those that are known."""
    places = {word: place for place, word in enumerate(words, 2)}
    found = torch.full((len(captions), MOST_WORDS), PADDING)
    for row, caption in enumerate(captions):
        own = [places.get(word, UNKNOWN) for word in split_caption(caption)]
        found[row, : len(own)] = torch.tensor(own, dtype=torch.long)
    return found


class CaptionEncoder(nn.Module):
    """Words, in their order, to the mean and the spread of a vector.

    Args:
        words: how many are known.
        width: length of the vector.
    """

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words + 2, width, padding_idx=PADDING)
        self.order = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)
        self.mean, self.spread = nn.Linear(2 * width, width), nn.Linear(2 * width, width)
        nn.init.zeros_(self.spread.weight)
        nn.init.constant_(self.spread.bias, -2.0)

    def forward(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers of words (B, L) to means and logarithms of variances, both (B, width)."""
        there = (words != PADDING).float()[..., None]
        own = self.embedding(words)
        in_order = self.order(own)[0]
        count = there.sum(1).clamp(min=1)
        found = torch.cat([(own * there).sum(1), (in_order * there).sum(1)], 1) / count
        return self.mean(found), self.spread(found).clamp(-8, 4)


def divergence_from_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of normal distributions from the standard one, a mean over all."""
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).mean()


def draw_condition(mean: Tensor, log_variance: Tensor, random: torch.Generator) -> Tensor:
    """A vector of each distribution."""
    noise = torch.randn(mean.shape, generator=random).to(mean.device)
    return mean + (0.5 * log_variance).exp() * noise


class CaptionMatch(nn.Module):
    """How well a picture's features go with a caption: a projection (T. Miyato and M. Koyama, cGANs with
    projection discriminator, ICLR 2018).

    Args:
        words: how many are known.
        width: of captions.
        features: of pictures.
    """

    def __init__(self, words: int, width: int, features: int) -> None:
        super().__init__()
        self.encoder = CaptionEncoder(words, width)
        self.features = nn.Linear(features, width)
        self.scale = width**-0.5

    def forward(self, features: Tensor, words: Tensor) -> Tensor:
        """Features (B, F) and captions (B, L) to (B,)."""
        caption = F.layer_norm(self.encoder(words)[0], (self.features.out_features,))
        found: Tensor = (self.features(features) * caption).sum(1) * self.scale
        return found
