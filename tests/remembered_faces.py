"""The detector's network looks at the same few pictures in hundreds of tests: what it saw is remembered.

A photo is looked at in eight ways, half a second of work. The network's answer depends on the pictures, the
scale and the threshold alone, which tests/faces/detection holds it to: there, nothing is remembered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b

import numpy as np
import pytest

from faceswap_cli.faces.detection.retina_network import RetinaNetwork
from faceswap_cli.faces.face import Detection
from faceswap_cli.media.frame import Image

Images = Sequence[Image]
Answer = list[list[tuple[np.ndarray, np.ndarray, float]]]
ANSWERS: dict[bytes, Answer] = {}
FIND = RetinaNetwork.find


def find(self: RetinaNetwork, images: Images, scale: float, threshold: float) -> list[list[Detection]]:
    """`RetinaNetwork.find`, asked once for the same."""
    key = blake2b(repr((scale, threshold, [image.shape for image in images])).encode())
    for image in images:
        key.update(np.ascontiguousarray(image))
    if (seen := ANSWERS.get(key.digest())) is None:
        answer = FIND(self, images, scale, threshold)
        seen = ANSWERS[key.digest()] = [[(d.box, d.points, d.score) for d in faces] for faces in answer]
    # Copies: whoever writes into one would change what others see.
    return [[Detection(box.copy(), points.copy(), score) for box, points, score in faces] for faces in seen]


@contextmanager
def remembered() -> Iterator[None]:
    """Within the block, answers are remembered."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RetinaNetwork, "find", find)
        yield
