"""`python -m faceswap_cli` is `faceswap`."""

from faceswap_cli.cli import main

if __name__ == "__main__":
    main()
