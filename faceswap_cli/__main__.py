"""`faceswap` and `python -m faceswap_cli` begin here."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. Ctrl-C while it is still being loaded is no error of ours, either."""
    try:
        from faceswap_cli.cli import main as run

        run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
