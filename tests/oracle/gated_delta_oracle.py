"""Writes tests/fixtures/ops/gated_delta.json: fast.gated_delta_update of MLX 0.32.4.

Run by hand: pip install mlx==0.32.4 mlx-cpu==0.32.4 numpy, then python gated_delta_oracle.py
"""
import mlx.core as mx
import numpy as np

from cases import Cases

rng = np.random.default_rng(7)
cases = Cases("gated_delta")


def numbers(*shape, low=-1.0, high=1.0):
    return mx.array(rng.uniform(low, high, shape).astype(np.float32))


def add(batch, steps, key_heads, heads, keys, values, dtype=mx.float32, state=False, mask=False, each=False):
    gates = (batch, steps, heads) + ((keys,) if each else ())
    inputs = [numbers(batch, steps, key_heads, keys), numbers(batch, steps, key_heads, keys, low=-0.4, high=0.4),
              numbers(batch, steps, heads, values), numbers(*gates, low=0.5), numbers(batch, steps, heads, low=0.1)]
    inputs = [x.astype(dtype) for x in inputs]
    options = {}
    if state:
        options["initial_state"] = numbers(batch, heads, values, keys)
    if mask:
        options["mask"] = mx.array(rng.uniform(size=(batch, steps)) < 0.6)
    outputs = mx.fast.gated_delta_update(*inputs, **options)
    cases.add("gated_delta_update", inputs + list(options.values()), outputs, state=state, mask=mask)


add(2, 5, 1, 2, 8, 3)
add(1, 7, 2, 4, 6, 5, state=True)
add(2, 6, 2, 2, 4, 4, mask=True)
add(2, 4, 1, 3, 5, 2, state=True, mask=True, each=True)
add(1, 5, 1, 2, 8, 4, dtype=mx.float16)
add(1, 5, 2, 2, 8, 4, dtype=mx.bfloat16, state=True)
cases.save()
