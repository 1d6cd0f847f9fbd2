"""What the losses of `faceswap lab` come to over several seeds: modes, divergence and its floor, speed.

    python -m scripts.bench.lab                    # r3 on gaussians and ring, seeds 0 to 4
    python -m scripts.bench.lab --loss gan --data gaussians --seed 1

Each training is one of the command's own, on one core. Time is said twice: as the clock has it, and as the
processor was at work for it, which is what the clock would say on a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from faceswap_cli.cli.lab import STEPS, LabOptions, make_experiment
from faceswap_cli.device import use_threads
from faceswap_cli.generation.lab.laboratory import Laboratory
from faceswap_cli.generation.lab.summary import summarise
from faceswap_cli.options import Overrides
from faceswap_cli.training.runs.settings import PENALTIES

HEADINGS = (
    "data",
    "loss",
    "seed",
    "modes",
    "js",
    "floor",
    "js/floor",
    "near",
    "steps/s",
    "cpu s",
    "clock s",
    "state",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="*", default=["gaussians", "ring"])
    parser.add_argument("--loss", nargs="*", default=["r3"], choices=list(PENALTIES))
    parser.add_argument("--seed", nargs="*", type=int, default=list(range(5)))
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    use_threads(1)
    print("  ".join(HEADINGS))
    for seed in options.seed:
        for loss in options.loss:
            for data in options.data:
                print(measured(data, loss, seed, options.steps), flush=True)


def measured(data: str, loss: str, seed: int, steps: int) -> str:
    """One training as a line of the table."""
    experiment = make_experiment(LabOptions(data=data, steps=steps), Overrides({"loss": loss, "seed": seed}))
    began, worked = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        lab = Laboratory(experiment, Path(folder))
        *_, last = lab.train()
    clock, cpu = time.monotonic() - began, time.process_time() - worked
    found = summarise(lab, last)
    figures = (
        *(f"{found['modes']}/{found['modes_of']}", f"{found['js']:.3f}", f"{found['js_floor']:.3f}"),
        *(f"{found['js'] / found['js_floor']:.2f}", f"{found['near']:.0%}", f"{found['steps'] / cpu:.0f}"),
        *(f"{cpu:.0f}", f"{clock:.0f}", found["state"]),
    )
    return "  ".join([data, loss, str(seed), *figures])


if __name__ == "__main__":
    main()
