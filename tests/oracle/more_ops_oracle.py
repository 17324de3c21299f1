"""Writes tests/fixtures/ops/more.json: results of MLX for ops that are compositions, and products of parts.

Run by hand: pip install mlx==0.32.4 mlx-cpu==0.32.4 numpy, then python more_ops_oracle.py
"""
import mlx.core as mx
import numpy as np

from cases import Cases

cases = Cases("more")
rng = np.random.default_rng(0)


def floats(*shape):
    return mx.array(rng.normal(size=shape).astype(np.float32))


def ints(*shape, low=-9, high=9, dtype=np.int32):
    return mx.array(rng.integers(low, high, shape).astype(dtype))


def add(op, inputs, run, **args):
    inputs = [x if isinstance(x, mx.array) else mx.array(x) for x in inputs]
    cases.add(op, inputs, run(*inputs), **args)


for m in (0, 1, 2, 7):
    for name in ("hanning", "hamming", "bartlett", "blackman"):
        add(name, [], lambda: getattr(mx, name)(m), m=m)
nan = float("nan")
for x in (ints(7), ints(2, 3, 4), floats(3, 5), mx.array([[1.0, nan, 0.0], [0.0, 2.0, -1.0]]), floats(4, 4).astype(mx.float16),
          mx.array([[True, False], [True, True]]), ints(6, dtype=np.int8)):
    for axes in ([-1], list(range(x.ndim))):
        for keepdims in (False, True):
            add("median", [x], lambda a: mx.median(a, axis=axes, keepdims=keepdims), axes=axes, keepdims=keepdims)
            add("count_nonzero", [x], lambda a: mx.count_nonzero(a, axis=axes, keepdims=keepdims), axes=axes,
                keepdims=keepdims)
    add("minmax", [x], lambda a: mx.minmax(a, axis=-1), axes=[-1], keepdims=False)
    add("unique", [x], lambda a: list(mx.unique(a, 4, True, True, True)), size=4)
    add("unique", [x], lambda a: list(mx.unique(a, 20, True, True, True)), size=20)
add("unique", [ints(9, low=0, high=3)], lambda a: list(mx.unique(a, 5, True, True, True, fill_value=77)), size=5, fill=77)
add("unique", [ints(4)], lambda a: list(mx.unique(a, 0, True, True, True)), size=0)
for x in (ints(3, 6), floats(6, 2, 3), mx.array([True, False, False, True])):
    for n in (0, 1, 2, 9):
        add("diff", [x], lambda a: mx.diff(a, n, axis=-1), n=n, axis=-1)
    add("diff", [x], lambda a: mx.diff(a, 1, axis=0), n=1, axis=0)
for args in [dict(offset=0, axis1=0, axis2=1), dict(offset=1, axis1=-1, axis2=0), dict(offset=-1, axis1=1, axis2=2)]:
    add("trace", [ints(3, 4, 5, dtype=np.int8)], lambda a: mx.trace(a, **args), **args)
    add("trace", [floats(3, 4, 5)], lambda a: mx.trace(a, **args), **args)
for a, b in [(ints(3), ints(2, 2)), (floats(2, 1, 3), floats(3)), (ints(2, 3), floats(2, 2)), (ints(), ints(4))]:
    add("kron", [a, b], mx.kron)
add("logical_xor", [ints(9, low=0, high=2), ints(9, low=0, high=2)], mx.logical_xor)
add("cumsum_dtype", [ints(5, low=90, high=120, dtype=np.int8)], lambda a: mx.cumsum(a, dtype=mx.int32), dtype="int32")
add("cumprod_dtype", [ints(5)], lambda a: mx.cumprod(a, dtype=mx.float32), dtype="float32")
add("cumprod_bool", [mx.array([True, True, False, True])], mx.cumprod)
x = floats(3, 4)
for name in ("cummax", "cummin", "logcumsumexp"):
    add(name, [x], getattr(mx, name))
for args in [dict(shift=[3]), dict(shift=[2, 1], axes=[0, 1]), dict(shift=[-5, 1], axes=[1, 1])]:
    axes = args.get("axes")
    add("roll", [ints(3, 4)], lambda a: mx.roll(a, tuple(args["shift"]), axis=tuple(axes) if axes else None)
        if axes else mx.roll(a, args["shift"][0]), **args)
for name in ("prod", "maximum", "minimum", "add"):
    update = {"prod": "multiply"}.get(name, name)
    a, b = ints(4, 5), ints(2, 2)
    add("slice_update_" + {"maximum": "max", "minimum": "min"}.get(name, name), [a, b],
        lambda x, y: getattr(x.at[1:3, 0:4:2], update)(y), start=[1, 0], stop=[3, 4], strides=[1, 2])


def masked(a, mask, src):
    a = mx.array(a)
    a[mask] = src
    return a


mask = mx.array(rng.random((3, 4)) < 0.5)
add("masked_scatter", [floats(3, 4), mask, floats(12)], masked)
add("masked_scatter", [floats(3, 4), mask, mx.array(5.0)], masked)
for side in ("left", "right"):
    add("searchsorted", [mx.array([1, 2, 2, 5]), mx.array([[0.5, 2], [5, 9]])],
        lambda a, b: mx.searchsorted(a, b, side), side=side)
    add("searchsorted", [mx.array([1.0, nan]), mx.array([nan, 3])], lambda a, b: mx.searchsorted(a, b, side), side=side)

for n in (1, 2, 16, 12, 24, 20, 28, 56):
    add("hadamard_transform", [floats(2, n)], mx.hadamard_transform)
add("hadamard_transform", [floats(3, 1, 8).astype(mx.float16)], mx.hadamard_transform)
add("hadamard_scale", [ints(2, 8)], lambda a: mx.hadamard_transform(a, scale=0.5), scale=0.5)

a, b = floats(4, 2, 3), floats(5, 3, 6)
lhs, rhs = mx.array([[0], [3]], mx.uint32), mx.array([4, 0, 4], mx.uint32)
add("gather_mm", [a, b, lhs, rhs], lambda a, b, i, j: mx.gather_mm(a, b, i, j))
add("gather_mm_rhs", [a, b, mx.array([1, 1, 0, 4], mx.uint32)], lambda a, b, j: mx.gather_mm(a, b, rhs_indices=j))
_, grads = mx.vjp(lambda a, b: mx.gather_mm(a, b, lhs, rhs), [a, b], [mx.ones((2, 3, 2, 6))])
cases.add("gather_mm_vjp", [a, b, lhs, rhs], list(grads))
a, b = floats(3, 7), floats(7, 2)
add("segmented_mm", [a, b, mx.array([[[0, 2], [2, 7]], [[3, 3], [1, 6]]], mx.uint32)], mx.segmented_mm)
a, b = floats(2, 3, 40), floats(40, 33)
add("block_masked_mm", [a, b, mx.array([[True, False]]), mx.array([[0.5, 2.0]]), mx.array([[1.0, -1.0], [0.0, 3.0]])],
    lambda a, b, o, l, r: mx.block_masked_mm(a, b, 32, o.astype(mx.float32), l, r))
add("block_masked_mm", [a, b, mx.array([[True, False]]), mx.array([[True, False]]), mx.array([[False, True], [True, True]])],
    lambda a, b, o, l, r: mx.block_masked_mm(a, b, 32, o, l, r))
cases.save()
