"""Writes tests/fixtures/training.json: loss curves of 50 training steps in MLX, small models with each of five optimizers;
and training_weights.safetensors and training_state.safetensors: weights and AdamW's state after ten steps of the MLP.

Run by hand: pip install mlx==0.32.4 mlx-cpu==0.32.4 numpy, then python training_oracle.py

First weights come from random.seed(7), data from a formula (filled), so that only the losses are stored.
"""
import json
import os

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
from mlx.utils import tree_flatten

mx.set_default_device(mx.cpu)
STEPS = 50
FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures")


def filled(shape, salt, scale=1.0):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    return mx.array(((((i * 7919 + salt * 104729) % 2003) / 1001.5 - 1.0) * scale).astype(np.float32).reshape(shape))


def integers(shape, salt, below):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    return mx.array(((i * 7919 + salt * 104729) % below).astype(np.int32).reshape(shape))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(8, 24), nn.Linear(24, 24), nn.Linear(24, 3)]

    def __call__(self, x):
        for layer in self.layers[:-1]:
            x = nn.gelu(layer(x))
        return self.layers[-1](x)

    def loss(self, step):
        x = filled((16, 8), step % 5)
        return nn.losses.cross_entropy(self(x), mx.argmax(x[:, :3], axis=1), reduction="mean")


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm(4)
        self.conv2 = nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.out = nn.Linear(32, 4)

    def __call__(self, x):
        x = nn.relu(self.norm(self.conv1(x)))
        x = self.pool(nn.relu(self.conv2(x)))
        return self.out(x.reshape(x.shape[0], -1))

    def loss(self, step):
        x = filled((12, 8, 8, 1), step % 5)
        return nn.losses.cross_entropy(self(x), integers((12,), step % 5, 4), reduction="mean")


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(16, 16)
        self.encoder = nn.TransformerEncoder(1, 16, 2, mlp_dims=32)
        self.out = nn.Linear(16, 16)

    def __call__(self, x):
        mask = nn.MultiHeadAttention.create_additive_causal_mask(x.shape[1])
        return self.out(self.encoder(self.embedding(x), mask))

    def loss(self, step):
        x = integers((4, 12), step % 5, 16)
        return nn.losses.cross_entropy(self(x[:, :-1]), x[:, 1:], reduction="mean")


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 12)
        self.out = nn.Linear(12, 2)

    def __call__(self, x):
        return self.out(self.lstm(x)[0][:, -1])

    def loss(self, step):
        x = filled((8, 10, 4), step % 5)
        return nn.losses.mse_loss(self(x), x.mean(axis=1)[:, :2] * 4)


OPTIMIZERS = {
    "AdamW": lambda: optim.AdamW(5e-4),
    "SGD": lambda: optim.SGD(0.05, momentum=0.9),
    "Lion": lambda: optim.Lion(1e-3),
    "Adafactor": lambda: optim.Adafactor(),
    "Muon": lambda: optim.Muon(0.01),
}

curves = {}
for name, make in [("mlp", Mlp), ("cnn", Cnn), ("transformer", Block), ("lstm", Recurrent)]:
    for optimizer_name, make_optimizer in OPTIMIZERS.items():
        mx.random.seed(7)
        model = make()
        mx.eval(model.parameters())
        optimizer = make_optimizer()
        loss_and_grad = nn.value_and_grad(model, model.loss)
        losses = []
        for step in range(STEPS):
            if (name, optimizer_name, step) == ("mlp", "AdamW", 10):
                model.save_weights(os.path.join(FIXTURES, "training_weights.safetensors"))
                mx.save_safetensors(os.path.join(FIXTURES, "training_state.safetensors"),
                                    tree_flatten(optimizer.state, destination={}))
            loss, grads = loss_and_grad(step)
            optimizer.update(model, grads)
            mx.eval(model.parameters(), optimizer.state, loss)
            losses.append(float(f"{loss.item():.8g}"))
        curves[f"{name} {optimizer_name}"] = losses
        print(name, optimizer_name, losses[0], losses[-1])

with open(os.path.join(FIXTURES, "training.json"), "w") as f:
    f.write(json.dumps(curves).replace('], ', '],\n') + "\n")
