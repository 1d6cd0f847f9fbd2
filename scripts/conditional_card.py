"""The card of a conditional base, and writing it into `models/` beside its weights."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from train_base_card import DATA, ROOT

from faceswap_cli import zoo
from faceswap_cli.networks.family import FaceModel
from faceswap_cli.networks.registry import parameter_count
from faceswap_cli.training.trainer import Trainer
from faceswap_cli.training.warm import PREFIX

CLIPS = "385 frames of five clips of the GRID corpus (Cooke et al. 2006, CC BY 4.0), four people"


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
        "limits": "Trained for an hour or less on a share of a busy core: soft, and its attributes steer it "
        "little. Mostly synthetic and posed faces, one picture of most people, few of them in profile. "
        "Likeness is to a descriptor, which is far less than a person; see docs/conditional.md. It begins "
        "with the weights of base-small. The descriptor network `identity` is in its loss.",
        "remake": f"python scripts/train_conditional.py FACES... -r RUN --family {family} "
        f"--steps {trainer.step}; the same with --write. One CPU core.",
    }
    return zoo.write(ROOT / "models" / f"{PREFIX}{family}", model, facts)
