"""Of a face in a photo that the detector is unsure of a word is said, unless a glance sees it plainly."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.cli.options import DetectionOptions
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.pipeline.photo import open_photo

PICTURE = Path(__file__).resolve().parents[1] / "data" / "face.jpg"


class Doubting:
    """A detector whose close look is unsure of every face; a glance is as sure as it is told to be."""

    def __init__(self, faces, glance: float) -> None:
        self.faces, self.glance = faces, glance

    def find(self, frames):
        return [[replace(face, score=0.7) for face in self.faces] for _ in frames]

    def quick(self, scale: float):
        return Sure([replace(face, score=self.glance) for face in self.faces])


class Sure:
    def __init__(self, faces) -> None:
        self.faces = faces

    def find(self, frames):
        return [self.faces for _ in frames]


@pytest.fixture(scope="module")
def faces():
    from faceswap_cli.media.frame import Frame

    analyser: FaceAnalyser = DetectionOptions().load_analyser(thorough=True)
    image = np.ascontiguousarray(cv2.imread(str(PICTURE))[..., ::-1])
    return analyser.find([Frame(0, 0.0, image)])[0]


@pytest.mark.parametrize(("glance", "doubted"), [(0.99, False), (0.7, True)])
def test_a_plain_face_is_not_doubted(faces, glance, doubted):
    plan = SwapPlan([SwapTarget(None)])
    opened = open_photo(PICTURE, plan, Doubting(faces, glance), PipelineOptions())
    assert any("the detector is not sure" in note for note in opened.notes) == doubted
