"""What the trainer and the loop go by, whatever is trained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainerSettings:
    """How weights are changed in a step.

    Attributes:
        batch: samples in a step; of each person where there are several.
        accumulate: equal parts in which a batch goes through the network, one after the other: the same
            training in less memory, but for loss terms that compare samples, which are compared within a
            part. A run may be gone on with in other parts.
        learning_rate: the peak, reached after the warm-up.
        warm_up: steps until then.
        clip: greatest norm of the gradient.
        ema: share of the averaged weights that is kept in a step.
        seed: of weights, sampling and augmentation.
    """

    batch: int = 8
    accumulate: int = 1
    learning_rate: float = 1e-3
    warm_up: int = 50
    clip: float = 1.0
    ema: float = 0.999
    seed: int = 0
