"""The network of 2018, to compare with: the family `original`. It has one size."""

from __future__ import annotations

from dataclasses import asdict

from faceswap_cli.networks.swap.original import OriginalAutoencoder, OriginalConfig
from faceswap_cli.training.families.swap import swap_family
from faceswap_cli.training.objectives.weights import LossWeights
from faceswap_cli.training.runs.settings import SwapSettings

SIZES = {
    # The published rate: its wide dense layers bear no more. And as published, codes are not compared.
    "small": SwapSettings(
        network=asdict(OriginalConfig()),
        batch=16,
        learning_rate=5e-5,
        loss=LossWeights(match=0.0),
    )
}

FAMILY = swap_family(OriginalConfig, OriginalAutoencoder, SIZES)
