"""Lines of an age, carried to a face's landmarks."""

from __future__ import annotations

import torch

from faceswap_cli import zoo
from faceswap_cli.faces.geometry import FACE_CENTRE, MEAN_FACE
from faceswap_cli.networks.ageing.line_averages import LineAverages, LineConfig, build_line_averages

MEAN = torch.from_numpy(MEAN_FACE - FACE_CENTRE).float()[None]


def one_line() -> LineAverages:
    """A line across the middle of the oldest face."""
    averages = LineAverages(LineConfig(ages=(20.0, 50.0, 80.0), size=96))
    averages.mean.copy_(MEAN[0])
    averages.lines[2, 46:50] = -0.1
    return averages


def ages(*years: float) -> torch.Tensor:
    return torch.tensor(years)


def test_no_step_of_age_is_no_line() -> None:
    assert not one_line()(MEAN, ages(60.0), ages(60.0)).any()


def test_back_is_the_opposite_of_there() -> None:
    averages = one_line()
    there, back = averages(MEAN, ages(30.0), ages(75.0)), averages(MEAN, ages(75.0), ages(30.0))
    assert there.min() < -0.05 and torch.allclose(there, -back)


def test_lines_go_with_the_face() -> None:
    lower = MEAN + torch.tensor([0.0, 0.1])
    plain, moved = (one_line()(points, ages(20.0), ages(80.0))[0, :, 48] for points in (MEAN, lower))
    assert abs(int(moved.argmin()) - int(plain.argmin()) - 0.1 * 96 / 2.4) <= 1


def test_bundled_lines_get_deeper_with_the_years() -> None:
    averages = zoo.load_network("age_lines", build_line_averages)
    deep = [
        float(averages(MEAN, ages(22.0), ages(age)).abs().mean()) for age in (34.0, 46.0, 58.0, 70.0, 80.0)
    ]
    assert deep == sorted(deep)
    lines = averages(MEAN, ages(25.0), ages(75.0))[0]
    # From the nose's wing to the mouth's corner runs a fold, and it is darker than what is around it.
    fold = (MEAN[0, 35] + MEAN[0, 54]) / 2 + torch.tensor([0.05, 0.0])
    x, y = ((fold / 2.4 + 0.5) * 192).round().int().tolist()
    assert lines[y - 8 : y + 8, x - 12 : x + 12].min() < -0.04
    assert torch.allclose(lines, lines.flip(1), atol=0.03)
