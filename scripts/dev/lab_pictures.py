"""Make the pictures of docs/lab.md: pages that `faceswap lab` writes, photographed by headless Chromium.

python -m scripts.dev.lab_pictures docs
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

SIZE = "1180,800"
COLOURS = 64
"""Of the pictures: flat drawings need no more."""

PICTURES = {
    "lab-balanced": (("--example", "balanced"), "show=real,fake,field,sheet"),
    "lab-collapse": (("--example", "collapse"), "show=real,fake,field"),
    "lab-strong": (("--example", "strong-discriminator", "--steps", "600"), "show=real,fake,field,arrows"),
}
"""Name of the picture, the training, and what the page shows of it."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=list(PICTURES), choices=list(PICTURES))
    parser.add_argument("--browser", default="chromium")
    options = parser.parse_args()
    for name in options.only:
        arguments, shown = PICTURES[name]
        with tempfile.TemporaryDirectory() as folder:
            page, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
            lab = [sys.executable, "-m", "faceswap_cli", "lab", *arguments, "--plain", "--page", str(page)]
            subprocess.run(lab, check=True)
            take_picture(options.browser, f"{page.as_uri()}#{shown}", shot)
            reduced = Image.open(shot).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
            reduced.save(options.folder / f"{name}.png", optimize=True)


def take_picture(browser: str, address: str, path: Path) -> None:
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--window-size={SIZE}", "--virtual-time-budget=2000", f"--screenshot={path}", address]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
