"""`faceswap faces`: look at face sets, sort them, and take out what should not be there."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import new_app
from faceswap_cli.cli.faces_group import group
from faceswap_cli.curation.filter_options import FilterRules
from faceswap_cli.words import plural

if TYPE_CHECKING:
    from faceswap_cli.curation.measures import MeasureProgress
    from faceswap_cli.curation.similarity import SimilarityResult

T = TypeVar("T")

app = new_app(
    help="Look at face sets, sort them, take out what should not be there. Training keeps prepared samples, "
    "which are pictures too, in FACES/cache: those of faces that were taken out go at the next training, or "
    "by removing that folder, which is always safe."
)

FaceSetArgument = Annotated[Path, typer.Argument(metavar="FACES", help="Face set folder.")]


@app.callback()
def faces() -> None:
    """Look at face sets, sort them, take out what should not be there."""


app.command("group", example="faceswap faces group all-faces -o people --names anna,ben")(group)


@app.command("sheet", example="faceswap faces sheet anna-faces")
def sheet(face_set: FaceSetArgument) -> None:
    """Make the review sheet anew, after crops were deleted, moved or sorted by hand.

    FACES/sheet.html shows every crop, by track, worst first (of a sorted set, in the order of the files).
    There one can sort, filter and tick crops, and save the ticks as a list for `faceswap faces filter
    --list`. FACES/sheet.jpg is a picture with a few crops of each track.
    """
    from faceswap_cli.curation.sheet import write_sheet
    from faceswap_cli.faces.sets.faceset import FaceSet

    opened = FaceSet.open(face_set)
    page, picture = write_sheet(opened)
    console.say(f"done: {page} and {picture.name} ({plural(len(opened), 'face')})")


@app.command("sort", example="faceswap faces sort anna-faces --by blur")
def sort(
    face_set: FaceSetArgument,
    by: Annotated[
        str,
        typer.Option(
            help="blur, size, quality, confidence, likeness or outlier: the worst first. brightness: dark "
            "first. yaw: looking to the picture's left first. pitch: looking down first. roll: tilted "
            "against the clock first. lids, mouth: shut first. gaze: eyes to the picture's left first; these "
            "three need a set with dense points. track: by source and track. time: by source and time, which "
            "gives the files their own names back."
        ),
    ],
    reverse: Annotated[bool, typer.Option("--reverse", help="The other way round.")] = False,
    to: Annotated[
        Path | None,
        typer.Option(metavar="PHOTO", help="Whose likeness, with --by likeness: a photo of a face."),
    ] = None,
) -> None:
    """Rename the crops so that any file manager shows them in an order.

    A rank is put before each file's name (000012@clip_000042_0.jpg); sorting again replaces it, and --by
    time takes it away. What is worst comes first and can be deleted as a block. The set stays whole at every
    moment: after a crash, sort again.
    """
    from faceswap_cli.curation.sort import sort_faces

    done = _watched("sort", sort_faces(face_set, by, reverse, to))
    _tell_of_photos([done.like] if done.like else [])
    if done.unreadable:
        console.warn(f"{done.unreadable} crops can't be read; they come first")
    page = _refresh_sheet(face_set)
    console.say(
        f"done: {plural(done.faces, 'face')} sorted by {by}, {plural(done.renamed, 'file')} renamed{page}"
    )


@app.command("filter", example="faceswap faces filter anna-faces --min-sharpness 0.2 --max-yaw 70 --dry-run")
def filter_command(
    face_set: FaceSetArgument,
    *,
    rules: FilterRules,
    bin_folder: Annotated[
        Path | None,
        typer.Option("--bin", metavar="FOLDER", help="Where they are moved. [default: FACES/bin]"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be moved.")] = False,
    restore: Annotated[
        bool, typer.Option("--restore", help="Move everything that was filtered back into the set.")
    ] = False,
) -> None:
    """Move crops that fail out of the set, into a bin. Nothing is deleted.

    A crop that fails one of the rules is moved. `faceswap faces filter FACES --restore` moves all of them
    back.
    """
    from faceswap_cli.curation.filter import filter_faces

    if restore:
        _restore(face_set, bool(rules) or dry_run or bin_folder is not None)
        return
    done = _watched("filter", filter_faces(face_set, rules, bin_folder, dry_run))
    _tell_of_photos(done.failing.likenesses)
    for reason, count in sorted(done.failing.counts.items(), key=lambda one: -one[1]):
        console.say(f"{count:6d} {reason}")
    if done.failing.unreadable:
        console.warn(f"{done.failing.unreadable} crops can't be read and were not measured; they stay")
    failing = len(done.failing.reasons)
    if dry_run:
        console.say(f"{failing} of {done.faces} faces would be moved")
        return
    if not failing:
        console.say(f"nothing to do: none of the {done.faces} faces fails")
        return
    page = _refresh_sheet(face_set)
    console.say(f"done: {done.moved} of {done.faces} faces moved to {bin_folder or face_set / 'bin'}{page}")


def _restore(face_set: Path, with_others: bool) -> None:
    from faceswap_cli.curation.filter import restore_faces
    from faceswap_cli.errors import UserError

    if with_others:
        raise UserError("--restore brings back everything", "Use it without other options")
    done = restore_faces(face_set)
    if done.there:
        console.warn(
            f"{done.there} crops are in the set already and differ; those in the bin were left there"
        )
    if done.gone:
        console.warn(f"{done.gone} crops are no longer in the bin")
    page = _refresh_sheet(face_set) if done.back else ""
    console.say(f"done: {plural(done.back, 'face')} moved back{page}")


def _tell_of_photos(likenesses: Sequence[SimilarityResult]) -> None:
    """Say which face was meant where a photo has several."""
    for one in likenesses:
        if one.faces > 1:
            console.warn(f"{one.photo} has {one.faces} faces; the largest one was taken")


def _watched(label: str, steps: Generator[MeasureProgress, None, T]) -> T:
    """Run work that reports, with a progress line if it reports at all, and give what it returns."""
    with console.Bar(label) as bar:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            bar.update(step.done, step.total, f"{step.done} of {step.total} faces")


def _refresh_sheet(face_set: Path) -> str:
    """Make the sheet anew, and say where it is; of an empty set there is none."""
    from faceswap_cli.curation.sheet import PAGE, PICTURE, write_sheet
    from faceswap_cli.faces.sets.faceset import FaceSet

    opened = FaceSet.open(face_set)
    if opened.records:
        return f"; look at {write_sheet(opened)[0]}"
    for name in (PAGE, PICTURE):
        (face_set / name).unlink(missing_ok=True)
    return "; the set is empty now"
