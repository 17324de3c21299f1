"""Writes tests/fixtures/ops/conv.json: convolutions of MLX, with gradients.

Run by hand: pip install mlx==0.32.4 mlx-cpu==0.32.4 numpy, then python conv_oracle.py
"""
import mlx.core as mx
import numpy as np

from cases import Cases

cases = Cases("conv")
rng = np.random.default_rng(0)


def floats(shape, dtype=mx.float32):
    return mx.array(rng.normal(size=shape).astype(np.float32)).astype(dtype)


def general(x_shape, w_shape, dtype=mx.float32, gradients=True, **args):
    """A convolution with gradients by both inputs for a random cotangent."""
    x, w = floats(x_shape, dtype), floats(w_shape, dtype)
    padding = args.pop("padding", 0)
    run = lambda a, b: mx.conv_general(a, b, padding=padding, **args)
    out = run(x, w)
    low, high = padding if isinstance(padding, tuple) else (padding, padding)
    listed = {k: [v] if isinstance(v, int) and k not in ("groups", "flip") else v for k, v in args.items()}
    listed.update(low=[low] if isinstance(low, int) else low, high=[high] if isinstance(high, int) else high)
    cases.add("conv_general", [x, w], out, **listed)
    if gradients:
        cotangent = floats(out.shape, dtype)
        _, grads = mx.vjp(run, [x, w], [cotangent])
        cases.add("conv_vjp", [x, w, cotangent], list(grads), **listed)


# One axis; odd sizes everywhere.
general([2, 11, 3], [5, 3, 3])
general([1, 17, 2], [3, 4, 2], stride=3, padding=2)
general([2, 13, 4], [6, 3, 2], groups=2, kernel_dilation=2, padding=([3], [1]))
general([1, 9, 6], [6, 4, 1], groups=6, padding=3)
general([2, 9, 3], [6, 3, 1], groups=3, stride=2)
general([1, 8, 2], [3, 3, 2], input_dilation=3, padding=1, flip=True)
general([3, 7, 5], [4, 1, 5])
general([3, 7, 6], [4, 1, 3], groups=2)
general([3, 8, 5], [4, 1, 5], stride=2)
# Two axes.
general([2, 7, 9, 3], [4, 3, 2, 3], stride=[2, 1], padding=[1, 2])
general([1, 8, 6, 4], [8, 3, 3, 2], groups=2, padding=([0, 2], [3, 1]), kernel_dilation=[1, 2], stride=[2, 3])
general([1, 5, 5, 2], [2, 3, 3, 2], input_dilation=[2, 3], padding=2, flip=True, stride=[1, 2])
general([2, 6, 5, 3], [3, 3, 3, 1], groups=3, padding=1)
general([1, 4, 4, 9], [3, 4, 4, 9])
general([1, 9, 11, 3], [4, 5, 5, 3], padding=2, gradients=False)
# Three axes.
general([1, 5, 4, 6, 2], [3, 2, 3, 2, 2], padding=[1, 0, 2], stride=[2, 1, 1])
general([2, 4, 4, 4, 4], [4, 3, 2, 2, 4], kernel_dilation=[1, 2, 1], input_dilation=[2, 1, 1], padding=1)
for dtype in (mx.float16, mx.bfloat16):
    general([2, 9, 4], [5, 3, 4], dtype, gradients=False, padding=1)
    general([2, 6, 5, 3], [3, 3, 3, 1], dtype, gradients=False, groups=3)
    general([1, 5, 4], [3, 1, 4], dtype, gradients=False)

for args in [dict(), dict(stride=2, padding=1, output_padding=1), dict(stride=3, dilation=2), dict(padding=2)]:
    x, w = floats([2, 6, 3]), floats([4, 3, 3])
    cases.add("conv_transpose1d", [x, w], mx.conv_transpose1d(x, w, **args), **args)
x, w = floats([1, 5, 4]), floats([6, 3, 2])
cases.add("conv_transpose1d", [x, w], mx.conv_transpose1d(x, w, stride=2, groups=2), stride=2, groups=2)
x, w = floats([1, 4, 5, 3]), floats([2, 3, 2, 3])
args = dict(stride=[2, 3], padding=[1, 0], dilation=[1, 2], output_padding=[1, 2])
cases.add("conv_transpose2d", [x, w], mx.conv_transpose2d(x, w, **{k: tuple(v) for k, v in args.items()}), **args)
x, w = floats([1, 3, 4, 2, 2]), floats([3, 2, 2, 3, 2])
args = dict(stride=[2, 1, 2], padding=[0, 1, 1], dilation=[1, 1, 1], output_padding=[1, 0, 1])
cases.add("conv_transpose3d", [x, w], mx.conv_transpose3d(x, w, **{k: tuple(v) for k, v in args.items()}), **args)
cases.save()
