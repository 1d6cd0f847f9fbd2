"""How steady a swapped face is beside the original: flicker inside the face, at its edge, and around it.

Each figure is the temporal high-frequency energy of the swap over that of the original in the same place (see
evaluation.metrics.Flicker); 1 is as steady. Everything runs in memory, so that no encoder blurs the figures.
The last column is the largest difference, in grey levels, anywhere farther from the face than a mask reaches.

    python -m scripts.bench.flicker CLIP...                  a renderer that changes nothing
    python -m scripts.bench.flicker CLIP... --detail 48      one that draws no more than 48 pixels across
    python -m scripts.bench.flicker CLIP --model RUN         a trained one
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from faceswap_cli.device import pick_device
from faceswap_cli.effects.planned_faces import plan_faces
from faceswap_cli.effects.swap.composite import composite_frames
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.effects.swap.render import render_frames
from faceswap_cli.evaluation import metrics
from faceswap_cli.faces.analysis import analyse
from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.faces.tracking.tracks import link_tracks
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.networks.swap.renderer import Rendered, Renderer
from faceswap_cli.pipeline.detection_pass import drop_doubtful_tracks

FAR = 0.35
"""Face widths outside the hull where nothing may change."""


class Plain:
    """A renderer that gives back what it gets, with no more detail than `detail` pixels across."""

    side = 2.0

    def __init__(self, size: int, detail: int) -> None:
        self.size, self.detail = size, detail

    def __call__(self, crops: torch.Tensor) -> Rendered:
        drawn = crops
        if self.detail < self.size:
            small = F.interpolate(crops, size=self.detail, mode="area")
            drawn = F.interpolate(small, size=self.size, mode="bicubic", align_corners=False).clamp(0, 1)
        return Rendered(drawn, torch.ones_like(crops[:, :1]))


def renderer_of(options: argparse.Namespace) -> Renderer:
    if options.model is None:
        return Plain(options.resolution, options.detail or options.resolution)
    from faceswap_cli.training.runs.folder import load_trained, open_run

    model, _, _ = load_trained(open_run(options.model), pick_device(options.device))
    return model.renderer("b")


def looked_at(clip: Path, frames: int, stage: FaceAnalyser) -> tuple[list[Frame], list[int], FaceTracks]:
    """The first frames of a clip, their shots, and their faces."""
    with VideoReader(clip) as reader:
        looked = list(analyse(itertools.islice(reader, frames), stage))
    kept, shots = [frame for frame, _, _ in looked], [shot for _, shot, _ in looked]
    found = [(frame.index, face) for frame, _, faces in looked for face in faces]
    if not found:
        raise SystemExit(f"{clip}: no face in the first {frames} frames")
    faces = FaceTracks.of_faces(found, [frame.time for frame in kept], shots)
    return kept, shots, drop_doubtful_tracks(link_tracks(faces))[0]


def measured(
    frames: list[Frame], shots: list[int], faces: FaceTracks, renderer: Renderer, options: SwapOptions
) -> str:
    """One clip's figures: those of its longest track."""
    main = max(faces.track_numbers(), key=lambda track: len(faces.of_track(track)))
    everybody = dict.fromkeys(faces.track_numbers(), 0)
    steady, plan = (plan_faces(faces, everybody, strength) for strength in (1.0, options.smoothing))
    drawn = render_frames(frames, plan, [renderer], options, FaceParser())
    flicker, far, last = metrics.Flicker(2), 0, shots[0]
    for before, after, shot in zip(frames, composite_frames(drawn, options), shots, strict=True):
        seen = steady.faces(before.index)
        here = [face for face in seen if face.track == main]
        if not here or shot != last:
            flicker.cut()
        last = shot
        if here:
            flicker.add([before.image, after.image], here[0].landmarks)
        away = np.ones(before.image.shape[:2], bool)
        for face in seen:
            away &= ~metrics.hull_mask(face.landmarks, before.image.shape, FAR)
        changed = np.abs(before.image[away].astype(int) - after.image[away])
        far = max(far, int(changed.max(initial=0)))
    return "".join(f"{flicker.ratio(1, region):9.2f}" for region in metrics.REGIONS) + f"{far:9}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, help="run folder of a trained model")
    parser.add_argument("--resolution", type=int, default=128, help="crop side without a model")
    parser.add_argument("--detail", type=int, help="pixels across that are drawn, without a model")
    parser.add_argument("--frames", type=int, default=75)
    parser.add_argument("--smoothing", type=float, nargs="+", default=[1.0])
    parser.add_argument("--sharpen", type=float, default=SwapOptions().sharpen)
    parser.add_argument("--mask", default=SwapOptions().mask)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    renderer, stage = renderer_of(options), build_analyser(device=options.device)
    chosen = SwapOptions(mask=options.mask, sharpen=options.sharpen)
    print(f"{'clip':44}{'smoothing':>10}{'inside':>9}{'edge':>9}{'outside':>9}{'far':>9}")
    for clip in options.clips:
        frames, shots, faces = looked_at(clip, options.frames, stage)
        for smoothing in options.smoothing:
            figures = measured(frames, shots, faces, renderer, replace(chosen, smoothing=smoothing))
            print(f"{clip.name[:43]:44}{smoothing:10g}{figures}", flush=True)


if __name__ == "__main__":
    main()
