import re
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
import torchgen
from torch.utils._python_dispatch import TorchDispatchMode

from faceswap_cli.device import Processes, device_of_process, usable_cores, use_threads
from faceswap_cli.errors import UserError
from faceswap_cli.training.data.augment import augment
from faceswap_cli.training.data.data_placement import is_on_host, place_samples
from faceswap_cli.training.engine.accelerate import (
    Compilation,
    explain_memory,
    reduced_precision,
    should_compile,
    upload,
)
from faceswap_cli.training.engine.parallel import Share
from faceswap_cli.training.engine.trainer import generator_for
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.objectives.swap import swap_batches
from faceswap_cli.training.task import new_trainer
from tests.training.member import SETTINGS

CPU = torch.device("cpu")
DEVICES = [
    pytest.param("cpu"),
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA card")),
    pytest.param(
        "mps", marks=pytest.mark.skipif(not torch.backends.mps.is_available(), reason="no Apple GPU")
    ),
]
# All phases at once, from the first step on.
WHOLE = replace(SETTINGS, adversarial_from=0.0)


def steps(people, settings, count=3, device=CPU):
    trainer = new_trainer(FAMILIES["shared"], settings, device)
    faces, _ = place_samples(people, device)
    batches = swap_batches(faces, settings)
    losses = [trainer.update(batches(generator_for(0, 0, step), 0.5), 0.5) for step in range(count)]
    return trainer, [{k: float(v) for k, v in terms.items()} for terms in losses]


class Watched(TorchDispatchMode):
    """Counts the operations that run, and the types of what they make."""

    def __init__(self):
        super().__init__()
        self.operations, self.types = Counter(), set()

    def __torch_dispatch__(self, operation, types, arguments=(), keywords=None):
        made = operation(*arguments, **(keywords or {}))
        self.operations[operation.name()] += 1
        for value in made if isinstance(made, tuple | list) else (made,):
            if isinstance(value, torch.Tensor):
                self.types.add(value.dtype)
        return made


@pytest.fixture
def watched(people):
    """What a whole step does: the draw, its pixels, both phases, optimiser and average."""
    trainer = new_trainer(FAMILIES["shared"], WHOLE, CPU)
    draws = [generator_for(0, 0, step) for step in range(2)]
    trainer.update([augment(people[name], name, 4, draws[0]) for name in "ab"], 0.5)
    with Watched() as seen:
        batch = [augment(people[name], name, 4, draws[1], 1.0, people["a"]) for name in "ab"]
        trainer.update(batch, 0.5)
    return seen


def test_a_step_never_waits_for_the_device(watched):
    waiting = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "unique")
    found = [name for name in watched.operations if name.split("::")[1].split(".")[0] in waiting]
    assert found == []


def test_a_step_makes_nothing_that_apple_gpus_do_not_have(watched):
    assert torch.float64 not in watched.types
    assert [name for name in watched.operations if not on_mps(name)] == []


def on_mps(operation: str) -> bool:
    """Whether torch's own table of kernels has one for Apple's GPUs, or one for all devices."""
    name = operation.removeprefix("aten::")
    found = TABLE.get(name) or TABLE.get(f"{name}.default") or ""
    delegate = re.search(r"structured_delegate: (\S+)", found)
    if delegate:
        found += TABLE[delegate[1]]
    return not re.search(r"^  dispatch:", found, re.M) or bool(
        re.search(r"^    [^:\n]*(MPS|Composite)[^:\n]*:", found, re.M)
    )


def kernel_table() -> dict[str, str]:
    file = Path(torchgen.__file__).parent / "packaged/ATen/native/native_functions.yaml"
    entries = re.split(r"^- func: ", file.read_text(encoding="utf-8"), flags=re.M)[1:]
    return {entry.split("(")[0]: entry for entry in entries}


TABLE = kernel_table()


def test_the_table_of_kernels_tells_what_is_missing():
    assert on_mps("aten::convolution") and on_mps("aten::upsample_bicubic2d")
    assert not on_mps("aten::_linalg_eigh")


@pytest.mark.parametrize("device", DEVICES)
def test_a_step_is_the_same_on_every_device(people, device):
    _, here = steps(people, WHOLE)
    trainer, there = steps(people, WHOLE, device=torch.device(device))
    # bfloat16 keeps 8 bits: three steps on it stay within a few per cent.
    close = 1e-5 if device == "cpu" else 2e-3 if trainer.precision is None else 5e-2
    for own, other in zip(here, there, strict=True):
        assert other == pytest.approx(own, rel=close, abs=close)


@pytest.mark.parametrize("device", DEVICES)
def test_samples_that_stay_on_the_host_are_the_same_samples(people, device):
    device = torch.device(device)
    host = {name: is_on_host(faces, device) for name, faces in people.items()}
    there, _ = place_samples(people, device)
    for step in range(3):
        batches = [swap_batches(faces, SETTINGS)(generator_for(0, 0, step), 0.1) for faces in (host, there)]
        for own, other in zip(*batches, strict=True):
            assert own.input.device.type == device.type
            for f in fields(own):
                if f.name != "identity":
                    assert torch.equal(getattr(own, f.name), getattr(other, f.name)), f.name


def test_a_share_is_a_part_of_the_whole_batch(people):
    def drawn(share):
        return augment(people["a"], "a", 6, generator_for(0, 0, 1), 1.0, people["b"], share=share)

    whole = drawn(Share())
    for part in range(3):
        own = drawn(Share(part, 3))
        torch.testing.assert_close(own.input, whole.input[part * 2 : part * 2 + 2])
        assert torch.equal(own.mask, whole.part(Share(part, 3)).mask)


def test_a_batch_in_parts_trains_as_the_whole(people, monkeypatch):
    # In bfloat16, as some processors compute, the order of a sum is seen in its third digit.
    monkeypatch.setattr("faceswap_cli.training.engine.trainer.reduced_precision", lambda device: None)
    # `match` sees only a part at a time, the critic every fourth sample.
    means = replace(WHOLE, batch=8, loss=replace(WHOLE.loss, match=0.0))
    whole, losses = steps(people, means)
    parts, in_parts = steps(people, replace(means, accumulate=2))
    for own, other in zip(losses, in_parts, strict=True):
        assert other == pytest.approx(own, rel=1e-4, abs=1e-5)
    for own, other in zip(whole.weights(), parts.weights(), strict=True):
        torch.testing.assert_close(own, other, atol=2e-4, rtol=1e-3)


def test_lack_of_memory_is_told_with_what_to_lower():
    with pytest.raises(UserError, match="--accumulate"), explain_memory(CPU):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    with pytest.raises(UserError, match="--batch"), explain_memory(CPU):
        torch.empty(2**60, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="shape"), explain_memory(CPU):
        torch.zeros(2).view(3)


def test_reduced_precision_only_where_the_processor_has_it():
    found = getattr(torch.cpu, "get_capabilities", dict)()
    has = found.get("avx512_bf16") or found.get("amx_bf16")
    assert reduced_precision(CPU) == (torch.bfloat16 if has else None)


def test_upload_leaves_values_alone():
    values = torch.rand(3)
    assert torch.equal(upload(values, CPU), values)


def test_compiling_that_fails_is_told_once_and_training_goes_on():
    said, tried = [], []
    compilation = Compilation(said.append)
    compilation.active = True

    def work():
        tried.append(compilation.active)
        if compilation.active:
            raise RuntimeError("no such\ncompiler")
        return 7

    try:
        assert compilation.run(work) == compilation.run(work) == 7
    finally:
        torch.compiler.set_stance("default")
    assert tried == [True, False, False]
    assert len(said) == 1 and "no such compiler" in said[0]


def test_a_fault_that_is_not_the_compilers_stays_a_fault():
    compilation = Compilation()
    compilation.active = True
    with pytest.raises(UserError):
        compilation.run(lambda: (_ for _ in ()).throw(UserError("no")))
    assert compilation.active


def test_compile_auto_is_off_on_the_cpu():
    assert not should_compile("auto", CPU, 600.0, None)
    assert not should_compile("off", CPU, None, None)


def test_cores_are_physical_allowed_and_within_the_quota(tmp_path):
    import os

    for number in os.sched_getaffinity(0):
        topology = tmp_path / f"devices/system/cpu/cpu{number}/topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text("0-63\n")  # all on one core
    assert usable_cores(tmp_path) == 1
    assert 1 <= usable_cores(Path("/nowhere")) == len(os.sched_getaffinity(0))
    group = tmp_path / "only/fs/cgroup"
    group.mkdir(parents=True)
    (group / "cpu.max").write_text("50000 100000\n")
    assert usable_cores(tmp_path / "only") == 1


def test_threads_are_shared_out_and_what_was_asked_counts(monkeypatch):
    before = torch.get_num_threads()
    try:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        assert use_threads(None) == usable_cores()
        assert use_threads(None, Processes(0, 64, 0, 64)) == 1
        assert use_threads(3) == 3 == torch.get_num_threads()
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        assert use_threads(None) == 3  # it was asked for: torch's own number stays
        monkeypatch.setenv("OMP_NUM_THREADS", "1")  # torchrun's own doing
        assert use_threads(None, Processes(0, 2, 0, 2)) == max(1, usable_cores() // 2)
    finally:
        torch.set_num_threads(before)


def test_a_process_takes_the_cpu_or_a_card_of_its_own():
    assert device_of_process("cpu", Processes(1, 2, 1, 2)) == CPU
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="cuda"):
            device_of_process("cuda", Processes(1, 2, 1, 2))
