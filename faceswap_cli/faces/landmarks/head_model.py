"""A 3-D head of dense points: a mean, directions in which people differ, directions in which a face moves.

A linear model after V. Blanz and T. Vetter, A morphable model for the synthesis of 3D faces, 1999. It is
learnt and fitted in closed form: points are put onto the mean by a similarity, what remains is a ridge
regression.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from faceswap_cli import zoo
from faceswap_cli.faces.landmarks.dense import GROUPS
from faceswap_cli.faces.landmarks.pose import rotation_angles

Array = NDArray[np.float64]

_STEADY_OUTLINE = (0, 2, 3, 4, 5, 10, 11, 12, 13)
"""Of the outline's points those from the forehead to the ears."""

RIGID: NDArray[np.int64] = np.array(
    [
        *(27, 28, 29, 30, 36, 39, 42, 45),
        *GROUPS["nose"],
        *GROUPS["forehead"],
        *GROUPS["outline"][list(_STEADY_OUTLINE)],
    ]
)
"""Points that move little with the expression: nose, eye corners, forehead, the sides of the head."""


@dataclass(frozen=True)
class HeadFit:
    """A face in terms of a head model.

    Attributes:
        scale, rotation, shift: points = scale * (head @ rotation.T) + shift; rotation (3, 3), shift (3,).
        identity: (K,) in standard deviations.
        expression: (E,) coefficients, about 0..1.
    """

    scale: float
    rotation: Array
    shift: Array
    identity: Array
    expression: Array


@dataclass(frozen=True)
class HeadModel:
    """Mean and directions, in face units (`faces.geometry`), z into the picture.

    Attributes:
        mean: (P, 3) at rest.
        identity: (K, P, 3) for one standard deviation each.
        expression: (E, P, 3) for a coefficient of 1, see `dense.EXPRESSIONS`.
        expression_spread: (E,) standard deviations of the coefficients.
        noise: standard deviation of a point's coordinate that the model does not explain.
        rigid: points that move little with the expression.
    """

    mean: Array
    identity: Array
    expression: Array
    expression_spread: Array
    noise: float
    rigid: NDArray[np.int64] = field(default_factory=lambda: RIGID)

    def select(self, first: int) -> HeadModel:
        """The model without its first points."""
        return replace(
            self,
            mean=self.mean[first:],
            identity=self.identity[:, first:],
            expression=self.expression[:, first:],
            rigid=self.rigid[self.rigid >= first] - first,
        )

    @cached_property
    def _solution(self) -> tuple[Array, Array]:
        """(K + E,) spread of all coefficients, and the matrix (K + E, 3 P) that finds them, in spreads."""
        spread = np.concatenate([np.ones(len(self.identity)), self.expression_spread])
        basis = np.concatenate([self.identity, self.expression]).reshape(len(spread), -1) * spread[:, None]
        # A Gaussian prior: each coefficient is about as large as it was among the faces learnt from.
        system = basis @ basis.T / self.noise**2 + np.eye(len(spread))
        return spread, np.linalg.solve(system, basis) / self.noise**2

    def head(self, identity: Array, expression: Array) -> Array:
        """(P, 3) of a person with an expression, in face units."""
        return (
            self.mean
            + np.tensordot(identity, self.identity, 1)
            + np.tensordot(expression, self.expression, 1)
        )

    def fit(self, points: Array, rounds: int = 3) -> HeadFit:
        """The likeliest head for points (P, 3) in any unit: pose and shape in turns, each in closed form."""
        count = len(self.identity)
        spread, solve = self._solution
        found = np.zeros(len(spread))
        for _ in range(rounds):
            head = self.head(found[:count], found[count:])
            scale, rotation, shift = fit_similarity_3d(head[self.rigid], points[self.rigid])
            local = ((points - shift) @ rotation) / scale
            found = spread * (solve @ (local - self.mean).ravel())
        return HeadFit(scale, rotation, shift, found[:count], found[count:])


@cache
def load_head_model() -> HeadModel:
    """The head that comes with the tool, `models/head`.

    Raises:
        UserError: it is missing or damaged.
    """
    found = {name: value.numpy().astype(np.float64) for name, value in zoo.tensors("head").items()}
    return HeadModel(**{**found, "noise": float(found["noise"])})  # type: ignore[arg-type]


def estimate_head_pose(dense: NDArray[np.floating]) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of a head, as in `pose.estimate_pose`, by dense points (222, 3).

    These have a depth of their own: with everybody's mean depths a nod comes out too small.
    """
    head = load_head_model()
    points = np.asarray(dense, np.float64)
    _, rotation, _ = fit_similarity_3d(head.mean[head.rigid], points[head.rigid])
    return rotation_angles(rotation)


def fit_similarity_3d(source: Array, target: Array) -> tuple[float, Array, Array]:
    """Scale, rotation (3, 3), shift (3,) that map points (N, 3) onto others with the least squares.

    S. Umeyama, Least-squares estimation of transformation parameters between two point patterns, PAMI 1991.
    """
    a, b = source - source.mean(0), target - target.mean(0)
    u, values, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((values * sign).sum() / max(float((a**2).sum()), 1e-12))
    return scale, rotation, target.mean(0) - scale * rotation @ source.mean(0)


def learn_head(
    points: Array, expression: Array, people: NDArray[np.int64], identities: int = 20
) -> HeadModel:
    """A model by statistics over labelled faces and their mirror images, which the caller adds.

    Args:
        points: (N, P, 3) in one unit a face.
        expression: (N, E) their coefficients.
        people: (N,) who each is; pictures of one person tell expression from identity.
        identities: directions in which people differ.
    """
    aligned, mean = align_heads(points)
    flat = aligned.reshape(len(points), -1)
    # Within a person shape differs by expression alone; across people the differences in identity are noise,
    # which averages out. So people with many pictures are centred on themselves.
    weight, numbers = np.zeros(len(points)), [np.flatnonzero(people == who) for who in np.unique(people)]
    x, c = flat - flat.mean(0), expression - expression.mean(0)
    for rows in numbers:
        weight[rows] = 1 / np.sqrt(len(rows))
        if len(rows) > 1:
            x[rows], c[rows] = flat[rows] - flat[rows].mean(0), expression[rows] - expression[rows].mean(0)
            weight[rows] = 3 / np.sqrt(len(rows))
    heavy = c * weight[:, None]
    directions = np.linalg.solve(heavy.T @ c + 1e-3 * weight.sum() * np.eye(c.shape[1]), heavy.T @ x)
    rest = flat - expression @ directions
    neutral = np.stack([rest[rows].mean(0) for rows in numbers])
    centre = neutral.mean(0)
    _, values, vt = np.linalg.svd(neutral - centre, full_matrices=False)
    kept = min(identities, len(values))
    identity = vt[:kept] * (values[:kept, None] / np.sqrt(len(neutral)))
    within = np.concatenate([rest[rows] - rest[rows].mean(0) for rows in numbers])
    unexplained = (neutral - centre) - (neutral - centre) @ vt[:kept].T @ vt[:kept]
    noise = float(np.sqrt((within**2).mean() + (unexplained**2).mean()))
    shape = mean.shape
    return HeadModel(
        centre.reshape(shape),
        identity.reshape(kept, *shape),
        directions.reshape(-1, *shape),
        np.maximum(expression.std(0), 0.02),
        noise,
    )


def align_heads(points: Array, rounds: int = 4) -> tuple[Array, Array]:
    """Points (N, P, 3) moved, turned and scaled onto their mean by RIGID; the mean (P, 3) in face units."""
    mean = points[0]
    for _ in range(rounds):
        moved = []
        for face in points:
            scale, rotation, shift = fit_similarity_3d(face[RIGID], mean[RIGID])
            moved.append(scale * face @ rotation.T + shift)
        mean = _in_face_units(np.mean(moved, 0))
    scaled = []
    for face in points:
        scale, rotation, shift = fit_similarity_3d(face[RIGID], mean[RIGID])
        scaled.append(scale * face @ rotation.T + shift)
    return np.array(scaled), mean


def _in_face_units(mean: Array) -> Array:
    """The mean face (P, 3) looking ahead: outer eye corners 1 apart, their middle at z = 0."""
    across = mean[45] - mean[36]
    down = mean[33] - mean[27]
    right = across / np.linalg.norm(across)
    into = np.cross(right, down)
    into /= np.linalg.norm(into)
    turn = np.stack([right, np.cross(into, right), into])
    turned = mean @ turn.T / np.linalg.norm(across)
    turned[:, :2] -= turned[17:68, :2].mean(0)
    turned[:, 2] -= (turned[36, 2] + turned[45, 2]) / 2
    shape: Array = turned
    return shape
