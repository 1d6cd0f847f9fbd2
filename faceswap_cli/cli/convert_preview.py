"""What a conversion would look like: `--preview` of `faceswap convert`, and `faceswap convert sheet`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from faceswap_cli.cli import console
from faceswap_cli.cli.convert_dry_run import report_dry_run
from faceswap_cli.cli.options import TrialOptions
from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from faceswap_cli.faces.face_analyser import FaceAnalyser
    from faceswap_cli.media.frame import Image
    from faceswap_cli.pipeline.options import PipelineOptions
    from faceswap_cli.pipeline.preview import PreviewRenderer, SwapPreview
    from faceswap_cli.pipeline.preview_clips import PreviewClip

PREVIEW_MOMENTS = 6
"""Frames on a preview."""

SHEET_MOMENTS = 3
"""Frames in each row of a sheet that compares settings."""


def run_preview(
    sources: Sequence[Path],
    outputs: Sequence[Path],
    trial: TrialOptions,
    options: PipelineOptions,
    painter: PreviewRenderer,
    stage: FaceAnalyser,
) -> None:
    """A preview, or what would be done, instead of doing it."""
    if trial.preview is not None:
        if len(sources) > 1:
            raise UserError("--preview shows one video", "Give one at a time")
        write_preview_page(sources[0], trial.preview, options, painter, stage)
    if trial.dry_run:
        for source, output in zip(sources, outputs, strict=True):
            report_dry_run(source, output, options, painter, stage)


def write_preview_page(
    source: Path, picture: Path, options: PipelineOptions, painter: PreviewRenderer, stage: FaceAnalyser
) -> None:
    """Write original, result and mask of a few moments."""
    from faceswap_cli.compositing import contact_sheet
    from faceswap_cli.pipeline import preview
    from faceswap_cli.provenance.marks import write_marked_photo

    _check(source, picture)
    rows = []
    shown = find_clips_with_faces(source, stage, PREVIEW_MOMENTS, options)
    painter = painter.ready(source, shown)
    for line in painter.said:
        console.say(line)
    for moment in shown:
        plan = preview.plan_clip(moment, painter)
        x0, y0, x1, y1 = preview.preview_window(moment, plan)
        original = moment.frames[moment.middle].image
        pictures = [original, *preview.render_preview(moment, painter)]
        alone = "" if plan is not None and plan.faces(moment.middle) else f"   nobody to be {painter.done}"
        rows.append((f"{moment.time:.2f} s{alone}", [one[y0:y1, x0:x1] for one in pictures]))
    page = contact_sheet.draw_contact_sheet(rows, ["original", painter.done, "mask"])
    write_marked_photo(picture, page, replace(options.marks, label=False))
    console.say(f"preview: {picture} ({len(rows)} moments; run without --preview to convert)")


def write_settings_sheet(
    source: Path,
    picture: Path,
    vary: Sequence[str],
    options: PipelineOptions,
    painter: SwapPreview,
    stage: FaceAnalyser,
) -> None:
    """Write the same few moments by every combination of settings."""
    from faceswap_cli.compositing import contact_sheet
    from faceswap_cli.pipeline import preview
    from faceswap_cli.pipeline.vary import vary_settings
    from faceswap_cli.provenance.marks import write_marked_photo

    _check(source, picture)
    rows = list(vary_settings(vary, painter.effect.options))
    shown = find_clips_with_faces(source, stage, SHEET_MOMENTS, options)
    boxes = [preview.preview_window(one, preview.plan_clip(one, painter)) for one in shown]
    cut = [one.frames[one.middle].image for one in shown]
    page = [("original", [_part(image, box) for image, box in zip(cut, boxes, strict=True)])]
    with console.Bar("sheet") as bar:
        for number, (name, chosen) in enumerate(rows):
            varied = replace(painter, effect=replace(painter.effect, options=chosen))
            images = [preview.render_preview(one, varied)[0] for one in shown]
            page.append((name, [_part(image, box) for image, box in zip(images, boxes, strict=True)]))
            bar.update(number + 1, len(rows), name)
    image = contact_sheet.draw_contact_sheet(page, [f"{one.time:.2f} s" for one in shown])
    write_marked_photo(picture, image, replace(options.marks, label=False))
    console.say(f"sheet: {picture} ({len(rows)} settings, {len(shown)} moments)")


def find_clips_with_faces(
    source: Path, stage: FaceAnalyser, count: int, options: PipelineOptions
) -> list[PreviewClip]:
    """Moments of a photo, or of the wanted frames of a video, with a face, in the order of time.

    Raises:
        UserError: there was no face wherever we looked.
    """
    from faceswap_cli.media.probe import only_frames, probe
    from faceswap_cli.pipeline.photo import no_face_error
    from faceswap_cli.pipeline.preview_clips import preview_clips

    found: list[PreviewClip] = []
    info = only_frames(probe(source, options.rate), options.frames)
    with console.Bar("looking for faces") as bar:
        for number, moment in enumerate(preview_clips(info, stage, count)):
            bar.update(len(found), count, f"{number + 1} moments")
            found += [moment] if moment.has_face else []
    if not found:
        raise no_face_error(source)
    return sorted(found, key=lambda moment: moment.time)


def _part(image: Image, box: tuple[int, int, int, int]) -> Image:
    x0, y0, x1, y1 = box
    return image[y0:y1, x0:x1]


def _check(source: Path, picture: Path) -> None:
    from faceswap_cli.media.photo import check_photo_suffix
    from faceswap_cli.pipeline.photo import check_apart

    check_apart(source, picture)
    check_photo_suffix(picture)
