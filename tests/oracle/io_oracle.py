"""Writes tests/fixtures/io with the reference implementations of the formats.

Run by hand: python3 tests/oracle/io_oracle.py
Needs gguf==0.19.0 safetensors==0.8.0 numpy==2.4.6 torch==2.15.0.
"""
import json
import pathlib

import gguf
import numpy as np
import safetensors.torch
import torch

out = pathlib.Path(__file__).parent.parent / "fixtures" / "io"
out.mkdir(parents=True, exist_ok=True)


def write_gguf():
    w = gguf.GGUFWriter(str(out / "reference.gguf"), "llama")
    w.add_uint8("test.u8", 255)
    w.add_int8("test.i8", -128)
    w.add_uint16("test.u16", 65535)
    w.add_int16("test.i16", -32768)
    w.add_uint32("test.u32", 2**32 - 1)
    w.add_int32("test.i32", -(2**31))
    w.add_uint64("test.u64", 2**64 - 1)
    w.add_int64("test.i64", -(2**63))
    w.add_float32("test.f32", 1.5)
    w.add_float64("test.f64", 0.1)
    w.add_bool("test.bool", True)
    w.add_string("test.string", "grüße")
    w.add_array("test.strings", ["a", "", "ü", "long string " * 3])
    w.add_array("test.ints", [1, -2, 3])
    w.add_array("test.floats", [0.5, -1.25])
    w.add_array("test.bools", [True, False, True])
    w.add_tensor("f32", np.arange(6, dtype=np.float32).reshape(2, 3))
    w.add_tensor("f16", np.arange(8, dtype=np.float16).reshape(2, 2, 2))
    w.add_tensor("i8", np.arange(5, dtype=np.int8))
    x = np.linspace(-1, 1, 2 * 64, dtype=np.float32).reshape(2, 64)
    q = gguf.quants.quantize(x, gguf.GGMLQuantizationType.Q8_0)
    w.add_tensor("q8", q, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    reader = gguf.GGUFReader(str(out / "reference.gguf"))
    table = [
        {
            "name": t.name,
            "type": t.tensor_type.name,
            "dims": [int(d) for d in t.shape],
            "offset": int(t.data_offset),
            "bytes": t.data.tobytes().hex(),
        }
        for t in reader.tensors
    ]
    (out / "reference.gguf.json").write_text(json.dumps(table))
    types = [
        {"id": int(t), "name": t.name, "block": block, "bytes": size}
        for t, (block, size) in gguf.GGML_QUANT_SIZES.items()
    ]
    (out / "ggml_types.json").write_text(json.dumps(types))


def write_safetensors():
    kinds = {
        "BOOL": torch.bool, "U8": torch.uint8, "U16": torch.uint16, "U32": torch.uint32, "U64": torch.uint64,
        "I8": torch.int8, "I16": torch.int16, "I32": torch.int32, "I64": torch.int64, "F16": torch.float16,
        "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64, "F8_E4M3": torch.float8_e4m3fn,
        "F8_E5M2": torch.float8_e5m2, "F8_E8M0": torch.float8_e8m0fnu, "C64": torch.complex64,
    }
    tensors = {}
    for i, (name, kind) in enumerate(kinds.items()):
        tensors[name] = torch.arange(i, i + 6).reshape(2, 3).to(torch.float32).to(kind)
    tensors["empty"] = torch.zeros(0, 4)
    tensors["scalar"] = torch.tensor(2.5)
    safetensors.torch.save_file(tensors, out / "reference.safetensors", {"format": "pt", "name": "grüße \"q\""})
    table = [
        {
            "name": name,
            "type": name if name in kinds else "F32",
            "shape": list(t.shape),
            "bytes": (t.reshape(-1) if t.ndim == 0 else t).contiguous().view(torch.uint8).numpy().tobytes().hex(),
        }
        for name, t in tensors.items()
    ]
    (out / "reference.safetensors.json").write_text(json.dumps(table))


def write_npy():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 100, (2, 3))
    cases = {"scalar": np.array(1.5, np.float32), "empty": np.zeros((0, 2), np.int16)}
    for code in ["b1", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8"]:
        cases[code] = x.astype(code)
    cases["fortran"] = np.asfortranarray(x.astype("f4"))
    cases["big"] = x.astype(">i4")
    cases["bigc"] = x.astype(">c8")
    cases["V2"] = torch.tensor(x).to(torch.bfloat16).view(torch.int16).numpy().view("V2")
    table = []
    for name, a in cases.items():
        np.save(out / f"{name}.npy", a)
        little = a.view(np.uint16) if name == "V2" else a.astype(a.dtype.newbyteorder("<"))
        table.append({"name": name, "shape": list(a.shape), "fortran": name == "fortran",
                      "bytes": little.tobytes("A").hex()})
    with open(out / "v2.npy", "wb") as f:
        np.lib.format.write_array(f, x.astype("i4"), version=(2, 0))
    table.append({"name": "v2", "shape": [2, 3], "fortran": False, "bytes": x.astype("i4").tobytes().hex()})
    (out / "npy.json").write_text(json.dumps(table))


write_gguf()
write_safetensors()
write_npy()
