"""How 16 bits are written into many waves, and read back from weak and wrong ones.

Each wave carries the parity of a random choice of the message's bits: a random linear code. It is decoded by
trying all 65,536 messages, which the fast Walsh-Hadamard transform does in a millisecond (F. J. MacWilliams
and N. J. A. Sloane, The Theory of Error-Correcting Codes, 1977, chapter 14). Compared with a checksum and
repeated bits, as versions before wrote them, a mark of half the amplitude is read.
"""

from __future__ import annotations

import itertools
import zlib

import numpy as np
from numpy.typing import NDArray

PAYLOAD, CHECK = 16, 20
"""Bits of the message, and of the checksum that versions before wrote."""

MESSAGES = 1 << PAYLOAD

DOUBTED, MOST_WRONG = 12, 2
"""So many of the least certain bits may be wrong in so many places: 79 words are tried, and a checksum agrees
with one of them by chance once in 13,000 times. Nothing is read where the pilot is not sure."""

Signs = NDArray[np.int64]
Soft = NDArray[np.float64]


def signs_of(message: int, carried: NDArray[np.int64]) -> Signs:
    """The sign, -1 or 1, of each wave.

    Args:
        message: PAYLOAD bits.
        carried: (N,) the bits, as a number, whose parity each wave carries.
    """
    assert 0 <= message < MESSAGES
    odd = np.bitwise_count(carried & message).astype(np.int64) & 1
    return 1 - 2 * odd  # type: ignore[no-any-return]


def likeliest(values: Soft, carried: NDArray[np.int64]) -> tuple[int, float]:
    """The message whose signs agree best, and the sum of the values with those signs.

    Args:
        values: (N,) what was found of each wave: large for surely 1, below nought for -1.
        carried: (N,) as in `signs_of`.
    """
    scores = np.bincount(carried, values, MESSAGES)
    for bit in range(PAYLOAD):
        pairs = scores.reshape(-1, 2, 1 << bit)
        scores = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1).reshape(-1)
    best = int(scores.argmax())
    return best, float(scores[best])


def encode_checked(message: int) -> Signs:
    """Message and checksum as PAYLOAD + CHECK signs, -1 or 1, as versions before wrote them."""
    assert 0 <= message < MESSAGES
    check = zlib.crc32(message.to_bytes(PAYLOAD // 8, "big")) & ((1 << CHECK) - 1)
    word = message << CHECK | check
    return np.array([1 if word >> i & 1 else -1 for i in range(PAYLOAD + CHECK)])


def decode_checked(sums: Soft) -> int | None:
    """The message of PAYLOAD + CHECK soft bits, or None when no checksum agrees.

    The least certain bits are tried both ways (D. Chase, A class of algorithms for decoding block codes with
    channel measurement information, 1972).
    """
    signs = np.where(sums > 0, 1, -1)
    weakest = np.argsort(np.abs(sums))[:DOUBTED]
    for count in range(MOST_WRONG + 1):
        for wrong in itertools.combinations(weakest, count):
            tried = signs.copy()
            tried[list(wrong)] *= -1
            word = sum(1 << i for i, sign in enumerate(tried) if sign > 0)
            if np.array_equal(encode_checked(word >> CHECK), tried):
                return word >> CHECK
    return None
