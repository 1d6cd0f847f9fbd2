"""What the trainer and the loop go by, whatever is trained."""

from __future__ import annotations

from dataclasses import dataclass

from faceswap_cli.options import LEARNING, option


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

    batch: int = option(
        8, 1, 4096, group=LEARNING, word="auto", metavar="INTEGER|auto",
        help="Faces of each person in a step, over all processes. auto: measured, as large as pays and fits "
        "here; the learning rate goes with it. [default: the size's own]",
    )  # fmt: skip
    accumulate: int = option(
        1, 1, 512, group=LEARNING,
        help="Take each batch in so many equal parts: the same training in less memory. May be changed from "
        "start to start.",
    )  # fmt: skip
    learning_rate: float = option(
        1e-3, 1e-6, 0.1, group=LEARNING, help="Peak learning rate. [default: the size's own]"
    )
    warm_up: int = 50
    clip: float = 1.0
    ema: float = 0.999
    seed: int = option(0, 0, group=LEARNING, help="Seed of weights, sampling and augmentation.")
