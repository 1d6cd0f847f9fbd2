"""The seam between networks and pictures: whoever draws faces, compositing only sees a Renderer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class Rendered:
    """Drawn faces.

    Attributes:
        image: (B, 3, S, S) in [0, 1], RGB.
        mask: (B, 1, S, S) in [0, 1], 1 where the drawn face is to be seen.
    """

    image: Tensor
    mask: Tensor


class Renderer(Protocol):
    """Draws new faces for aligned crops.

    Attributes:
        size: side S of the crops it takes and gives, in pixels.
        side: side of those crops in face units (see faces.geometry).
    """

    @property
    def size(self) -> int: ...  # noqa: D102

    @property
    def side(self) -> float: ...  # noqa: D102

    def __call__(self, crops: Tensor) -> Rendered:
        """(B, 3, S, S) float RGB in [0, 1] in, on any device; the result is on the CPU, detached."""
        ...
