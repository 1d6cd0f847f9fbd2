import json
import math

from faceswap_cli.training.engine import event_log
from faceswap_cli.training.monitor.history import MOST_LOSSES, MOST_MEASURES, History


def steps(path, until=None):
    return [line["step"] for line in event_log.read_events(path, until)]


def test_lines_are_appended_and_no_number_is_null(tmp_path):
    log = tmp_path / "log.jsonl"
    event_log.append_event(log, {"step": 1, "losses": {"x": math.nan, "y": 0.123456789}})
    event_log.append_event(log, {"step": 2})
    assert [json.loads(line) for line in log.read_text().splitlines()] == [
        {"step": 1, "losses": {"x": None, "y": 0.123457}},
        {"step": 2},
    ]


def test_damaged_lines_are_skipped_and_do_not_spoil_the_next(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_bytes(b'{"step": 1}\n\xff\xfe\n[1]\n{"step": "x"}\nnull\n{"step": 2}\n{"step": 3, "lo')
    event_log.append_event(log, {"step": 4})
    assert steps(log) == [1, 2, 4]
    assert steps(tmp_path / "none.jsonl") == []


def test_what_was_lost_and_done_again_counts_once(tmp_path):
    log = tmp_path / "log.jsonl"
    for step in (1, 2, 3, 4, 2, 3):
        event_log.append_event(log, {"step": step, "seconds": 1.0, "losses": {"x": float(step)}})
    assert steps(log) == [1, 2, 2, 3]
    assert steps(log, until=2) == [1, 2, 2]
    assert [loss.step for loss in History.of(log, 3).losses] == [1, 2, 2, 3]


def test_days_of_training_stay_a_small_page():
    history = History()
    for step in range(20_000):
        history.add({"step": step, "seconds": float(step), "losses": {"x": step}})
        if step % 4 == 0:
            history.add({"step": step, "seconds": float(step), "progress": 0.1, "validation": {"loss": 1.0}})
    assert MOST_LOSSES <= len(history.losses) < 2 * MOST_LOSSES
    means = [loss.terms["x"] for loss in history.losses]
    assert means == sorted(means) and means[-1] > 19_900
    # The latest third, which is judged, is whole.
    recent = [point.step for point in history.points(("loss",)) if point.step >= 20_000 * 2 / 3]
    assert recent == list(range(13_336, 20_000, 4))
    assert len(history.measures) < MOST_MEASURES + 2600


def test_lines_of_older_versions_are_passed_over():
    history = History()
    history.add({"step": 3, "losses": {"x": 1.0}})
    assert history.losses == []
