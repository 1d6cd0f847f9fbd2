"""What the families that swap have in common: face sets of named people in, drawings of each of them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from faceswap_cli import zoo
from faceswap_cli.errors import UserError
from faceswap_cli.faces.geometry import transform
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.faces.sets.dense_points import suggest_extracting
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.networks.swap.family import COMMON, FaceModel, FamilyConfig, place_model
from faceswap_cli.training.data.cache import MOST_MAPPED, load_cached_faces
from faceswap_cli.training.data.data_placement import nbytes, place_samples
from faceswap_cli.training.data.dataset import (
    LEAST_FACES,
    MOST_FACES,
    Faces,
    check_enough,
    choose_records,
    spread_indices,
)
from faceswap_cli.training.data.disguised import disguise
from faceswap_cli.training.data.made_up_samples import made_up_samples
from faceswap_cli.training.data.mixed_looks import IN_VIEW, join_faces, mix_looks
from faceswap_cli.training.data.train_val_split import Split, SplitPart, describe_split, train_val_split
from faceswap_cli.training.engine.parallel import WHOLE, Share
from faceswap_cli.training.engine.trainer import Batches
from faceswap_cli.training.family import DataSource, Family, LoadRequest, Start, TrainingData
from faceswap_cli.training.monitor.preview import write_preview
from faceswap_cli.training.monitor.swap_validation import SWAP_FIGURES, SwapValidator
from faceswap_cli.training.objectives.gan import OVERWHELMED
from faceswap_cli.training.objectives.swap import new_discriminator, swap_batches, swap_phases
from faceswap_cli.training.runs.settings import TARGET, SwapSettings, identities
from faceswap_cli.training.runs.weight_transfer import copy_weights

REFERENCES = 12
"""Embeddings of the target person kept in the run folder."""

LEAST_SHOWN = 4
"""With fewer held-out faces a preview shows trained ones."""

MORE = "blinks, open mouths and glances are drawn more often in training"
"""What dense points give a training."""

BASE = "base-"
"""Of the names of bases among the bundled weights."""


class SwapData(TrainingData):
    """Everybody's samples.

    Args:
        faces: by identity, where training wants them.
        settings: how much of them is held out, and what the measures weigh.
        names: labels of the identities.
    """

    def __init__(self, faces: Mapping[str, Faces], settings: SwapSettings, names: Mapping[str, str]) -> None:
        self.faces, self.weights = faces, settings.loss
        share = settings.held_out
        self.splits = {identity: train_val_split(person, share) for identity, person in faces.items()}
        self.held_out = describe_split(self.splits, share)
        who = " and ".join(name for identity, name in names.items() if identity != TARGET) or "B"
        self.remedy = f"more varied footage of {who} may, or a larger --size"
        self.mixed: dict[str, Faces] = {}
        self.disguised: dict[str, Faces] = {}
        self._validator: SwapValidator | None = None

    def batches(self, settings: SwapSettings, share: Share = WHOLE) -> Batches:
        """A batch of each person, or a share of it."""
        return swap_batches(self._trained(), settings, share, self.disguised)

    def _trained(self) -> dict[str, Faces]:
        trained = {identity: one.train for identity, one in self.splits.items()}
        return trained | {who: join_faces(trained[who], more) for who, more in self.mixed.items()}

    def usable_for_mixing(self, identity: str) -> NDArray[np.bool_]:
        """(N,) of a person's samples those that are trained on and show a free face."""
        one = self.splits[identity]
        found = self.faces[identity].in_view.cpu().numpy() >= IN_VIEW
        if not one.seen:
            assert isinstance(one.held, SplitPart)
            found[one.held.rows.numpy()] = False
        return found

    def prepare_measures(self) -> None:
        """Load what looks at faces, and look at the real ones."""
        self._validator = SwapValidator(self.splits, self.weights)

    def measure(self, model: nn.Module) -> dict[str, Any]:
        """See `swap_validation.Validation`."""
        assert isinstance(model, FaceModel) and self._validator is not None
        return self._validator.measure(model).to_json()

    def write_preview(self, path: Path, model: nn.Module, progress: float) -> None:
        """Everybody rebuilt and as the others; held-out faces where there are some."""
        del progress
        assert isinstance(model, FaceModel)
        write_preview(path, model, {k: self._shown(one) for k, one in self.splits.items()})

    @staticmethod
    def _shown(one: Split) -> Faces:
        return one.held if len(one.held) >= LEAST_SHOWN else one.train


class SwapSource(DataSource):
    """Face sets of the person in the video and of the people put on.

    Args:
        target: face set of the person in the video (A).
        sources: face sets of the people put on (B).

    Raises:
        UserError: one is no face set or is given twice, or two have one name: convert could not tell them
            apart.
    """

    least = LEAST_FACES
    """Pictures that a person has to have."""

    def __init__(self, target: Path, sources: Sequence[Path]) -> None:
        paths = dict(zip(identities(len(sources)), (target, *sources), strict=True))
        names = [path.resolve().name for path in paths.values()]
        for name in names[1:]:
            if names.count(name) > 1 and len(names) > 2:
                raise UserError(f"two face sets are called {name}", "Rename one: people are told apart by it")
        self._names = dict(zip(paths, names, strict=True))
        self.sets = {identity: FaceSet.open(path) for identity, path in paths.items()}

    def check(self, guard: SafetyGuard | None) -> None:
        """Count faces, and ask the guard."""
        for face_set in self.sets.values():
            check_enough(face_set, self.least)
            if guard:
                guard.check_set(face_set)

    @property
    def names(self) -> dict[str, str]:
        """The face sets' folders."""
        return dict(self._names)

    @property
    def face_sets(self) -> dict[str, Path]:
        """The face sets, whose crops lend detail to what is drawn."""
        return {identity: face_set.path.resolve() for identity, face_set in self.sets.items()}

    @property
    def network(self) -> dict[str, Any]:
        """Whom the network draws."""
        return {"identities": tuple(self.sets)}

    def reference(self) -> NDArray[np.float32]:
        """Of the person in the video."""
        return reference_embeddings(self.sets[TARGET])

    def nbytes(self, settings: SwapSettings) -> int:
        """Memory of everybody's samples."""
        count = sum(min(len(face_set), MOST_FACES) for face_set in self.sets.values())
        return count * nbytes(made_up_samples(settings.resolution, 1))

    def load(self, request: LoadRequest) -> TrainingData:
        """Prepared samples, from the caches beside the sets where they are there."""
        settings, device, say = request.settings, request.device, request.say
        most = MOST_MAPPED if device.type == "cpu" else MOST_FACES
        faces, resident = place_samples(self._load_all(settings.resolution, most, request), device)
        if not resident:
            say("the faces don't fit on the card beside the network: each batch is sent to it")
        data = self.prepared(faces, settings)
        say(data.held_out)
        if settings.mix_looks and isinstance(data, SwapData):
            self._mix_looks(data, request)
        return data

    def _mix_looks(self, data: SwapData, request: LoadRequest) -> None:
        """Add what those who are put on lack of the target's looks."""

        def check(done: int, total: int) -> None:
            request.check_stop()

        wanted = choose_records(self.sets[TARGET], len(data.faces[TARGET]))
        for identity, face_set in self.sets.items():
            if identity == TARGET:
                continue
            records = choose_records(face_set, len(data.faces[identity]))
            usable, size = data.usable_for_mixing(identity), request.settings.resolution
            hidden = disguise(
                (self.sets[TARGET], wanted), (face_set, records), data.faces[identity],
                (data.usable_for_mixing(TARGET), usable), size, check,
            )  # fmt: skip
            if hidden is not None:
                data.disguised[identity] = hidden
                request.say(f"{identity.upper()}: {len(hidden)} faces in {TARGET.upper()}'s disguise")
            more = mix_looks(wanted, face_set, records, usable, size, FaceParser(), check)
            if more is not None:
                data.mixed[identity] = more
                who = f"{identity.upper()}: {len(more)} more looks"
                request.say(f"{who}, of the eyes of one face and the mouth of another")

    def prepared(self, faces: Mapping[str, Faces], settings: SwapSettings) -> TrainingData:
        """The data of a family."""
        return SwapData(faces, settings, self.names)

    def _load_all(self, resolution: int, most: int, request: LoadRequest) -> dict[str, Faces]:
        def check(done: int, total: int) -> None:
            request.check_stop()

        faces, parser = {}, FaceParser()
        for identity, face_set in self.sets.items():
            faces[identity] = load_cached_faces(face_set, resolution, parser, check, request.say, most)
            of = f" of {len(face_set)}" if len(faces[identity]) < len(face_set) else ""
            request.say(f"{identity.upper()}: {len(faces[identity])}{of} faces from {face_set.path}")
            if note := suggest_extracting(face_set, MORE):
                request.say(note)
        return faces


def reference_embeddings(face_set: FaceSet) -> NDArray[np.float32]:
    """Up to REFERENCES embeddings (K, 128) of a face set's person, from its sharper crops.

    They tell convert whom to replace. Blurred crops are left out: their embeddings drift towards
    everybody's.
    """
    records = sorted(face_set.records, key=lambda r: r.sharpness, reverse=True)
    records = records[: max(REFERENCES, len(records) // 2)]
    encoder = IdentityEncoder()
    found = []
    for index in spread_indices(len(records), REFERENCES):
        record = records[index]
        landmarks = transform(record.landmarks, record.matrix).astype(np.float32)
        found.append(encoder.embed(face_set.crop(record), [landmarks])[0])
    return np.stack(found).astype(np.float32)


def made_up_data(settings: SwapSettings, device: torch.device) -> TrainingData:
    """Everybody's samples, of noise."""
    people = settings.network["identities"]
    faces = dict.fromkeys(people, made_up_samples(settings.resolution, 2).to(device))
    return SwapData(faces, replace(settings, held_out=0.0), {})


def new_swap_model(family: Family, settings: SwapSettings, device: torch.device, start: Start) -> nn.Module:
    """The network at the very start, with a base's weights if there is one."""
    model = family.build(settings.network)
    assert isinstance(model, FaceModel)
    if start is not None:
        base = start()
        assert isinstance(base, FaceModel)
        copy_weights(model, base)
    return place_model(model, device)


def find_base(family: Family, network: Mapping[str, Any]) -> str:
    """The bundled base of a family with the same options, or ""; the resolution may be another."""
    wanted = _options(network, family)
    for bundled in zoo.names():
        if bundled.startswith(BASE):
            config = zoo.card(bundled).facts["config"]
            if config["architecture"] == family.name and _options(config["network"], family) == wanted:
                return bundled
    return ""


def _options(network: Mapping[str, Any], family: Family) -> dict[str, Any]:
    """A network's own options, without those every family has; what older files don't name is as ever."""
    whole = {**asdict(family.config()), **network}
    return {key: value for key, value in whole.items() if key not in COMMON}


EVERYBODY = "everybody"
"""The one identity of a base."""


def load_bundled_base(family: Family, name: str) -> nn.Module:
    """A bundled base, which draws EVERYBODY.

    Raises:
        UserError: the weights are missing or damaged, see `zoo.tensors`.
    """
    config = zoo.card(name).facts["config"]
    base = family.build({**config["network"], "identities": [EVERYBODY]})
    base.load_state_dict(zoo.tensors(name))
    return base


def swap_family(
    config: type[FamilyConfig],
    network: type[FaceModel],
    sizes: Mapping[str, SwapSettings],
) -> Family:
    """A family with the common sampler and objective: all that is its own is the network."""
    return Family(
        config=config,
        network=network,
        sizes=sizes,
        source=SwapSource,
        new_model=new_swap_model,
        phases=swap_phases,
        new_aside=new_discriminator,
        base_for=find_base,
        load_bundled=load_bundled_base,
        from_scratch=lambda settings: replace(settings, base=""),
        made_up=made_up_data,
        place=place_model,
        figures=SWAP_FIGURES,
        collapse_signs=(OVERWHELMED,),
        compiled=("encode", "decode"),
    )


RATES = {"small": (8, 2e-3), "medium": (16, 3e-4), "large": (16, 2e-4)}
"""Batch and learning rate by size."""


def swap_sizes(networks: Mapping[str, FamilyConfig]) -> dict[str, SwapSettings]:
    """`--size`: one dial for resolution, width, batch and learning rate."""
    found = {}
    for size, network in networks.items():
        batch, rate = RATES[size]
        found[size] = SwapSettings(network=asdict(network), batch=batch, learning_rate=rate)
    return found
