"""Pictures invented after any set of pictures: the family `generator`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faceswap_cli.faces.identity.picture_embeddings import embed_faces
from faceswap_cli.networks.generator.captions import number_words
from faceswap_cli.networks.generator.discriminator import GrownDiscriminator
from faceswap_cli.networks.generator.style import GeneratorConfig, StyleGenerator
from faceswap_cli.training.data.captions import caption_of, learn_words, read_captions
from faceswap_cli.training.data.latents import LatentSet, encode_pictures
from faceswap_cli.training.data.picture_set import (
    PictureSet,
    find_pictures,
    has_transparency,
    read_picture_set,
    to_tensor,
)
from faceswap_cli.training.data.train_val_split import held_out_indices
from faceswap_cli.training.engine.early_stopping import LOSS_GAIN
from faceswap_cli.training.engine.parallel import WHOLE, Share
from faceswap_cli.training.engine.trainer import Batches, Trainer
from faceswap_cli.training.family import (
    DataSource,
    Family,
    LoadRequest,
    Say,
    TrainingData,
    new_plain_model,
    place_channels_last,
)
from faceswap_cli.training.monitor.figures import Figure
from faceswap_cli.training.monitor.generator_preview import write_generator_preview
from faceswap_cli.training.monitor.generator_validation import GeneratorValidator
from faceswap_cli.training.objectives.generator import (
    MODE_COLLAPSE,
    OVERWHELMED,
    PictureBatch,
    generator_phases,
    stage_at,
)
from faceswap_cli.training.runs.settings import GeneratorSettings

FIGURES = (
    Figure(
        "loss",
        "Distance",
        "sliced Wasserstein distance of patches, generated to held-out pictures, over that of held-out to "
        "training pictures: 1 is as alike as they are",
        word="distance to real pictures",
        gain=LOSS_GAIN["loss"],
    ),
    Figure(
        "copied",
        "Nearest training picture",
        "how near generated pictures are to the nearest training picture, over how near held-out ones are: "
        "far below 1 they are copies",
        word="distance to the nearest training picture",
        best=1,
    ),
)


TRIED = 16
"""Pictures that are looked at to see whether a set is of faces."""


class GeneratorData(TrainingData):
    """Pictures in memory.

    Args:
        pictures: all of them.
        settings: of the run.
        device: where batches go.
        captions: of the pictures; none without.
    """

    remedy = "more pictures may"

    def __init__(
        self,
        pictures: PictureSet,
        settings: GeneratorSettings,
        device: torch.device,
        captions: Sequence[str] = (),
    ) -> None:
        self.settings, self.device = settings, device
        held = held_out_indices(len(pictures.pictures), settings.held_out)
        self.own, self.kept = pictures.pictures[~held], pictures.pictures[held]
        measured = len(self.kept) or len(self.own)
        self.held_out = f"held out, to measure progress on: {len(self.kept)} pictures"
        if not len(self.kept):
            self.held_out = f"measured on {measured} pictures that are learnt from: nothing is held out"
        self._words: Tensor | None = None
        if words := GeneratorConfig(**settings.network).words:
            own = [caption for caption, left in zip(captions, held, strict=True) if not left]
            self._words = number_words(own, words)
        self._validator: GeneratorValidator | None = None
        self._latents: LatentSet | None = None
        if GeneratorConfig(**settings.network).domain == "codec":
            self._latents = encode_pictures(self.own, device)

    def begin(self, trainer: Trainer, say: Say) -> None:
        """Tell the networks of how large latents are."""
        del say
        if self._latents is not None:
            for model in (trainer.model, trainer.ema):
                assert isinstance(model, StyleGenerator)
                model.shift.copy_(self._latents.shift)
                model.scale.copy_(self._latents.scale)

    def batches(self, settings: GeneratorSettings, share: Share = WHOLE) -> Batches:
        """Real pictures, half of them mirrored, and noise."""
        config = GeneratorConfig(**settings.network)

        def draw(generator: torch.Generator, progress: float) -> list[PictureBatch]:
            del progress
            count = settings.batch
            rows = torch.randint(len(self.own), (count,), generator=generator)
            mirrored = torch.rand(count, generator=generator) < 0.5
            if self._latents is not None:
                real = self._latents.pick(rows, mirrored)
            else:
                real = to_tensor(self.own[rows.numpy()])
                real = torch.where(mirrored[:, None, None, None], real.flip(3), real)
            noise = torch.randn(count, config.noise, generator=generator)
            seed = torch.randint(2**40, (count,), generator=generator)
            words = None if self._words is None else self._words[rows].to(self.device)
            batch = PictureBatch(real, noise, seed, words).part(share)
            return [replace(batch, input=batch.input.to(self.device), noise=batch.noise.to(self.device))]

        return draw

    def prepare_measures(self) -> None:
        """Look at the real pictures."""
        self._validator = GeneratorValidator(self.own, self.kept if len(self.kept) else self.own)

    def measure(self, model: nn.Module) -> dict[str, Any]:
        """See `generator_validation`."""
        assert isinstance(model, StyleGenerator) and self._validator is not None
        return self._validator.measure(model)

    def write_preview(self, path: Path, model: nn.Module, progress: float) -> None:
        """The same noise, as it is drawn by now."""
        assert isinstance(model, StyleGenerator)
        stage = stage_at(self.settings, model.config.drawn_side, progress)
        write_generator_preview(path, model, stage.side, stage.fade)


class GeneratorSource(DataSource):
    """Any folder of pictures.

    Args:
        folder: of pictures, or a face set.
        others: nothing.
    """

    def __init__(self, folder: Path, others: Sequence[Path] = ()) -> None:
        assert not others
        self.folder = folder

    @cached_property
    def _paths(self) -> list[Path]:
        return find_pictures(self.folder)

    @cached_property
    def _transparent(self) -> bool:
        return has_transparency(self._paths)

    @cached_property
    def network(self) -> dict[str, Any]:  # type: ignore[override]
        """Three channels, or four; the words of captions, if there are any."""
        found: dict[str, Any] = {"channels": 4 if self._transparent else 3}
        if said := read_captions(self.folder):
            captions = [caption_of(said, path, self.folder) for path in self._paths]
            if any(captions):
                found["words"] = learn_words(captions)
        return found

    def reference(self) -> NDArray[np.float32]:
        """Embeddings of the faces on the pictures, if most show one: new faces are held against them."""
        if len(embed_faces(self._paths[:: max(1, len(self._paths) // TRIED)][:TRIED])) * 2 < TRIED:
            return super().reference()
        return embed_faces(self._paths)

    def load(self, request: LoadRequest) -> TrainingData:
        """Read the pictures."""
        size = GeneratorConfig(**request.settings.network).resolution
        pictures = read_picture_set(self._paths, size, self._transparent)
        request.check_stop()
        ground = ", with transparency" if self._transparent else ""
        request.say(f"{len(pictures.paths)} pictures of {size} pixels{ground}")
        for note in pictures.notes:
            request.say(note)
        said = read_captions(self.folder)
        captions = [caption_of(said, path, self.folder) for path in pictures.paths]
        if request.settings.network.get("words"):
            without = sum(not caption for caption in captions)
            missing = f"; {without} pictures have no caption" if without else ""
            request.say(f"captions of {len(request.settings.network['words'])} words{missing}")
        return GeneratorData(pictures, request.settings, request.device, captions)


def new_discriminator(model: nn.Module, settings: GeneratorSettings) -> nn.Module:
    """The discriminator, on the model's device."""
    del settings
    assert isinstance(model, StyleGenerator)
    return place_channels_last(GrownDiscriminator(model.config), next(model.parameters()).device)


def generator_sizes() -> dict[str, GeneratorSettings]:
    """Settings by size."""
    return {
        "small": GeneratorSettings(network={"resolution": 64}),
        "medium": GeneratorSettings(network={"resolution": 128, "most_width": 256}),
        "large": GeneratorSettings(network={"resolution": 256, "most_width": 384}, batch=32),
    }


FAMILY = Family(
    config=GeneratorConfig,
    network=StyleGenerator,
    sizes=generator_sizes(),
    source=GeneratorSource,
    new_model=new_plain_model,
    phases=generator_phases,
    new_aside=new_discriminator,
    figures=FIGURES,
    collapse_signs=(MODE_COLLAPSE, OVERWHELMED),
    least_batch=4,
    refuses=frozenset({"sources", "adapt", "adult_confirmed", "checkpointing"}),
)
