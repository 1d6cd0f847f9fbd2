"""The figures of ageing: what is known must come out, and neither copying nor noise may look good."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.effects.ageing.measured_method import AgerMethod
from faceswap_cli.effects.ageing.render import FaceAger
from faceswap_cli.errors import UserError
from faceswap_cli.evaluation import ageing_page
from faceswap_cli.evaluation.age_judges import VIEW, OwnJudge, degrade
from faceswap_cli.evaluation.ageing import (
    AgedPortrait,
    AgeingReport,
    EvaluationRow,
    LabelledPortrait,
    evaluate_ageing,
)
from faceswap_cli.evaluation.ageing_baselines import InvisibleNoise, copy_input
from faceswap_cli.evaluation.ageing_figures import summarise, summarise_real, summarise_skin, to_json
from faceswap_cli.evaluation.ageing_video import measure_steadiness
from faceswap_cli.evaluation.expression import Expression, measure_expression
from faceswap_cli.evaluation.labelled import LabelledPhoto, read_labelled
from faceswap_cli.evaluation.skin_lightness import skin_group
from faceswap_cli.faces.age.prototype import PrototypeAger
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import MEAN_FACE
from faceswap_cli.faces.parsing.face_parser import FaceParser
from tests.clips import write_clip

PICTURE = Path(__file__).parents[1] / "data" / "face.jpg"
TARGETS = (30.0, 70.0)


def row(
    person: int, target: float, said: float, said_degraded: float, identity: float = 0.2
) -> EvaluationRow:
    return EvaluationRow(person, target, said, said_degraded, True, identity, Expression(1, 2, 3), 0.0, 1.0)


def report(said: Sequence[Sequence[float]], left: float) -> AgeingReport:
    """Two people of 40 and 50 who look 42 and 49, by one way; `left` of each shift survives degrading."""
    ages, looks = np.array([40.0, 50.0]), np.array([42.0, 49.0])
    rows = [
        row(p, t, said[p][k], looks[p] + left * (said[p][k] - looks[p]), 0.2 + 0.4 * p)
        for p in (0, 1)
        for k, t in enumerate(TARGETS)
    ]
    return AgeingReport("<judge>", True, ages, looks, looks, TARGETS, {"way & <b>": rows})


def test_people_are_told_apart_by_their_skin() -> None:
    made = report([[30, 70], [40, 80]], 0.5)
    made.skin = np.array([-20.0, 55.0])
    found = summarise_skin(made, "way & <b>")
    assert list(found) == ["dark", "light"]
    assert (found["dark"].error, found["light"].error, found["light"].bias) == (0, 10, 10)
    assert (found["dark"].same, found["light"].same) == (1, 0)
    assert skin_group(float("nan")) is None and skin_group(20) == "middle"
    assert "dark skin (1" in ageing_page.skin_rows(made)[1][0][0]


def test_figures_of_what_is_known() -> None:
    found = summarise(report([[30, 70], [30, 70]], 0.5), "way & <b>")
    assert (found.error, found.slope, found.correlation) == (0, 1, pytest.approx(1))
    assert found.survives == pytest.approx(0.5) and found.same == 0.5 and found.by_target == {30: 30, 70: 70}
    assert (found.mouth, found.brows, found.smile) == (1, 2, 3)


def test_doing_nothing_is_worth_nothing() -> None:
    found = summarise(report([[42, 42], [49, 49]], 1.0), "way & <b>")
    assert found.slope == 0 and found.correlation == 0 and np.isnan(found.survives)
    assert found.error == pytest.approx((12 + 28 + 19 + 21) / 4)


def test_few_real_faces_make_no_mean() -> None:
    one = report([[30, 70], [30, 70]], 0.5)
    assert summarise_real(one)[30.0][0] == 0 and np.isnan(summarise_real(one)[30.0][1])
    one.targets = (45.0,)
    one.ages, one.said = np.array([42.0, 47, 44, 70]), np.array([40.0, 50, 45, 75])
    assert summarise_real(one)[45.0] == (3, 45.0)


def test_the_page_escapes_names_and_says_who_judged() -> None:
    one = report([[30, 70], [30, 70]], 0.5)
    page = ageing_page.render_ageing_page(one, "<script>")
    assert "<script" not in page and "way &amp; &lt;b&gt;" in page and "&lt;judge&gt;" in page
    assert "trained against" not in page
    one.outside = False
    assert "trained against" in ageing_page.render_ageing_page(one, "x")
    assert to_json(one)["ways"]["way & <b>"]["by target"] == {"30": 30.0, "70": 70.0}


@pytest.fixture(scope="module")
def measured() -> AgeingReport:
    def spill(portrait: LabelledPortrait, target: float) -> AgedPortrait:
        """Changes one pixel that it says it leaves alone."""
        image = portrait.image.copy()
        image[0, 0] += 7
        return AgedPortrait(image, np.zeros(image.shape[:2], np.bool_))

    ways = {
        "copy": copy_input,
        "noise": InvisibleNoise(),
        "prototype": AgerMethod(FaceAger(PrototypeAger(), FaceParser())),
        "spill": spill,
    }
    who = LabelledPhoto(PICTURE, 35.0)
    return evaluate_ageing([who], ways, OwnJudge(), build_analyser(), TARGETS)


def test_copying_is_seen_for_what_it_is(measured: AgeingReport) -> None:
    found = summarise(measured, "copy")
    assert (found.slope, found.outside, found.sharpness) == (0, 0, 1)
    assert found.same == 1 and found.sex == 1 and found.identity < 0.05 and found.mouth < 0.6


def test_noise_fools_the_estimator_and_is_found_out(measured: AgeingReport) -> None:
    found = summarise(measured, "noise")
    assert found.slope > 0.4, "the noise no longer fools the estimator: it proves nothing"
    assert found.survives < 0.5 and found.outside == 0 and found.identity < 0.2


def test_the_prototype_ages_and_leaves_the_rest_alone(measured: AgeingReport) -> None:
    found = summarise(measured, "prototype")
    assert found.slope > 0.1 and found.survives > 0.5
    assert found.outside == 0 and found.same == 1 and 0.4 < found.sharpness < 3


def test_a_change_outside_the_mask_is_told(measured: AgeingReport) -> None:
    assert summarise(measured, "spill").outside == 7


def test_noise_does_not_survive_degrading() -> None:
    smooth = cv2.resize(np.random.default_rng(0).integers(0, 255, (9, 9, 3)).astype(np.uint8), (VIEW, VIEW))
    noise = np.random.default_rng(1).integers(0, 2, smooth.shape) * 4 - 2
    noisy = np.clip(smooth.astype(int) + noise, 0, 255).astype(np.uint8)
    assert degrade(smooth).shape == smooth.shape
    apart = np.abs(degrade(noisy).astype(int) - degrade(smooth)).mean()
    assert apart < 0.75 * np.abs(noisy.astype(int) - smooth).mean()


def test_expression_knows_no_pose_in_the_picture_and_sees_an_open_mouth() -> None:
    turned = MEAN_FACE @ np.array([[0.8, 0.6], [-0.6, 0.8]]) * 140 + 300
    assert max(measure_expression(turned).apart(measure_expression(MEAN_FACE))) < 1e-6
    opened, raised, smiling = (MEAN_FACE.copy() for _ in range(3))
    opened[[56, 57, 58, 65, 66, 67], 1] += 0.2
    raised[17:27, 1] -= 0.1
    smiling[[48, 54], 1] -= 0.08
    for kind, points, by in (("mouth", opened, 20), ("brows", raised, 10), ("smile", smiling, 8)):
        assert getattr(
            measure_expression(points).apart(measure_expression(MEAN_FACE)), kind
        ) == pytest.approx(by, rel=0.1)


def test_labels_come_from_a_table_or_from_names(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        shutil.copy(PICTURE, tmp_path / name)
    table = tmp_path / "labels.csv"
    table.write_text("file,age,sex,id\na.jpg,30,female,7\nb.jpg,12,m,8\nc.jpg,,,\n")
    assert read_labelled(tmp_path) == [LabelledPhoto(tmp_path / "a.jpg", 30.0, 1.0)], "a child is left out"
    table.unlink()
    for name in ("anna_age48.jpg", "51_1_0.jpg", "nobody.jpg"):
        shutil.copy(PICTURE, tmp_path / name)
    assert {one.path.name: one.age for one in read_labelled(tmp_path)} == {
        "anna_age48.jpg": 48.0,
        "51_1_0.jpg": 51.0,
    }


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("file,age\nno.jpg,30\n", "nobody's age"),
        ("file,age\na.jpg,old\n", "nobody's age"),
        ("file,age\na.jpg,9\n", "under 18"),
        ("file\na.jpg\n", "lacks a column"),
    ],
)
def test_labels_that_can_not_be_used(tmp_path: Path, table: str, words: str) -> None:
    shutil.copy(PICTURE, tmp_path / "a.jpg")
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(UserError, match=words):
        read_labelled(tmp_path)


def test_a_video_that_flickers_is_told_from_a_steady_one(tmp_path: Path) -> None:
    picture = cv2.imread(str(PICTURE))[..., ::-1].copy()
    lighter = np.clip(picture.astype(int) + 40, 0, 255).astype(np.uint8)
    still = write_clip(tmp_path / "still.mkv", [picture] * 7, "ffv1", "bgr0")
    flickering = write_clip(tmp_path / "f.mkv", [picture, lighter] * 3 + [picture], "ffv1", "bgr0")
    judge, stage = OwnJudge(), build_analyser()
    same = measure_steadiness(still, still, judge, stage, 7)
    assert same.frames == 7 and same.before == pytest.approx(same.after, abs=0.01) and same.spread_after < 0.1
    worse = measure_steadiness(still, flickering, judge, stage, 7)
    assert worse.spread_after > 10 * max(same.spread_after, 1e-3) and worse.flicker > 10
    with pytest.raises(UserError, match="not as large"):
        measure_steadiness(
            still, write_clip(tmp_path / "s.mkv", [picture[:100, :100]] * 2, "ffv1", "bgr0"), judge, stage, 7
        )
