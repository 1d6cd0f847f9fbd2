"""Crops of the person who is put on, made ready to lend their detail."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing import masks
from faceswap_cli.effects.reenact.head import HeadPose, fit_head
from faceswap_cli.effects.reenact.layout import Points, face_layout, select_points
from faceswap_cli.effects.reenact.source import halve_levels, place_mask, sample_levels, transform_points
from faceswap_cli.effects.reenact.warp import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, transform
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.sets.dense_points import has_dense
from faceswap_cli.faces.sets.faceset import FaceRecord, FaceSet
from faceswap_cli.journal import fingerprint

BARE_EDGE = 0.03
"""Face units from what stands before a crop's face within which its skin is not believed."""

_READY = 16
"""Crops whose smaller copies are kept in memory at once."""


@dataclass(frozen=True, eq=False)
class DetailCrop:
    """A crop that detail is taken from.

    Attributes:
        image: (S, S, 4) uint8, RGB and how surely the person's bare face is seen.
        points: (N, 3) crop pixels, in the layout of `reenact.layout`.
        pose: of the head in it.
        finest: crop pixels for one of the camera's: above 1 the face was enlarged when it was cut out.
        hidden: share of its face before which something stands.
    """

    image: NDArray[np.uint8]
    points: Points
    pose: HeadPose
    finest: float = 1.0
    hidden: float = 0.0

    @property
    def resolution(self) -> float:
        """The camera's pixels for a face unit."""
        return self.pose.scale / self.finest

    def sample(self, where: FloatArray, shrink: float) -> FloatArray:
        """(H, W, 4) in [0, 1]: what is seen at crop pixels (H, W, 2); see `source.sample_levels`."""
        return sample_levels(_levels(self), where, shrink)


@lru_cache(_READY)
def _levels(crop: DetailCrop) -> tuple[FloatArray, ...]:
    return halve_levels(crop.image.astype(np.float32) / np.float32(255))


def read_crop(faces: FaceSet, record: FaceRecord, parser: FaceParser) -> DetailCrop:
    """Make one crop of a face set ready.

    Args:
        faces: the set.
        record: of one of its faces, with dense points.
        parser: says what stands before the face.

    Raises:
        UserError: the crop is gone or damaged.
    """
    image, dense = faces.crop(record), record.face.dense
    assert dense is not None, "asked of sets that have dense points"
    layout = face_layout()
    points = transform_points(select_points(dense), record.matrix)
    pose = fit_head(points, layout)
    marks = transform(record.landmarks, record.matrix)
    bare = face_parser.occlusion(parser.probabilities([parser.crop(image, marks)]))[0]
    into = crop_matrix(marks, face_parser.SIZE, face_parser.SIDE)
    inside = masks.hull_depth(transform(marks, into), face_parser.SIZE) > 0
    wide = place_mask(bare, into, image.shape[1::-1])
    reach = max(round(BARE_EDGE * pose.scale), 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    seen = cv2.GaussianBlur(cv2.erode(wide, kernel), (0, 0), reach / 2)
    both = np.dstack([image, cv2.convertScaleAbs(seen, alpha=255)])
    finest = max(float(np.hypot(*record.matrix[0, :2])), 1.0)
    return DetailCrop(
        np.ascontiguousarray(both, np.uint8), points, pose, finest, float(1 - bare[inside].mean())
    )


def why_no_detail(faces: FaceSet) -> str | None:
    """What keeps a face set from lending detail; None: nothing does."""
    if not faces.records:
        return f"{faces.path} has no crops any more"
    if not has_dense(faces):
        return f"{faces.path} has 68 landmarks only: extract it anew"
    return None


def crops_key(faces: FaceSet) -> str:
    """What detail from a face set depends on: its faces, and each crop's size and time of change."""
    whole = hashlib.sha256()
    for record in faces.records:
        state = faces.crop_path(record).stat()
        whole.update(f"{record.crop} {state.st_size} {state.st_mtime_ns}\n".encode())
    return fingerprint(faces.crop_size, faces.side, whole.hexdigest())
