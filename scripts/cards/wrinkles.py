"""The card of the network that draws wrinkles."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from faceswap_cli import zoo
from faceswap_cli.training.engine.trainer import Trainer

ROOT = Path(__file__).resolve().parents[2]

SOURCES = {
    "congress_pd": "official portraits of members of the US Congress (public domain)",
    "london_ccby": "Face Research Lab London Set, DeBruine and Jones 2017 (CC BY 4.0)",
    "pixabay_cc0": "portraits from Pixabay, uploaded before 2019 (CC0)",
    "sfhq_synthetic_mit": "SFHQ galleries, people invented by text-to-image networks (MIT; StyleGAN2's were "
    "left out)",
    "utkface_16plus": "UTKFace, Z. Zhang et al. 2017 (non-commercial research only), 18 years and older, "
    "sharp ones",
}


def write(trainer: Trainer, facts: Sequence[dict[str, Any]]) -> None:
    """Write `models/wrinkles` from the averaged weights.

    Args:
        trainer: at its newest checkpoint.
        facts: of the faces that it learnt from.
    """
    network = trainer.ema.cpu()
    sets = [fact["set"] for fact in facts]
    config = json.loads(json.dumps(asdict(network.config)))
    card = zoo.write(
        ROOT / "models" / "wrinkles",
        network,
        {
            "what": "Wrinkles, folds and bags of an age: logarithms of luma that are multiplied onto skin. "
            f"Aligned crops of {network.config.size} px and {network.config.side} face units.",
            "licence": "Non-commercial research only (UTKFace, and the age estimator that it learned from, "
            "are given for nothing else).",
            "data": [f"{SOURCES[name]}: {sets.count(name)} faces" for name in sorted(set(sets))],
            "teachers": "models/age_estimator",
            "parameters": sum(p.numel() for p in network.parameters()),
            "steps": trainer.step,
            "batch": trainer.settings.batch,
            "seed": trainer.settings.seed,
            "trained": f"{time.strftime('%Y-%m')}, {trainer.seconds / 60:.0f} minutes on a thread of a busy "
            "CPU",
            "split": "Congress, London and UTKFace by person, as models/age_estimator; of the others a tenth "
            "is kept by sha256 of the file's name. Nobody under 18.",
            "config": config,
            "limits": "Drawn on the face's skin alone: not on necks, ears and lips. Most faces it learned "
            "from look at the camera. What it draws is a guess about a kind of face, not a person.",
            "figures": "docs/age.md, by faceswap evaluate age",
            "remake": "scripts/data/wrinkle_faces.py and scripts/train/wrinkles.py, as their first lines say",
        },
    )
    print(json.dumps({k: v for k, v in card.facts.items() if k != "config"}, indent=1))
