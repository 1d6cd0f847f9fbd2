"""`faceswap generate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import new_app
from faceswap_cli.cli.consent import tell_consent
from faceswap_cli.cli.convert_outputs import check_named, is_folder
from faceswap_cli.cli.generate_walk import WalkOptions, choose_seeds, write_walk
from faceswap_cli.cli.mark_options import MarkOptions
from faceswap_cli.cli.options import DeviceOptions
from faceswap_cli.errors import UserError
from faceswap_cli.media.encode_options import EncodeRequest
from faceswap_cli.options import INPUT, LOOK, OptionGroup, option
from faceswap_cli.words import plural

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceswap_cli.generation.novelty import FaceVerdict, NoveltyCheck
    from faceswap_cli.generation.sampling import PictureGenerator, StyleMix
    from faceswap_cli.provenance.marks import Marks

app = new_app()

LEAST_KEYS = 2
"""Pictures that a walk goes between, at least."""

MOST_TRIES = 20
"""Pictures that are drawn for one that may be shown."""


@dataclass(frozen=True)
class SampleOptions(OptionGroup):
    """Which pictures are drawn."""

    count: int = option(16, 1, 100_000, group=LOOK, flags=("--count", "-n"), help="How many pictures.")
    seed: int = option(0, 0, group=LOOK, help="Of the first picture; the next ones have the next seeds.")
    truncation: float = option(
        0.8, 0, 1.5, group=LOOK,
        help="Below 1 pictures are more usual and differ less; 1 takes them as they come.",
    )  # fmt: skip
    mix: str = option(
        "", group=LOOK, metavar="SEED:LAYERS",
        help="Take these layers from the picture of another seed: coarse (pose, outline), middle (features), "
        "fine (colours, texture), several with commas, as in 7:coarse,middle.",
    )  # fmt: skip


@app.command("generate", example="faceswap generate -m invented -n 16 -o sheet.png")
def generate(
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="A picture: a sheet of all. A folder, which is there or has a / at its end: a file each.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    run: Annotated[
        Path,
        typer.Option(
            "--run", "-m", help="Run folder of `faceswap train --family generator`.", rich_help_panel=INPUT
        ),
    ],
    sample: SampleOptions,
    walk: WalkOptions,
    encode: EncodeRequest,
    place: DeviceOptions,
    marks: MarkOptions,
) -> None:
    """Invent pictures by a trained generator.

    Each has a seed, by which it comes out again. Of faces the nearest person that the generator learned from
    is measured: a face that is too near to somebody, or that looks like a child's, is drawn again with
    another seed.
    """
    from faceswap_cli.generation.novelty import NoveltyCheck
    from faceswap_cli.generation.sampling import layers_of, load_generator, parse_mix
    from faceswap_cli.provenance.marks import Kind

    if (output is None) == (walk.walk is None):
        raise UserError("say what is written", "Give -o SHEET.png, -o FOLDER/ or --walk OUT.mp4")
    check_named(output or walk.walk or "")
    if walk.walk is not None and sample.mix:
        raise UserError("--mix is for pictures, not for --walk", "Leave out one")
    tell_consent()
    generator = load_generator(run, place.device)
    mix = parse_mix(sample.mix) if sample.mix else None
    if mix is not None:
        layers_of(generator.network, mix.groups)
    made = marks.build_marks(Kind.MADE, generator.cache_key, label=walk.walk is not None)
    check = NoveltyCheck(generator.people, place.device)
    if walk.walk is not None:
        _write_walk(walk.walk, generator, sample, check, walk, encode, made)
        return
    assert output is not None
    drawn = _draw_all(generator, sample, mix, check)
    if is_folder(output, str(output)) or not output.suffix:
        _write_files(output, drawn, made)
    else:
        _write_sheet(output, drawn, made)


@dataclass(frozen=True)
class InventedPicture:
    """A picture (H, W, 3 or 4), its seed, and what is to be said of it."""

    image: NDArray[np.uint8]
    seed: int
    verdict: FaceVerdict

    def describe(self) -> str:
        """In words."""
        if self.verdict.distance is None:
            return f"seed {self.seed}"
        return f"seed {self.seed}, nearest person that was learnt from at {self.verdict.distance:.2f}"


def _draw_all(
    generator: PictureGenerator, sample: SampleOptions, mix: StyleMix | None, check: NoveltyCheck
) -> list[InventedPicture]:
    """So many pictures that may be shown."""
    from faceswap_cli.training.monitor.generator_preview import on_checks

    found: list[InventedPicture] = []
    seed = sample.seed
    with console.Bar("generate") as bar:
        while len(found) < sample.count:
            [image] = generator.draw([seed], sample.truncation, mix)
            verdict = check(on_checks(image))
            if verdict.refused:
                bar.note(f"seed {seed} is left out: {verdict.refused}")
            else:
                found.append(InventedPicture(image, seed, verdict))
            seed += 1
            bar.update(len(found), sample.count, plural(len(found), "picture"))
            if seed - sample.seed > MOST_TRIES * sample.count:
                raise UserError(
                    f"of {seed - sample.seed} pictures {len(found)} may be shown",
                    "Train on, or on other pictures",
                )
    return found


def _write_walk(
    output: Path,
    generator: PictureGenerator,
    sample: SampleOptions,
    check: NoveltyCheck,
    walk: WalkOptions,
    encode: EncodeRequest,
    marks: Marks,
) -> None:
    """A video past the pictures of some seeds."""
    from faceswap_cli.training.monitor.generator_preview import on_checks

    if sample.count < LEAST_KEYS:
        raise UserError(f"--walk needs {LEAST_KEYS} pictures to go between", f"Give -n {LEAST_KEYS} or more")
    seeds = choose_seeds(
        generator, sample.seed, sample.count, sample.truncation,
        lambda image: check(on_checks(image)).refused, MOST_TRIES * sample.count,
    )  # fmt: skip
    write_walk(output, generator, seeds, sample.truncation, walk, encode, marks)


def _write_files(folder: Path, drawn: list[InventedPicture], marks: Marks) -> None:
    """A file for each."""
    from faceswap_cli.files import make_folder

    make_folder(folder)
    for one in drawn:
        path = folder / f"seed-{one.seed:06d}.png"
        _write(path, one.image, marks, one.describe())
        console.say(f"{path}: {one.describe()}")
    console.say(f"done: {plural(len(drawn), 'picture')} in {folder} ({marks.describe(folder / 'a.png')})")


def _write_sheet(path: Path, drawn: list[InventedPicture], marks: Marks) -> None:
    """All on one picture, or the only one."""
    import math

    import numpy as np

    from faceswap_cli.training.monitor.generator_preview import lay_out

    for one in drawn:
        console.say(one.describe())
    if len(drawn) == 1:
        _write(path, drawn[0].image, marks, drawn[0].describe())
    else:
        sheet = lay_out(np.stack([one.image for one in drawn]), math.ceil(len(drawn) ** 0.5))
        _write(path, sheet, marks, f"seeds {drawn[0].seed} to {drawn[-1].seed}")
    console.say(f"done: {path} ({marks.describe(path)})")


def _write(path: Path, image: NDArray[np.uint8], marks: Marks, told: str) -> None:
    """Write a picture with its marks, its transparency, and what is to be said of it."""
    from faceswap_cli.media.photo import Photo
    from faceswap_cli.media.photo_metadata import Metadata
    from faceswap_cli.provenance.marks import write_marked_photo

    alpha = image[..., 3] if image.shape[-1] == 4 else None
    metadata = Metadata(texts=(("Description", told),), comment=told.encode())
    colour = image[..., :3].copy()
    write_marked_photo(path, colour, marks, Photo(colour, alpha, metadata=metadata))
