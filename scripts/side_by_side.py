"""One picture of a swap: `python scripts/side_by_side.py ORIGINAL SWAPPED PICTURE`."""

import sys
from pathlib import Path

from faceswap_cli.compositing.sheet import side_by_side

if __name__ == "__main__":
    original, swapped, picture = map(Path, sys.argv[1:4])
    side_by_side(original, swapped, picture)
