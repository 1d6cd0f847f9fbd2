"""What came of a training, for people and for programs."""

from __future__ import annotations

from typing import Any

from faceswap_cli.generation.lab.frames import Frame
from faceswap_cli.generation.lab.laboratory import Laboratory
from faceswap_cli.training.monitor.points_validation import describe_state


def summarise(lab: Laboratory, frame: Frame) -> dict[str, Any]:
    """The measures of a laboratory's last frame."""
    figures, experiment = lab.measure(), lab.experiment
    return {
        "data": experiment.source.data.name,
        "loss": experiment.settings.loss,
        "seed": experiment.settings.seed,
        "steps": frame.step,
        "modes": figures["modes"],
        "modes_of": figures["modes_of"],
        "js": round(figures["js"], 4),
        "js_floor": round(figures["js_floor"], 4),
        "near": round(figures["near"], 4),
        "collapsed": figures["collapsed"],
        "state": describe_state(figures),
        "steps_per_second": round(lab.trained / max(lab.seconds, 1e-9), 1),
        "seconds": round(lab.seconds, 2),
    }
