"""The card of a conditional base, and writing it into `models/` beside its weights."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from faceswap_cli import zoo
from faceswap_cli.networks.swap.family import FaceModel, parameter_count
from faceswap_cli.training.engine.trainer import Trainer
from faceswap_cli.training.families.swap import BASE
from faceswap_cli.training.runs.warm_start import CRITIC
from scripts.cards.base import DATA, ROOT

CLIPS = "385 frames of five clips of the GRID corpus (Cooke et al. 2006, CC BY 4.0), four people"


RATES = {"conditional": "1e-3", "gan": "8e-4"}
"""With which the bundled ones were trained."""

HISTORY = (
    "It began with the weights of an earlier conditional autoencoder, whose code was a vector (7,459 steps "
    "of 8 faces in 123 minutes), as far as they fitted; the critic with an earlier GAN's (6,294 steps)."
)
"""What a base went through that its settings do not say."""


def write_critic(trainer: Trainer, family: str, base: zoo.Card) -> zoo.Card:
    """Write what judged a base beside it: whoever trains on begins with a critic that has seen people."""
    assert trainer.aside is not None
    kept = ("licence", "data", "steps", "figures", "limits", "trained", "remake")
    facts = {
        "what": f"The critic that {BASE}{family} was trained against; it draws nothing.",
        "config": {"critic": "projection"},
        "parameters": parameter_count(trainer.aside),
        **{name: base.facts[name] for name in kept},
    }
    return zoo.write(ROOT / "models" / f"{CRITIC}{family}", trainer.aside, facts)


def write(trainer: Trainer, family: str, faces: int, figures: dict[str, Any]) -> zoo.Card:
    """Write the averaged weights and their card.

    Args:
        trainer: at its last checkpoint.
        family: conditional or gan.
        faces: that it was trained on.
        figures: measured on people who were held out.
    """
    model = trainer.ema
    assert isinstance(model, FaceModel)
    network = {k: v for k, v in asdict(model.config).items() if k != "identities"}
    facts = {
        "what": "Base of a conditional family: draws anybody whose descriptor it is given.",
        "config": {"architecture": family, "network": network},
        "parameters": parameter_count(model),
        "licence": "MIT, as the code; of the data only attribution is asked for: Face Research Lab London "
        "Set, Intel sample videos and GRID corpus, all CC BY 4.0.",
        "data": [*DATA, CLIPS, f"{faces} faces in all, every fifteenth person held out; each as it is"],
        "steps": trainer.step,
        "figures": {k: round(v, 3) for k, v in figures.items()},
        "limits": "Trained on one core for less than three hours. Mostly synthetic and posed faces, one "
        "picture of most people, few of them in profile. Likeness is to a descriptor, which is far less than "
        "a person; see docs/conditional.md. The descriptor network `identity` is in its loss.",
        "trained": f"{trainer.seconds / 60:.0f} minutes on one thread of a busy CPU, "
        f"{trainer.settings.batch} faces a step. {HISTORY}",
        "remake": f"python -m scripts.train.conditional FACES... -r RUN --family {family} "
        f"--minutes {trainer.seconds / 60:.0f} --batch 8 --rate {RATES[family]}; the same with --write.",
    }
    return zoo.write(ROOT / "models" / f"{BASE}{family}", model, facts)
