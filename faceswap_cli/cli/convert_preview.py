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
from faceswap_cli.words import plural

if TYPE_CHECKING:
    from faceswap_cli.effects.base import FaceEffect
    from faceswap_cli.effects.swap.effect import SwapEffect
    from faceswap_cli.faces.face_analyser import FaceAnalyser
    from faceswap_cli.media.frame import Image
    from faceswap_cli.pipeline.assignment import SwapPlan
    from faceswap_cli.pipeline.options import PipelineOptions
    from faceswap_cli.pipeline.preview import ChosenClips
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
    plan: SwapPlan,
    effect: FaceEffect,
    analyser: FaceAnalyser,
) -> None:
    """A preview, or what would be done, instead of doing it."""
    if trial.preview is not None:
        if len(sources) > 1:
            raise UserError("--preview shows one video", "Give one at a time")
        write_preview_page(sources[0], trial.preview, options, plan, effect, analyser)
    if trial.dry_run:
        for source, output in zip(sources, outputs, strict=True):
            report_dry_run(source, output, options, plan, effect, analyser)


def write_preview_page(
    source: Path,
    picture: Path,
    options: PipelineOptions,
    plan: SwapPlan,
    effect: FaceEffect,
    analyser: FaceAnalyser,
) -> None:
    """Write original, result and mask of a few moments."""
    from faceswap_cli.compositing import contact_sheet
    from faceswap_cli.pipeline.preview import prepare_preview
    from faceswap_cli.provenance.marks import write_marked_photo

    _check(source, picture)
    chosen = find_chosen_clips(source, analyser, PREVIEW_MOMENTS, options, plan)
    with console.Bar("getting ready"):  # a swap looks through all crops for what they can lend
        preview = prepare_preview(chosen, effect)
    for line in preview.notes:
        console.say(line)
    rows = []
    for clip in preview.clips:
        pictures = [clip.frames[clip.middle].image, *preview.render(clip)]
        alone = "" if preview.changes(clip) else f"   nobody to be {effect.outcome}"
        window = preview.window(clip)
        # A picture that is not the frame, but one of its own, is shown whole.
        parts = [_part(one, window) if one.shape == pictures[0].shape else one for one in pictures]
        rows.append((f"{clip.time:.2f} s{alone}", parts))
    page = contact_sheet.draw_contact_sheet(rows, ["original", effect.outcome, "mask"])
    write_marked_photo(picture, page, replace(options.marks, label=False))
    console.say(f"preview: {picture} ({plural(len(rows), 'moment')}; run without --preview for the whole)")


def write_settings_sheet(
    source: Path,
    picture: Path,
    vary: Sequence[str],
    options: PipelineOptions,
    plan: SwapPlan,
    effect: SwapEffect,
    analyser: FaceAnalyser,
) -> None:
    """Write the same few moments by every combination of settings."""
    from faceswap_cli.compositing import contact_sheet
    from faceswap_cli.pipeline.preview import prepare_preview
    from faceswap_cli.pipeline.setting_variants import setting_variants
    from faceswap_cli.provenance.marks import write_marked_photo

    _check(source, picture)
    rows = list(setting_variants(vary, effect.options))
    chosen = find_chosen_clips(source, analyser, SHEET_MOMENTS, options, plan)
    plain = prepare_preview(chosen, effect)
    windows = [plain.window(clip) for clip in chosen.clips]
    cut = [clip.frames[clip.middle].image for clip in chosen.clips]
    page = [("original", [_part(image, box) for image, box in zip(cut, windows, strict=True)])]
    with console.Bar("sheet") as bar:
        for number, (name, settings) in enumerate(rows):
            preview = prepare_preview(chosen, replace(effect, options=settings))
            images = [preview.render(clip)[0] for clip in preview.clips]
            page.append((name, [_part(image, box) for image, box in zip(images, windows, strict=True)]))
            bar.update(number + 1, len(rows), name)
    image = contact_sheet.draw_contact_sheet(page, [f"{clip.time:.2f} s" for clip in chosen.clips])
    write_marked_photo(picture, image, replace(options.marks, label=False))
    console.say(f"sheet: {picture} ({plural(len(rows), 'setting')}, {plural(len(chosen.clips), 'moment')})")


def find_chosen_clips(
    source: Path, analyser: FaceAnalyser, count: int, options: PipelineOptions, plan: SwapPlan
) -> ChosenClips:
    """Moments of a photo, or of the wanted frames of a video, with a face, in the order of time.

    Raises:
        UserError: there was no face wherever we looked.
        Refusal: by the plan's guard, as in the real run.
    """
    from faceswap_cli.media.probe import only_frames, probe
    from faceswap_cli.pipeline.checks import no_face_error
    from faceswap_cli.pipeline.preview import choose_faces
    from faceswap_cli.pipeline.preview_clips import preview_clips

    found: list[PreviewClip] = []
    info = only_frames(probe(source, options.rate), options.frames)
    with console.Bar("looking for faces") as bar:
        for number, clip in enumerate(preview_clips(info, analyser, count)):
            bar.update(len(found), count, plural(number + 1, "moment"))
            found += [clip] if clip.has_face else []
    if not found:
        raise no_face_error(source)
    return choose_faces(info, sorted(found, key=lambda clip: clip.time), plan)


def _part(image: Image, box: tuple[int, int, int, int]) -> Image:
    x0, y0, x1, y1 = box
    return image[y0:y1, x0:x1]


def _check(source: Path, picture: Path) -> None:
    from faceswap_cli.media.photo import check_photo_suffix
    from faceswap_cli.pipeline.checks import check_apart

    check_apart(source, picture)
    check_photo_suffix(picture)
