"""Run an effect over a photo, or over many into a folder: what fails is named, the rest is done."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceswap_cli.cli import console
from faceswap_cli.cli.convert_outputs import check_named, is_folder
from faceswap_cli.errors import UserError
from faceswap_cli.journal import Journal, fingerprint
from faceswap_cli.media.inputs import PHOTO_SUFFIXES, describe_left_out, find_photos
from faceswap_cli.words import plural

WRITTEN_INSTEAD = ".jpg"
"""Suffix of results whose photo is of a kind that is only read, as HEIC."""

JOURNAL = ".faceswap-photos.jsonl"
"""In the folder of results, until all of them are there."""


@dataclass(frozen=True)
class PhotoJob:
    """A photo and where its result goes."""

    source: Path
    output: Path


def name_photo_outputs(inputs: Sequence[Path], output: Path, text: str) -> list[PhotoJob]:
    """The photos that are meant, and the result of each: the file named, or one of its name in a folder.

    Args:
        inputs: photos, and folders of them, whose inner folders are kept.
        output: where results go.
        text: the same as the user wrote it: a / at its end makes it a folder, as do several photos.

    Raises:
        UserError: there are none; two results would have one name; a result can't be written.
    """
    from faceswap_cli.files import make_folder
    from faceswap_cli.media.photo import check_photo_suffix
    from faceswap_cli.pipeline.photo import check_photo_output

    check_named(text)
    single = len(inputs) == 1 and not inputs[0].is_dir()
    if single and not is_folder(output, text):
        jobs = [PhotoJob(inputs[0], output)]
    else:
        jobs = []
        if output.suffix.lower() in PHOTO_SUFFIXES and not is_folder(output, text):
            raise UserError(
                f"{output} is a picture's name, and the results need a folder",
                f"Give -o {output.with_suffix('')}/",
            )
        for entry in inputs:
            for source in find_photos([entry]):
                name = source.relative_to(entry) if entry.is_dir() else Path(source.name)
                try:
                    check_photo_suffix(name)
                except UserError:
                    name = name.with_suffix(WRITTEN_INSTEAD)
                jobs.append(PhotoJob(source, output / name))
        _check_names(jobs)
        if output.exists() and not output.is_dir():
            raise UserError(f"{output} is a file, and {len(jobs)} photos go into a folder", "Give a folder")
        for job in jobs:
            make_folder(job.output.parent)
    for job in jobs:
        check_photo_output(job.source, job.output)
    return jobs


def _check_names(jobs: Sequence[PhotoJob]) -> None:
    """Raise a UserError where two results would be one file, upper and lower case being the same."""
    first: dict[str, Path] = {}
    for job in jobs:
        other = first.setdefault(str(job.output).casefold(), job.source)
        if other != job.source:
            raise UserError(f"{other} and {job.source} would both become {job.output}", "Rename one of them")


def run_photos(
    inputs: Sequence[Path], jobs: Sequence[PhotoJob], work: Callable[[Path, Path], None], *depends: Any
) -> None:
    """Treat one photo, or many: one that can't be is told, and keeps none of the others from it.

    Args:
        inputs: what the user gave.
        jobs: what `name_photo_outputs` made of it.
        work: treats a photo and says so.
        *depends: plain values that the results depend on: with others, what is there is done anew.

    Raises:
        UserError: the only photo, or some of many, could not be treated.
    """
    if len(jobs) == 1 and jobs[0].source in inputs:
        work(jobs[0].source, jobs[0].output)
        return
    folder = Path(_common_folder(jobs))
    if left := describe_left_out(inputs, folder, PHOTO_SUFFIXES):
        console.warn(left)
    journal = Journal(folder / JOURNAL, fingerprint(*depends))
    done = {entry["output"]: entry for entry in journal.read()}
    failed: list[Path] = []
    skipped = 0
    for number, job in enumerate(jobs, 1):
        name = str(job.output.relative_to(folder))
        if done.get(name) == _entry(job, name):
            skipped += 1
            continue
        console.tell(f"{number} of {len(jobs)}: {job.source}")
        try:
            work(job.source, job.output)
        except UserError as error:
            failed.append(job.source)
            console.warn(f"{job.source} was not changed: {' '.join(str(error).split())}")
            continue
        journal.append([_entry(job, name)])
    if skipped:
        console.tell(f"{skipped} were done before, by the same command")
    if failed:
        names = ", ".join(str(source) for source in failed)
        raise UserError(
            f"{len(failed)} of {len(jobs)} photos were not changed ({names})",
            "See above; the others are done",
        )
    journal.path.unlink()
    console.say(f"done: {plural(len(jobs), 'photo')} in {folder}")


def _common_folder(jobs: Sequence[PhotoJob]) -> str:
    """The folder that all results are in."""
    return os.path.commonpath([job.output.parent for job in jobs])


def _entry(job: PhotoJob, name: str) -> dict[str, Any]:
    """What tells that a result is this photo's, and untouched since."""
    entry: dict[str, Any] = {"source": str(job.source.resolve()), "output": name}
    for what, path in (("of", job.source), ("is", job.output)):
        stat = path.stat() if path.exists() else None
        entry[what] = [stat.st_size, stat.st_mtime_ns] if stat else None
    return entry
