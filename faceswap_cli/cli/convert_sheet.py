"""`faceswap convert sheet`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from faceswap_cli.cli.consent import tell_consent
from faceswap_cli.cli.convert_assignment import AssignmentRequest, DrawnOptions, load_swap_plan
from faceswap_cli.cli.convert_outputs import check_not_given
from faceswap_cli.cli.options import (
    DetectionOptions,
    OutputOption,
    PeopleOptions,
    RunOption,
    SafetyOptions,
)
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.options import LOOK


def sheet(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A video or a photo.")],
    run: RunOption,
    output: OutputOption,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            metavar="SETTING=VALUE,VALUE",
            help="A setting and its values, for example colour=rct,none or feather=0.04,0.12. May be "
            "repeated: every combination is shown.",
            rich_help_panel=LOOK,
        ),
    ],
    *,
    drawn: DrawnOptions,
    people: PeopleOptions,
    safety: SafetyOptions,
    swap: SwapOptions,
    detection: DetectionOptions,
) -> None:
    """Compare settings: a few moments, drawn with each of them, on one picture.

    Everything that is not varied is as the other options say.
    """
    from faceswap_cli.cli.convert_preview import write_settings_sheet
    from faceswap_cli.device import pick_device
    from faceswap_cli.effects.swap.effect import SwapEffect
    from faceswap_cli.faces.parsing.face_parser import FaceParser
    from faceswap_cli.pipeline.options import PipelineOptions

    swap.check()
    tell_consent()
    stage = detection.load_analyser()
    thorough = partial(detection.load_analyser, thorough=True)
    asked = AssignmentRequest(run, drawn, thorough, people, safety, detection.device)
    check_not_given([output], asked.named())
    loaded = load_swap_plan(asked, detail=True)
    # Which masks are varied may ask for the parser: its network is loaded when it is needed.
    parser = FaceParser(str(pick_device(detection.device)))
    effect = SwapEffect(loaded.plan.renderers, swap, parser, loaded.mark, loaded.sets)
    write_settings_sheet(source, output, vary, PipelineOptions(), loaded.plan, effect, stage)
