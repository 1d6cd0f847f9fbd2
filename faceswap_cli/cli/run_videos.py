"""Run an effect over videos, and show how it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceswap_cli.cli import console
from faceswap_cli.errors import UserError
from faceswap_cli.words import plural

if TYPE_CHECKING:
    from faceswap_cli.effects.base import ConvertProgress


def run_video(
    source: Path,
    output: Path,
    verb: str = "swapping",
    sidecar: str = "",
    ages: Sequence[float] = (),
    changes: Sequence[str] = (),
    **how: Any,
) -> None:
    """Convert one, and show how it goes; `sidecar` names the command where a sidecar is wanted."""
    from faceswap_cli.pipeline.convert_video import convert_video
    from faceswap_cli.provenance.sidecar import write_sidecar

    started, told = time.monotonic(), ""
    try:
        with console.Bar(verb) as bar, closing(convert_video(source, output, **how)) as steps:
            for step in steps:
                _show(bar, step, verb)
                told = step.summary or told
    except KeyboardInterrupt:
        console.tell("stopped; run the same command again to go on from the last whole piece")
        raise
    marks = how["options"].marks
    told = f"{told}, in {console.format_duration(time.monotonic() - started)}; {marks.describe(output)}"
    console.say(f"done: {output} ({told})")
    if sidecar:
        write_sidecar(output, sidecar, marks, ages, changes)


def run_videos(sources: Sequence[Path], outputs: Sequence[Path], work: Callable[[Path, Path], None]) -> None:
    """Convert one, or several: one that can't be is told, and keeps none of the others from it."""
    if len(sources) == 1:
        work(sources[0], outputs[0])
        return
    failed = []
    for source, output in zip(sources, outputs, strict=True):
        try:
            work(source, output)
        except UserError as error:
            failed.append(source)
            console.warn(f"{source} was not converted: {' '.join(str(error).split())}")
    if failed:
        names = ", ".join(str(source) for source in failed)
        raise UserError(f"{len(failed)} of {len(sources)} videos were not converted ({names})", "See above")


def _show(bar: console.Bar, step: ConvertProgress, verb: str) -> None:
    """One report on the progress line."""
    names = {"read": "reading", "faces": "finding faces", "render": verb, "join": "joining"}
    if step.note:
        bar.note(step.note)
    rate = plural(step.done, "frame") + (f" | {step.fps:.1f} frames/s" if step.fps else "")
    if step.fps and step.total and step.total > step.done:
        rate += f" | {console.format_duration((step.total - step.done) / step.fps)} left"
    bar.update(step.done, step.total, rate, names[step.phase])
