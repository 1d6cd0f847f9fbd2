"""Figures of generators tell good sets from bad ones."""

import numpy as np
import torch

from scripts.bench.generate import kernel_distance, nearest_picture, precision_recall


def test_kernel_distance_and_precision_tell_sets_apart():
    random = torch.Generator().manual_seed(0)
    real, same = torch.randn(200, 16, generator=random), torch.randn(200, 16, generator=random)
    narrow, elsewhere = 0.1 * same, same + 3
    assert abs(kernel_distance(real, same)) < 0.05
    assert kernel_distance(real, elsewhere) > 1 and kernel_distance(real, narrow) > kernel_distance(
        real, same
    )
    precision, recall = precision_recall(real, narrow)
    assert precision > 0.9 and recall < 0.3
    assert precision_recall(real, elsewhere)[0] < 0.2


def test_copies_are_nearer_than_others():
    random = np.random.default_rng(0)
    known, others = random.integers(0, 255, (2, 10, 32, 32, 3), np.uint8)
    assert nearest_picture(known, known) == 0
    assert nearest_picture(others, known) > 10
