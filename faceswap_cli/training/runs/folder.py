"""The run folder: what a training run is, apart from its weights.

RUN/
  run.json        the settings, who is who, and what was changed on the way
  checkpoints/    see checkpoints.py
  snapshots/      those kept for good, see snapshots.py
  preview.jpg     how far it is
  previews/       a few of the whole run
  train.html      how it goes
  log.jsonl       a line for each report
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from faceswap_cli.errors import UserError
from faceswap_cli.files import make_folder, said_plainly, write_text
from faceswap_cli.limits import read_json
from faceswap_cli.networks.swap.family import FaceModel
from faceswap_cli.training.engine.checkpoints import Checkpoint, CheckpointStore
from faceswap_cli.training.families import DEFAULT, find_family
from faceswap_cli.training.family import Family
from faceswap_cli.training.runs.aliases import FORMAT, VERSION, OtherVersionError, read_settings
from faceswap_cli.training.runs.settings import TrainSettings

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Run:
    """An opened run folder.

    Attributes:
        path: the folder.
        settings: of its family's class, as it was begun, with what was changed since.
        names: a label for each identity, such as the face set's folder name.
        reference: (K, 128) embeddings of the target person, by which convert knows whom to replace;
            empty when there are none.
        history: what was changed on the way and at which step, see `changes` and `snapshots`.
        face_sets: where each identity's face set lay when it was last trained with; none of runs that were
            trained before this was written down.
    """

    path: Path
    settings: Any
    names: Mapping[str, str]
    reference: NDArray[np.float32]
    history: tuple[Mapping[str, Any], ...] = ()
    face_sets: Mapping[str, Path] = field(default_factory=dict)

    @property
    def snapshots(self) -> CheckpointStore:
        """Its checkpoints that are kept for good; to be read only."""
        return CheckpointStore(self.path / "snapshots")

    @property
    def identities(self) -> tuple[str, ...]:
        """Of the network: a, b, b2, ..."""
        return tuple(self.settings.network.get("identities", ()))

    def identity(self, person: str) -> str:
        """The identity that is meant by itself or by its person's name.

        Raises:
            UserError: there is none of that name.
        """
        return identity_by_name(person, self.identities, self.names, self.path)

    @property
    def store(self) -> CheckpointStore:
        """Its checkpoints."""
        return CheckpointStore(self.path / "checkpoints")

    @property
    def preview(self) -> Path:
        """The picture that shows how far it is."""
        return self.path / "preview.jpg"

    @property
    def log(self) -> Path:
        """JSON lines."""
        return self.path / "log.jsonl"


def identity_by_name(person: str, identities: Sequence[str], names: Mapping[str, str], where: Path) -> str:
    """The identity that is meant by itself or by its person's name.

    Raises:
        UserError: there is none of that name.
    """
    if person in identities:
        return person
    for identity, name in names.items():
        if name == person and identity in identities:
            return identity
    known = ", ".join(f"{one} ({names[one]})" if names.get(one) else one for one in identities)
    raise UserError(f"{where} has no face {person}", f"It has {known}")


def create_run(
    path: Path,
    settings: TrainSettings,
    names: Mapping[str, str],
    reference: NDArray[np.float32],
    adopt: bool = False,
) -> Run:
    """Make the folder and its run.json.

    Args:
        path: the folder.
        settings: how it trains.
        names: a label for each identity.
        reference: see Run.
        adopt: take a folder that is not empty: checkpoints of a time before run.json was written for them.

    Raises:
        UserError: it can't be written, or something else is in the way.
    """
    make_folder(path)
    others = [p.name for p in path.iterdir() if not p.name.startswith(".")]
    if others and not adopt:
        raise UserError(
            f"{path} is not empty and holds no run ({others[0]}, ...)", "Choose a new folder for the run"
        )
    card = {
        "format": FORMAT,
        "version": VERSION,
        "settings": settings.to_json(),
        "names": dict(names),
        "reference": np.round(reference, 4).tolist(),
    }
    write_text(path / "run.json", json.dumps(card, indent=1))
    return Run(path, settings, dict(names), reference)


def is_run(path: Path) -> bool:
    """Whether a run was begun in this folder."""
    return (path / "run.json").is_file()


def open_run(path: Path, family: Family | None = None) -> Run:
    """Read a run folder.

    Args:
        path: the folder.
        family: one that is known besides FAMILIES, or in place of the one of its name.

    Raises:
        UserError: it is none, of another version, or its run.json is damaged.
    """
    file = path / "run.json"
    if not file.is_file():
        raise UserError(
            f"{path} holds no trained run",
            "Give the folder that `faceswap train -m` wrote, or train one first",
        )
    try:
        card = read_json(file)
        settings_json = read_settings(card)
        names = {str(k): str(v) for k, v in card.get("names", {}).items()}
        reference = np.array(card.get("reference", []), np.float32).reshape(-1, 128)
        history = tuple(dict(entry) for entry in card.get("history", []))
        face_sets = {str(k): Path(v) for k, v in card.get("face_sets", {}).items()}
    except OtherVersionError as error:
        raise UserError(f"{path} was made by another version of this tool (format {error})") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise UserError(f"{file} is damaged ({error})", "Restore it from a backup") from error
    name = str(settings_json.get("family"))
    kind = family if family is not None and family.name == name else find_family(name)
    return Run(path, kind.settings.from_json(settings_json), names, reference, history, face_sets)


def amend_run(run: Run, entry: Mapping[str, Any], settings: TrainSettings | None = None) -> Run:
    """Add a line to a run's history, and give it other settings if there are any.

    Raises:
        UserError: run.json can't be written; the old one is untouched.
    """
    file = run.path / "run.json"
    with said_plainly(file):
        card = read_json(file)
    changed = replace(run, settings=settings or run.settings, history=(*run.history, entry))
    card |= {
        "format": FORMAT,
        "version": VERSION,
        "settings": changed.settings.to_json(),
        "history": [dict(e) for e in changed.history],
    }
    write_text(file, json.dumps(card, indent=1))
    return changed


def record_face_sets(run: Run, face_sets: Mapping[str, Path]) -> Run:
    """Write down where a run's face sets lie, if that is new.

    Raises:
        UserError: run.json can't be written; the old one is untouched.
    """
    if dict(run.face_sets) == dict(face_sets):
        return run
    file = run.path / "run.json"
    with said_plainly(file):
        card = read_json(file)
    card["face_sets"] = {identity: str(path) for identity, path in face_sets.items()}
    write_text(file, json.dumps(card, indent=1))
    return replace(run, face_sets=dict(face_sets))


def family_of(path: Path) -> str:
    """The family of a run folder, or of a new one when nobody says which.

    Raises:
        UserError: see open_run; or the run is of a version that knows other families.
    """
    return str(open_run(path).settings.family) if is_run(path) else DEFAULT


def load_trained(run: Run, device: torch.device) -> tuple[FaceModel, Checkpoint, list[str]]:
    """The averaged weights of a run that swaps, see `load_network`."""
    return load_network(run, device, FaceModel)  # type: ignore[type-abstract]


def load_network(
    run: Run, device: torch.device, kind: type[Network]
) -> tuple[Network, Checkpoint, list[str]]:
    """The run's averaged weights, ready to draw.

    Args:
        run: of a family among FAMILIES.
        device: where the network goes.
        kind: what it has to be.

    Returns:
        the model in eval mode, the checkpoint, and a word on each damaged one that was passed over.

    Raises:
        UserError: nothing was trained yet, the weights are not this architecture's, or the network is of
            another kind.
    """
    family = find_family(run.settings.family)
    if not issubclass(family.network, kind):
        raise UserError(
            f"{run.path} holds a network of the family {family.name}, which can't be used here",
            f"Give a run of {_families_that_are(kind)}",
        )
    checkpoint, notes = run.store.newest()
    if checkpoint is None:
        raise UserError(f"{run.path} holds no checkpoint yet", "Train first: `faceswap train ... -m`")
    network = run.settings.network
    check_fits(family.outline(network), checkpoint.tensors, "ema.", checkpoint.path)
    model = family.build(network)
    assert isinstance(model, kind)
    load_weights(model, checkpoint.tensors, "ema.", checkpoint.path)
    placed: Network = family.place(model, device).eval()  # type: ignore[assignment]
    return placed, checkpoint, notes


def _families_that_are(kind: type[nn.Module]) -> str:
    """The families whose networks are of a kind, in words."""
    from faceswap_cli.training.families import FAMILIES

    names = [name for name, family in FAMILIES.items() if issubclass(family.network, kind)]
    return f"--family {' or '.join(names)}" if names else "another family"


def check_fits(model: nn.Module, tensors: Mapping[str, Any], prefix: str, path: Path) -> None:
    """Raise a UserError if a network without weights is not the one that the tensors under `prefix` are of.

    Asked before a network is built: by its card it could be of any size.
    """
    mine = {k.removeprefix(prefix): tuple(v.shape) for k, v in tensors.items() if k.startswith(prefix)}
    if mine != {name: tuple(value.shape) for name, value in model.state_dict().items()}:
        raise _other_network(path)


def load_weights(model: nn.Module, tensors: Mapping[str, Any], prefix: str, path: Path) -> None:
    """Copy the tensors under `prefix` into a model, strictly.

    Raises:
        UserError: names or shapes differ: the run folder is of another architecture.
    """
    mine = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    try:
        model.load_state_dict(mine, strict=True)
    except RuntimeError as error:
        raise _other_network(path) from error


def _other_network(path: Path) -> UserError:
    return UserError(
        f"{path} does not fit the architecture in its run.json",
        "The folder mixes two runs: restore it, or train into a new one",
    )
