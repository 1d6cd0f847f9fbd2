"""`faceswap convert sheet`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceswap_cli.cli.convert_cast import AssignmentRequest, load_swap_plan
from faceswap_cli.cli.convert_options import (
    DEFAULT_MASK,
    AllFacesOption,
    Colour,
    ColourOption,
    FaceOption,
    MapOption,
    MaskOption,
    NotOption,
    OnlyOption,
    OutputOption,
    RunOption,
    ThresholdOption,
    VaryOption,
)
from faceswap_cli.cli.options import (
    AdultsOption,
    DetectorOption,
    DeviceOption,
    LandmarksOption,
    MinSizeOption,
)


def sheet(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A video or a photo.")],
    run: RunOption,
    output: OutputOption,
    vary: VaryOption,
    face: FaceOption = ["b"],  # noqa: B006 - typer copies it
    mapped: MapOption = None,
    only: OnlyOption = None,
    without: NotOption = None,
    all_faces: AllFacesOption = False,
    threshold: ThresholdOption = 0.5,
    mask: MaskOption = DEFAULT_MASK,
    colour: ColourOption = Colour.rct,
    detector: DetectorOption = "auto",
    landmarks: LandmarksOption = "auto",
    min_size: MinSizeOption = 24,
    device: DeviceOption = "auto",
    adult_confirmed: AdultsOption = False,
) -> None:
    """Compare settings: a few moments, drawn with each of them, on one picture.

    Everything that is not varied is as `convert video` has it by default.
    """
    from faceswap_cli.cli.convert_preview import write_settings_sheet
    from faceswap_cli.device import pick_device
    from faceswap_cli.effects.swap.effect import SwapEffect
    from faceswap_cli.effects.swap.options import SwapOptions
    from faceswap_cli.faces.face_analyser import build_analyser
    from faceswap_cli.faces.parsing.face_parser import FaceParser
    from faceswap_cli.pipeline.options import PipelineOptions

    swap = SwapOptions(mask=mask, colour=colour.value)
    swap.check()
    stage = build_analyser(detector, landmarks, device, min_size=min_size)
    asked = AssignmentRequest(
        run, face, all_faces, mapped or [], only or [], without or [], threshold, device,
        lambda: build_analyser(detector, landmarks, device, min_size=min_size, thorough=True),
        adult_confirmed,
    )  # fmt: skip
    cast, model = load_swap_plan(asked)
    # Which masks are varied may ask for the parser: its network is loaded when it is needed.
    effect = SwapEffect(cast.renderers, swap, FaceParser(str(pick_device(device))), model)
    write_settings_sheet(source, output, vary, PipelineOptions(), cast, effect, stage)
