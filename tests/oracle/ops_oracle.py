"""Writes tests/fixtures/ops.json: results of MLX for the ops of mica/ops.

Run by hand: pip install mlx==0.32.4 mlx-cpu==0.32.4 numpy, then python ops_oracle.py
Every case: op, inputs (dtype, shape, values), JSON arguments, and what MLX gives.
"""
import json
import os

import mlx.core as mx
import numpy as np

rng = np.random.default_rng(0)
cases = []


def encode(value):
    value = mx.array(value) if not isinstance(value, mx.array) else value
    kind = str(value.dtype).replace("mlx.core.", "")
    if kind == "bool_":
        kind = "bool"
    flat = value.reshape(-1)
    if kind == "complex64":
        data = [x for v in flat.tolist() for x in (v.real, v.imag)]
    elif kind in ("float16", "bfloat16", "float32"):
        data = [float(v) for v in flat.astype(mx.float32).tolist()]
    else:
        data = [int(v) for v in flat.tolist()]
    data = ["nan" if d != d else "inf" if d == float("inf") else "-inf" if d == float("-inf") else d for d in data]
    return {"dtype": kind, "shape": list(value.shape), "data": data}


def case(op, inputs, run, **args):
    inputs = [mx.array(x) if not isinstance(x, mx.array) else x for x in inputs]
    result = run(*inputs)
    cases.append({"op": op, "args": args, "inputs": [encode(x) for x in inputs], "output": encode(result)})


def floats(*shape, low=-3.0, high=3.0):
    return rng.uniform(low, high, shape).astype(np.float32)


def ints(*shape, low=-9, high=9, dtype=np.int32):
    return rng.integers(low, high, shape).astype(dtype)


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-30, -1e30, 88.0, -100.0, 0.5], np.float32)

# One argument: a row with a length that no vector divides, and special values.
wide = ["abs", "negative", "sign", "square", "exp", "expm1", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh",
        "arcsinh", "sigmoid", "erf", "floor", "ceil", "round", "isnan", "isinf", "isfinite"]
for name in wide:
    case(name, [floats(37)], getattr(mx, name))
    if name == "sign":  # of NaN mica gives NaN, as NumPy and the array API standard do
        case(name, [SPECIAL[~np.isnan(SPECIAL)]], mx.sign)
    elif name not in ("sin", "cos", "tan", "sinh", "cosh"):
        case(name, [SPECIAL], getattr(mx, name))
for name in ["sqrt", "rsqrt", "log", "log2", "log10", "log1p", "arccosh"]:
    case(name, [floats(37, low=1.0, high=9.0)], getattr(mx, name))
for name in ["arcsin", "arccos", "arctanh", "erfinv"]:
    case(name, [floats(37, low=-0.99, high=0.99)], getattr(mx, name))
for name in ["abs", "negative", "sign", "square", "bitwise_invert", "exp"]:
    case(name, [ints(19)], getattr(mx, name))
for dtype in (mx.float16, mx.bfloat16):
    for name in ("exp", "tanh", "negative", "sqrt", "sigmoid"):
        case(name, [mx.array(floats(21, low=0.1)).astype(dtype)], getattr(mx, name))

# Two arguments, with every kind of broadcasting and mixed types.
names = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "logaddexp", "arctan2", "equal", "not_equal",
         "greater", "greater_equal", "less", "less_equal", "remainder", "power"]
for name in names:
    a = floats(3, 5, low=0.1) if name == "power" else floats(3, 5)
    case(name, [a, floats(3, 5)], getattr(mx, name))
    case(name, [a, floats(5)], getattr(mx, name))
    case(name, [a[:, :1], floats(1, 5)], getattr(mx, name))
    case(name, [mx.array(a), mx.array(2.0)], getattr(mx, name))
for name in ["add", "subtract", "multiply", "divide", "maximum", "minimum", "remainder", "equal", "less"]:
    case(name, [ints(4, 3), ints(3, low=1)], getattr(mx, name))
    case(name, [ints(7, dtype=np.int8, low=-5, high=5), ints(7, dtype=np.uint8, low=1, high=9)], getattr(mx, name))
for name in ["bitwise_and", "bitwise_or", "bitwise_xor"]:
    case(name, [ints(9), ints(9)], getattr(mx, name))
for name in ["left_shift", "right_shift"]:
    case(name, [ints(9, low=0, high=99), ints(9, low=0, high=6)], getattr(mx, name))
case("power", [ints(8, low=-4, high=5), ints(8, low=0, high=6)], mx.power)
case("logical_and", [ints(9, low=0, high=2), ints(9, low=0, high=2)], mx.logical_and)
case("logical_or", [ints(9, low=0, high=2), ints(9, low=0, high=2)], mx.logical_or)
case("logical_not", [ints(9, low=0, high=2)], mx.logical_not)
case("where", [floats(4, 5) > 0, floats(4, 5), floats(5)], mx.where)
case("nan_to_num", [SPECIAL], mx.nan_to_num)
case("clip", [floats(4, 5), np.float32(-1), np.float32(1)], mx.clip)
case("isclose", [floats(8), floats(8)], mx.isclose)

# Reductions over each set of axes.
x = floats(3, 4, 5)
for name in ["sum", "prod", "max", "min", "mean", "logsumexp", "all", "any", "var", "std"]:
    for axes in ([0], [1], [2], [0, 2], [0, 1], [1, 2], [0, 1, 2], [-1]):
        for keep in (False, True):
            source = x > 0 if name in ("all", "any") else x
            case(name, [source], lambda a, n=name, ax=axes, k=keep: getattr(mx, n)(a, axis=ax, keepdims=k), axes=axes,
                 keepdims=keep)
for name in ["sum", "prod", "max", "min"]:
    for dtype in (np.int8, np.uint8, np.int32, np.uint16, np.bool_):
        source = ints(3, 4, low=0, high=3, dtype=dtype)
        case(name, [source], lambda a, n=name: getattr(mx, n)(a, axis=[1]), axes=[1], keepdims=False)
for name in ["argmax", "argmin"]:
    for axis in (0, 1, 2):
        case(name, [x], lambda a, n=name, ax=axis: getattr(mx, n)(a, axis=ax), axis=axis)
for axis in (0, 1, 2):
    case("softmax", [x], lambda a, ax=axis: mx.softmax(a, axis=ax, precise=True), axis=axis)
case("softmax", [floats(2, 1000, low=-20, high=20)], lambda a: mx.softmax(a, axis=-1, precise=True), axis=-1)

# Arranging.
case("reshape", [x], lambda a: a.reshape(4, -1), shape=[4, -1])
case("transpose", [x], lambda a: mx.transpose(a, [2, 0, 1]), axes=[2, 0, 1])
case("flatten", [x], lambda a: mx.flatten(a, 1, 2), start=1, end=2)
case("expand_dims", [x], lambda a: mx.expand_dims(a, [0, 2]), axes=[0, 2])
case("squeeze", [floats(1, 3, 1)], lambda a: mx.squeeze(a, [0, 2]), axes=[0, 2])
case("flip_via_slice", [x], lambda a: a[::-1, ::2, 3:0:-1], start=[2, 0, 3], stop=[-4, 4, 0], strides=[-1, 2, -1])
case("concatenate", [floats(2, 3), floats(4, 3)], lambda a, b: mx.concatenate([a, b], axis=0), axis=0)
case("concatenate", [floats(2, 3), floats(2, 1)], lambda a, b: mx.concatenate([a, b], axis=1), axis=1)
case("stack", [floats(2, 3), floats(2, 3)], lambda a, b: mx.stack([a, b], axis=1), axis=1)
case("repeat", [floats(2, 3)], lambda a: mx.repeat(a, 3, axis=1), repeats=3, axis=1)
case("tile", [floats(2, 3)], lambda a: mx.tile(a, (2, 1, 2)), reps=[2, 1, 2])
case("roll", [floats(2, 5)], lambda a: mx.roll(a, 2, axis=1), shift=2, axis=1)
case("pad", [floats(2, 3)], lambda a: mx.pad(a, [(1, 2), (0, 1)], constant_values=7.0), low=[1, 0], high=[2, 1])
case("tril", [floats(4, 5)], lambda a: mx.tril(a, 1), k=1)
case("triu", [floats(4, 5)], lambda a: mx.triu(a, -1), k=-1)
case("diagonal", [x], lambda a: mx.diagonal(a, 1, 0, 2), offset=1, axis1=0, axis2=2)

# Indexing.
case("take", [x, ints(2, 3, low=-4, high=4)], lambda a, i: mx.take(a, i, axis=1), axis=1)
case("take", [x, ints(5, low=-3, high=3)], lambda a, i: mx.take(a, i, axis=0), axis=0)
case("take_along_axis", [x, ints(3, 2, 5, low=-4, high=4)], lambda a, i: mx.take_along_axis(a, i, axis=1), axis=1)
case("put_along_axis", [x, np.array([[[1], [0], [2], [4]]] * 3, np.int32), floats(3, 4, 1)],
     lambda a, i, v: mx.put_along_axis(a, i, v, axis=2), axis=2)

# Sorting and scanning.
for axis in (0, 1, 2):
    case("sort", [x], lambda a, ax=axis: mx.sort(a, axis=ax), axis=axis)
    case("argsort", [x], lambda a, ax=axis: mx.argsort(a, axis=ax), axis=axis)
    for name in ("cumsum", "cumprod", "cummax", "cummin"):
        for reverse, inclusive in ((False, True), (True, True), (False, False)):
            if name in ("cummax", "cummin") and not inclusive:
                continue
            case(name, [x], lambda a, n=name, ax=axis, r=reverse, i=inclusive: getattr(mx, n)(
                a, axis=ax, reverse=r, inclusive=i), axis=axis, reverse=reverse, inclusive=inclusive)

# Products.
case("matmul", [floats(7, 5), floats(5, 9)], mx.matmul)
case("matmul", [floats(5), floats(5, 9)], mx.matmul)
case("matmul", [floats(7, 5), floats(5)], mx.matmul)
case("matmul", [floats(2, 1, 7, 5), floats(3, 5, 9)], mx.matmul)
case("matmul_transposed", [floats(7, 5), floats(9, 5)], lambda a, b: a @ b.T)
case("inner", [floats(3, 5), floats(4, 5)], mx.inner)
case("outer", [floats(3), floats(4)], mx.outer)
case("addmm", [floats(9), floats(7, 5), floats(5, 9)], lambda c, a, b: mx.addmm(c, a, b, 0.5, 2.0), alpha=0.5, beta=2.0)

# Fused ops.
case("rms_norm", [floats(3, 37), floats(37)], lambda a, w: mx.fast.rms_norm(a, w, 1e-5), eps=1e-5)
case("layer_norm", [floats(3, 37), floats(37), floats(37)], lambda a, w, b: mx.fast.layer_norm(a, w, b, 1e-5), eps=1e-5)
for traditional in (False, True):
    case("rope", [floats(2, 3, 7, 16)], lambda a, t=traditional: mx.fast.rope(
        a, 12, traditional=t, base=10000.0, scale=0.5, offset=3), dims=12, traditional=traditional, scale=0.5, offset=3)
case("attention", [floats(2, 4, 5, 8), floats(2, 2, 9, 8), floats(2, 2, 9, 8)],
     lambda q, k, v: mx.fast.scaled_dot_product_attention(q, k, v, scale=0.3, mask="causal"), scale=0.3, causal=True)
case("attention", [floats(2, 4, 5, 8), floats(2, 2, 9, 8), floats(2, 2, 9, 8)],
     lambda q, k, v: mx.fast.scaled_dot_product_attention(q, k, v, scale=0.3), scale=0.3, causal=False)

out = os.path.join(os.path.dirname(__file__), "..", "fixtures", "ops.json")
os.makedirs(os.path.dirname(out), exist_ok=True)


def shorten(value):
    return float(f"{value:.9g}") if isinstance(value, float) else value


for c in cases:
    for part in c["inputs"] + [c["output"]]:
        part["data"] = [shorten(d) for d in part["data"]]
with open(out, "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(len(cases), "cases,", os.path.getsize(out), "bytes")
