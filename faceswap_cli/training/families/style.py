"""Pictures of one kind turned into another, learnt from two unpaired sets: the family `style`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from faceswap_cli.errors import UserError
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import crop_matrix, invert
from faceswap_cli.faces.identity.picture_embeddings import enlarge_picture
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.faces.parsing.face_parser import FaceParser, swap_region
from faceswap_cli.files import write_bytes
from faceswap_cli.media.frame import Frame
from faceswap_cli.networks.style.translation import PatchJudge, StyleConfig, StyleModel
from faceswap_cli.training.data.picture_set import (
    PictureSet,
    find_pictures,
    read_picture_set,
    to_pictures,
    to_tensor,
)
from faceswap_cli.training.data.train_val_split import held_out_indices
from faceswap_cli.training.engine.parallel import WHOLE, Share
from faceswap_cli.training.engine.trainer import Batches
from faceswap_cli.training.family import (
    DataSource,
    Family,
    LoadRequest,
    TrainingData,
    new_plain_model,
    place_channels_last,
)
from faceswap_cli.training.monitor.figures import LOSS
from faceswap_cli.training.monitor.generator_validation import sliced_distance
from faceswap_cli.training.objectives.style import UNLABELLED, StyleBatch, StyleSide, style_phases
from faceswap_cli.training.runs.settings import StyleSettings

LABELS = "labels.csv"
"""In a folder of pictures: the columns file and label, of some of them."""

ENLARGED = 1.12
"""Pictures are read so much larger than they are learnt, and cut at random places."""

SHOWN = 4

MEASURED = 64


@dataclass(frozen=True)
class StyleSet:
    """Pictures of one kind.

    Attributes:
        pictures: (N, S, S, 3) uint8.
        keep: (N, S, S) uint8, 255 where they stay as they are; None: nowhere.
        classes: (N,) int64, UNLABELLED where nobody knows.
    """

    pictures: NDArray[np.uint8]
    keep: NDArray[np.uint8] | None
    classes: NDArray[np.int64]

    def only(self, rows: NDArray[np.bool_]) -> StyleSet:
        """Some of them."""
        keep = None if self.keep is None else self.keep[rows]
        return StyleSet(self.pictures[rows], keep, self.classes[rows])

    def draw(self, count: int, size: int, random: torch.Generator) -> StyleSide:
        """Pictures of `size` pixels, cut at random places, half of them mirrored."""
        rows = torch.randint(len(self.pictures), (count,), generator=random).tolist()
        room = self.pictures.shape[1] - size + 1
        places = torch.randint(room, (count, 2), generator=random).tolist()
        mirrored = (torch.rand(count, generator=random) < 0.5).tolist()
        pictures, keeps = [], []
        for row, (top, left), flip in zip(rows, places, mirrored, strict=True):
            part = np.s_[top : top + size, left : left + size]
            step = -1 if flip else 1
            pictures.append(self.pictures[row][part][:, ::step])
            keep = np.zeros((size, size), np.uint8) if self.keep is None else self.keep[row][part]
            keeps.append(keep[:, ::step])
        keep_all = torch.from_numpy(np.stack(keeps)).float()[:, None] / 255
        return StyleSide(to_tensor(np.stack(pictures)), keep_all, torch.from_numpy(self.classes[rows]))


class StyleData(TrainingData):
    """Two sets of pictures in memory.

    Args:
        sets: A's and B's.
        settings: of the run.
        device: where batches go.
    """

    remedy = "more pictures of both kinds may"

    def __init__(self, sets: Sequence[StyleSet], settings: StyleSettings, device: torch.device) -> None:
        self.settings, self.device = settings, device
        held = [held_out_indices(len(one.pictures), settings.held_out) for one in sets]
        self.own = [one.only(~rows) for one, rows in zip(sets, held, strict=True)]
        self.kept = [one.only(rows if rows.any() else ~rows) for one, rows in zip(sets, held, strict=True)]
        counts = " and ".join(f"{int(rows.sum())} of {kind}" for kind, rows in zip("AB", held, strict=True))
        self.held_out = f"held out, to measure progress on: {counts}"
        self._floor = 1.0

    def batches(self, settings: StyleSettings, share: Share = WHOLE) -> Batches:
        """Pictures of both kinds."""
        size = StyleConfig(**settings.network).resolution

        def draw(generator: torch.Generator, progress: float) -> list[StyleBatch]:
            del progress
            a, b = (one.draw(settings.batch, size, generator) for one in self.own)
            seed = torch.randint(2**40, (settings.batch,), generator=generator)
            batch = StyleBatch(a, b, seed).part(share)
            return [StyleBatch(batch.a.to(self.device), batch.b.to(self.device), batch.seed)]

        return draw

    def prepare_measures(self) -> None:
        """How alike pictures of one kind are."""
        self._floor = max(
            sliced_distance(self._shown(1, MEASURED), to_tensor(self._middle(self.own[1], MEASURED))), 1e-6
        )

    def measure(self, model: nn.Module) -> dict[str, Any]:
        """How far translated pictures of A are from B's, over how far B's are from one another."""
        assert isinstance(model, StyleModel)
        device = next(model.parameters()).device
        pictures = self._shown(0, MEASURED)
        with torch.inference_mode():
            parts = (pictures[k : k + 8].to(device) for k in range(0, len(pictures), 8))
            made = torch.cat([model(part).cpu() for part in parts])
        return {"loss": sliced_distance(made.clamp(-1, 1), self._shown(1, MEASURED)) / self._floor}

    def write_preview(self, path: Path, model: nn.Module, progress: float) -> None:
        """A, A as B, and back; below them the same from B where both ways are learnt."""
        assert isinstance(model, StyleModel)
        device = next(model.parameters()).device
        rows = []
        with torch.inference_mode():
            for kind, ways in enumerate(((model.to_b, model.to_a), (model.to_a, model.to_b))):
                if ways[0] is None:
                    continue
                shown = [self._shown(kind, SHOWN).to(device)]
                shown += [ways[0](shown[0])]
                shown += [ways[1](shown[1])] if ways[1] is not None else []
                rows += [np.hstack(list(to_pictures(one))) for one in shown]
        encoded = cv2.imencode(path.suffix, np.ascontiguousarray(np.vstack(rows)[..., ::-1]))[1]
        write_bytes(path, encoded.tobytes())

    def _shown(self, kind: int, most: int) -> torch.Tensor:
        return to_tensor(self._middle(self.kept[kind], most))

    def _middle(self, one: StyleSet, most: int) -> NDArray[np.uint8]:
        size = StyleConfig(**self.settings.network).resolution
        start = (one.pictures.shape[1] - size) // 2
        return one.pictures[:most, start : start + size, start : start + size]


class StyleSource(DataSource):
    """Two folders of pictures.

    Args:
        folder: of A.
        others: of B, one.
    """

    def __init__(self, folder: Path, others: Sequence[Path] = ()) -> None:
        if len(others) > 1:
            raise UserError("--family style learns two kinds of pictures", "Give one -A and one -B")
        self.folders = [folder, *others]

    @cached_property
    def _labels(self) -> list[dict[str, str]]:
        return [read_labels(folder / LABELS) for folder in self.folders]

    @property
    def network(self) -> dict[str, Any]:
        """The classes that are named."""
        classes = sorted({label for labels in self._labels for label in labels.values()})
        return {"classes": tuple(classes)} if classes else {}

    def load(self, request: LoadRequest) -> TrainingData:
        """Read both, and find faces where they shall stay."""
        config = StyleConfig(**request.settings.network)
        size, sets = round(config.resolution * ENLARGED), []
        for kind, folder, labels in zip("AB", self.folders, self._labels, strict=True):
            pictures = read_picture_set(find_pictures(folder), size, transparent=False)
            request.say(f"{kind}: {len(pictures.paths)} pictures of {folder}")
            for note in pictures.notes:
                request.say(f"{kind}: {note}")
            keep = find_faces(pictures, request) if request.settings.keeps else None
            names = [path.name for path in pictures.paths]
            numbers = [config.classes.index(labels[n]) if n in labels else UNLABELLED for n in names]
            sets.append(StyleSet(pictures.pictures, keep, np.array(numbers, np.int64)))
        return StyleData(sets, request.settings, request.device)


def read_labels(path: Path) -> dict[str, str]:
    """The labels of some pictures by their files' names; none without such a file.

    Raises:
        UserError: it lacks the columns file and label.
    """
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if rows and not {"file", "label"} <= rows[0].keys():
        raise UserError(f"{path} lacks the columns file and label", "Write them into its first line")
    return {row["file"]: row["label"] for row in rows if row["label"]}


def find_faces(pictures: PictureSet, request: LoadRequest) -> NDArray[np.uint8]:
    """(N, S, S) 255 on the skin and features of each picture's faces."""
    analyser, parser = build_analyser(), FaceParser()
    found = np.zeros(pictures.pictures.shape[:3], np.uint8)
    request.say("finding the faces, which stay as they are")
    for number, picture in enumerate(pictures.pictures):
        request.check_stop()
        image = enlarge_picture(picture)
        for face in analyser.find([Frame(0, 0.0, image)])[0]:
            seen = swap_region(parser.probabilities([parser.crop(image, face.landmarks)]))[0]
            back = invert(crop_matrix(face.landmarks, face_parser.SIZE, face_parser.SIDE))
            mask = cv2.warpAffine(seen, back, image.shape[1::-1])
            small = cv2.resize(mask, picture.shape[1::-1], interpolation=cv2.INTER_AREA)
            found[number] = np.maximum(found[number], np.asarray(np.rint(255 * small), np.uint8))
    return found


def new_judges(model: nn.Module, settings: StyleSettings) -> nn.Module:
    """A discriminator of each kind that is drawn, on the model's device."""
    del settings
    assert isinstance(model, StyleModel)
    kinds = ("a", "b") if model.to_a is not None else ("b",)
    judges = nn.ModuleDict({kind: PatchJudge(model.config) for kind in kinds})
    return place_channels_last(judges, next(model.parameters()).device)


FAMILY = Family(
    config=StyleConfig,
    network=StyleModel,
    sizes={
        "small": StyleSettings(network={"resolution": 128}),
        "medium": StyleSettings(network={"resolution": 256, "width": 48, "blocks": 9}),
        "large": StyleSettings(network={"resolution": 512, "width": 64, "blocks": 9}, batch=4),
    },
    source=StyleSource,
    new_model=new_plain_model,
    phases=style_phases,
    new_aside=new_judges,
    figures=(LOSS,),
    refuses=frozenset({"adapt", "adult_confirmed", "checkpointing"}),
)
