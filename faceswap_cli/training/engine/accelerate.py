"""What makes a step fast on the device at hand, and changes no more of it than rounding."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import TypeVar

import torch
from torch import Tensor, nn

from faceswap_cli.errors import UserError

Result = TypeVar("Result")

WORTH_MINUTES = 10.0
WORTH_STEPS = 5000
"""`--compile auto` compiles for budgets of at least so much: compiling takes a minute or two by itself."""


def tune_device(device: torch.device) -> None:
    """Set what torch leaves slow by default on a card. It touches only CUDA's own settings.

    What stays float32 under autocast (optimiser, filters of the losses) may use TF32, whose 10 bits of
    mantissa are more than bfloat16's 7. All batches are alike, so trying cuDNN's algorithms out pays once.

    Raises:
        UserError: this torch computes wrong gradients on Apple's GPUs.
    """
    if device.type == "mps" and not hasattr(torch.compiler, "set_stance"):
        # https://github.com/pytorch/pytorch/pull/141009: channels-last convolutions, mended in 2.6.
        raise UserError(
            f"torch {torch.__version__} computes wrong gradients on Apple's GPU",
            "Install torch 2.6 or newer, or use --device cpu",
        )
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True


def reduced_precision(device: torch.device) -> torch.dtype | None:
    """The type that autocast may use for convolutions here; None where float32 is faster or safer.

    bfloat16 has float32's range, so gradients need no scaling. On CPUs it pays only where the processor
    multiplies it itself. float16, all that older cards and Apple's GPUs are quick at, overflows without
    loss scaling and is not used.
    """
    if device.type == "cuda":
        major, _ = torch.cuda.get_device_capability(device)
        return torch.bfloat16 if major >= 8 else None  # older ones only emulate it
    if device.type == "cpu":
        # Not there before torch 2.10 or so; then it stays off.
        found: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        return torch.bfloat16 if found.get("avx512_bf16") or found.get("amx_bf16") else None
    return None


def autocast(device: torch.device, precision: torch.dtype | None) -> AbstractContextManager[object]:
    """Within the block, convolutions and matrix products run in `precision`."""
    return torch.autocast(device.type, precision) if precision is not None else nullcontext()


def upload(values: Tensor, device: torch.device) -> Tensor:
    """CPU values on a device, without making the CPU wait for what the device is busy with.

    From ordinary memory a copy to a card waits for all work before it; from page-locked memory it is
    queued like any other work. Torch keeps the page-locked block until the copy is done.
    """
    if device.type != "cuda" or values.device.type != "cpu":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


def take_rows(values: Tensor, rows: Tensor, device: torch.device) -> Tensor:
    """Some rows of values on a device, wherever the values and the index are.

    Values that don't lie on a card are sent to it on a stream of their own. The CPU is some steps ahead of
    the card, so they are on their way while the card still computes an earlier step.

    Args:
        values: (N, ...).
        rows: (M,) which; best on the CPU.
        device: where the result is.
    """
    if values.device == device:
        return values[upload(rows, device)]
    found = values[rows.to(values.device)]
    if device.type != "cuda":
        return found.to(device)
    side = _side_stream(device)
    with torch.cuda.stream(side):
        sent = upload(found, device)
    computing = torch.cuda.current_stream(device)
    computing.wait_stream(side)  # the card waits, not the CPU
    sent.record_stream(computing)  # its memory is not reused before the computing is through
    return sent


@lru_cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call, no-any-return]


class FullError(UserError):
    """The device's memory is too small."""


@contextlib.contextmanager
def explain_memory(device: torch.device) -> Iterator[None]:
    """Turn a device's lack of memory into a UserError that says what to lower."""
    try:
        yield
    except UserError:
        raise
    except RuntimeError as error:  # torch.OutOfMemoryError on CUDA, plain ones elsewhere
        text = str(error)
        if not (
            isinstance(error, torch.OutOfMemoryError)
            or "out of memory" in text
            or "can't allocate memory" in text
        ):
            raise
        raise FullError(
            f"the memory of {device} is too small for a step",
            "Raise --accumulate (the same training in smaller parts), or lower --batch or --resolution",
        ) from error


class Compilation:
    """torch.compile for a network. Where it fails, training goes on without it, and says so once.

    Args:
        say: called with the line about a failure.
    """

    def __init__(self, say: Callable[[str], None] = lambda text: None) -> None:
        self.say = say
        self.active = False

    def begin(self, network: nn.Module, parts: Sequence[str]) -> None:
        """Have methods of the network compiled when they first run; its weights' names stay as they are.

        Inductor's default mode, which fuses what lies between convolutions. Its modes with CUDA graphs
        write the results of one call over those of the call before, gradients among them, which gathering
        gradients over parts of a batch and phases that share a network would have to work around.
        """
        for part in parts:
            setattr(network, part, torch.compile(getattr(network, part), dynamic=False))
        self.active = True

    def run(self, work: Callable[[], Result]) -> Result:
        """Do work that may compile; when it fails, do it again uncompiled."""
        if not self.active:
            return work()
        try:
            return work()
        except (UserError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            torch.compiler.set_stance("force_eager")
            self.active = False
            reason = (" ".join(str(error).split()) or type(error).__name__)[:160]
            self.say(f"torch.compile failed, training goes on without it ({reason})")
        return work()


def should_compile(wish: str, device: torch.device, minutes: float | None, steps: int | None) -> bool:
    """Whether to compile, for a `--compile` value.

    auto: on NVIDIA cards that Triton makes code for, when the budget is long enough to win back the time
    it takes.

    Args:
        wish: auto, on or off.
        device: where the network runs.
        minutes: the budget in minutes, if it is one.
        steps: the budget in steps, if it is one.

    Raises:
        UserError: `on` where nothing can compile.
    """
    if wish == "off":
        return False
    if wish == "on":
        if missing := missing_to_compile(device):
            raise UserError(f"--compile on needs {missing}, which is not here", "Install it, or leave it out")
        return True
    worth = (minutes or 0) >= WORTH_MINUTES or (steps or 0) >= WORTH_STEPS
    return worth and device.type == "cuda" and not missing_to_compile(device)


def missing_to_compile(device: torch.device) -> str:
    """What torch.compile would need and does not find; empty when all is there."""
    if not hasattr(torch.compiler, "set_stance"):
        return "torch 2.6"
    if device.type == "mps":
        return "a compiler for Apple's GPUs"
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang", "cl")):
        return "a C compiler"
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        return "Triton"
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < (7, 0):
        return "a card of compute capability 7.0"
    return ""
