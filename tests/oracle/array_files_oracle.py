"""Writes tests/fixtures/io/arrays with MLX and NumPy: files for load, load_safetensors, load_gguf and load_npz.

Run by hand: python3 tests/oracle/array_files_oracle.py
Needs mlx==0.32.4 mlx-cpu==0.32.4 gguf==0.19.0 numpy.
"""
import pathlib

import gguf
import mlx.core as mx
import numpy as np

out = pathlib.Path(__file__).parent.parent / "fixtures" / "io" / "arrays"
out.mkdir(parents=True, exist_ok=True)
mx.set_default_device(mx.cpu)

base = mx.arange(12, dtype=mx.float32).reshape(3, 4) / 8 - 0.5
arrays = {
    "f32": base,
    "bf16": base.astype(mx.bfloat16),
    "f16": base.astype(mx.float16),
    "i8": mx.array([-128, 0, 127], dtype=mx.int8),
    "u32": mx.array([[0, 4294967295]], dtype=mx.uint32),
    "i64": mx.array(-(2**40), dtype=mx.int64),
    "bool": mx.array([True, False]),
    "c64": mx.array([1 + 2j, -0.5j], dtype=mx.complex64),
    "empty": mx.zeros((0, 3)),
}
mx.save_safetensors(str(out / "mlx.safetensors"), arrays, {"format": "mlx", "made by": "MLX"})
mx.save(str(out / "bf16.npy"), arrays["bf16"])
mx.save(str(out / "columns.npy"), base.T)
np.savez(str(out / "stored.npz"), a=np.asarray(base), **{"layers.0.w": np.arange(3, dtype=np.int16)})
np.savez_compressed(str(out / "deflated.npz"), a=np.zeros((64, 64), np.float64), b=np.array(7, np.uint8))
mx.save_gguf(
    str(out / "mlx.gguf"),
    {"f32": base, "f16": base.astype(mx.float16), "i8": arrays["i8"], "i32": mx.array([[[1], [-2]]], dtype=mx.int32)},
    {"text": "grüße", "texts": ["a", "", "b"], "number": mx.array(3, dtype=mx.uint32), "numbers": mx.array([1.5, -2.0])},
)

# Quantized tensors: the file, and what MLX makes of it.
rng = np.random.default_rng(7)
writer = gguf.GGUFWriter(str(out / "quantized.gguf"), "llama")
for name, kind in {"a.weight": "Q4_0", "b.weight": "Q4_1", "c.weight": "Q8_0", "d.weight": "Q8_0"}.items():
    x = rng.standard_normal((3, 64)).astype(np.float32) * (1000 if name == "d.weight" else 1)
    t = gguf.GGMLQuantizationType[kind]
    writer.add_tensor(name, gguf.quants.quantize(x, t), raw_dtype=t)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
loaded = mx.load(str(out / "quantized.gguf"))
mx.save_safetensors(str(out / "quantized.safetensors"), loaded)
print({k: (v.dtype, v.shape) for k, v in loaded.items()})
