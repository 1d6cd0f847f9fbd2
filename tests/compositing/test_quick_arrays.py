"""Quick ways give what numpy's give."""

import numpy as np

from faceswap_cli.compositing.quick_arrays import dot_planes, to_float, to_half


def test_half_floats_are_numpy_s_bit_by_bit() -> None:
    rng = np.random.default_rng(0)
    wide = np.concatenate([rng.normal(0, 10.0**power, 500) for power in range(-9, 6)]).astype(np.float32)
    picture = wide[:7500].reshape(50, 50, 3)
    for values in (wide, picture, picture[..., 1], picture[:, ::-1]):
        with np.errstate(over="ignore"):
            expected = values.astype(np.float16)
        assert np.array_equal(to_half(values), expected)
        assert np.array_equal(to_float(expected), expected.astype(np.float32))


def test_floats_come_back_as_a_copy() -> None:
    values = np.ones((3, 3), np.float32)
    copy = to_float(values)
    copy += 1
    assert (values == 1).all() and (copy == 2).all()


def test_sums_over_planes() -> None:
    a, b = np.random.default_rng(0).random((2, 9, 7, 4), np.float32)
    assert np.allclose(dot_planes(a, b), (a * b).sum(-1), atol=1e-6)
    assert np.allclose(dot_planes(a[..., :3], b[..., :3]), (a * b)[..., :3].sum(-1), atol=1e-6)
