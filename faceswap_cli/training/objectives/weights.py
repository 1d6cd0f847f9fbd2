"""Weights of the terms of the losses, by family: a part of a run's settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms that a drawn face is compared by, and of how alike codes are.

    Attributes:
        dssim: structure, (1 - SSIM) / 2 inside the mask.
        pixel: mean absolute difference inside the mask.
        edge: mean absolute difference of the horizontal and vertical gradients inside the mask. Pixel terms
            forgive a soft edge that is in the right place; this one does not.
        mask: mean squared difference of the masks.
        match: how unlike the codes of different people are.
        features: how much more a pixel of eyes and mouth counts than one of a cheek.
    """

    dssim: float = 10.0
    pixel: float = 10.0
    edge: float = 10.0
    mask: float = 3.0
    match: float = 0.2
    features: float = 4.0


@dataclass(frozen=True)
class AgeingWeights:
    """Weights of the terms that an ageing network is trained by.

    Attributes:
        adversarial: the critic's.
        age: error of the estimated age, per ten years.
        sex: cross-entropy of the estimated sex.
        identity: 1 - cosine; up to 60 % less the farther the new age is.
        cycle: L1 to the picture after there and back.
        own: L1 to the picture where the new age is its own.
        plain: mean absolute residual: what need not change stays.
        fine: mean absolute value of the residual's finest band: no grain is added.
        flow: mean square of the flow's slope.
        mirror: that the change of a mirrored face is the mirrored change. Without it a network found a spot
            beside one ear that moves the estimator, and made it white in everybody.
        slope: of the critic at real faces' features (R1).
    """

    adversarial: float = 1.0
    age: float = 1.0
    sex: float = 0.2
    identity: float = 3.0
    cycle: float = 5.0
    own: float = 10.0
    plain: float = 0.5
    fine: float = 5.0
    flow: float = 1.0
    mirror: float = 6.0
    slope: float = 0.1
