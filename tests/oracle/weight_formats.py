"""Weight rows in every stored format with their values in f32, for tests/cpu/quantized_matrix_test.cpp.

    python weight_formats.py ggml ../fixtures/formats     needs gguf 0.19.0, numpy
    python weight_formats.py mlx ../fixtures/formats      needs mlx 0.32.4 with mlx-cpu 0.32.4, numpy

A file holds five little-endian uint32 (rows, cols, bytes of codes, of scales, of biases), then codes, scales, biases
and the f32 values. The files quantize_*.bin hold the f32 values of weights first and what mx.quantize makes of them.
"""
import sys
from pathlib import Path

import numpy as np

ROWS, COLS = 2, 512


def write(path, rows, cols, codes, scales, biases, values):
    parts = [np.ascontiguousarray(p).tobytes() for p in (codes, scales, biases)]
    head = np.array([rows, cols] + [len(p) for p in parts], dtype="<u4").tobytes()
    body = np.ascontiguousarray(values, dtype="<f4").tobytes()
    Path(path).write_bytes(head + b"".join(parts) + body)


def ggml(folder):
    import gguf
    from gguf import GGMLQuantizationType as T
    from gguf.quants import dequantize

    # Where the f16 scales of a block stand; everything else of a block may be any bytes.
    halves = {
        T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q2_K: [80, 82], T.Q3_K: [108],
        T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208], T.IQ4_NL: [0], T.IQ4_XS: [0], T.MXFP4: [],
    }
    rng = np.random.default_rng(20261122)
    for kind, places in halves.items():
        block, size = gguf.GGML_QUANT_SIZES[kind]
        data = rng.integers(0, 256, (ROWS * COLS // block, size), dtype=np.uint8)
        for place in places:
            scale = (rng.standard_normal(len(data)) * 0.02).astype(np.float16)
            data[:, place:place + 2] = scale.view(np.uint8).reshape(-1, 2)
        if kind == T.MXFP4:
            data[:, 0] = rng.integers(100, 140, len(data))
            data[:3, 0] = [0, 1, 254]
        name = {T.MXFP4: "ggml_mxfp4"}.get(kind, kind.name.lower())
        values = dequantize(data.reshape(ROWS, -1), kind)
        assert values.shape == (ROWS, COLS) and values.dtype == np.float32
        write(folder / f"{name}.bin", ROWS, COLS, data, b"", b"", values)
    for kind, dtype in ((T.F16, np.float16),):
        data = (rng.standard_normal((ROWS, COLS)) * 0.1).astype(dtype)
        write(folder / "f16.bin", ROWS, COLS, data, b"", b"", dequantize(data, kind).astype(np.float32))
    data = (rng.standard_normal((ROWS, COLS)) * 0.1).astype(np.float32).view(np.uint32) >> 16
    data = data.astype(np.uint16).view(np.uint8).reshape(ROWS, -1)
    write(folder / "bf16.bin", ROWS, COLS, data, b"", b"", dequantize(data, T.BF16))


def raw(array):
    """The bytes of an mlx array."""
    import mlx.core as mx
    if array.dtype == mx.bfloat16:
        return np.array(array.view(mx.uint16))
    return np.array(array)


def mlx(folder):
    import mlx.core as mx
    mx.set_default_device(mx.cpu)
    rng = np.random.default_rng(20261122)

    def weights():
        return (rng.standard_normal((ROWS, COLS)) * 0.05).astype(np.float32)

    # Every width with every group size; the scale types take turns.
    types = [mx.float32, mx.float16, mx.bfloat16]
    names = ["f32", "f16", "bf16"]
    turn = 0
    for bits in (2, 3, 4, 5, 6, 8):
        for group in (32, 64, 128):
            w, s, b = mx.quantize(mx.array(weights()), group_size=group, bits=bits)
            s, b = s.astype(types[turn % 3]), b.astype(types[turn % 3])
            values = mx.dequantize(w, s.astype(mx.float32), b.astype(mx.float32), group_size=group, bits=bits)
            write(folder / f"affine_{bits}_{group}_{names[turn % 3]}.bin", ROWS, COLS, raw(w), raw(s), raw(b), raw(values))
            turn += 1 if group < 128 else 2
    for mode in ("mxfp4", "mxfp8", "nvfp4"):
        w, s = mx.quantize(mx.array(weights()), mode=mode)
        values = mx.dequantize(w, s, mode=mode, dtype=mx.float32)
        write(folder / f"{mode}.bin", ROWS, COLS, raw(w), raw(s), b"", raw(values))
    for bits, group in ((2, 32), (3, 64), (4, 64), (5, 128), (6, 32), (8, 64)):
        x = weights()
        w, s, b = mx.quantize(mx.array(x), group_size=group, bits=bits)
        write(folder / f"quantize_affine_{bits}_{group}.bin", ROWS, COLS, raw(w), raw(s), raw(b), x)
    for mode in ("mxfp4", "mxfp8", "nvfp4"):
        x = weights()
        w, s = mx.quantize(mx.array(x), mode=mode)
        write(folder / f"quantize_{mode}.bin", ROWS, COLS, raw(w), raw(s), b"", x)
    x = weights()
    w, s, b = mx.quantize(mx.array(x), group_size=64, bits=1)
    write(folder / "quantize_affine_1_64.bin", ROWS, COLS, raw(w), raw(s), raw(b), x)
    for group, dtype, name in ((32, mx.float16, "f16"), (128, mx.float32, "f32")):
        w, s, b = mx.quantize(mx.array(weights()), group_size=group, bits=1)
        s, b = s.astype(dtype), b.astype(dtype)
        values = mx.dequantize(w, s.astype(mx.float32), b.astype(mx.float32), group_size=group, bits=1)
        write(folder / f"affine_1_{group}_{name}.bin", ROWS, COLS, raw(w), raw(s), raw(b), raw(values))


if __name__ == "__main__":
    {"ggml": ggml, "mlx": mlx}[sys.argv[1]](Path(sys.argv[2]))
