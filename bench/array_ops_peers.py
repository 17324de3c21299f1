"""Times the cases of bench/array_ops_bench.cpp in another framework: array_ops_peers.py (torch|numpy|mlx) SECONDS [PART].

Prints a JSON object, case → milliseconds (of the fastest repeat). Layouts are each framework's own: torch convolves NCHW.
"""
import json
import os
import sys
import time

framework, seconds = sys.argv[1], float(sys.argv[2])
part = sys.argv[3] if len(sys.argv) > 3 else ""
TRANSFORMS = ((256, 4096), (256, 1536), (256, 1024), (256, 1000), (256, 97), (256, 131), (256, 1009), (64, 4099),
              (4096, 64), (1, 1000), (1, 4096), (1, 65536), (1, 65537), (1, 1 << 20))
CONVS = {"conv_7x7_stem": (224, 3, 64, 7, 2), "conv_3x3_56": (56, 64, 64, 3, 1), "conv_1x1_56": (56, 64, 256, 1, 1),
         "conv_3x3_14": (14, 256, 256, 3, 1)}


def torch_cases():
    import torch
    import torch.nn.functional as F
    torch.set_grad_enabled(False)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
    for name, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        for n in (256, 1024, 4096):
            a, b = torch.randn(n, n).to(dtype), torch.randn(n, n).to(dtype)
            yield f"matmul_{name}_{n}", lambda a=a, b=b: a @ b
    x, w, b = torch.randn(2048, 2048), torch.randn(2048), torch.randn(2048)
    positive, inside = x.abs() + 1e-3, x.tanh()
    for name in ("exp", "expm1", "sin", "cos", "tan", "tanh", "sigmoid", "erf", "floor", "abs", "arctan", "sinh", "arcsinh"):
        yield f"unary_{name}", lambda op=getattr(torch, name): op(x)
    for name in ("log", "log1p", "log2", "sqrt", "rsqrt"):
        yield f"unary_{name}", lambda op=getattr(torch, name): op(positive)
    yield "unary_arcsin", lambda: inside.arcsin()
    yield "unary_power", lambda: positive ** 1.7
    yield "binary_add", lambda: x + inside
    yield "binary_maximum", lambda: torch.maximum(x, inside)
    yield "softmax", lambda: x.softmax(-1)
    yield "layer_norm", lambda: F.layer_norm(x, (2048,), w, b)
    yield "gelu_chain", lambda: F.gelu(x)
    yield "sum_all", lambda: x.sum()
    yield "sum_rows", lambda: x.sum(1)
    yield "sum_columns", lambda: x.sum(0)
    yield "max_rows", lambda: x.amax(1)
    yield "max_columns", lambda: x.amax(0)
    yield "argmax_rows", lambda: x.argmax(1)
    yield "sum_middle", lambda cube=x.view(64, 256, 256): cube.sum(1)
    yield "sum_bf16_rows", lambda halves=x.bfloat16(): halves.sum(1)
    yield "argsort_rows", lambda: x.argsort(dim=1, stable=True)
    yield "sort_rows", lambda: x.sort(1)
    i = torch.randint(0, 2048, (4096,))
    yield "gather_rows", lambda: x[i]
    for name, (size, cin, cout, k, stride) in CONVS.items():
        y, v = torch.randn(4, cin, size, size), torch.randn(cout, cin, k, k)
        yield name, lambda y=y, v=v, s=stride, p=k // 2: F.conv2d(y, v, stride=s, padding=p)
    deep, factors = torch.randn(4, 128, 56, 56), torch.randn(128, 1, 3, 3)
    yield "depthwise_3x3_56", lambda: F.conv2d(deep, factors, padding=1, groups=128)
    for rows, n in TRANSFORMS:
        real = torch.randn(rows, n)
        values, half = real.to(torch.complex64), torch.fft.rfft(real)
        yield f"fft_{rows}x{n}", lambda values=values: torch.fft.fft(values)
        yield f"rfft_{rows}x{n}", lambda real=real: torch.fft.rfft(real)
        yield f"irfft_{rows}x{n}", lambda half=half, n=n: torch.fft.irfft(half, n)
    q, kk, v = (torch.randn(1, 16, 512, 64) for _ in range(3))
    yield "attention", lambda: F.scaled_dot_product_attention(q, kk, v, is_causal=True)


def numpy_cases():
    import numpy as np
    rng = np.random.default_rng(0)
    normal = lambda *shape: rng.standard_normal(shape).astype(np.float32)
    for n in (256, 1024, 4096):
        a, b = normal(n, n), normal(n, n)
        yield f"matmul_f32_{n}", lambda a=a, b=b: a @ b
    x = normal(2048, 2048)
    for name in ("exp", "sin", "tanh", "arctan"):
        yield f"unary_{name}", lambda op=getattr(np, name): op(x)
    yield "unary_log", lambda positive=np.abs(x) + np.float32(1e-3): np.log(positive)
    yield "sum_all", lambda: x.sum()
    yield "sum_rows", lambda: x.sum(1)
    yield "sum_columns", lambda: x.sum(0)
    yield "max_rows", lambda: x.max(1)
    yield "max_columns", lambda: x.max(0)
    yield "argmax_rows", lambda: x.argmax(1)
    yield "sum_middle", lambda: x.reshape(64, 256, 256).sum(1)
    yield "argsort_rows", lambda: np.argsort(x, 1, kind="stable")
    yield "partition_rows", lambda: np.partition(x, 1024, 1)
    yield "sort_rows", lambda: np.sort(x, 1)
    for rows, n in TRANSFORMS:
        real = normal(rows, n)
        values, half = real.astype(np.complex64), np.fft.rfft(real)
        yield f"fft_{rows}x{n}", lambda values=values: np.fft.fft(values)
        yield f"rfft_{rows}x{n}", lambda real=real: np.fft.rfft(real)
        yield f"irfft_{rows}x{n}", lambda half=half, n=n: np.fft.irfft(half, n)
    i = rng.integers(0, 2048, 4096)
    yield "gather_rows", lambda: x[i]


def mlx_cases():
    import mlx.core as mx
    import mlx.nn as nn
    mx.set_default_device(mx.cpu)

    def make(*shape, dtype=mx.float32):
        a = mx.random.normal(shape).astype(dtype)
        mx.eval(a)
        return a
    for name, dtype in (("f32", mx.float32), ("bf16", mx.bfloat16)):
        for n in (256, 1024, 4096):
            if dtype == mx.bfloat16 and n == 4096:
                continue  # minutes
            a, b = make(n, n, dtype=dtype), make(n, n, dtype=dtype)
            yield f"matmul_{name}_{n}", lambda a=a, b=b: mx.eval(a @ b)
    x, w, b = make(2048, 2048), make(2048), make(2048)
    gelu = mx.compile(lambda v: v * 0.5 * (1 + mx.erf(v * 0.70710678)))
    positive, inside = mx.abs(x) + 1e-3, mx.tanh(x)
    mx.eval(positive, inside)
    for name in ("exp", "expm1", "sin", "cos", "tan", "tanh", "sigmoid", "erf", "floor", "abs", "arctan", "sinh", "arcsinh"):
        yield f"unary_{name}", lambda op=getattr(mx, name): mx.eval(op(x))
    for name in ("log", "log1p", "log2", "sqrt", "rsqrt"):
        yield f"unary_{name}", lambda op=getattr(mx, name): mx.eval(op(positive))
    yield "unary_arcsin", lambda: mx.eval(mx.arcsin(inside))
    yield "unary_power", lambda: mx.eval(positive ** 1.7)
    yield "binary_add", lambda: mx.eval(x + inside)
    yield "binary_maximum", lambda: mx.eval(mx.maximum(x, inside))
    yield "softmax", lambda: mx.eval(mx.softmax(x, -1))
    yield "layer_norm", lambda: mx.eval(mx.fast.layer_norm(x, w, b, 1e-5))
    yield "gelu_chain", lambda: mx.eval(gelu(x))
    yield "sum_all", lambda: mx.eval(x.sum())
    yield "sum_rows", lambda: mx.eval(x.sum(1))
    yield "sum_columns", lambda: mx.eval(x.sum(0))
    yield "max_rows", lambda: mx.eval(x.max(1))
    yield "max_columns", lambda: mx.eval(x.max(0))
    yield "argmax_rows", lambda: mx.eval(x.argmax(1))
    yield "sum_middle", lambda: mx.eval(x.reshape(64, 256, 256).sum(1))
    halves = x.astype(mx.bfloat16)
    mx.eval(halves)
    yield "sum_bf16_rows", lambda: mx.eval(halves.sum(1))
    yield "argsort_rows", lambda: mx.eval(mx.argsort(x, 1))
    yield "partition_rows", lambda: mx.eval(mx.partition(x, 1024, 1))
    yield "sort_rows", lambda: mx.eval(mx.sort(x, 1))
    i = mx.random.randint(0, 2048, (4096,))
    yield "gather_rows", lambda: mx.eval(x[i])
    for name, (size, cin, cout, k, stride) in CONVS.items():
        y, v = make(4, size, size, cin), make(cout, k, k, cin)
        yield name, lambda y=y, v=v, s=stride, p=k // 2: mx.eval(mx.conv2d(y, v, s, p))
    deep, factors = make(4, 56, 56, 128), make(128, 3, 3, 1)
    yield "depthwise_3x3_56", lambda: mx.eval(mx.conv2d(deep, factors, 1, 1, 1, 128))
    for rows, n in TRANSFORMS:
        real = make(rows, n)
        values, half = real.astype(mx.complex64), mx.fft.rfft(real)
        mx.eval(values, half)
        yield f"fft_{rows}x{n}", lambda values=values: mx.eval(mx.fft.fft(values))
        yield f"rfft_{rows}x{n}", lambda real=real: mx.eval(mx.fft.rfft(real))
        yield f"irfft_{rows}x{n}", lambda half=half, n=n: mx.eval(mx.fft.irfft(half, n))
    q, kk, v = (make(1, 16, 512, 64) for _ in range(3))
    yield "attention", lambda: mx.eval(mx.fast.scaled_dot_product_attention(q, kk, v, scale=0.125, mask="causal"))


def milliseconds(run):
    run()
    times = []
    start = time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        run()
        times.append((time.perf_counter() - before) * 1e3)
    return min(times)


cases = {"torch": torch_cases, "numpy": numpy_cases, "mlx": mlx_cases}[framework]()
print(json.dumps({name: round(milliseconds(run), 4) for name, run in cases if part in name}))
