"""How well a way of ageing does on photos of people of known age: figures that are hard to please by tricks.

A way is a function from a portrait and an age to a picture. All ways are measured alike, among them two
that must fail: the photo as it is, and invisible noise that fools an estimator (ageing_baselines.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.evaluation import metrics
from faceswap_cli.evaluation.age_judges import Judge, degrade, judge_view
from faceswap_cli.evaluation.expression import Expression, measure_expression
from faceswap_cli.evaluation.labelled import LabelledPhoto
from faceswap_cli.evaluation.skin_lightness import measure_skin_angle
from faceswap_cli.faces.face import Detection, Face
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.geometry import interocular
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder, identity_distance
from faceswap_cli.faces.landmarks.mean_shape import five_from_68
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.photo import read_photo

SHOWN = 6
"""People who are shown, spread over all."""


@dataclass(frozen=True)
class LabelledPortrait:
    """A face of known age in its photo.

    Attributes:
        who: what is known.
        image: (H, W, 3) uint8 RGB.
        face: the largest face, in the photo's pixels.
    """

    who: LabelledPhoto
    image: Image
    face: Face


@dataclass(frozen=True)
class AgedPortrait:
    """What a way makes of a portrait.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) where it may have changed something.
    """

    image: Image
    mask: NDArray[np.bool_]


Way = Callable[[LabelledPortrait, float], AgedPortrait]


@dataclass(frozen=True)
class EvaluationRow:
    """One face at one target age, by one way.

    Attributes:
        person: number of the portrait.
        target: years asked for.
        said, said_degraded: by the judge, years.
        kept_sex: the judge says the same sex as of the photo.
        identity: distance to the photo's face; nan where no face is seen there any more.
        expression: how much of it changed, % of the inter-ocular distance; nan likewise.
        outside: the greatest difference outside the mask, grey levels.
        sharpness: Laplacian variance, result over photo.
    """

    person: int
    target: float
    said: float
    said_degraded: float
    kept_sex: bool
    identity: float
    expression: Expression
    outside: float
    sharpness: float


@dataclass
class AgeingReport:
    """All figures.

    Attributes:
        judge: who said the ages.
        outside: whether that one is in nobody's loss.
        ages: (P,) true ages of the portraits.
        said, said_degraded: (P,) what the judge says of the photos.
        targets: years.
        rows: by way.
        pictures: by way, for some people: a view for each target.
        photos: the same people's photos.
        shown: their numbers.
        skin: (P,) how light each one's skin is, see `skin_lightness.measure_skin_angle`; nan where that is
            not known.
    """

    judge: str
    outside: bool
    ages: NDArray[np.float64]
    said: NDArray[np.float64]
    said_degraded: NDArray[np.float64]
    targets: Sequence[float]
    rows: dict[str, list[EvaluationRow]] = field(default_factory=dict)
    pictures: dict[str, list[list[Image]]] = field(default_factory=dict)
    photos: list[Image] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)
    skin: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def read_portraits(people: Sequence[LabelledPhoto], stage: FaceAnalyser) -> Iterator[LabelledPortrait]:
    """The largest face of each photo; photos without one are passed over."""
    for who in people:
        image = read_photo(who.path).image
        faces = stage.find([Frame(0, 0.0, image)])[0]
        if faces:
            yield LabelledPortrait(who, image, max(faces, key=lambda face: interocular(face.landmarks)))


def evaluate_ageing(
    people: Sequence[LabelledPhoto],
    ways: Mapping[str, Way],
    judge: Judge,
    stage: FaceAnalyser,
    targets: Sequence[float],
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> AgeingReport:
    """Measure ways of ageing.

    Args:
        people: photos of known age.
        ways: by name.
        judge: says how old faces look.
        stage: finds faces, in the photos and again in the results.
        targets: years that everybody is brought to.
        tell: called after each portrait.

    Raises:
        UserError: a photo can't be read, or no photo shows a face.
    """
    measure = _Measure(judge, stage)
    nobody = np.zeros(0)
    report = AgeingReport(judge.name, judge.outside, nobody, nobody, nobody, targets)
    report.rows = {name: [] for name in ways}
    report.pictures = {name: [] for name in ways}
    parser = FaceParser()
    facts: list[tuple[float, float, float, float]] = []
    shown = set(np.linspace(0, len(people) - 1, SHOWN).round().astype(int).tolist())
    for number, portrait in enumerate(read_portraits(people, stage)):
        before = measure.before(portrait)
        skin = measure_skin_angle(parser, portrait.image, portrait.face.landmarks)
        facts.append((portrait.who.age, float(before.said[0]), float(before.said[1]), skin))
        if number in shown:
            report.photos.append(before.view)
            report.shown.append(number)
        for name, way in ways.items():
            measured = list(_measured(measure, number, portrait, before, way, targets))
            report.rows[name] += [row for row, _ in measured]
            if number in shown:
                report.pictures[name].append([picture for _, picture in measured])
        tell(number + 1, len(people))
    if not facts:
        raise UserError("no face was found in the photos", "Give photos that show one face each, upright")
    report.ages, report.said, report.said_degraded, report.skin = np.array(facts).T
    return report


def _measured(
    measure: _Measure,
    number: int,
    portrait: LabelledPortrait,
    before: _Before,
    way: Way,
    targets: Sequence[float],
) -> Iterator[tuple[EvaluationRow, Image]]:
    """A row and a view for each target; a picture that is the same again is not measured again."""
    last: tuple[Image, EvaluationRow, Image] | None = None
    for target in targets:
        aged = way(portrait, target)
        if last is None or aged.image is not last[0]:
            last = (aged.image, *measure.after(number, portrait, before, target, aged))
        yield replace(last[1], target=target), last[2]


@dataclass(frozen=True)
class _Before:
    """What is known of a photo: its view, what the judge says of it (plain, degraded), sex, identity."""

    view: Image
    said: NDArray[np.float64]
    female: bool
    identity: NDArray[np.float32]


class _Measure:
    def __init__(self, judge: Judge, stage: FaceAnalyser) -> None:
        self._judge, self._stage, self._identity = judge, stage, IdentityEncoder()

    def before(self, portrait: LabelledPortrait) -> _Before:
        """The photo as it is."""
        seen = judge_view(portrait.image, portrait.face.landmarks)
        said = self._judge([seen, degrade(seen)])
        identity = self._identity.embed(portrait.image, [portrait.face.landmarks])[0]
        return _Before(seen, said.age, bool(said.female[0] > 0.5), identity)

    def after(
        self, number: int, portrait: LabelledPortrait, before: _Before, target: float, aged: AgedPortrait
    ) -> tuple[EvaluationRow, Image]:
        """A result's figures, and its view. It goes through a PNG first, as a user gets it."""
        image, points = _through_png(aged.image), portrait.face.landmarks
        seen = judge_view(image, points)
        said = self._judge([seen, degrade(seen)])
        again = self._again(portrait, image)
        identity, kept = float("nan"), Expression(*[float("nan")] * 3)
        if again is not None:
            identity = float(
                identity_distance(before.identity, self._identity.embed(image, [again.landmarks])[0])
            )
            kept = measure_expression(again.landmarks).apart(measure_expression(points))
        apart = np.abs(image.astype(np.int16) - portrait.image)[~aged.mask]
        row = EvaluationRow(
            number,
            target,
            float(said.age[0]),
            float(said.age[1]),
            bool(said.female[0] > 0.5) == before.female,
            identity,
            kept,
            float(apart.max(initial=0)),
            metrics.sharpness_inside(image, points)
            / max(metrics.sharpness_inside(portrait.image, points), 1e-6),
        )
        return row, seen

    def _again(self, portrait: LabelledPortrait, image: Image) -> Face | None:
        """The same face in a result, by its landmarks there; None if there is no face any more."""
        face = portrait.face
        seen = Detection(face.box, five_from_68(face.landmarks).astype(np.float32), 1.0)
        found = self._stage.describe([Frame(0, 0.0, image)], [[seen]])[0]
        return found[0] if found else None


def _through_png(image: Image) -> Image:
    _, data = cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    again = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert again is not None
    return np.ascontiguousarray(again[..., ::-1], np.uint8)
