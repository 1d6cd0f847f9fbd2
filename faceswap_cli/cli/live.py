"""`faceswap live`: a camera's picture in, changed, and out while it comes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import new_app, stop_on_signal
from faceswap_cli.cli.convert_assignment import DrawnOptions
from faceswap_cli.cli.convert_effect import LookOptions
from faceswap_cli.cli.live_effect import LiveRequest, load_live_effect
from faceswap_cli.cli.live_outputs import NOT_FILES, list_devices, open_outputs
from faceswap_cli.cli.mark_options import MarkOptions
from faceswap_cli.cli.options import DetectionOptions, OptionalRunOption, PeopleOptions, SafetyOptions
from faceswap_cli.effects.edit.request import EditRequest
from faceswap_cli.errors import UserError
from faceswap_cli.options import INPUT, LOOK
from faceswap_cli.pipeline.live.options import LiveOptions

if TYPE_CHECKING:
    from faceswap_cli.pipeline.live.outputs.base import Shown
    from faceswap_cli.pipeline.live.outputs.page import PageOutput
    from faceswap_cli.pipeline.live.outputs.window import Window
    from faceswap_cli.pipeline.live.session import LiveSession
    from faceswap_cli.provenance.marks import Marks

app = new_app()

CONSENT = (
    "Whoever is before the camera, and whose face is put on, has to have agreed; say to whoever watches that "
    "the picture is made."
)

POLL = 0.02
"""Seconds between looks at keys and signals."""


@app.command(
    "live",
    example="faceswap live --camera 0 -m anna-run -o window\n"
    "faceswap live --camera 0 --face anna.jpg -o virtual -o take.mp4\n"
    "faceswap live --camera 0 --puppet me.jpg -o http\n"
    "faceswap live --camera clip.mp4 --age 70 -o http\n"
    "faceswap live --list",
)
def live(
    *,
    camera: Annotated[
        str,
        typer.Option(
            help="A camera by its number, device or name, or a clip, which is played at its own pace.",
            rich_help_panel=INPUT,
        ),
    ] = "0",
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="window, virtual (a virtual camera), http (a page on this machine), or a video to record "
            "to, without sound. May be given several times. [default: window]",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    show_list: Annotated[
        bool,
        typer.Option("--list", help="Name cameras and outputs, and stop.", rich_help_panel=INPUT),
    ] = False,
    run: OptionalRunOption = None,
    age: Annotated[
        float | None,
        typer.Option(help="Make faces this old, 18 to 80, in place of another's.", rich_help_panel=LOOK),
    ] = None,
    puppet: Annotated[
        Path | None,
        typer.Option(
            metavar="PHOTO",
            help="Show this photo, and let its face move as the one before the camera does.",
            rich_help_panel=LOOK,
        ),
    ] = None,
    edits: EditRequest,
    drawn: DrawnOptions,
    people: PeopleOptions,
    safety: SafetyOptions,
    look: LookOptions,
    options: LiveOptions,
    detection: DetectionOptions,
    marks: MarkOptions,
) -> None:
    """Swap, age or edit faces before a camera while it films, or let a photo move as they do.

    Until a face is held, and whenever it is lost, the whole picture is blurred. Sound is not touched:
    programs that take the virtual camera take their own microphone.
    """
    if show_list:
        list_devices()
        return
    from faceswap_cli.pipeline.live.cameras import open_feed
    from faceswap_cli.pipeline.live.session import LiveEffect, LiveSession, output_size
    from faceswap_cli.provenance.sidecar import write_sidecar

    console.tell(CONSENT)
    request = LiveRequest(run, age, puppet, edits, drawn, people, safety, look, detection)
    request.check()
    feed = open_feed(camera, options.frame_size, options.fps)
    loaded = load_live_effect(request, max(options.frame_size))
    size = output_size(loaded.stream, feed)
    made = marks.build_marks(request.kind, loaded.mark, label=True)
    _share_cores()
    analyser = detection.load_analyser()
    console.tell(analyser.explanation)
    effect = LiveEffect(loaded.stream, loaded.plan, loaded.smoothing, made.corner, made.label)
    outputs = open_outputs(
        output or ["window"], feed, size, options.port, made, loaded.stream.strength is not None
    )
    session = LiveSession(feed, effect, analyser, options, [one for _, one in outputs])
    window = next((one for name, one in outputs if name == "window"), None)
    # A clip that only a page shows would be over before anybody can open it.
    page = outputs[0][1] if feed.is_clip and [name for name, _ in outputs] == ["http"] else None
    try:
        _run(session, window, made, page)  # type: ignore[arg-type]
    finally:
        session.close()
    _tell_notes(session)
    for name, one in outputs:
        if done := one.describe():
            console.say(done)
        if marks.sidecar and name not in NOT_FILES and Path(name).exists():
            write_sidecar(Path(name), "live", made, request.values)
    console.say(session.stats.summary("still" if loaded.stream.still is not None else options.when_lost))
    for line in session.stats.lines() if options.stats else ():
        console.say(line)
    if not session.stats.shown:
        raise UserError(f"{feed.name} gave no picture", "Plug the camera in again, or try another clip")


def _share_cores() -> None:
    """Let each of the threads that find and draw have half of the cores."""
    import os

    import cv2
    import torch

    half = max(1, (os.cpu_count() or 2) // 2)
    torch.set_num_threads(min(half, torch.get_num_threads()))
    cv2.setNumThreads(half)


def _run(session: LiveSession, window: Window | None, marks: Marks, page: PageOutput | None) -> None:
    """From when a page that has to be opened is, until the camera, the window or the user ends it."""
    with stop_on_signal("ending; once more to stop at once") as asked:
        if page is not None:
            console.tell("the clip begins when the page is opened")
            while not page.watched.wait(POLL):
                if asked():
                    raise UserError("nobody has opened the page", "Open its address in a browser")
        session.start()
        while not session.ended:
            if asked():
                session.stop()
            _tell_notes(session)
            if window is None:
                session.wait(POLL)
            elif key := window.poll(POLL):
                _press(session, key, window.last, marks)


def _tell_notes(session: LiveSession) -> None:
    while session.notes:
        console.warn(session.notes.popleft())


def _press(session: LiveSession, key: str, shown: Shown | None, marks: Marks) -> None:
    """Do what a key of the window says."""
    controls = session.controls
    if key == "pause":
        controls.paused = not controls.paused
    elif key == "mirror":
        controls.mirror = not controls.mirror
    elif key == "next face":
        controls.next_face = True
    elif key == "learn anew":
        controls.learn_anew = True
    elif key in ("weaker", "stronger"):
        controls.stronger += 1 if key == "stronger" else -1
    elif key == "snapshot" and shown is not None:
        _write_snapshot(shown, marks)
    elif key == "quit":
        session.stop()


def _write_snapshot(shown: Shown, marks: Marks) -> None:
    from dataclasses import replace

    from faceswap_cli.provenance.marks import write_marked_photo

    path = next(
        path for number in range(1, 100_000) if not (path := Path(f"snapshot-{number:04d}.png")).exists()
    )
    write_marked_photo(path, shown.plain, replace(marks, label=False))  # the label is in it
    console.say(f"snapshot: {path}")
