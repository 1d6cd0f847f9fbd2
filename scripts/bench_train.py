"""How fast training is here: images a second, augmentation included, and the share spent on batches.

Runs the real loop's own step on made-up pictures (what is in them does not change the speed):

    python scripts/bench_train.py --size small --resolution 64 --seconds 20
"""

from __future__ import annotations

import argparse
import platform
import resource
import time

import torch

from faceswap_cli.device import pick_device
from faceswap_cli.networks.registry import build, parameter_count, placed
from faceswap_cli.training.dataset import Faces, wide_side
from faceswap_cli.training.phases import phases, swap_batches
from faceswap_cli.training.sampling import TRAITS
from faceswap_cli.training.settings import SIZES, settings_for
from faceswap_cli.training.trainer import Trainer, generator_for

STORED_SIDE = 2.75
WARM_UP_STEPS = 5


def noise(resolution: int, count: int = 64) -> Faces:
    def pictures(side: int, channels: int) -> torch.Tensor:
        values = torch.randint(0, 256, (count, side, side, channels), dtype=torch.uint8)
        return values.permute(0, 3, 1, 2)

    wide = pictures(wide_side(resolution, STORED_SIDE), 3)
    masks = (pictures(resolution, 1) for _ in range(3))
    mean, std = torch.full((count, 3), 0.5), torch.full((count, 3), 0.2)
    return Faces(wide, pictures(resolution, 3), *masks, mean, std, torch.rand(count, TRAITS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", choices=list(SIZES), default="small")
    parser.add_argument("--resolution", type=int, nargs="*", default=[64, 96])
    parser.add_argument("--batch", type=int, help="faces of each person in a step")
    parser.add_argument("--seconds", type=float, default=20.0, help="measured time for each row")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    device = pick_device(options.device)
    print(f"{platform.machine()}, torch {torch.__version__}, {device}, {torch.get_num_threads()} threads")
    heads = {"px": 5, "params": 9, "batch": 7, "images/s": 10, "data": 7, "ms/step": 9, "peak MiB": 10}
    print(f"{'size':8}" + "".join(f"{head:>{width}}" for head, width in heads.items()))
    for resolution in options.resolution:
        row(options, resolution, device)


def row(options: argparse.Namespace, resolution: int, device: torch.device) -> None:
    settings = settings_for(options.size, resolution, options.batch)
    model = placed(build(settings.architecture, settings.network), device)
    trainer = Trainer(model, phases(model, settings, None), settings)
    batches = swap_batches({"a": noise(resolution).to(device), "b": noise(resolution).to(device)}, settings)
    for step in range(WARM_UP_STEPS):
        trainer.update(batches(generator_for(0, 0, step), 0.0), 0.0)
    wait(device)
    begun, images, waited, steps = time.perf_counter(), 0, 0.0, 0
    while time.perf_counter() - begun < options.seconds:
        before = time.perf_counter()
        batch = batches(generator_for(0, 0, trainer.step), 0.5)
        waited += time.perf_counter() - before
        trainer.update(batch, 0.5)
        images, steps = images + sum(len(s.input) for s in batch), steps + 1
    wait(device)
    elapsed = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated() / 2**20
    print(
        f"{options.size:8}{resolution:5}{parameter_count(model) / 1e6:8.1f}M{settings.batch * 2:7}"
        f"{images / elapsed:10.1f}{waited / elapsed:7.1%}{1000 * elapsed / steps:9.1f}{peak:10.0f}",
        flush=True,
    )


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
