#!/usr/bin/env python3
"""Makes small seed inputs for the fuzz targets: fuzz/make_corpus.py FOLDER [TEMPLATE_FOLDER]"""
import json
import pathlib
import struct
import sys

folder = pathlib.Path(sys.argv[1])
root = pathlib.Path(__file__).parent.parent
fixtures = root / "tests" / "fixtures"


def put(target, name, data):
    path = folder / target
    path.mkdir(parents=True, exist_ok=True)
    (path / name).write_bytes(data)


put("gguf_fuzz", "reference", (fixtures / "io" / "reference.gguf").read_bytes())
key = struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 8, 2) + (struct.pack("<Q", 1) + b"s") * 2
tensor = struct.pack("<Q", 1) + b"t" + struct.pack("<IqIQ", 1, 32, 2, 0)
head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + key + tensor
put("gguf_fuzz", "small", head + b"\0" * (-len(head) % 32) + b"\1" * 18)

put("safetensors_fuzz", "reference", (fixtures / "io" / "reference.safetensors").read_bytes())
header = b'{"__metadata__":{"a":"\\u00fc"},"t":{"dtype":"F16","shape":[1,2],"data_offsets":[0,4]}}'
put("safetensors_fuzz", "small", struct.pack("<Q", len(header)) + header + b"abcd")
for name in ("f4", "v2", "big", "V2"):
    put("safetensors_fuzz", name + ".npy", (fixtures / "io" / (name + ".npy")).read_bytes())

for path in (fixtures / "transforms").rglob("*.micafn"):
    put("function_fuzz", path.stem, path.read_bytes())

features = json.loads((fixtures / "jinja" / "features.json").read_text())["cases"]
for i in range(0, len(features), 4):
    put("jinja_fuzz", f"feature{i}", "\n".join(source for source, _ in features[i : i + 4]).encode())
if len(sys.argv) > 2:
    for path in pathlib.Path(sys.argv[2]).glob("*.jinja"):
        put("jinja_fuzz", path.name, path.read_bytes())

for i, text in enumerate(
    ['{"a": [1, -2.5e3, true, false, null, "x\\u00fc\\ud83d\\ude00"], "a": {}}', "[NaN, Infinity, -Infinity, 1e999]", "18446744073709551616"]
):
    put("json_fuzz", f"seed{i}", text.encode())
