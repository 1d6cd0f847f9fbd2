"""Where a picture shows a person: a coarse answer of a network (`networks/perception/person.py`)."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.parsing.bundled_network import BundledNetwork
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.perception.person import PersonNetwork, build_person_network

NAME = "person"
"""Of the weights in the zoo."""


class PersonSegmenter(BundledNetwork[PersonNetwork]):
    """Tells people from what is around them; see `BundledNetwork`."""

    weights = NAME
    build = staticmethod(build_person_network)

    def share(self, image: Image) -> FloatArray:
        """How surely each pixel shows a person, whoever it is.

        The picture and its mirror image are looked at, and the mean is taken: what one of them misses of a
        sleeve or a curl the other mostly has.

        Args:
            image: (H, W, 3) uint8 RGB, about square, a head filling a fifth of it or more.

        Returns:
            (H, W) float32 in [0, 1].
        """
        size = self._network.config.size
        small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        batch = torch.from_numpy(np.stack([small, small[:, ::-1]])).to(self.device)
        with torch.inference_mode():
            logits = self._network(batch.permute(0, 3, 1, 2).float() / 255)[:, 0]
            mean = torch.sigmoid((logits[0] + logits[1].flip(-1)) / 2).float().cpu().numpy()
        whole = cv2.resize(mean, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        return np.asarray(np.clip(whole, 0, 1), np.float32)
