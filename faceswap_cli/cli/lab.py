"""`faceswap lab`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import INTERRUPTED, new_app, stop_on_signal
from faceswap_cli.errors import UserError
from faceswap_cli.generation.lab.examples import EXAMPLES
from faceswap_cli.networks.points.config import PointsConfig
from faceswap_cli.options import BUDGET, INPUT, WATCHING, OptionGroup, Overrides, option
from faceswap_cli.training.runs.settings import SHAPE_NAMES, PointsSettings

if TYPE_CHECKING:
    from faceswap_cli.generation.lab.frames import Frame
    from faceswap_cli.generation.lab.laboratory import Experiment, Laboratory

DATA, STEPS = "gaussians", 800

app = new_app()


@dataclass(frozen=True)
class LabOptions(OptionGroup):
    """What is learnt, for how long, and how it is shown."""

    data: str | None = option(
        None, group=INPUT, metavar="|".join(SHAPE_NAMES) + "|FILE",
        help="What the generator has to learn: a shape; a picture, whose ink the points are drawn from; or a "
        f"CSV file of x,y. [default: {DATA}]",
    )  # fmt: skip
    example: str | None = option(
        None, group=INPUT, choices=tuple(EXAMPLES),
        help="A ready-made training, and what to look at. Other options change it.",
    )  # fmt: skip
    run: Path | None = option(
        None, group=INPUT, flags=("--run", "-m"), metavar="RUN",
        help="Run folder to keep, or to go on with, as of `faceswap train`. [default: none is kept]",
    )  # fmt: skip
    steps: int = option(STEPS, 1, 1_000_000, group=BUDGET, help="Train until this step.")
    page: Path | None = option(
        None, group=WATCHING, metavar="OUT.html",
        help="Write a page that replays the training: one file, which needs no network.",
    )  # fmt: skip
    serve: bool = option(
        False, group=WATCHING,
        help="Train on a page in this machine's browser, where everything can be changed. It prints the "
        "address.",
    )  # fmt: skip
    port: int = option(0, 0, 65535, group=WATCHING, help="Of --serve; 0: any that is free.")
    as_json: bool = option(
        False, group=WATCHING, flags=("--json",), help="Print the last measures as a line of JSON."
    )
    plain: bool = option(
        False, group=WATCHING, help="Plain lines instead of the live picture. So it is without a terminal."
    )


@app.command("lab", example="faceswap lab --data ring --page ring.html")
def lab(*, options: LabOptions, settings: Overrides[PointsSettings | PointsConfig]) -> None:
    """Watch two networks compete until random points become the data: a GAN in two dimensions.

    Keys: space pauses, d and g make one step of the discriminator or the generator alone, b of both, - and +
    change the pace, r restarts, l takes the next loss, q ends. It trains as every command here does, on one
    core.
    """
    if options.page is not None:
        _check_page(options.page)
    if options.serve and (options.as_json or options.page):
        raise UserError("--serve can't be used with --json or --page", "Leave one out")
    from tempfile import TemporaryDirectory

    from faceswap_cli.device import use_threads
    from faceswap_cli.generation.lab.laboratory import Laboratory

    use_threads(1)  # a second core gains nothing on networks of this size
    experiment = make_experiment(options, settings)
    if options.example:
        console.tell(EXAMPLES[options.example].about)
    with TemporaryDirectory(prefix="faceswap-lab-") as folder:
        laboratory = Laboratory(experiment, Path(folder), options.run, console.tell)
        if options.serve:
            from faceswap_cli.cli.lab_serve import serve

            serve(laboratory, options.port)
            return
        frame, interrupted = _watch(laboratory, plain=options.plain or options.as_json)
        if options.page is not None:
            _write_page(options, laboratory)
    _report(options, laboratory, frame)
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def make_experiment(options: LabOptions, given: Overrides[Any]) -> Experiment:
    """What the command line asks for.

    Raises:
        UserError: a value can't be, or the data can't be read.
    """
    from dataclasses import asdict, fields, replace

    from faceswap_cli.generation.lab.laboratory import FAMILY, Experiment, penalties_of
    from faceswap_cli.training.families import FAMILIES
    from faceswap_cli.training.families.points import PointsSource
    from faceswap_cli.training.runs.family_options import override
    from faceswap_cli.training.runs.folder import is_run, open_run

    example = EXAMPLES[options.example] if options.example else None
    family = FAMILIES[FAMILY]
    values = {**(dict(example.settings) if example else {}), **given}
    network = {own.name: values.pop(own.name) for own in fields(PointsConfig) if own.name in values}
    usual = replace(
        family.sizes["small"],
        network={**asdict(PointsConfig()), **network},
        **penalties_of(values.get("loss", family.sizes["small"].loss)),
    )
    data = options.data or (example.data if example else None)
    if data is None and options.run is not None and is_run(options.run):
        data = open_run(options.run, family).names.get("data", DATA)
    source = PointsSource(Path(data or DATA))
    return Experiment(source, override(family, usual, values), options.steps, frozenset(given))


def _check_page(page: Path) -> None:
    from faceswap_cli.files import check_writable

    if page.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{page} is no page", "Give --page a name that ends in .html")
    check_writable(page)


def _watch(laboratory: Laboratory, plain: bool) -> tuple[Frame | None, bool]:
    """Train and show it; the last frame, and whether it was interrupted."""
    from faceswap_cli.cli import lab_terminal, screen

    live = not plain and screen.is_possible()
    with stop_on_signal("saving, one moment ...") as stopped:
        watcher = lab_terminal.watch_live if live else lab_terminal.watch_plain
        return watcher(laboratory, stopped), stopped()


def _write_page(options: LabOptions, laboratory: Laboratory) -> None:
    from faceswap_cli.generation.lab.page import write_page

    assert options.page is not None
    if laboratory.data is None or not laboratory.recording:
        console.warn(f"{options.page} was not written: nothing was trained")
        return
    about = [EXAMPLES[options.example].about] if options.example else []
    about += [laboratory.experiment.summary]
    real = laboratory.data.real.numpy()
    write_page(options.page, laboratory.experiment.title, about, real, laboratory.recording)
    console.tell(f"page: {options.page}")


def _report(options: LabOptions, laboratory: Laboratory, frame: Frame | None) -> None:
    """The last measures."""
    import json

    from faceswap_cli.generation.lab.summary import summarise

    if frame is None:
        console.say(f"nothing to do: {laboratory.run} has had this much training; raise --steps to go on")
        return
    summary = summarise(laboratory, frame)
    if options.as_json:
        console.say(json.dumps(summary))
        return
    console.say(
        f"{summary['state']}; divergence {summary['js']:.3f} (floor {summary['js_floor']:.3f}), "
        f"{summary['near']:.0%} near the data; step {frame.step}, {summary['steps_per_second']:.0f} steps/s"
    )
    if options.run is not None:
        console.say(f"done: {options.run}")
