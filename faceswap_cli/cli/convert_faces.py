"""Whose face is drawn, and by which model: somebody it was trained on, or whoever is on a photo."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from faceswap_cli.cli import console
from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from faceswap_cli.faces.identity.people import Person
    from faceswap_cli.faces.sets.faceset import FaceSet
    from faceswap_cli.networks.swap.conditional import ConditionalModel
    from faceswap_cli.networks.swap.family import FaceModel
    from faceswap_cli.networks.swap.renderer import Renderer


class WeightedFace(NamedTuple):
    """A share of who is drawn: a name or a path, and its weight."""

    name: str
    weight: float


def parse_weighted_faces(faces: Sequence[str]) -> list[WeightedFace]:
    """NAME or NAME:WEIGHT of each; the weights add up to 1.

    Raises:
        UserError: a weight is below 0, or all are 0.
    """
    found = [_part(face) for face in faces]
    total = sum(part.weight for part in found)
    if any(part.weight < 0 for part in found) or not 0 < total < math.inf:
        raise UserError(
            f"--face {' --face '.join(faces)}: these weights can't be mixed",
            "Use for example A.jpg:0.7 B.jpg:0.3",
        )
    return [WeightedFace(part.name, part.weight / total) for part in found]


def _part(text: str) -> WeightedFace:
    name, colon, weight = text.rpartition(":")
    try:
        return WeightedFace(name, float(weight)) if colon and name else WeightedFace(text, 1.0)
    except ValueError:  # a colon of the name's own
        return WeightedFace(text, 1.0)


@dataclass(frozen=True)
class LoadedRenderer:
    """A loaded face.

    Attributes:
        renderer: who draws it.
        reference: (K, 128) whom its model was trained to replace; None if nobody knows.
        mark: what its pictures depend on.
        note: what to tell when everybody is replaced because of that.
        faces: the person's face set, whose crops lend detail; None: none is known.
        without: why not, in words.
    """

    renderer: Renderer
    reference: NDArray[np.float32] | None
    mark: str
    note: str | None = None
    faces: FaceSet | None = None
    without: str = ""


@dataclass(frozen=True)
class _Loaded:
    """An opened model.

    Attributes:
        model: draws.
        identity: who is meant by a name.
        reference: (K, 128) of the person who is replaced, or empty.
        mark: of its weights.
        note: what to tell when the reference is empty.
        face_sets: face sets by identity, see `training.runs.folder.Run`; None: it holds none.
    """

    model: FaceModel
    identity: Callable[[str], str]
    reference: NDArray[np.float32]
    mark: str
    note: str | None = None
    face_sets: Mapping[str, Path] | None = None


@dataclass
class RendererLoader:
    """The models that are asked for, each loaded once.

    Attributes:
        device: where they run.
        read: a person from a photo or a face set.
    """

    device: str
    read: Callable[[Path], Person]
    _loaded: dict[Path, _Loaded] = field(default_factory=dict)

    def drawer(self, path: Path, faces: Sequence[str]) -> LoadedRenderer:
        """Who draws `faces` by the model at `path`.

        Raises:
            UserError: there is no such model, or it can't draw them.
        """
        if path not in self._loaded:
            self._loaded[path] = _load(path, self.device)
        loaded, wanted = self._loaded[path], parse_weighted_faces(faces)
        known = loaded.model.config.identities
        if len(wanted) == 1 and (wanted[0].name in known or not Path(wanted[0].name).exists()):
            return _named(loaded, loaded.identity(wanted[0].name))
        from faceswap_cli.networks.swap.conditional import ConditionalModel

        if not isinstance(loaded.model, ConditionalModel):
            names = ", ".join(part.name for part in wanted)
            raise UserError(
                f"{path} draws only whom it was trained on, not {names}",
                "For a photo use -m conditional; or train with the face set, and give its name",
            )
        return _mixed(loaded, loaded.model, {part: self._embedding(loaded, part.name) for part in wanted})

    def _embedding(self, loaded: _Loaded, name: str) -> Tensor:
        """The descriptor (128,) of a name or a path."""
        import torch

        from faceswap_cli.networks.swap.conditional import ConditionalModel

        assert isinstance(loaded.model, ConditionalModel)
        if name not in loaded.model.config.identities and Path(name).exists():
            return torch.from_numpy(self.read(Path(name)).looks.mean(0))
        return loaded.model.embedding(loaded.identity(name)).cpu()


def _named(loaded: _Loaded, identity: str) -> LoadedRenderer:
    """Somebody the model was trained on."""
    from faceswap_cli.training.runs.settings import TARGET

    # The run knows what A looks like. Putting A onto B's footage, there is nobody to compare with.
    known = len(loaded.reference) and identity != TARGET
    reference = loaded.reference if known else None
    note = loaded.note if identity != TARGET else None
    faces, without = _open_crops(loaded.face_sets, identity)
    mark = f"{loaded.mark} {identity}"
    return LoadedRenderer(loaded.model.renderer(identity), reference, mark, note, faces, without)


def _open_crops(face_sets: Mapping[str, Path] | None, identity: str) -> tuple[FaceSet | None, str]:
    """An identity's face set, or why its crops can't lend detail."""
    from faceswap_cli.effects.swap.detail.crops import why_no_detail
    from faceswap_cli.faces.sets.faceset import FaceSet

    if face_sets is None:
        return None, "an exported or bundled model holds no crops"
    if identity not in face_sets:
        return None, "the run does not say where its face sets are: train it a moment longer"
    try:
        faces = FaceSet.open(face_sets[identity])
    except UserError as error:
        return None, str(error)
    why = why_no_detail(faces)
    return (None, why) if why else (faces, "")


def _mixed(
    loaded: _Loaded, model: ConditionalModel, embeddings: Mapping[WeightedFace, Tensor]
) -> LoadedRenderer:
    """Whoever lies between some descriptors."""
    import torch

    found = torch.stack([part.weight * value.float() for part, value in embeddings.items()]).sum(0)
    # Between two people lies a shorter vector; everybody's are about as long.
    length = torch.stack([part.weight * value.float().norm() for part, value in embeddings.items()]).sum()
    found = found * (length / found.norm().clamp(min=1e-6))
    mark = hashlib.sha256(found.numpy().tobytes()).hexdigest()
    reference = loaded.reference if len(loaded.reference) else None
    return LoadedRenderer(
        model.renderer_of(found),
        reference,
        f"{loaded.mark} {mark}",
        loaded.note,
        without="crops lend it to people that a run was trained on",
    )


def _load(path: Path, device: str) -> _Loaded:
    from faceswap_cli.training.runs.warm_start import is_bundled

    if not path.exists() and is_bundled(str(path)):
        return _bundled(str(path), device)
    return (_file if path.is_file() else _run)(path, device)


def _run(path: Path, device: str) -> _Loaded:
    """A run folder."""
    from faceswap_cli.device import pick_device
    from faceswap_cli.training.runs.folder import load_trained, open_run

    opened = open_run(path)
    model, checkpoint, notes = load_trained(opened, pick_device(device))
    for note in notes:
        console.warn(note)
    mark = checkpoint.path.name
    return _Loaded(model, opened.identity, opened.reference, mark, face_sets=opened.face_sets)


def _file(path: Path, device: str) -> _Loaded:
    """A file that `faceswap models export` made."""
    from faceswap_cli.device import pick_device
    from faceswap_cli.training.runs.model_file import load_exported

    opened = load_exported(path, pick_device(device))
    unknown = "does not say what the person to be replaced looks like: every face counts"
    mark = str(opened.card["sha256"])
    return _Loaded(opened.model, opened.identity, opened.reference, mark, f"{path} {unknown}")


def _bundled(name: str, device: str) -> _Loaded:
    """The bundled base of a conditional family, which draws whoever is on a photo."""
    import numpy as np

    from faceswap_cli import zoo
    from faceswap_cli.device import pick_device
    from faceswap_cli.networks.swap.family import place_model
    from faceswap_cli.training.runs.warm_start import EVERYBODY, is_bundled, load_base

    def identity(person: str) -> str:
        if person == EVERYBODY:
            return person
        wish = "" if person == "b" else f", and there is no file {person}"
        raise UserError(
            f"the bundled model {name} needs a face to draw{wish}", "Give a photo of it by --face PHOTO"
        )

    base = is_bundled(name)
    model = place_model(load_base(base), pick_device(device)).eval()
    note = f"the model {name} knows nobody: every face is replaced; --only PHOTO picks a person"
    return _Loaded(model, identity, np.zeros((0, 128), np.float32), str(zoo.card(base).facts["sha256"]), note)
