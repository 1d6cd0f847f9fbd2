"""Where the device's memory is too small, a batch is halved once."""

from __future__ import annotations

import pytest
import torch

from faceswap_cli.device import halved_when_full, set_blas_threads, single_threaded


class SmallDevice:
    """A device with room for so many samples; what it was asked for is in `asked`."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.asked: list[tuple[int, int]] = []

    def __call__(self, first: int, beyond: int) -> list[int]:
        self.asked.append((first, beyond))
        if beyond - first > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return list(range(first, beyond))


def test_what_fits_is_computed_at_once() -> None:
    device = SmallDevice(8)
    assert halved_when_full(device, 8) == [list(range(8))]
    assert device.asked == [(0, 8)]


@pytest.mark.parametrize("count", [2, 7, 8])
def test_what_does_not_is_halved_once(count: int) -> None:
    device = SmallDevice(-(-count // 2))
    assert [one for part in halved_when_full(device, count) for one in part] == list(range(count))
    assert len(device.asked) == 3


def test_then_it_is_an_error() -> None:
    device = SmallDevice(1)
    with pytest.raises(torch.OutOfMemoryError):
        halved_when_full(device, 8)
    assert device.asked == [(0, 8), (0, 4)]
    with pytest.raises(torch.OutOfMemoryError):
        halved_when_full(SmallDevice(0), 1)


def test_numpy_computes_with_one_thread_beside_ours_and_as_before_afterwards() -> None:
    before = set_blas_threads(2)
    if before is None:
        pytest.skip("numpy has another linear algebra here")
    try:
        with single_threaded():
            assert set_blas_threads(1) == 1
        assert set_blas_threads(2) == 2
    finally:
        set_blas_threads(before)
