"""Which tracks are one person: agglomerative clustering of their embeddings. Pure numpy, deterministic.

Average linkage: two clusters are as far apart as the pairs between them are on average. The average is taken
of the squared distances (UPGMA of squared Euclidean distances), because that follows from the clusters' means
and scatters alone, so that fifty thousand tracks need no matrix of all pairs:

    mean over a, b of |a - b|^2  =  |mean A - mean B|^2 + scatter A + scatter B

This distance is *reducible*: joining two clusters brings them no nearer to any third. So all pairs that are
each other's nearest can be joined at once, and the result is that of joining the nearest pair over and over
(F. Murtagh, A survey of recent advances in hierarchical clustering algorithms, The Computer Journal 1983).
Tracks that must stay apart, since they are seen in one picture, are infinitely far from each other, and so
are clusters that hold such tracks; the distance stays reducible.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

BLOCK = 1024
"""Rows of distances that are in memory at once."""


@dataclass
class _Clusters:
    """What is known of clusters 0..N-1; the arrays are compact.

    Attributes:
        means: (N, D).
        scatters: (N,) mean squared distance of the members to the mean.
        weights: (N,).
        members: the tracks in each.
        foes: the tracks that may not come into each.
        nearest: (N,) the nearest other cluster, -1 where that must be looked for.
        distance: (N,) squared, to the nearest.
    """

    means: Floats
    scatters: Floats
    weights: Floats
    members: list[list[int]]
    foes: list[set[int]]
    nearest: NDArray[np.int64]
    distance: Floats


def cluster_tracks(
    embeddings: ArrayLike,
    threshold: float,
    apart: Iterable[tuple[int, int]] = (),
    weights: ArrayLike | None = None,
) -> list[list[int]]:
    """Join embeddings to clusters while the nearest two are nearer than `threshold`.

    Args:
        embeddings: (N, D).
        threshold: greatest distance (root of the mean square) of two clusters that are joined.
        apart: pairs of places that never come into one cluster.
        weights: (N,) how much each counts in its cluster; all alike, if not given.

    Returns:
        The places in each cluster, rising; the clusters in the order of their first places.
    """
    state = _begin(np.array(embeddings, np.float64), apart, weights)
    owner = np.arange(len(state.members))
    done: list[list[int]] = []
    while state.members:
        _look(state, owner)
        far = state.distance > threshold**2
        done += [state.members[i] for i in np.nonzero(far)[0]]  # nothing will come nearer to them
        _keep(state, ~far)
        if state.members:
            _join(state, _mutual(state))
        for number, members in enumerate(state.members):
            owner[members] = number
        owner[[place for members in done for place in members]] = -1
    return sorted(sorted(members) for members in done)


def _begin(embeddings: Floats, apart: Iterable[tuple[int, int]], weights: ArrayLike | None) -> _Clusters:
    count = len(embeddings)
    foes: list[set[int]] = [set() for _ in range(count)]
    for a, b in apart:
        foes[a].add(b)
        foes[b].add(a)
    return _Clusters(
        embeddings,
        np.zeros(count),
        np.ones(count) if weights is None else np.array(weights, np.float64),
        [[place] for place in range(count)],
        foes,
        np.full(count, -1, np.int64),
        np.full(count, np.inf),
    )


def _look(state: _Clusters, owner: NDArray[np.int64]) -> None:
    """Find the nearest cluster of those whose nearest is not known."""
    # The products are taken in single precision, about the common mean so that little of it is lost.
    means = (state.means - state.means.mean(0)).astype(np.float32)
    squares = np.einsum("nd,nd->n", means, means) + state.scatters.astype(np.float32)
    missing = np.nonzero(state.nearest < 0)[0]
    for rows in np.array_split(missing, max(1, -(-len(missing) // BLOCK))):
        if not len(rows):
            continue
        apart = squares[rows, None] + squares - 2 * (means[rows] @ means.T)
        apart[np.arange(len(rows)), rows] = np.inf
        for row, number in enumerate(rows):
            if state.foes[number]:
                there = owner[list(state.foes[number])]
                apart[row, there[there >= 0]] = np.inf
        state.nearest[rows] = apart.argmin(1)
        state.distance[rows] = apart[np.arange(len(rows)), state.nearest[rows]]


def _keep(state: _Clusters, kept: NDArray[np.bool_]) -> None:
    """Leave out clusters that are finished. They are nobody's nearest who is not finished too."""
    if kept.all():
        return
    numbers = np.cumsum(kept) - 1
    places = np.nonzero(kept)[0]
    nearest = state.nearest[places]
    known = (nearest >= 0) & kept[nearest]
    state.nearest = np.where(known, numbers[nearest], -1)
    state.means, state.scatters, state.weights = (
        array[places] for array in (state.means, state.scatters, state.weights)
    )
    state.distance = state.distance[places]
    state.members = [state.members[i] for i in places]
    state.foes = [state.foes[i] for i in places]


def _mutual(state: _Clusters) -> list[tuple[int, int]]:
    """Pairs of clusters that are each other's nearest, the lower number first."""
    first = np.arange(len(state.members))
    is_mutual = (state.nearest >= 0) & (state.nearest[state.nearest] == first) & (first < state.nearest)
    pairs = [(int(i), int(state.nearest[i])) for i in np.nonzero(is_mutual)[0]]
    if pairs:
        return pairs
    # Rounding can make three of equal distance chase each other in a ring.
    least = int(np.argmin(np.where(state.nearest >= 0, state.distance, np.inf)))
    return [(min(least, int(state.nearest[least])), max(least, int(state.nearest[least])))]


def _join(state: _Clusters, pairs: list[tuple[int, int]]) -> None:
    """Join each pair into its first cluster and leave out the second."""
    a, b = (np.array(side) for side in zip(*pairs, strict=True))
    weights = state.weights[a] + state.weights[b]
    of_a, of_b = state.weights[a] / weights, state.weights[b] / weights
    step = state.means[b] - state.means[a]
    state.scatters[a] = (
        of_a * state.scatters[a] + of_b * state.scatters[b] + of_a * of_b * np.einsum("nd,nd->n", step, step)
    )
    state.means[a] += of_b[:, None] * step
    state.weights[a] = weights
    for first, second in pairs:
        state.members[first] += state.members[second]
        state.foes[first] |= state.foes[second]
    joined = np.zeros(len(state.members), bool)
    joined[a] = joined[b] = True
    state.nearest[joined | joined[state.nearest]] = -1
    kept = np.ones(len(state.members), bool)
    kept[b] = False
    _keep(state, kept)
