"""The card of a base, and writing it into `models/` beside its weights."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from faceswap_cli import zoo
from faceswap_cli.networks.swap.family import FaceModel, parameter_count
from faceswap_cli.training.engine.trainer import Trainer
from faceswap_cli.training.families.swap import BASE

ROOT = Path(__file__).resolve().parents[2]

DATA = [
    "1,758 faces in 1,732 synthetic pictures of SFHQ-T2I (MIT; David Beniaguev 2024), "
    "none of them made by StyleGAN2",
    "678 portraits of members of the US Congress (public domain)",
    "122 portraits of 61 people of the Face Research Lab London Set (DeBruine and Jones 2017, CC BY 4.0)",
    "252 frames of six sample videos by Intel (CC BY 4.0)",
]
"""What went in: each picture once as it is and three times in another shape."""


def write(trainer: Trainer, size: str, figures: dict[str, Any]) -> zoo.Card:
    """Write the averaged weights and their card.

    Args:
        trainer: at its last checkpoint.
        size: of the network, which gives the base its name.
        figures: measured on pictures that were held out.
    """
    model = trainer.ema
    assert isinstance(model, FaceModel)
    network = {k: v for k, v in asdict(model.config).items() if k != "identities"}
    facts = {
        "what": "Base that new training runs start from: an autoencoder that draws anybody's face.",
        "config": {"architecture": "shared", "network": network},
        "parameters": parameter_count(model),
        "licence": "MIT, as the code; of the data only attribution is asked for: "
        "Face Research Lab London Set and Intel sample videos, both CC BY 4.0.",
        "data": DATA,
        "steps": trainer.step,
        "figures": figures,
        "limits": "Mostly synthetic and posed faces, few of them in profile or with closed eyes; nobody of "
        "the clips that the figures in docs/training.md are measured on was among them.",
        "remake": "faceswap extract PHOTOS -o FACES (each set; of videos every fifth frame); "
        f"python -m scripts.train.base FACES... -r RUN --size {size} --steps {trainer.step}; --write",
    }
    return zoo.write(ROOT / "models" / f"{BASE}{size}", model, facts)
