"""Faces made older and younger, learnt from photos of known ages: the family `age`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from faceswap_cli import zoo
from faceswap_cli.faces.age.estimator import load_age_network
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.sets.extract import extract_faces
from faceswap_cli.faces.sets.extract_options import ExtractOptions
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import INDEX
from faceswap_cli.networks.ageing.age_discriminator import AgeDiscriminator
from faceswap_cli.networks.ageing.ageing import AgeingConfig, AgeingNetwork, build_ageing_network
from faceswap_cli.training.data.age_faces import load_labelled_faces
from faceswap_cli.training.data.ageing_batches import AgedFaces, AgeingBatches, hold_out_ages
from faceswap_cli.training.engine.parallel import ALONE, WHOLE, ProcessGroup, Share
from faceswap_cli.training.engine.trainer import Batches, Trainer, TrainingPhase
from faceswap_cli.training.family import (
    DataSource,
    Family,
    LoadRequest,
    Say,
    TrainingData,
    new_plain_model,
    place_channels_last,
)
from faceswap_cli.training.monitor.ageing_preview import spread_over, write_ageing_preview
from faceswap_cli.training.monitor.ageing_validation import AGE_FIGURES, AgeingValidator
from faceswap_cli.training.objectives.age_identity import Recogniser
from faceswap_cli.training.objectives.ageing import (
    AgeingLosses,
    measure_age,
    random_share,
    unit_vectors,
)
from faceswap_cli.training.runs.settings import AGEING, AgeSettings

FIRST_RATE = 6e-4
"""Peak learning rate of a run from random weights."""

FIRST_LOOKS = 4
"""Batches by which a new critic learns how large features of real faces are."""


class AgeData(TrainingData):
    """Faces of known ages.

    Args:
        faces: to learn from.
        settings: of the run.
        device: where batches go.
        kept: faces that are measured on and shown, all of them; None: part of `faces` that is then not learnt
            from, or some that are, where nothing is held out.
    """

    def __init__(
        self, faces: AgedFaces, settings: AgeSettings, device: torch.device, kept: AgedFaces | None = None
    ) -> None:
        self.settings, self.device = settings, device
        self.train, self.kept, self.held_out = hold_out_ages(faces, settings.held_out, kept)
        self.shown = spread_over(self.kept.age) if kept is None else list(range(len(kept.age)))
        self.remedy = "more photos of known ages may"
        self.pool = ThreadPoolExecutor(1)
        self._validator: AgeingValidator | None = None

    def batches(self, settings: AgeSettings, share: Share = WHOLE) -> Batches:
        """Faces with the ages that they shall get, and real ones of those ages."""
        config, coarse = AgeingConfig(**settings.network), settings.coarse_until
        sizes = [(coarse, config.size // 2)] if coarse else []
        sizes.append((2.0, config.size))
        return AgeingBatches(self.pool, self.train, settings.batch, config.side, sizes, self.device, share)

    def begin(self, trainer: Trainer, say: Say) -> None:
        """Tell a new critic how large the features of real faces are."""
        del say
        assert isinstance(trainer.model, AgeingNetwork) and isinstance(trainer.aside, AgeDiscriminator)
        batches = self.batches(self.settings)
        assert isinstance(batches, AgeingBatches)
        size = batches.sizes[0][1]
        some = [batches.made(seed, size).to(trainer.device) for seed in range(FIRST_LOOKS)]
        estimator = load_age_network(str(trainer.device))
        losses = AgeingLosses(
            trainer.model, trainer.aside, estimator, torch.nn.Identity(), self.settings.weights
        )
        views = [losses.view(unit_vectors(batch.real), random_share(batch, 1)) for batch in some]
        measure_age(trainer.aside, estimator, views)

    def prepare_measures(self) -> None:
        """Choose faces, and load what looks at them."""
        self._validator = AgeingValidator(self.kept, AgeingConfig(**self.settings.network), self.device)

    def measure(self, model: nn.Module) -> dict[str, Any]:
        """See `ageing_validation`."""
        assert isinstance(model, AgeingNetwork) and self._validator is not None
        return self._validator.measure(model)

    def write_preview(self, path: Path, model: nn.Module, progress: float) -> None:
        """Some faces at several ages."""
        assert isinstance(model, AgeingNetwork)
        coarse = progress < self.settings.coarse_until
        write_ageing_preview(path, model, self.kept, self.shown, coarse)

    def close(self) -> None:
        """End the thread that makes batches."""
        self.pool.shutdown(cancel_futures=True)


class AgeSource(DataSource):
    """Photos of people of known ages, or a face set of them.

    Args:
        faces: a face set, a photo, or a folder of photos.
        others: nothing.
    """

    def __init__(self, faces: Path, others: Sequence[Path] = ()) -> None:
        assert not others
        self.faces = faces

    def load(self, request: LoadRequest) -> TrainingData:
        """Faces whose ages are known."""
        faces = load_labelled_faces(self._face_set(request), request.stop)
        request.say(f"{len(faces.age)} faces of known age, {faces.age.min():.0f} to {faces.age.max():.0f}")
        for note in faces.notes:
            request.say(note)
        return AgeData(faces, request.settings, request.device)

    def _face_set(self, request: LoadRequest) -> FaceSet:
        """The face set that was given, or one made of the photos that were."""
        if (self.faces / INDEX).is_file():
            return FaceSet.open(self.faces)
        folder = request.folder / "faces"
        if not (folder / INDEX).is_file() or self.faces.is_dir():
            request.say(f"finding the faces in {self.faces}")
            stage, photo = build_analyser(device="cpu"), build_analyser(device="cpu", thorough=True)
            for _ in extract_faces([self.faces], folder, stage, ExtractOptions(), photo):
                request.check_stop()
        return FaceSet.open(folder)


def load_bundled_ageing(family: Family, name: str) -> nn.Module:
    """The bundled network, to be trained on."""
    del family
    return zoo.load_network(name, build_ageing_network).train().requires_grad_(True)


def new_age_discriminator(model: nn.Module, settings: AgeSettings) -> nn.Module:
    """The critic, on the model's device."""
    del settings
    return place_channels_last(AgeDiscriminator(), next(model.parameters()).device)


def age_phases(
    model: AgeingNetwork,
    critic: AgeDiscriminator,
    settings: AgeSettings,
    team: ProcessGroup = ALONE,
    recognise: Callable[[Tensor], Tensor] | None = None,
) -> list[TrainingPhase]:
    """The generator's and the critic's.

    Args:
        model: what is trained.
        critic: trained against it.
        settings: weights of the terms.
        team: not asked: no term compares samples of the whole batch.
        recognise: another recogniser than the bundled one: aligned crops to embeddings of length 1.
    """
    del team
    device = next(model.parameters()).device
    known = recognise or Recogniser(model.side, device)
    return AgeingLosses(model, critic, load_age_network(str(device)), known, settings.weights).phases()


def without_base(settings: AgeSettings) -> AgeSettings:
    """For a run that begins with random weights."""
    return replace(settings, base="", learning_rate=FIRST_RATE)


FAMILY = Family(
    config=AgeingConfig,
    network=AgeingNetwork,
    sizes={"small": AgeSettings()},
    source=AgeSource,
    new_model=new_plain_model,
    phases=age_phases,
    new_aside=new_age_discriminator,
    base_for=lambda family, network: AGEING,
    load_bundled=load_bundled_ageing,
    from_scratch=without_base,
    place=lambda model, device: model.to(device),
    figures=AGE_FIGURES,
    resolution=lambda model: int(model.size),
    least_batch=2,
    refuses=frozenset(
        {"sources", "adapt", "size", "family_options", "resolution"}
        | {"checkpointing", "compiled", "adult_confirmed"}
    ),
)
