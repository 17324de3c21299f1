"""Writes tests/fixtures/optim.json: 20 steps of each of MLX's optimizers on given gradients, and its schedules.

Run by hand: pip install mlx==0.32.4 mlx-cpu==0.32.4 numpy, then python optim_oracle.py

Parameters and gradients follow from a formula (filled); of the results a digest is stored.
"""
import json
import os

import mlx.core as mx
import mlx.optimizers as optim
import numpy as np
from mlx.utils import tree_flatten

mx.set_default_device(mx.cpu)
STEPS = 20


def filled(shape, salt, scale=1.0):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    return mx.array(((((i * 7919 + salt * 104729) % 2003) / 1001.5 - 1.0) * scale).astype(np.float32).reshape(shape))


def digest(a):
    flat = np.array(a.astype(mx.float32)).astype(np.float64).ravel()
    picks = sorted({k * flat.size // 8 for k in range(8)}) if flat.size else []
    weights = ((np.arange(flat.size) * 31) % 17) / 8.0 - 1.0
    return dict(shape=list(a.shape), dtype=str(a.dtype).split(".")[-1], values=[float(f"{flat[i]:.8g}") for i in picks],
                mean=float(f"{(flat * weights).mean():.8g}"), scale=float(f"{np.abs(flat).mean():.8g}"))


SHAPES = {"weight": (4, 6), "bias": (6,), "layers": [{"kernel": (3, 2, 2, 4)}, {"tall": (9, 2)}]}


def tree_of(salt, scale, dtype=mx.float32):
    def place(path, tree):
        if isinstance(tree, dict):
            return {k: place(f"{path}{k}", v) for k, v in tree.items()}
        if isinstance(tree, list):
            return [place(path, v) for v in tree]
        return filled(tree, salt + sum(ord(c) for c in path), scale).astype(dtype)
    return place("", SHAPES)


optimizers = []


def run(name, make, dtype=mx.float32):
    optimizer = make()
    parameters = tree_of(0, 1.0, dtype)
    for step in range(STEPS):
        parameters = optimizer.apply_gradients(tree_of(1 + step, 0.5, dtype), parameters)
        mx.eval(parameters, optimizer.state)
    optimizers.append(dict(name=name, dtype=str(dtype).split(".")[-1],
                           parameters={k: digest(v) for k, v in tree_flatten(parameters)},
                           state={k: digest(v) for k, v in tree_flatten(optimizer.state)}))


cosine = optim.cosine_decay(0.05, 15, 0.001)
run("SGD", lambda: optim.SGD(0.05))
run("SGD momentum", lambda: optim.SGD(0.05, momentum=0.9, weight_decay=0.02, dampening=0.1))
run("SGD nesterov", lambda: optim.SGD(0.05, momentum=0.9, nesterov=True))
run("RMSprop", lambda: optim.RMSprop(0.01, alpha=0.95, eps=1e-6))
run("Adagrad", lambda: optim.Adagrad(0.1))
run("AdaDelta", lambda: optim.AdaDelta(1.0))
run("Adam", lambda: optim.Adam(0.02))
run("Adam correction", lambda: optim.Adam(0.02, betas=[0.8, 0.99], eps=1e-6, bias_correction=True))
run("AdamW", lambda: optim.AdamW(0.02, weight_decay=0.1))
run("AdamW bfloat16", lambda: optim.AdamW(0.02, weight_decay=0.1), mx.bfloat16)
run("AdamW schedule", lambda: optim.AdamW(cosine))
run("Adamax", lambda: optim.Adamax(0.02))
run("Lion", lambda: optim.Lion(0.01, weight_decay=0.1))
run("Adafactor", lambda: optim.Adafactor())
run("Adafactor warmup", lambda: optim.Adafactor(beta_1=0.9, weight_decay=0.01, warmup_init=True))
run("Adafactor rate", lambda: optim.Adafactor(0.02, relative_step=False, scale_parameter=False))
run("Muon", lambda: optim.Muon(0.02))
run("Muon plain", lambda: optim.Muon(0.02, momentum=0.8, weight_decay=0.0, nesterov=False, ns_steps=3))
run("MultiOptimizer", lambda: optim.MultiOptimizer([optim.Muon(0.02), optim.AdamW(0.01)],
                                                   [lambda path, g: g.ndim >= 2 and "layers" in path]))

steps = [0, 1, 5, 9, 10, 11, 25, 100]
schedules = {
    "exponential_decay": optim.exponential_decay(0.1, 0.97),
    "step_decay": optim.step_decay(0.1, 0.5, 10),
    "cosine_decay": optim.cosine_decay(0.1, 25),
    "cosine_decay end": cosine,
    "linear_schedule": optim.linear_schedule(0.0, 0.1, 10),
    "join_schedules": optim.join_schedules([optim.linear_schedule(0.0, 0.1, 10), optim.cosine_decay(0.1, 50),
                                            optim.step_decay(0.02, 0.1, 20)], [10, 60]),
}
clipped = []
for limit in [0.5, 100.0]:
    grads, norm = optim.clip_grad_norm(tree_of(3, 2.0), limit)
    clipped.append(dict(max_norm=limit, norm=norm.item(), gradients={k: digest(v) for k, v in tree_flatten(grads)}))

result = dict(steps=STEPS, optimizers=optimizers, schedule_steps=steps,
              schedules={k: [float(f"{f(mx.array(s, mx.uint64)).item():.8g}") for s in steps]
                         for k, f in schedules.items()},
              clip_grad_norm=clipped)
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "optim.json")
with open(path, "w") as f:
    f.write(json.dumps(result).replace('{"name"', '\n{"name"') + "\n")
print(len(optimizers), "optimizers", os.path.getsize(path) // 1024, "KiB")
