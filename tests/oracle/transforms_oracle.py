"""Writes tests/fixtures/transforms.json: values, gradients and tangents of MLX for the functions of mlx_gradients_test.cpp.

Run by hand: pip install mlx==0.32.4 mlx-cpu==0.32.4 numpy, then python transforms_oracle.py
Every case: function, inputs, outputs; for chosen cotangents the gradients of all floating inputs (vjp), and for chosen
tangents those of the outputs (jvp, where MLX has it).
"""
import json
import os

import mlx.core as mx
import numpy as np

rng = np.random.default_rng(7)
cases = []


def encode(value):
    kind = str(value.dtype).replace("mlx.core.", "")
    flat = value.reshape(-1)
    if kind == "complex64":
        data = [x for v in flat.tolist() for x in (v.real, v.imag)]
    elif kind in ("bfloat16", "float32"):
        data = flat.astype(mx.float32).tolist()
    else:
        data = [int(v) for v in flat.tolist()]
    return {"dtype": kind, "shape": list(value.shape), "data": [float(f"{d:.8g}") for d in data]}


def floats(*shape, low=-1.0, high=1.0):
    return mx.array(rng.uniform(low, high, shape).astype(np.float32))


def complexes(*shape):
    return mx.array((rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape)).astype(np.complex64))


def like(value):
    if value.dtype == mx.complex64:
        return complexes(*value.shape)
    return floats(*value.shape).astype(value.dtype)


def case(name, fun, *inputs, tangents=True):
    varied = [i for i, x in enumerate(inputs) if mx.issubdtype(x.dtype, mx.inexact)]

    def of_varied(*chosen):
        full = list(inputs)
        for i, x in zip(varied, chosen):
            full[i] = x
        return fun(*full)

    chosen = [inputs[i] for i in varied]
    output = fun(*inputs)
    cotangent = like(output)
    _, gradients = mx.vjp(of_varied, chosen, [cotangent])
    entry = {"function": name, "inputs": [encode(x) for x in inputs], "output": encode(output),
             "cotangent": encode(cotangent), "gradients": [encode(g) for g in gradients]}
    if tangents:
        moves = [like(x) for x in chosen]
        _, moved = mx.jvp(of_varied, chosen, moves)
        entry["tangents"] = [encode(t) for t in moves]
        entry["moved"] = encode(moved[0])
    cases.append(entry)


def mlp(x, w1, b1, w2, y):
    return mx.mean(mx.square(mx.tanh(x @ w1 + b1) @ w2 - y))


def cross_entropy(x, w, labels):
    logits = x @ w
    chosen = mx.take_along_axis(logits, mx.expand_dims(labels, -1), axis=-1)
    return mx.mean(mx.logsumexp(logits, axis=-1) - mx.squeeze(chosen, -1))


def penalty(x, w):
    return mx.sum(mx.square(mx.grad(lambda a: mx.sum(mx.tanh(a @ w)))(x)))


def attend(q, k, v):
    return mx.fast.scaled_dot_product_attention(q, k, v, scale=0.5, mask="causal")


ties = mx.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
zeros = mx.array([2.0, 0.0, 3.0, 0.0, 5.0])
one_zero = mx.array([2.0, 0.0, 3.0, 5.0])

# Of complex numbers: the gradient is the conjugate of the derivative times the cotangent.
case("complex_chain", lambda z, w: mx.exp(z) * w + mx.sin(z) / w + mx.square(z), complexes(5), complexes(5), tangents=False)
case("complex_parts", lambda z: mx.real(z) * mx.imag(z) + mx.abs(z), complexes(5), tangents=False)
case("complex_matmul", lambda a, b: a @ b, complexes(2, 3), complexes(3, 2), tangents=False)
# Where there is no derivative, a choice.
case("max", lambda x: mx.max(x, axis=1), ties, tangents=False)
case("min", lambda x: mx.min(x, axis=1), ties, tangents=False)
case("maximum", mx.maximum, ties, mx.array([1.0, 3.0, 2.0]))
case("minimum", mx.minimum, ties, mx.array([1.0, 3.0, 2.0]))
case("abs", mx.abs, mx.array([0.0, -2.0, 3.0]))
# Products with zeros.
case("prod", lambda x: mx.prod(x), one_zero, tangents=False)
case("cumprod", lambda x: mx.cumprod(x, axis=0), zeros, tangents=False)
# Functions of training.
case("mlp", mlp, floats(4, 3), floats(3, 5), floats(5), floats(5, 2), floats(4, 2))
case("cross_entropy", cross_entropy, floats(4, 3), floats(3, 6), mx.array([0, 5, 2, 2]), tangents=False)
case("penalty", penalty, floats(3, 2), floats(2, 4), tangents=False)
case("rms_norm", lambda x, w: mx.fast.rms_norm(x, w, 1e-3), floats(3, 8), floats(8), tangents=False)
case("layer_norm", lambda x, w, b: mx.fast.layer_norm(x, w, b, 1e-3), floats(3, 8), floats(8), floats(8), tangents=False)
case("rope", lambda x: mx.fast.rope(x, 6, traditional=False, base=100.0, scale=0.5, offset=3), floats(1, 2, 3, 8),
     tangents=False)
case("attention", attend, floats(1, 4, 3, 8), floats(1, 2, 5, 8), floats(1, 2, 5, 8), tangents=False)
case("embedding", lambda w, i: mx.tanh(w[i]), floats(6, 3), mx.array([[0, 5], [5, 2]]), tangents=False)
case("sort", lambda x: mx.sort(x, axis=0), floats(5, 3), tangents=False)
case("logcumsumexp", lambda x: mx.logcumsumexp(x, axis=1), floats(2, 5), tangents=False)
case("softmax", lambda x: mx.softmax(x, axis=-1), floats(3, 5))
case("variance", lambda x: mx.var(x, axis=0) + mx.std(x, axis=0), floats(5, 3))
case("power", lambda x, y: mx.power(x, y) + mx.remainder(x, y), floats(6, low=0.3, high=4.0), floats(6, low=0.4, high=2.0))
case("bfloat16", lambda x, w: mx.sigmoid(x) * x * w, floats(7).astype(mx.bfloat16), floats(7).astype(mx.bfloat16))
case("mapped", lambda x, w: mx.vmap(lambda a, b: mx.softmax(a @ b, axis=-1), in_axes=(1, None))(x, w), floats(3, 2, 4),
     floats(4, 5))

out = os.path.join(os.path.dirname(__file__), "..", "fixtures", "transforms.json")
with open(out, "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(len(cases), "cases,", os.path.getsize(out), "bytes")
