"""Naked people in pictures, by the package nudenet where it is installed.

Its network (YOLOv8n at 320 pixels) lies in its wheel; nothing is downloaded. It is no dependency and no
extra: it asks for opencv-python-headless, which overwrites the opencv-python that is here already, and all
else that it needs is here too. So: `pip install --no-deps nudenet==3.4.2`.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Self

import cv2

from faceswap_cli.media.frame import Image
from faceswap_cli.optional import require

INSTALL = "pip install --no-deps nudenet==3.4.2"

EXPOSED = {
    "FEMALE_BREAST_EXPOSED": "a bare breast",
    "FEMALE_GENITALIA_EXPOSED": "bare genitals",
    "MALE_GENITALIA_EXPOSED": "bare genitals",
    "ANUS_EXPOSED": "a bare anus",
    "BUTTOCKS_EXPOSED": "bare buttocks",
}
"""What counts, by the package's names. Bare feet, bellies and men's chests don't."""

SURE = 0.5
"""Score from which on it counts, 0..1. The package tells from 0.2 on, mostly of nothing."""

LARGEST = 1280
"""Pictures are made as small as this first; the network sees 320 pixels."""


class NudityDetector:
    """Says what of a naked person a picture shows."""

    def __init__(self) -> None:
        package: Any = require("nudenet", INSTALL.removeprefix("pip install "), "the check for nudity")
        self._detector = package.NudeDetector()

    @classmethod
    def installed(cls) -> Self | None:
        """A detector; None where nudenet is not installed.

        Raises:
            UserError: it is, and can't be loaded. A check that was meant to be there must not be passed over.
        """
        return cls() if find_spec("nudenet") is not None else None

    def seen(self, image: Image) -> str:
        """What counts as nudity in a picture (H, W, 3) uint8 RGB, in words; "" if nothing does."""
        scale = LARGEST / max(image.shape[:2])
        if scale < 1:
            size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        return describe_detections(self._detector.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR)))


def describe_detections(found: list[dict[str, Any]]) -> str:
    """The package's detections in words: those that count, surest first; "" if none does."""
    sure = sorted((one for one in found if one["score"] >= SURE), key=lambda one: -float(one["score"]))
    return " and ".join(dict.fromkeys(EXPOSED[one["class"]] for one in sure if one["class"] in EXPOSED))
