"""`faceswap generate`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import new_app
from faceswap_cli.cli.consent import tell_consent
from faceswap_cli.cli.convert_outputs import check_named, is_folder
from faceswap_cli.cli.generate_like import LikeOptions, write_hybrid
from faceswap_cli.cli.generate_text import Drawn, TextOptions, describe_to, show_beside
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
    from faceswap_cli.generation.sampling import PictureGenerator
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
    finish: float = option(
        1.0, 0, 1, group=LOOK,
        help="Of the faces that come with the tool: how far the soft draft is finished into a photograph; 0: "
        "the draft alone.",
    )  # fmt: skip


@app.command(
    "generate",
    example="faceswap generate -n 16 -o sheet.png\n"
    'faceswap generate --text "a smiling woman of about 40 with red hair" -n 4 -o red.png\n'
    "faceswap generate --like anna.jpg:.6 --like ben.jpg:.4 -o between.png\n"
    "faceswap generate --like anna.jpg --like ben.jpg:hair,eyes -o mixed.png\n"
    "faceswap generate -m invented --walk walk.mp4 -n 6",
)
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
        Path | None,
        typer.Option(
            "--run",
            "-m",
            help="Run folder of `faceswap train --family generator`. [default: the faces that come with the "
            "tool]",
            rich_help_panel=INPUT,
        ),
    ] = None,
    sample: SampleOptions,
    text: TextOptions,
    like: LikeOptions,
    walk: WalkOptions,
    encode: EncodeRequest,
    place: DeviceOptions,
    marks: MarkOptions,
) -> None:
    """Invent faces, or pictures like those that a generator was trained on.

    Each has a seed, by which it comes out again. Of faces the nearest person that the generator learned from
    is measured: a face that is too near to somebody, or that looks like a child's, is drawn again with
    another seed.
    """
    from faceswap_cli.generation.novelty import NoveltyCheck
    from faceswap_cli.generation.sampling import layers_of, load_bundled, load_generator, parse_mix
    from faceswap_cli.provenance.marks import Kind

    if (output is None) == (walk.walk is None):
        raise UserError("say what is written", "Give -o SHEET.png, -o FOLDER/ or --walk OUT.mp4")
    check_named(output or walk.walk or "")
    check_together(sample, text, walk, bundled=run is None)
    if like.like and (walk.walk is not None or text.text or sample.mix or run is not None):
        raise UserError("--like goes with -o alone", "Leave out --text, --mix, --walk and -m")
    tell_consent()
    if like.like:
        assert output is not None
        if is_folder(output, str(output)):
            raise UserError(f"{output} is a folder, and --like makes one picture", "Give -o a file's name")
        write_hybrid(output, like.like, place.device, marks.build_marks(Kind.EDIT, "", label=False))
        return
    generator = load_bundled(place.device) if run is None else load_generator(run, place.device)
    generator = replace(generator, finish=sample.finish)
    first_stage = replace(generator, finish=0.0)
    mix = parse_mix(sample.mix) if sample.mix else None
    if mix is not None:
        layers_of(generator.network, mix.groups)
    described = describe_to(generator, run is None, text, place.device) if text.text else None
    made = marks.build_marks(Kind.MADE, generator.cache_key, label=walk.walk is not None)
    check = NoveltyCheck(generator.people, place.device)
    if walk.walk is not None:
        _write_walk(walk.walk, generator, sample, check, walk, encode, made)
        return
    assert output is not None

    def draw(seed: int) -> Drawn:
        if described is not None:
            return described(seed, sample.truncation)
        [image] = generator.draw([seed], sample.truncation, mix)
        if not text.stages:
            return image, image, ""
        [draft] = first_stage.draw([seed], sample.truncation, mix)
        return image, show_beside(draft, image, stages=True), ""

    drawn = _draw_all(draw, sample, check)
    if is_folder(output, str(output)) or not output.suffix:
        _write_files(output, drawn, made)
    else:
        _write_sheet(output, drawn, made)


def check_together(sample: SampleOptions, text: TextOptions, walk: WalkOptions, bundled: bool) -> None:
    """Raise a UserError for options that don't go together."""
    if walk.walk is not None and (sample.mix or text.text):
        raise UserError(
            f"{'--mix' if sample.mix else '--text'} is for pictures, not for --walk", "Leave out one"
        )
    if text.text and sample.mix:
        raise UserError("--text and --mix can't be used together", "Leave out one")
    if not bundled and text.stages and not text.text:
        raise UserError("of a run --stages shows the draft of --text", "Give --text, too")
    if not bundled and sample.finish != 1:
        raise UserError("--finish is for the faces that come with the tool", "Leave it out, or leave out -m")


@dataclass(frozen=True)
class InventedPicture:
    """A picture (H, W, 3 or 4), its seed, and what is to be said of it."""

    image: NDArray[np.uint8]
    seed: int
    verdict: FaceVerdict
    told: str = ""

    def describe(self) -> str:
        """In words."""
        near = self.verdict.distance
        said = [f"seed {self.seed}"]
        if near is not None:
            said.append(f"nearest person that was learnt from at {near:.2f}")
        return ", ".join([*said, self.told] if self.told else said)


def _draw_all(
    draw: Callable[[int], Drawn],
    sample: SampleOptions,
    check: NoveltyCheck,
) -> list[InventedPicture]:
    """So many pictures that may be shown."""
    from faceswap_cli.training.monitor.generator_preview import on_checks

    found: list[InventedPicture] = []
    seed = sample.seed
    with console.Bar("generate") as bar:
        while len(found) < sample.count:
            image, shown, told = draw(seed)
            verdict = check(on_checks(image))
            if verdict.refused:
                bar.note(f"seed {seed} is left out: {verdict.refused}")
            else:
                found.append(InventedPicture(shown, seed, verdict, told))
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
