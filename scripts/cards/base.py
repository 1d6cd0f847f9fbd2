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
    "1,173 synthetic pictures of adults of SFHQ-T2I (MIT; David Beniaguev 2024), none made by StyleGAN2",
    "624 portraits of members of the US Congress (public domain)",
    "112 portraits of the Face Research Lab London Set (DeBruine and Jones 2017, CC BY 4.0)",
    "126 portraits from Pixabay (CC0, uploaded before January 2019)",
    "37 portraits of Young Adult White Faces (DeBruine, CC BY 4.0)",
    "every fifth frame of five speakers of GRID and six sample videos by Intel (both CC BY 4.0)",
]
"""What went in: each picture as it is, twice in another shape and twice in another pose and expression."""


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
        "Face Research Lab London Set, Young Adult White Faces, GRID and Intel sample videos, all CC BY 4.0.",
        "data": DATA,
        "steps": trainer.step,
        "figures": figures,
        "limits": "Mostly synthetic and posed faces, few of them in profile or with closed eyes; nobody of "
        "the clips that the figures in docs/training.md are measured on was among them.",
        "remake": "faceswap extract PHOTOS -o FACES (each set; of videos every fifth frame); "
        "python -m scripts.train.base FACES... --held-out HELD... -r RUN "
        f"--size {size} --steps {trainer.step}; --write",
    }
    return zoo.write(ROOT / "models" / f"{BASE}{size}", model, facts)
