#!/usr/bin/env python3
"""Draw the curves of a run's log, each a running mean, as a picture (wants matplotlib):

python -m scripts.dev.plot_log RUN/log.jsonl adversarial critic identity dssim -o curves.png
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

SMOOTH = 40
"""Reports that are averaged."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("log", type=Path)
    parser.add_argument("terms", nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.log.read_text(encoding="utf-8").splitlines()]
    steps = np.array([row["step"] for row in rows])
    figure, axes = plt.subplots(1, len(options.terms), figsize=(2.2 * len(options.terms), 2), squeeze=False)
    for axis, term in zip(axes[0], options.terms, strict=True):
        values = np.array([row["losses"][term] for row in rows])
        width = min(SMOOTH, len(values))
        mean = np.convolve(values, np.ones(width) / width, "valid")
        axis.plot(steps[width - 1 :], mean, linewidth=1, color="#225588")
        axis.set_title(term, fontsize=9)
        axis.set_ylim(bottom=min(0.0, float(mean.min())))
        axis.tick_params(labelsize=7)
    figure.tight_layout()
    figure.savefig(options.output, dpi=110)


if __name__ == "__main__":
    main()
