"""A sheet of ages: the faces of a photo as they are, and at several ages, each picture with its age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from faceswap_cli.effects.ageing.render import AgeStages
from faceswap_cli.effects.ageing.request import clamp_age
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.effects.sheet_window import cut_faces, draw_rows
from faceswap_cli.media.frame import Frame, Image


def draw_age_sheet(image: Image, plan: FacePlan, stages: AgeStages, targets: Sequence[float]) -> Image:
    """Draw it.

    Args:
        image: the photo (H, W, 3).
        plan: its faces, in frame 0.
        stages: what ages them; their own target ages do not count.
        targets: the ages, years.
    """
    window, moved = cut_faces(image, plan)
    names = [stages.ages[face.track].describe_source() for face in moved.faces(0)]
    pictures = [("as it is: " + " and ".join(names), window)]
    for target in targets:
        ages = {
            track: replace(age, target=clamp_age(target), wanted=target) for track, age in stages.ages.items()
        }
        aging = replace(stages, ages=ages)
        [aged] = aging.composite(aging.draw([Frame(0, 0.0, window)], moved))
        pictures.append((f"{target:g}", aged.image))
    return draw_rows(pictures)
