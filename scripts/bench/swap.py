"""Figures for a swapped video beside its original:

python -m scripts.bench.swap ORIGINAL SWAPPED -A FACES_A -B FACES_B
"""

from __future__ import annotations

import argparse
from pathlib import Path

from faceswap_cli.evaluation.swap import evaluate_swap
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.sets.faceset import FaceSet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("original", type=Path)
    parser.add_argument("swapped", type=Path)
    parser.add_argument("-A", "--target-faces", type=Path, help="face set of the person who was replaced")
    parser.add_argument("-B", "--source-faces", type=Path, help="face set of the person who was put on")
    parser.add_argument("--frames", type=int, default=250, help="frames looked at, at most")
    options = parser.parse_args()
    sets = [FaceSet.open(path) if path else None for path in (options.target_faces, options.source_faces)]
    report = evaluate_swap(
        options.original, options.swapped, sets[0], sets[1], build_analyser(), most=options.frames
    )
    print(report.table())


if __name__ == "__main__":
    main()
