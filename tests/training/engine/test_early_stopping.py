import math

import numpy as np
import pytest

from faceswap_cli.training.engine.early_stopping import (
    LATEST,
    LEAST_CLOSING,
    LEAST_POINTS,
    LOSS_GAIN,
    MeasuredPoint,
    ProgressKind,
    UntilPlateau,
    judge_progress,
    points_at_full_rate,
)
from faceswap_cli.training.engine.trainer import HOLD

KINDS = {**LOSS_GAIN, "likeness": ProgressKind(+1, 0.01, relative=False)}
"""What a swap is judged by."""


def curve(loss, noise=0.0, count=120, likeness=lambda t: 0.7, seed=0, each=100, seconds=60.0):
    """Measures every 100 steps; `loss` and `likeness` are functions of the steps."""
    random = np.random.default_rng(seed)
    return [
        MeasuredPoint(
            step,
            step / each * seconds,
            0.1,
            {
                "loss": loss(step) * (1 + noise * random.standard_normal()),
                "likeness": likeness(step) + noise * random.standard_normal(),
                "sharpness": 0.5 * (1 + noise * random.standard_normal()),
            },
        )
        for step in range(each, (count + 1) * each, each)
    ]


def falling(step):
    return 3 * step**-0.3


def levelling(step):
    return 0.5 + 3 * math.exp(-step / 600)


def stops_at(points):
    """The first measure after which a run that is judged all along would end."""
    return next(
        (n for n in range(1, len(points) + 1) if judge_progress(points[:n], kinds=KINDS).state == "level"),
        None,
    )


@pytest.mark.parametrize("noise", [0, 0.005, 0.02])
@pytest.mark.parametrize("seed", range(3))
def test_an_improving_run_goes_on(noise, seed):
    points = curve(falling, noise, likeness=lambda s: 0.9 - falling(s) / 3, seed=seed)
    assert stops_at(points) is None
    assert judge_progress(points).state == "improving"


@pytest.mark.parametrize("noise", [0, 0.005, 0.02])
@pytest.mark.parametrize("seed", range(3))
def test_a_run_that_levels_off_is_noticed_in_time_and_not_before(noise, seed):
    stop = stops_at(curve(levelling, noise, seed=seed))
    # exp(-step / 600) has under 2 % of the loss left to give from step 3,300 on
    assert stop is not None and 2500 <= stop * 100 <= 9000


def test_it_is_told_since_when():
    points = curve(levelling)
    verdict = judge_progress(points[: stops_at(points)])
    assert 2000 < verdict.since < stops_at(points) * 100


def test_slow_improvement_goes_on_while_it_can_be_seen():
    # 4 % in the last third, under noise of 1 %
    slow = curve(lambda step: step**-0.1, 0.01, seed=1)
    assert stops_at(slow) is None
    # 0.4 %: nobody would see it
    assert stops_at(curve(lambda step: step**-0.01, seed=1)) is not None


def test_one_measure_that_still_gains_is_enough():
    points = curve(levelling, 0.005, likeness=lambda s: 0.3 + 0.4 * s / 12_000)
    assert stops_at(points) is None
    assert list(judge_progress(points, kinds=KINDS).gains) == ["likeness"]


def test_getting_worse_is_no_gain():
    rising = curve(lambda step: levelling(step) + step / 20_000, 0.005)
    assert stops_at(rising) is not None


def test_too_little_is_too_early():
    assert judge_progress([]).state == "early"
    flat = curve(lambda step: 1.0)
    assert judge_progress(flat[: LEAST_POINTS - 1]).state == "early"
    assert judge_progress(curve(lambda step: 1.0, each=5, count=60)).state == "early"  # 300 steps in all
    quick = curve(lambda step: 1.0, seconds=0.5)
    assert judge_progress(quick).state == "early"  # a minute in all
    assert judge_progress(quick, timed=False).state == "level"


def test_figures_that_are_no_numbers_are_left_out():
    points = [
        MeasuredPoint(p.step, p.seconds, p.progress, {**p.figures, "likeness": math.nan})
        for p in curve(levelling)
    ]
    assert judge_progress(points).state == "level"


def test_only_the_latest_measures_at_the_full_rate_count():
    points = [
        MeasuredPoint(step, step, progress, {})
        for step, progress in enumerate((0.1, 0.2, 0.7, 1.0, 0.1, 0.2))
    ]
    assert [point.step for point in points_at_full_rate(points)] == [4, 5]


def test_the_rate_is_held_until_level_then_falls_to_the_end():
    budget = UntilPlateau(state={})
    assert budget.endless and budget.waiting(10**6, 10**6) and math.isinf(budget.seconds_left(5, 5, 5))
    until = budget.close(3000, since=2000)
    assert until == 4000 and budget.level_since == 2000
    assert budget.progress(3000, 0) == HOLD and not budget.waiting(3000, 0)
    assert HOLD < budget.progress(3500, 0) < 1 and budget.progress(until, 0) == 1
    assert budget.seconds_left(3500, 0, steps_per_second=10) == 50
    assert UntilPlateau(state={}).close(30, 10) == 30 + LEAST_CLOSING


@pytest.mark.parametrize("most", [{"steps": 1000}, {"minutes": 1000 / 60}])
def test_the_most_is_kept_to_with_a_closing_phase_in_it(most):
    budget = UntilPlateau(**most, state={})
    progress = [budget.progress(step, step) for step in range(1001)]
    assert progress == sorted(progress)
    latest = round(LATEST * 1000)
    assert progress[latest - 1] < HOLD <= progress[latest + 1] and progress[-1] == pytest.approx(1)
    assert budget.waiting(latest - 1, latest - 1)
    budget.close(600, 500)
    assert budget.progress(800, 800) == 1
    late = UntilPlateau(**most, state={})
    late.close(latest - 1, 500)
    assert late.progress(1000, 1000) >= 1
