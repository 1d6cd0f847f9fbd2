"""Two real processes on the CPU, joined as torchrun would join them."""

import json
import socket
from dataclasses import replace

import pytest
import torch

from faceswap_cli.device import Processes, processes
from faceswap_cli.errors import UserError
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from faceswap_cli.training.engine.parallel import BUCKET, Share, _buckets
from faceswap_cli.training.runs.settings import check_parts
from tests.face_sets import make_set
from tests.python import Python
from tests.training import member


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def together(*arguments: object, count: int = 2) -> list[Python]:
    """`python -m ARGUMENTS` in processes that find each other, once all of them have ended."""
    common = {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1"}
    common |= {"MASTER_PORT": free_port(), "OMP_NUM_THREADS": 1}
    begun = [
        Python("-m", *arguments, env=common | {"RANK": rank, "LOCAL_RANK": rank}) for rank in range(count)
    ]
    try:
        for process in begun:
            process.wait()
    finally:
        for process in begun:
            process.kill()
    return begun


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("team")
    done = together("tests.training.member", folder)
    assert [d.returncode for d in done] == [0, 0], done[0].stderr + done[1].stderr
    return folder


def told(folder):
    return [json.loads((folder / f"told-{rank}.json").read_text()) for rank in (0, 1)]


def newest(folder):
    return CheckpointStore(folder / "checkpoints").newest()[0]


def lines(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_two_processes_train_as_one(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("faceswap_cli.training.engine.loop.REPORT_SECONDS", 0.0)
    monkeypatch.setattr("faceswap_cli.training.engine.trainer.reduced_precision", lambda device: None)
    alone = member.trained(tmp_path, 6)
    joint = newest(folder / "whole")
    assert joint.facts["step"] == alone.step == 6
    for name, tensor in alone.model.state_dict().items():
        torch.testing.assert_close(joint.tensors[f"model.{name}"], tensor, atol=2e-4, rtol=1e-3)
    for own, other in zip(lines(tmp_path), lines(folder / "whole"), strict=True):
        assert own["step"] == other["step"]
        assert other["losses"] == pytest.approx(own["losses"], abs=1e-4, rel=1e-4)
    assert "critic" in lines(folder / "whole")[-1]["losses"]  # the second phase did run


def test_one_that_is_asked_to_stop_stops_all_and_they_go_on_where_they_were(folder):
    assert [one["stopped"] for one in told(folder)] == [3, 3]
    assert [one["went on"] for one in told(folder)] == [6, 6]
    whole, parts = newest(folder / "whole"), newest(folder / "parts")
    assert all(torch.equal(tensor, parts.tensors[name]) for name, tensor in whole.tensors.items())


def test_nan_in_one_process_rolls_all_back(folder):
    first, second = told(folder)
    assert first["attempt"] == second["attempt"] == 1
    assert first["notes"] == second["notes"] and "NaN at step 3: back to step 2" in first["notes"][0]
    assert first["sum"] == second["sum"]  # the same bits after all of it


def test_who_fails_says_why_and_the_others_end(folder):
    first, second = told(folder)
    assert first["end"] == "another failed"
    assert second["end"] == "this process has had enough. Let it rest"


def test_the_command_trains_in_two_processes_and_refuses_what_cannot_be_split(tmp_path):
    sets = [make_set(tmp_path / name, count=4, level=lambda k: 90 + 9 * k) for name in "ab"]
    people = ("-A", sets[0], "-B", sets[1], "-m", tmp_path / "run", "--resolution", 32, "--device", "cpu")
    done = together("faceswap_cli", "train", *people, "--batch", 3, "--steps", 2)
    errors = "".join(d.stderr for d in done)
    assert [d.returncode for d in done] == [1, 1] and "Traceback" not in errors
    assert errors.count("error:") == 1 and "can't be split into 2 equal parts" in errors
    assert not (tmp_path / "run" / "run.json").exists()

    done = together("faceswap_cli", "train", *people, "--batch", 4, "--steps", 2)
    assert [d.returncode for d in done] == [0, 0], done[0].stderr + done[1].stderr
    assert "in 2 processes" in done[0].stderr and "step 2" in done[0].stdout
    assert done[1].stdout == done[1].stderr == ""
    assert len(list((tmp_path / "run" / "checkpoints").iterdir())) == 2  # at the start and at the end
    assert [line["step"] for line in lines(tmp_path / "run")][-1] == 2


def test_a_process_is_known_by_what_torchrun_says():
    said = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4", "MASTER_ADDR": "x"}
    assert processes(said) == Processes(5, 8, 1, 4)
    assert processes({"WORLD_SIZE": "8"}) == Processes()  # a cluster's variable, not torchrun
    with pytest.raises(UserError, match="RANK=five"):
        processes(said | {"RANK": "five"})


def test_what_cannot_be_split_is_refused_with_a_number_that_can():
    check_parts(replace(member.SETTINGS, batch=12, accumulate=3), 2)
    with pytest.raises(UserError, match="--batch 12"):
        check_parts(replace(member.SETTINGS, batch=11, accumulate=3), 2)


def test_shares_make_up_the_whole():
    values = torch.arange(12).view(6, 2)
    assert torch.equal(torch.cat([Share(part, 3).of(values) for part in range(3)]), values)


def test_buckets_hold_everything_once_in_order():
    tensors = [torch.empty(size) for size in (5, BUCKET // 4 + 1, 3, 2)] + [torch.empty(3, dtype=torch.half)]
    groups = list(_buckets(tensors))
    assert [len(group) for group in groups] == [1, 1, 2, 1]
    assert all(a is b for a, b in zip(tensors, (t for group in groups for t in group), strict=True))
