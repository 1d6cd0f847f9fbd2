"""One network for many people, told by a descriptor whom to draw: the family `conditional`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

import torch
from torch import Tensor

from faceswap_cli.networks.swap.conditional import ConditionalAutoencoder, ConditionalConfig, ConditionalModel
from faceswap_cli.networks.swap.family import FamilyConfig
from faceswap_cli.training.data.conditional_batches import conditional_batches
from faceswap_cli.training.data.conditioning import describe_faces
from faceswap_cli.training.data.dataset import Faces, spread_indices
from faceswap_cli.training.engine.parallel import WHOLE, Share
from faceswap_cli.training.engine.trainer import Batches, Trainer
from faceswap_cli.training.families.swap import SwapData, SwapSource, made_up_data, swap_family
from faceswap_cli.training.family import Say, TrainingData
from faceswap_cli.training.objectives.conditional import conditional_phases, new_probe
from faceswap_cli.training.runs.settings import SwapSettings

FEW = 100
"""From fewer people nobody learns how faces follow from descriptors."""

PICTURES = 24
"""A person's descriptor is the mean of so many pictures' at most."""


class ConditionalData(SwapData):
    """Everybody's samples, with who they are."""

    def batches(self, settings: SwapSettings, share: Share = WHOLE) -> Batches:
        """A batch of each person, everyone drawn as one of the others."""
        return conditional_batches(self._trained(), settings, share)

    def begin(self, trainer: Trainer, say: Say) -> None:
        """Tell a new run who its people are."""
        base = getattr(trainer.settings, "base", "")
        if not base and len(self.faces) < FEW:
            say(
                f"what a descriptor means can't be learnt from {len(self.faces)} people: this run will draw "
                "them and nobody else. Begin with the bundled base, or see scripts/train/conditional.py"
            )
        for identity, own in self.faces.items():
            who = mean_descriptor(own)
            for model in (trainer.model, trainer.ema):
                assert isinstance(model, ConditionalModel)
                model.embedding(identity).copy_(who)


class ConditionalSource(SwapSource):
    """Face sets of people; of one a single picture will do, because a descriptor says who it is."""

    least = 1

    def prepared(self, faces: Mapping[str, Faces], settings: SwapSettings) -> TrainingData:
        """The data of a conditional family."""
        return ConditionalData(faces, settings, self.names)


def mean_descriptor(faces: Faces) -> Tensor:
    """The mean descriptor (128,) of a person's pictures and their mirror images."""
    rows = torch.tensor(list(spread_indices(len(faces), PICTURES)))
    return describe_faces(faces.pick(rows)).embedding.mean((0, 1))


def made_up_conditional_data(settings: SwapSettings, device: torch.device) -> TrainingData:
    """Everybody's samples, of noise."""
    data = made_up_data(settings, device)
    assert isinstance(data, SwapData)
    return ConditionalData(data.faces, replace(settings, held_out=0.0), {})


def conditional_sizes(config: FamilyConfig) -> dict[str, SwapSettings]:
    """The one size of a conditional family."""
    # The map between encoder and decoder keeps the layout: what was warped away could not be known.
    return {
        "small": SwapSettings(
            network=asdict(config),
            learning_rate=5e-4,
            distortion_until=0.0,
            distortion_after=0.1,
            recolour=0.5,
            mix_looks=False,
        )
    }


FAMILY = replace(
    swap_family(ConditionalConfig, ConditionalAutoencoder, conditional_sizes(ConditionalConfig())),
    source=ConditionalSource,
    phases=conditional_phases,
    new_aside=new_probe,
    made_up=made_up_conditional_data,
    collapse_signs=(),
    adaptable=True,
)
