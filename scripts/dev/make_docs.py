"""Write docs/cli.md from the commands themselves; with --check, only say whether it is up to date."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 if docs/cli.md is out of date")
    check = parser.parse_args().check
    text = generated()
    if not check:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    print("docs/cli.md is out of date: run scripts/dev/make_docs.py", file=sys.stderr)
    return 1


def generated() -> str:
    command = [sys.executable, "-m", "typer", "faceswap_cli.cli", "utils", "docs", "--name", "faceswap"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=TARGET.parents[2])
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    head = "<!-- Made by scripts/dev/make_docs.py from the commands. Change them, not this file. -->\n\n"
    return head + "\n".join(lines).strip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
