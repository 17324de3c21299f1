"""Writes tests/fixtures/ops/linalg.json: linear algebra of MLX and NumPy.

Run by hand: pip install mlx==0.32.4 mlx-cpu==0.32.4 numpy, then python linalg_oracle.py
"""
import mlx.core as mx
import numpy as np

from cases import Cases

cases = Cases("linalg")
rng = np.random.default_rng(0)
la = mx.linalg


def matrix(*shape, dtype=np.float32):
    return rng.normal(size=shape).astype(dtype)


def add(op, inputs, run, **args):
    inputs = [mx.array(x) for x in inputs]
    cases.add(op, inputs, run(*inputs), **args)


a, b, v = matrix(3, 5), matrix(2, 3, 4), matrix(6)
for x in (a, b, v, np.arange(6, dtype=np.int32).reshape(2, 3)):
    add("norm", [x], la.norm)
    add("norm", [x], lambda t: la.norm(t, axis=-1, keepdims=True), axis=[-1], keepdims=True)
for ord in (0, 1, 2, 3, -1, "inf", "-inf"):
    value = float(ord)
    add("norm", [v], lambda t: la.norm(t, ord=value), ord=ord)
    add("norm", [b], lambda t: la.norm(t, ord=value, axis=1), ord=ord, axis=[1])
for ord in (1, -1, 2, -2, "inf", "-inf", "fro", "nuc"):
    value = ord if ord in ("fro", "nuc") else float(ord)
    add("norm", [a], lambda t: la.norm(t, ord=value), ord=ord)
    add("norm", [b], lambda t: la.norm(t, ord=value, axis=[2, 0], keepdims=True), ord=ord, axis=[2, 0], keepdims=True)
s3, s4 = matrix(3, 3), matrix(2, 4, 4)
spd = s4 @ s4.transpose(0, 2, 1) + np.eye(4, dtype=np.float32)
for x in (a, a.T.copy(), b, s3):
    add("qr", [x], lambda t: list(la.qr(t)))
    add("svd_values", [x], lambda t: la.svd(t, compute_uv=False))
    add("pinv", [x], la.pinv)
    add("lu", [x], lambda t: list(la.lu(t)))
    add("lu_factor", [x], lambda t: list(la.lu_factor(t)))
for x in (s3, s4):
    for name in ("inv", "det", "eigvals"):
        cases.add(name, [x], getattr(np.linalg, name)(x).astype(np.complex64 if name == "eigvals" else np.float32))
    cases.add("slogdet", [x], [r.astype(np.float32) for r in np.linalg.slogdet(x)])
    cases.add("inv", [x.astype(np.float64)], np.linalg.inv(x.astype(np.float64)))
    for upper in (False, True):
        t = np.triu(x) if upper else np.tril(x)
        add("tri_inv", [t], lambda m: la.tri_inv(m, upper=upper), upper=upper)
    add("eigvalsh", [x + np.swapaxes(x, -1, -2)], la.eigvalsh)
cases.add("det", [np.array([[1, 2], [3, 4]], np.int32)], np.float32(-2))
for upper in (False, True):
    add("cholesky", [spd], lambda m: la.cholesky(m, upper=upper), upper=upper)
    factor = la.cholesky(mx.array(spd), upper=upper)
    add("cholesky_inv", [factor], lambda m: la.cholesky_inv(m, upper=upper), upper=upper)
    t = np.triu(s3) if upper else np.tril(s3)
    add("solve_triangular", [t, matrix(3, 2)], lambda m, r: la.solve_triangular(m, r, upper=upper), upper=upper)
for right in (matrix(4), matrix(4, 3), matrix(2, 4, 3)):
    cases.add("solve", [s4, right], np.linalg.solve(s4, right if right.ndim > 1 else right[:, None]).reshape(
        (2, 4) if right.ndim == 1 else (2, 4, 3)))
for shapes in [((3,), (3,)), ((2,), (3,)), ((4, 3), (3,))]:
    add("cross", [matrix(*shapes[0]), matrix(*shapes[1])], la.cross)
add("cross", [matrix(3, 4), matrix(3, 4)], lambda x, y: la.cross(x, y, axis=0), axis=0)
cases.save()
