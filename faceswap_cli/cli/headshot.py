"""`faceswap headshot`."""

from __future__ import annotations

from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import new_app
from faceswap_cli.cli.consent import tell_consent
from faceswap_cli.cli.mark_options import MarkOptions
from faceswap_cli.cli.option_parameters import Aliases
from faceswap_cli.cli.options import DetectionOptions, PhotoOutputOption, PhotosArgument
from faceswap_cli.cli.run_photos import name_photo_outputs, run_photos
from faceswap_cli.options import WHO
from faceswap_cli.portrait.headshot.options import HeadshotOptions

if TYPE_CHECKING:
    from faceswap_cli.media.frame import Image
    from faceswap_cli.media.photo import Photo
    from faceswap_cli.portrait.headshot.render import Headshot

app = new_app()

FaceIndexOption = Annotated[
    int | None,
    typer.Option(
        "--face-index",
        metavar="N",
        help="Whom, counted from left to right, from 1. [default: the largest face]",
        rich_help_panel=WHO,
    ),
    Aliases(("--face",)),
]


@app.command(
    "headshot",
    medium="photo",
    example="faceswap headshot selfie.jpg -o me.jpg\n"
    "faceswap headshot selfie.jpg --background white --background blur -o sheet.jpg",
)
def headshot(
    sources: PhotosArgument,
    output: PhotoOutputOption,
    *,
    look: HeadshotOptions,
    face_index: FaceIndexOption = None,
    detection: DetectionOptions,
    marks: MarkOptions,
) -> None:
    """Make a business photo of a selfie: cut out, straightened, cropped, retouched, before a new background.

    The face is the photo's own pixels; its light is evened and its skin retouched, and its shape never
    changes. Made for adults. Of many photos one that can't be used is named, and the others are done; run the
    same command again to go on where it was interrupted.
    """
    from faceswap_cli.device import pick_device
    from faceswap_cli.faces.detection.photo_faces import find_in_photo
    from faceswap_cli.faces.parsing.face_parser import FaceParser
    from faceswap_cli.faces.parsing.person_segmenter import PersonSegmenter
    from faceswap_cli.faces.safety.guard import SafetyGuard, clarity_of_face
    from faceswap_cli.media.photo import read_photo
    from faceswap_cli.pipeline.checks import no_face_error
    from faceswap_cli.portrait.headshot.render import make_headshot
    from faceswap_cli.portrait.headshot.subject import choose_face, find_subject
    from faceswap_cli.provenance.marks import Kind
    from faceswap_cli.provenance.sidecar import write_sidecar

    look.check()
    jobs = name_photo_outputs(sources, Path(output), output)
    tell_consent()
    device = str(pick_device(detection.device))
    segmenter, parser = PersonSegmenter(device), FaceParser(device)
    made = marks.build_marks(Kind.HEADSHOT, segmenter.mark, label=False)
    analyser = detection.load_analyser(thorough=True)
    guard = SafetyGuard(device=device)

    def work(source: Path, output: Path) -> None:
        photo = read_photo(source)
        if photo.note:
            console.warn(photo.note)
        guard.check_picture(source, photo.image)
        faces = find_in_photo(photo.image, analyser)
        if not faces:
            raise no_face_error(source)
        face = choose_face(faces, face_index)
        if guard.young([guard.crop(photo.image, face.landmarks)], [clarity_of_face(face)]) is not None:
            console.warn("this looks like a child: headshot is made for adults, and fits them only")
        subject = find_subject(photo.image, faces, face, segmenter, parser, look.straighten)
        if subject.others:
            console.say(f"{subject.others} more in the photo: removed (--face-index chooses another)")
        wanted = list(product(look.dress, look.background))
        results = [make_headshot(subject, look, dress, background) for dress, background in wanted]
        for note in dict.fromkeys(note for result in results for note in result.notes):
            console.warn(note)
        page = results[0].image if len(results) == 1 else _sheet(look, results)
        _write(output, page, photo, made.clear_of(_landmarks(results[0], face.landmarks), *page.shape[:2]))
        if marks.sidecar:
            write_sidecar(output, "headshot", made)
        size = f"{page.shape[1]} x {page.shape[0]}"
        what = size if len(results) == 1 else f"a sheet of {len(results)}, {size}"
        console.say(f"done: {output} ({what}; {made.describe(output)})")

    files = [_stamp(what) for what in look.background]
    run_photos(
        sources, jobs, work, asdict(look), files, face_index, segmenter.mark, parser.mark, made.settings()
    )


def _landmarks(result: Headshot, landmarks: object) -> list[list[list[float]]]:
    """(1, 68, 2) of the face in the result, which a label must not stand on."""
    import numpy as np

    points: list[list[float]] = result.framing.points(np.asarray(landmarks)).tolist()
    return [points]


def _sheet(look: HeadshotOptions, results: list[Headshot]) -> Image:
    """All variants on a page: a row for each dress, a column for each background."""
    from faceswap_cli.compositing.contact_sheet import draw_contact_sheet

    count = len(look.background)
    rows = [
        (dress, [result.image for result in results[place * count : (place + 1) * count]])
        for place, dress in enumerate(look.dress)
    ]
    cell = min(640, *(result.image.shape[0] for result in results))
    return draw_contact_sheet(rows, [Path(what).name for what in look.background], cell)


def _write(output: Path, page: Image, photo: Photo, marks: object) -> None:
    """Write the result with the photo's colour profile; where and by what it was taken is left out."""
    from faceswap_cli.media.photo import Photo
    from faceswap_cli.media.photo_metadata import Metadata
    from faceswap_cli.provenance.marks import Marks, write_marked_photo

    assert isinstance(marks, Marks)
    kept = Metadata(icc=photo.metadata.icc if not photo.grey else None, gamma=photo.metadata.gamma)
    write_marked_photo(output, page, marks, Photo(page, metadata=kept))


def _stamp(background: str) -> list[object]:
    """What tells that a background's file is the same; the name alone if it is none."""
    path = Path(background)
    if not path.is_file():
        return [background]
    return [str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns]
