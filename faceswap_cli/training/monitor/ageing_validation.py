"""How well faces are aged by now, on faces that were never trained on where some were held out.

Nothing here draws a random number or changes a weight. The estimator and the identity network are in the
losses as well: their figures tell whether a training still moves, not how good ageing is to other eyes; for
that there is `faceswap evaluate age`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from faceswap_cli.faces.age.estimator import frame_for_estimator, load_age_network
from faceswap_cli.networks.ageing.ageing import AgeingConfig, AgeingNetwork
from faceswap_cli.networks.ageing.change import carry_change
from faceswap_cli.training.data.ageing_batches import AgedFaces
from faceswap_cli.training.engine.early_stopping import LOSS_GAIN, ProgressKind
from faceswap_cli.training.monitor.ageing_preview import resize
from faceswap_cli.training.monitor.figures import Figure
from faceswap_cli.training.objectives.age_identity import Recogniser

TARGETS = (20.0, 50.0, 80.0)
"""Ages that each face is given."""

MOST = 12
"""Faces that are measured, from the youngest to the oldest."""

YEARS, IDENTITY, UNCHANGED = 0.1, 1.0, 5.0
"""What ten years, a whole change of identity and a fifth of white to black weigh in the loss."""

AGE_FIGURES = (
    Figure(
        "loss",
        "Loss",
        "the three figures below, weighed: held-out faces (thick); training's own (thin) has other terms",
        word="held-out loss",
        gain=LOSS_GAIN["loss"],
    ),
    Figure(
        "age_error",
        "Age",
        "how far the aged faces' age is from the wanted one, as the bundled estimator says: less is better",
        "off in age",
        word="error of age",
        unit="years",
        low=0,
        gain=ProgressKind(-1, 0.02, relative=True),
    ),
    Figure(
        "identity",
        "Identity",
        "how near the aged faces are to the person (cosine): 100 %: the same descriptor",
        "still the person",
        best=+1,
        unit="share",
        low=0,
        tall=1,
        gain=ProgressKind(+1, 0.01, relative=False),
    ),
    Figure(
        "unchanged",
        "Left as it is",
        "mean change inside the mask of a face that gets its own age, % of white: less is better",
        "change for nothing",
        unit="percent",
        low=0,
    ),
)
"""What a report shows of a validation."""


class AgeingValidator:
    """Measures an ageing network.

    Args:
        faces: taken from youngest to oldest.
        config: of the network.
        device: where it is.
    """

    def __init__(self, faces: AgedFaces, config: AgeingConfig, device: torch.device) -> None:
        order = np.argsort(faces.age, kind="stable")
        rows = [int(order[i]) for i in np.linspace(0, len(order) - 1, min(MOST, len(order))).astype(int)]
        size, side = config.size, config.side
        crops = [resize(faces.crop(i), faces.side, side, size) for i in rows]
        masks = [resize(faces.mask(i), faces.mask_side, side, size) for i in rows]
        self._faces, self._masks = torch.stack(crops).to(device), torch.stack(masks).to(device)
        self._ages = torch.tensor(faces.age[rows], dtype=torch.float32, device=device)
        self._side = side
        self._estimator = load_age_network(str(device))
        self._recognise = Recogniser(side, device)
        with torch.inference_mode():
            self._known = self._recognise(self._faces)

    @torch.inference_mode()
    def measure(self, network: AgeingNetwork) -> dict[str, float]:
        """Figures, see AGE_FIGURES."""
        errors, near, config = [], [], self._estimator.config
        for target in TARGETS:
            aged = self._aged(network, torch.full_like(self._ages, target))
            seen = frame_for_estimator(aged, self._side, config.size, config.side)
            errors.append((self._estimator(seen).age - target).abs().mean())
            near.append((self._recognise(aged) * self._known).sum(1).mean())
        same = (self._aged(network, self._ages) - self._faces).abs() * self._masks
        error, identity = float(torch.stack(errors).mean()), float(torch.stack(near).mean())
        unchanged = float(same.sum() / (3 * self._masks.sum()).clamp_min(1))
        return {
            "loss": YEARS * error + IDENTITY * (1 - identity) + UNCHANGED * unchanged,
            "age_error": error,
            "identity": identity,
            "unchanged": 100 * unchanged,
        }

    def _aged(self, network: AgeingNetwork, target: Tensor) -> Tensor:
        change = network(self._faces, self._ages, target)
        return carry_change(self._faces, change, self._masks, self._side).clamp(0, 1)
