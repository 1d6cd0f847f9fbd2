"""The card of the ageing network."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

from faceswap_cli import zoo
from faceswap_cli.networks.ageing.ageing import LEAST_AGE, MOST_AGE
from faceswap_cli.training.engine.trainer import Trainer
from scripts.cards.age_estimator import SOURCES
from scripts.data.age_faces import Faces

ROOT = Path(__file__).resolve().parents[2]


def write(trainer: Trainer, faces: Faces) -> None:
    """Write `models/ageing` from the averaged weights."""
    network = trainer.ema.cpu()
    learned = (*faces.where("train"), *faces.ranged("train"))
    sets = [faces.facts[i]["set"] for i in learned]
    facts = {
        "what": f"Ageing: the change of a face from one age to another, from {LEAST_AGE:.0f} to "
        f"{MOST_AGE:.0f} years, as residual, gains of detail and flow. Aligned crops of "
        f"{network.config.size} px and {network.config.side} face units.",
        "licence": "Non-commercial research only (UTKFace, which most of its faces are from, and the age "
        "estimator that it learned from are given for nothing else).",
        "data": [SOURCES[name].format(sets.count(name)) for name in sorted(set(sets))],
        "teachers": "models/age_estimator; faceplugin_fr_feature.onnx, a face recogniser (not shipped)",
        "parameters": sum(p.numel() for p in network.parameters()),
        "steps": trainer.step,
        "batch": trainer.settings.batch,
        "seed": trainer.settings.seed,
        "trained": f"{time.strftime('%Y-%m')}, {trainer.seconds / 60:.0f} minutes on a thread of a busy CPU",
        "split": "by person, see models/age_estimator: a tenth is kept from all training",
        "config": json.loads(json.dumps(asdict(network.config))),
        "limits": "Adults only: nothing is known of faces under 16, and skulls do not grow. Most faces it "
        "learned from are small pictures of well-known people, looking at the camera. Hair changes "
        "colour around the face only. A strong change of age is a guess about a kind of face, not a person.",
        "figures": "docs/age.md, by faceswap evaluate age",
        "remake": "python -m scripts.train.age, as its first lines say. The first 3,254 steps were taken "
        "without sfhq_adults, mirrored changes and half-size views, the first 2,468 of them with colours "
        "moving by up to 0.06, without a limit to detail and by the age estimator of 2,600 steps; steps "
        "3,355 to 4,107 trained the coarse part alone, on pictures of half the size.",
    }
    card = zoo.write(ROOT / "models" / "ageing", network, facts)
    print(json.dumps({k: v for k, v in card.facts.items() if k != "config"}, indent=1))
