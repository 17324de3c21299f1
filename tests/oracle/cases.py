"""Cases of op tests: an op's name, its arguments, inputs and expected outputs, as one line of JSON each.

Arrays are [dtype, shape, base64 of the little-endian elements]. Used by the *_oracle.py scripts beside it.
"""
import base64
import json
import os

import mlx.core as mx
import numpy as np

mx.set_default_device(mx.cpu)
FIXTURES = os.path.join(os.path.dirname(__file__), "..", "fixtures", "ops")


def encode(value):
    """A NumPy or MLX array (or number)."""
    if isinstance(value, mx.array):
        name = str(value.dtype).replace("mlx.core.", "").replace("bool_", "bool")
        shape = list(value.shape)
        if name == "bfloat16":
            value = value.view(mx.uint16)
        value = np.array(value)
    else:
        value = np.asarray(value)
        name, shape = str(value.dtype), list(value.shape)
    return [name, shape, base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()]


class Cases:
    def __init__(self, name):
        self.name = name
        self.lines = []

    def add(self, op, inputs, outputs, **args):
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        self.lines.append(json.dumps({"op": op, "args": args, "inputs": [encode(x) for x in inputs],
                                      "outputs": [encode(x) for x in outputs]}, separators=(",", ":")))

    def save(self):
        os.makedirs(FIXTURES, exist_ok=True)
        path = os.path.join(FIXTURES, self.name + ".json")
        with open(path, "w") as f:
            f.write("[\n" + ",\n".join(self.lines) + "\n]\n")
        print(self.name, len(self.lines), "cases,", os.path.getsize(path), "bytes")
