"""One picture of a swap: `python -m scripts.dev.side_by_side ORIGINAL SWAPPED PICTURE`."""

import sys
from pathlib import Path

from faceswap_cli.pipeline.comparison_sheet import write_side_by_side

if __name__ == "__main__":
    original, swapped, picture = map(Path, sys.argv[1:4])
    write_side_by_side(original, swapped, picture)
