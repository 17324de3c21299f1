"""Writes tests/fixtures/ops/quantized.json: quantization by a NumPy reference of the documented (Metal) rounding, and
products with quantized matrices by MLX.

Run by hand: pip install mlx==0.32.4 mlx-cpu==0.32.4 numpy, then python quantized_oracle.py
Where MLX on the CPU rounds as documented, the reference is compared with it.
"""
import mlx.core as mx
import numpy as np

from cases import Cases

cases = Cases("quantized")
rng = np.random.default_rng(0)
f32 = np.float32


def half_away(x):
    return np.sign(x) * np.floor(np.abs(x) + f32(0.5))


def pack(codes, bits):
    """The codes of a row as one little-endian stream of bits."""
    stream = (codes[..., None] >> np.arange(bits)) & 1
    return np.packbits(stream.reshape(codes.shape[0], -1).astype(np.uint8), axis=1, bitorder="little").view(np.uint32)


def affine(w, group, bits):
    w = np.array(w.astype(mx.float32)).astype(f32)
    g = w.reshape(w.shape[0], -1, group)
    top = f32(2**bits - 1)
    high = np.maximum(g.max(-1), f32(0))
    low = g.min(-1)
    scale = np.maximum((high - low) / top, f32(1e-7))
    low_edge = np.abs(low) > np.abs(high)
    scale = np.where(low_edge, scale, -scale).astype(f32)
    edge = np.where(low_edge, low, high).astype(f32)
    zero_code = half_away(edge / scale)
    safe = np.where(zero_code == 0, f32(1), zero_code).astype(f32)
    bias = np.where(zero_code == 0, f32(0), edge).astype(f32)
    scale = np.where(zero_code == 0, scale, edge / safe).astype(f32)
    codes = np.clip(half_away((g - bias[..., None]) / scale[..., None]), 0, top).astype(np.uint32)
    return pack(codes.reshape(w.shape), bits), scale, bias


for dtype in (mx.float32, mx.float16, mx.bfloat16):
    for bits in (2, 3, 4, 5, 6, 8):
        group = {2: 32, 3: 64, 4: 64, 5: 128, 6: 32, 8: 128}[bits]
        w = mx.array(rng.normal(size=(1, 128)).astype(f32)).astype(dtype)
        codes, scales, biases = affine(w, group, bits)
        out = [mx.array(codes), mx.array(scales).astype(dtype), mx.array(biases).astype(dtype)]
        cases.add("quantize", [w], out, group_size=group, bits=bits, mode="affine")
        got = mx.quantize(w, group, bits)
        same = [bool(mx.array_equal(a, b)) for a, b in zip(got, out)]
        assert all(same[1:]), (dtype, bits, same)  # codes may differ where a quotient lies half-way
        wide = mx.dequantize(out[0], out[1].astype(mx.float32), out[2].astype(mx.float32), group, bits)
        cases.add("dequantize", out, wide.astype(dtype), group_size=group, bits=bits, mode="affine")
special = np.zeros((4, 64), f32)
special[1] = -np.arange(1, 65)
special[2, 5] = 3
special[3] = 0.5
codes, scales, biases = affine(mx.array(special), 64, 4)
cases.add("quantize", [special], [codes, scales, biases], group_size=64, bits=4, mode="affine")

GRID4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], f32)


def e4m3(x):
    """Codes of 8-bit floats, nearest even, ±448 at most."""
    table = np.array([(m / 8 if e == 0 else 1 + m / 8) * 2.0**(max(e, 1) - 7) for e in range(16) for m in range(8)][:127])
    a = np.minimum(np.abs(x).astype(np.float64), 448)
    high = np.searchsorted(table, a).clip(0, 126)
    low = np.maximum(high - 1, 0)
    up = (table[high] - a < a - table[low]) | ((table[high] - a == a - table[low]) & (high % 2 == 0))
    return (np.where(up, high, low) | np.where(np.signbit(x), 128, 0)).astype(np.uint8), table


def e2m1(x):
    a = np.abs(x)
    code = np.zeros(a.shape, np.uint32)
    for limit, inclusive, value in [(0.25, False, 1), (0.75, True, 2), (1.25, False, 3), (1.75, True, 4), (2.5, False, 5),
                                    (3.5, True, 6), (5, False, 7)]:
        code = np.where((a >= limit) if inclusive else (a > limit), value, code)
    return code.astype(np.uint32) | np.where(np.signbit(x), 8, 0).astype(np.uint32)


def nvfp4(w, global_scale):
    g = np.array(w).reshape(w.shape[0], -1, 16)
    encode = f32(448 * 6) / f32(global_scale) if global_scale else f32(1)
    codes, table = e4m3(np.abs(g).max(-1) / f32(6) * encode)
    scale = table[codes & 127].astype(f32)
    factor = np.where(scale == 0, f32(0), encode / np.where(scale == 0, f32(1), scale)).astype(f32)
    return pack(e2m1(g * factor[..., None]).reshape(w.shape), 4), codes


for global_scale in (None, 3.5):
    w = rng.normal(size=(3, 64)).astype(f32)
    extra = [np.array(global_scale, f32)] if global_scale else []
    cases.add("quantize", [w, *extra], list(nvfp4(w, global_scale)), mode="nvfp4", group_size=16, bits=4)
w = rng.normal(size=(3, 64)).astype(f32)
# On the CPU MLX drops the sign of values that round to zero, and halves ties otherwise: scales from it, codes from here.
scales = np.array(mx.quantize(mx.array(w), mode="mxfp4")[1])
codes = e2m1(w.reshape(3, -1, 32) / np.exp2(scales.astype(f32) - 127)[..., None])
cases.add("quantize", [w], [pack(codes.reshape(w.shape), 4), scales], mode="mxfp4", group_size=32, bits=4)
cases.add("quantize", [w], list(mx.quantize(mx.array(w), mode="mxfp8")), mode="mxfp8", group_size=32, bits=8)
for mode in ("mxfp4", "mxfp8", "nvfp4"):
    q = mx.quantize(mx.array(rng.normal(size=(2, 64)).astype(f32)), mode=mode)
    cases.add("dequantize", q, mx.dequantize(*q, mode=mode), mode=mode, group_size=None, bits=None)

x = mx.array(rng.normal(size=(3, 64)).astype(f32))
y = mx.array(rng.normal(size=(3, 5)).astype(f32))
for mode in ("affine", "mxfp4", "mxfp8", "nvfp4"):
    q = mx.quantize(mx.array(rng.normal(size=(5, 64)).astype(f32)), mode=mode)
    cases.add("quantized_matmul", [x, *q], mx.quantized_matmul(x, *q, mode=mode), mode=mode, transpose=True)
    cases.add("quantized_matmul", [y, *q], mx.quantized_matmul(y, *q, mode=mode, transpose=False), mode=mode,
              transpose=False)
w3 = mx.array(rng.normal(size=(2, 5, 64)).astype(f32))
q3 = mx.quantize(w3, 32, 8)
x3 = mx.array(rng.normal(size=(4, 1, 2, 64)).astype(f32))
cases.add("quantized_matmul", [x3, *q3], mx.quantized_matmul(x3, *q3, group_size=32, bits=8), mode="affine",
          transpose=True, group_size=32, bits=8)
lhs, rhs = mx.array([[0], [3], [1]], mx.uint32), mx.array([1, 0], mx.uint32)
xs = x3[:, 0]
cases.add("gather_qmm", [xs, *q3, lhs, rhs], mx.gather_qmm(xs, *q3, lhs, rhs, group_size=32, bits=8), transpose=True,
          group_size=32, bits=8)
ys = mx.array(rng.normal(size=(4, 2, 5)).astype(f32))
cases.add("gather_qmm", [ys, *q3, lhs, rhs], mx.gather_qmm(ys, *q3, lhs, rhs, group_size=32, bits=8, transpose=False),
          transpose=False, group_size=32, bits=8)
q = mx.quantize(w3[0])
run = lambda x, s, b: mx.quantized_matmul(x, q[0], s, b)
cotangent = mx.array(rng.normal(size=(3, 5)).astype(f32))
cases.add("quantized_matmul_vjp", [x, *q, cotangent], list(mx.vjp(run, [x, q[1], q[2]], [cotangent])[1]))

values = np.concatenate([rng.normal(size=200) * 10.0**rng.integers(-4, 4, 200), [0.0, -0.0, 448, 464, 1e9, -1e9, np.nan]])
for dtype in (mx.float32, mx.bfloat16, mx.float16):
    v = mx.array(values.astype(f32)).astype(dtype)
    cases.add("to_fp8", [v], mx.to_fp8(v))
cases.add("from_fp8", [np.arange(256, dtype=np.uint8)], mx.from_fp8(mx.arange(256).astype(mx.uint8), mx.float32),
          dtype="float32")

# One bit: the least value of a group and the largest one.
rng = np.random.default_rng(1)
for dtype, group in ((mx.float32, 32), (mx.float16, 64), (mx.bfloat16, 128)):
    w = mx.array(rng.normal(size=(3, 128)).astype(f32)).astype(dtype)
    q = mx.quantize(w, group, 1)
    cases.add("quantize", [w], list(q), group_size=group, bits=1, mode="affine")
    wide = mx.dequantize(q[0], q[1].astype(mx.float32), q[2].astype(mx.float32), group, 1)
    cases.add("dequantize", list(q), wide.astype(dtype), group_size=group, bits=1, mode="affine")
cases.add("quantize", [special], list(mx.quantize(mx.array(special), 64, 1)), group_size=64, bits=1, mode="affine")
q = mx.quantize(mx.array(rng.normal(size=(5, 64)).astype(f32)), 32, 1)
cases.add("quantized_matmul", [x, *q], mx.quantized_matmul(x, *q, group_size=32, bits=1), mode="affine", transpose=True,
          group_size=32, bits=1)
cases.add("quantized_matmul", [y, *q], mx.quantized_matmul(y, *q, group_size=32, bits=1, transpose=False), mode="affine",
          transpose=False, group_size=32, bits=1)
cases.save()
